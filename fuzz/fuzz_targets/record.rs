//! Hands inputs to [`allod_fuzz::record`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::record(data));
