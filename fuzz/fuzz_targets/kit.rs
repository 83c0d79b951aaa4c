//! Hands inputs to [`allod_fuzz::kit`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::kit(data));
