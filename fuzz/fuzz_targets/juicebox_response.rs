//! Hands inputs to [`allod_fuzz::juicebox_response`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::juicebox_response(data));
