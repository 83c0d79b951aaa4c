//! Hands inputs to [`allod_fuzz::sealed_payload`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::sealed_payload(data));
