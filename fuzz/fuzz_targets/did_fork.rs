//! Hands inputs to [`allod_fuzz::did_fork`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::did_fork(data));
