//! Hands inputs to [`allod_fuzz::zstd_frame`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::zstd_frame(data));
