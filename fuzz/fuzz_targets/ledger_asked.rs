//! Hands inputs to [`allod_fuzz::ledger_asked`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::ledger_asked(data));
