//! Hands inputs to [`allod_fuzz::ratchet_load`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::ratchet_load(data));
