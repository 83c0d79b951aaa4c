//! Hands inputs to [`allod_fuzz::did_operation`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::did_operation(data));
