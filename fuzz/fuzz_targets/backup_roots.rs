//! Hands inputs to [`allod_fuzz::backup_roots`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::backup_roots(data));
