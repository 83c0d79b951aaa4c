//! Chaos scripts: orders with times, so that a disturbed run can be repeated.
//!
//! ```text
//! # comment
//! seed 7
//! at 5s kill 3
//! at 10s pause 2 for 4s
//! at 12s partition 1,2 | 3,4,5 for 10s
//! at 20s delay 4 200ms jitter 50ms for 10s
//! every 7s kill random for 3s
//! at 60s end
//! ```
//!
//! [`Script::parse`] reads, [`Script::schedule`] writes out what is repeated and
//! lets chance choose, [`Drive`] gives the orders when their time comes. The
//! whole format stands in `docs/testnet.md`.

mod drive;
mod model;
mod parse;
mod schedule;
mod script;
#[cfg(test)]
mod tests;
mod time;

pub use drive::{Drive, Progress};
pub use parse::ScriptError;
pub use schedule::{Schedule, Step};
pub use script::Script;
pub use time::Ms;
