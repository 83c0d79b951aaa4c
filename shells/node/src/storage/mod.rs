//! Room for other people's backups: bytes that are kept for accounts.
//!
//! ```text
//! socket → http (who asks, how much) → shelf (quota; write, sync, rename, sync) → answer
//! ```
//!
//! What is kept is sealed by its owner. This side sees sizes, times, addresses, and which
//! account asks; an account is a key that its owner uses nowhere else. What is kept and how it
//! is asked for, `allod_vault::backup` says.
//!
//! A guardian serves this beside its own interface where its configuration has a `[storage]`
//! section; [`run`] serves it alone, for friends.

mod callers;
mod config;
mod http;
mod kept;
mod room;
mod server;
mod shelf;
#[cfg(test)]
mod tests;

pub use config::{StorageConfig, accounts_from, parse_account};
pub use http::{CHALLENGES_MAX, LIST_MAX, SCHEME, SHARD_MAX};
pub(crate) use server::shelf as open_shelf;
pub use server::{Running, run};
pub use shelf::Shelf;

use crate::FileError;

/// Why something was not kept or given.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request is not signed, or not for this, or not now.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// Only accounts that the owner of this place named are served.
    #[error("this place keeps nothing for this account; ask its owner to name it")]
    NotListed,
    /// Nothing is there.
    #[error("nothing is kept there")]
    NotFound,
    /// The request makes no sense.
    #[error("{0}")]
    Malformed(&'static str),
    /// The bytes are not those of the shard's id.
    #[error("these bytes have another id than they were sent under")]
    WrongShard,
    /// More than is taken as one.
    #[error("at most {size_max} bytes are taken as one")]
    TooLarge {
        /// How many are.
        size_max: usize,
    },
    /// The account has all that it may have.
    #[error("the account would have more than its {quota} bytes; {used} are used")]
    Quota {
        /// What it may have.
        quota: u64,
        /// What it has.
        used: u64,
    },
    /// There is no more room for anybody.
    #[error("this place is full")]
    Full,
    /// A catalogue of this generation or a newer one is kept already.
    #[error("catalogue {generation} is kept here, which is no older")]
    Stale {
        /// The generation that is kept.
        generation: u64,
    },
    /// The account asks too much at once.
    #[error("too many requests at once")]
    TooMany,
    /// The request took too long to come.
    #[error("the request took too long to come")]
    Slow,
    /// A file of this place.
    #[error("this place failed to read or write")]
    File(#[source] FileError),
}

impl From<FileError> for Refusal {
    fn from(why: FileError) -> Self {
        Self::File(why)
    }
}
