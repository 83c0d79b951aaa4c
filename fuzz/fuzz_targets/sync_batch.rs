//! Hands inputs to [`allod_fuzz::sync_batch`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::sync_batch(data));
