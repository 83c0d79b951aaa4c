//! Hands inputs to [`allod_fuzz::descriptor_signed`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::descriptor_signed(data));
