//! Hands inputs to [`allod_fuzz::share_granted`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::share_granted(data));
