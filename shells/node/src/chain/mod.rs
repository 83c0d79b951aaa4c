//! A guardian's part in the network: operations put in one order that all agree
//! on, the ledger that they add up to, and the keys that guardians hold together.
//!
//! ```text
//! socket → http (decode once) → ordering (pool, blocks, votes)
//!        → executor (the ledger, one commit a block)
//!        → duties (what the ledger asks of this guardian) → ordering
//! ```
//!
//! - [`ordering`]: from a pool of operations to final blocks.
//! - [`Store`]: the ledger on disk.
//! - [`HeldKeys`]: this guardian's shares of common keys.

mod database;
mod duties;
pub mod entry;
mod error;
mod evaluation;
mod executor;
pub(crate) mod figures;
pub mod founding;
mod gather;
mod http;
mod keys;
mod log;
pub mod operator;
pub mod ordering;
mod readiness;
mod routes;
mod running;
mod shares;
mod snapshot;
mod store;
mod vouching;
mod watch;

pub use error::ChainError;
pub use executor::Executor;
pub use keys::HeldKeys;
pub use readiness::{Unready, stalled_ms};
pub use routes::Routes;
pub use running::{ChainConfig, Running, guardian_key, read_genesis};
pub use shares::Shares;
pub use store::{Applying, At, Kept, Settled, Store};
pub use vouching::Knows;
pub use watch::{Standing, Watch};
