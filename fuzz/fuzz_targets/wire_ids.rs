//! Hands inputs to [`allod_fuzz::wire_ids`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::wire_ids(data));
