//! Hands inputs to [`allod_fuzz::signed_answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::signed_answer(data));
