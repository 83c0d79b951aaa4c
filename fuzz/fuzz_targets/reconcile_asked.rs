//! Hands inputs to [`allod_fuzz::reconcile_asked`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::reconcile_asked(data));
