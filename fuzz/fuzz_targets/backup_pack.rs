//! Hands inputs to [`allod_fuzz::backup_pack`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::backup_pack(data));
