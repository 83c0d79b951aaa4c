//! Hands inputs to [`allod_fuzz::greeting`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::greeting(data));
