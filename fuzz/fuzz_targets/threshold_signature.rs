//! Hands inputs to [`allod_fuzz::threshold_signature`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::threshold_signature(data));
