//! The guardians' chain: operations put in one order that all agree on.
//!
//! - [`ordering`]: from a pool of operations to final blocks.

pub mod ordering;
