//! Several guardians on one machine, each a process of its own with its own port
//! and state: for trying out, and for testing what happens when some fail.

mod description;

pub use description::{Description, Member};
