//! Hands inputs to [`allod_fuzz::ledger_genesis`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::ledger_genesis(data));
