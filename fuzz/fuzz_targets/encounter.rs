//! Hands inputs to [`allod_fuzz::encounter`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::encounter(data));
