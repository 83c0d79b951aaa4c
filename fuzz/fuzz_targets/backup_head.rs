//! Hands inputs to [`allod_fuzz::backup_head`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::backup_head(data));
