//! Hands inputs to [`allod_fuzz::card_code`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::card_code(data));
