//! The [simplex](https://eprint.iacr.org/2023/463) protocol orders operations, by
//! the commonware crates: their engine votes, their marshal brings the final
//! blocks into order and fetches what is missing, their links carry it all.
//!
//! ```text
//! links ─┬─ operations ── gossip ── pool ──────────┐
//!        ├─ blocks ────── broadcast ──┐            ↓
//!        ├─ backfill ──── resolver ── marshal ── automaton (proposer)
//!        └─ votes, certificates, questions ── epochs ── engine of the epoch
//!                                     │
//!                                  delivery ── application
//! ```
//!
//! What is on disk, besides `lock`, each in a folder of its own in `store`:
//! - `chain-votes-<epoch>`: the engine's journal, written before a vote is sent,
//!   thrown away when the epoch is over;
//! - `chain-epoch`: which epoch was entered last (see `record.rs`);
//! - `chain-blocks-*`, `chain-certificates-*`: final blocks and their
//!   certificates, pruned below the heights that are kept;
//! - `chain-cache-*`, `chain-application-metadata`: blocks that are not final yet,
//!   and how far the application is.

mod convert;
mod delivery;
mod early;
mod epochs;
mod faults;
mod gossip;
mod hearing;
mod links;
mod node;
mod proposer;
mod provider;
mod record;
mod service;
mod shared;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use allod_crypto::CryptoRng;
use allod_crypto::sign::SigningKey;
use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use commonware_utils::NonZeroDuration;

use super::{Member, Parameters};

pub(crate) use links::{VOTES, Way};
pub(crate) use service::start_through;
pub use service::{Simplex, start};

/// The most contacts of a node.
pub const CONTACTS_MAX: usize = 16;

/// Messages between two tasks before the sender is held up.
const MAILBOX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// Bytes that are gathered before they are written, or read at once.
const BUFFER: NonZeroUsize = NonZeroUsize::new(256 * 1024).unwrap();

/// How long a peer may take to answer a question.
fn fetch_timeout() -> NonZeroDuration {
    commonware_utils::NZDuration!(Duration::from_secs(1))
}

/// After a question that nobody answered.
const FETCH_RETRY: Duration = Duration::from_millis(100);

/// What a node needs to know of itself.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is the same for all nodes.
    pub parameters: Parameters,
    /// Signs votes and authenticates links. It is a member's key while the
    /// committee has it.
    pub key: SigningKey,
    /// Where links are accepted.
    pub listen: SocketAddr,
    /// Where all is kept; made where it is missing. One node at a time uses it.
    pub folder: PathBuf,
    /// Peers that this node keeps links to whatever the committee is, at most
    /// [`CONTACTS_MAX`]: for a node that has missed so much that it knows no
    /// member's address any more. They must let this node in, too.
    pub contacts: Vec<Member>,
    /// What each node may choose for itself.
    pub tuning: Tuning,
}

/// What each node may choose for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// How long a leader waits for operations before it proposes an empty block,
    /// in milliseconds. The same for all nodes, or nearly.
    pub idle_ms: u64,
    /// How much longer than that a leader's block may take, and after it the
    /// votes, before the view is given up, in milliseconds.
    pub patience_ms: u64,
    /// How many final heights are kept for those who have to catch up.
    pub heights_kept: u64,
    /// How many operations may wait.
    pub pool_operations_max: usize,
    /// How many bytes they may have together.
    pub pool_bytes_max: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            idle_ms: 500,
            patience_ms: 1_500,
            heights_kept: 65_536,
            pool_operations_max: 65_536,
            pool_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// What a node runs on: the operating system, or a simulation of one.
trait Runtime: Clock + CryptoRng + Spawner + Storage + Metrics {}

impl<E: Clock + CryptoRng + Spawner + Storage + Metrics> Runtime for E {}

#[cfg(test)]
mod tests;
