//! Hands inputs to [`allod_fuzz::keyholder_record`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::keyholder_record(data));
