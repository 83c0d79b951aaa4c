//! The ledger from other guardians, for one that has none, or that was away for
//! longer than the others keep blocks.
//!
//! Roles: a guardian that fetches; its peers, which have the ledger and may lie, be
//! slow, or be gone. It trusts its genesis file and the network's public key.
//!
//! ```text
//! fetching                                      peer
//!   where are you?            GET /chain/status        →
//!                                                      ←  network, last final height
//!   the network's key?        GET /chain/key           →  (only if the configuration
//!                                                      ←   has none)
//!   what can I have?          GET /chain/snapshot      →
//!                                                      ←  Offer: checkpoint, signed; votes
//!   the values after k?       GET /chain/snapshot/h/k  →
//!                                                      ←  Part: values; path of the last
//!   …
//!   votes on that height?     GET /chain/snapshot/h    →  (if those offered are wrong)
//! ```
//!
//! - Where the network is, the peers say: the height that more than a third of the
//!   guardians claim to be final at least, so that one honest guardian does.
//! - An offer counts if the network's key signed its checkpoint, and if it is new
//!   enough: nearer than blocks are kept, and in the epoch that the network is in.
//!   A guardian that lost its record of votes must not vote in an epoch in which it
//!   may have voted before, and ordering lets it vote from the epoch after the
//!   snapshot's on.
//! - Every part is checked against the signed root before it counts (`restore.rs` in
//!   the ledger's tree). Whose part is wrong is named in the log and not asked again;
//!   the next peer goes on where it stopped.
//! - A height is offered only where ordering has a certificate of exactly its block,
//!   since that is what ordering begins with. Not every block has one: some are final
//!   by a later one. Of the checkpoints of the last [`Kept::heights`](super::Kept)
//!   heights, nearly all do; those that do not are passed over. The votes are checked
//!   against the committee that the restored ledger names.
//! - The peer keeps a height readable while somebody fetches it, within bounds. If it
//!   is gone everywhere, the guardian begins anew with a newer one.
//!
//! What it never does: show a ledger that is not complete and checked; give up the
//! ledger that was there before that; hold more than one part in memory; trust a
//! peer's word for anything but how far the network is.

mod fetch;
mod finality;
mod peers;
mod serve;
#[cfg(test)]
mod tests;

use allod_ledger::Certificate;
use allod_ledger::jellyfish::{KeyHash, Path};
use allod_wire::Wire;
use minicbor::{Decode, Encode};

pub(super) use fetch::{Wanted, catch_up};
pub(super) use serve::{Serving, router};

use super::ordering;

/// Bytes of values after which a part ends. One that ends earlier is the last.
const PART_FILL: usize = 128 * 1024;

/// What can be had.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Offer {
    /// The checkpoint, signed by the network.
    #[n(0)]
    certificate: Certificate,
    /// The votes by which its block is final.
    #[n(1)]
    finality: ordering::Certificate,
}

impl Wire for Offer {
    const SIZE_MAX: usize = 8 + Certificate::SIZE_MAX + ordering::Certificate::SIZE_MAX;
}

/// A value and its key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Entry {
    #[n(0)]
    key: KeyHash,
    #[cbor(n(1), with = "minicbor::bytes")]
    value: Vec<u8>,
}

impl Entry {
    /// What it counts of a part.
    fn room(&self) -> usize {
        KeyHash::SIZE_MAX + self.value.len() + 8
    }
}

/// Some values, ascending by key, and the way from the last of them to the root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Part {
    #[n(0)]
    entries: Vec<Entry>,
    #[n(1)]
    path: Path,
}

impl Wire for Part {
    const SIZE_MAX: usize = 256 * 1024;
}

impl Part {
    fn room(&self) -> usize {
        self.entries.iter().map(Entry::room).sum()
    }
}
