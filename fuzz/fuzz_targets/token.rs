//! Hands inputs to [`allod_fuzz::token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::token(data));
