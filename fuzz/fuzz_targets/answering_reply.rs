//! Hands inputs to [`allod_fuzz::answering_reply`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::answering_reply(data));
