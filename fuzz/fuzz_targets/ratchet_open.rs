//! Hands inputs to [`allod_fuzz::ratchet_open`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::ratchet_open(data));
