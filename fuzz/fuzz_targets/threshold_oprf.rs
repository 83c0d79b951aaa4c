//! Hands inputs to [`allod_fuzz::threshold_oprf`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::threshold_oprf(data));
