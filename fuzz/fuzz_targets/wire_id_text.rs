//! Hands inputs to [`allod_fuzz::wire_id_text`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::wire_id_text(data));
