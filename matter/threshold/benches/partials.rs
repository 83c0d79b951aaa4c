//! Partial evaluations per second on one core, beside the `voprf` crate.
fn main() {}
