//! Hands inputs to [`allod_fuzz::invitation`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::invitation(data));
