//! Hands inputs to [`allod_fuzz::voucher_piece`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::voucher_piece(data));
