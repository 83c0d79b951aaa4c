//! Hands inputs to [`allod_fuzz::bundle_fragments`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| allod_fuzz::bundle_fragments(data));
