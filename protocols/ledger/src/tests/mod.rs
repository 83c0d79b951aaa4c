//! The state machine as its users see it.

/// The variants of an enum, in the order given, and the name of a value's.
macro_rules! variants {
    ($all:ident, $name:ident, $type:ident: $($variant:ident),* $(,)?) => {
        pub(super) const $all: &[&str] = &[$(stringify!($variant)),*];

        pub(super) fn $name(value: &$type) -> &'static str {
            match value {
                $($type::$variant { .. } => stringify!($variant),)*
            }
        }
    };
}

mod allowance;
mod authority;
mod authors;
mod candidates;
mod ceremony;
mod committees;
mod conservation;
mod deals;
mod determinism;
mod evidence;
mod frozen;
mod geneses;
mod guardians;
mod heads;
mod holdings;
mod issuers;
mod names;
mod people;
mod proofs;
mod recovery;
mod refused;
mod rejections;
mod stores;
mod story;
mod voting;
mod widths;
mod world;

use people::*;
use world::*;
