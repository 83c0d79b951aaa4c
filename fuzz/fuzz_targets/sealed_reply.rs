//! Hands inputs to [`allod_fuzz::sealed_reply`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::sealed_reply(data));
