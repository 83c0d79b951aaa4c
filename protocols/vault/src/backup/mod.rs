//! Backup to peers: a vault that others keep in parts, of whom any few give it back.
//!
//! **Roles.** The *person's device* has the vault and the identity's root. A *peer* is anybody
//! with room: it keeps bytes for an account and proves that it still has them. Peers do not
//! trust each other, and the person trusts none of them with more than bytes.
//!
//! **Messages.** A peer keeps for an account any number of *shards*, each under its id, and
//! one *catalogue* with its signed head. It is asked to list, take, give and drop shards, to
//! take and give the catalogue, and to show random leaves of a shard. Every request carries an
//! [`Authorization`].
//!
//! **Flow.**
//! ```text
//! objects ──pack──▶ pack (at most 16 MiB, sealed) ──k of m──▶ shards ──▶ one to each of m peers
//! packs, who has which shard, roots, keys ──seal──▶ catalogue + signed head ──▶ every peer
//! ```
//! 1. Objects that are in no pack are put into packs as they are sealed, children before their
//!    parents, so that what is in a pack has all that it leads to in packs.
//! 2. A pack is coded into `m` shards, of which any `k` give it back ([`Code`]).
//! 3. When all shards are durable where they should be, a catalogue of the next generation is.
//! 4. An audit asks for random leaves of shards. A shard's id is the root of the Merkle tree
//!    over its leaves, so an answer is checked against the id alone ([`shard`]).
//! 5. A peer that is lost is replaced: its shards are made again from any `k` others ([`plan`]).
//!    One that was caught lying gets nothing new, and is named ([`PeerRecord::caught`]).
//! 6. On an empty machine the newest catalogue among the answers counts ([`newest`]), and any
//!    `k` shards of each pack.
//!
//! **What it never does.** It never uses a shard whose root it has not computed. It never
//! takes a catalogue that the person did not sign for this very peer. It never shows a peer a
//! name, a size that is not padded, or an account that another peer knows too.

mod catalogue;
mod code;
mod error;
mod head;
mod keys;
mod pack;
mod peer;
pub mod plan;
mod request;
pub mod shard;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, FolderRecord, PackRecord, ShardRecord};
pub use code::{Code, Erasure, SHARDS_MAX};
pub use error::{BackupError, Lie};
pub use head::{Answer, CATALOGUE_MAX, HEAD, Head, Newest, newest};
pub use keys::{Account, BackupKeys};
pub use pack::{OBJECTS_MAX, PACK_MAX, PACK_MIN, Packer, unpack};
pub use peer::{Caught, PeerRecord};
pub use request::{AUTHORIZATION, Authorization};
