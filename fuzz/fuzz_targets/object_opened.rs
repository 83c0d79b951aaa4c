//! Hands inputs to [`allod_fuzz::object_opened`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::object_opened(data));
