//! Every group that keys in shares live in, for tests.

/// Runs each of these generic tests once in every group that keys live in.
macro_rules! in_each_group {
    ($($test:ident),* $(,)?) => {
        mod ristretto255 {
            $(#[test] fn $test() { super::$test::<allod_crypto::group::Ristretto255>() })*
        }
        mod bls12381_g2 {
            $(#[test] fn $test() { super::$test::<allod_crypto::group::Bls12381G2>() })*
        }
        mod baby_jub_jub {
            $(#[test] fn $test() { super::$test::<allod_crypto::group::BabyJubJub>() })*
        }
    };
}
pub(crate) use in_each_group;
