//! Hands inputs to [`allod_fuzz::vault_image`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::vault_image(data));
