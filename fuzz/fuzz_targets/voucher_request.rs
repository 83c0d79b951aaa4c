//! Hands inputs to [`allod_fuzz::voucher_request`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::voucher_request(data));
