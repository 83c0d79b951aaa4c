//! Hands inputs to [`allod_fuzz::object_sealed`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::object_sealed(data));
