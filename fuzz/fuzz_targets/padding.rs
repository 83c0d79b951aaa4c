//! Hands inputs to [`allod_fuzz::padding`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::padding(data));
