//! Hands inputs to [`allod_fuzz::group_change`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::group_change(data));
