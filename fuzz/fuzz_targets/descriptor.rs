//! Hands inputs to [`allod_fuzz::descriptor`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::descriptor(data));
