//! Why a backup or a restore did not come about, and who is to blame.

use std::fmt;

use allod_vault::VaultError;
use allod_vault::backup::{BackupError, Lie, PeerRecord};
use allod_vault::object::ObjectId;

use super::peer::PeerError;
use crate::person::BadAddress;

/// What was wrong with which peer, by its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<(String, PeerError)>);

impl Faults {
    /// Notes a fault; the same one of the same peer once.
    pub(super) fn add(&mut self, address: impl fmt::Display, why: PeerError) {
        let fault = (address.to_string(), why);
        // One that is away is away however often it was asked.
        let is_known = self.0.iter().any(|(address, known)| {
            let same =
                known == &fault.1 || matches!((known, &fault.1), (PeerError::Away(_), PeerError::Away(_)));
            *address == fault.0 && same
        });
        if !is_known {
            self.0.push(fault);
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        other.0.into_iter().for_each(|(address, why)| self.add(address, why));
    }

    /// Notes what is known of a peer's lies with what is known of the peer.
    pub(super) fn accuse(&self, peer: &mut PeerRecord) {
        let address = peer.address.clone();
        for (_, lie) in self.lies().filter(|(accused, _)| *accused == address) {
            peer.catch(*lie, crate::now().0);
        }
    }

    /// The peers that lied, and how.
    pub fn lies(&self) -> impl Iterator<Item = (&str, &Lie)> {
        self.0.iter().filter_map(|(address, why)| match why {
            PeerError::Lied(lie) => Some((address.as_str(), lie)),
            _ => None,
        })
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (address, why)) in self.0.iter().enumerate() {
            write!(f, "{}{address} {why}", if place == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Why it did not come about.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What the backup is made of.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A peer's address makes no sense.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// Who asks, and what is kept, would be seen by everybody on the way.
    #[error("{0} has no TLS; a peer on another machine needs https")]
    Unprotected(String),
    /// The peer is one already.
    #[error("{0} is one of your peers already")]
    Known(String),
    /// No peer has this address.
    #[error("{0} is none of your backup peers")]
    NoSuchPeer(String),
    /// A peer does not serve the account.
    #[error("{address} {why}")]
    NotTaken {
        /// The peer.
        address: String,
        /// The account that it would know the person by.
        account: String,
        /// What it said.
        why: PeerError,
    },
    /// Somebody else is at it.
    #[error("another backup or audit of this vault is under way")]
    UnderWay,
    /// There is nobody to keep a backup.
    #[error("you have no backup peers yet")]
    NoPeers,
    /// Too few peers take shards.
    #[error("{usable} of your peers {} shards, and {needed} {} needed: {faults}",
        if *usable == 1 { "takes" } else { "take" }, are(*needed))]
    TooFewPeers {
        /// How many do.
        usable: usize,
        /// How many are needed.
        needed: usize,
        /// What was wrong with the others.
        faults: Faults,
    },
    /// The peers have a newer backup than this image made.
    #[error(
        "your peers have backup {theirs}, and this vault knows of {ours}: it was put back to an earlier \
         state, or another device backs up the same vault. Nothing was changed"
    )]
    Newer {
        /// The newest that this image made.
        ours: u64,
        /// The newest that a peer has.
        theirs: u64,
    },
    /// Those who were asked have only an older backup than this image made.
    #[error(
        "the newest backup that was found is {theirs}, and this vault made {ours}, so that it cannot be \
         learned from it what is backed up. Nothing was changed; try again when the peers that have backup \
         {ours} can be reached{}",
        because(faults)
    )]
    Older {
        /// The newest that this image made.
        ours: u64,
        /// The newest that somebody showed.
        theirs: u64,
        /// What was wrong with whom.
        faults: Faults,
    },
    /// No number is left for a newer backup.
    #[error("no backup can be newer than the one that your peers have")]
    Exhausted,
    /// Objects of the vault do not open, so that they cannot be backed up.
    #[error("{} of this vault {} damaged, the first is {}; the backup before is untouched",
        counted(.0.len(), "object", "objects"), are(.0.len()), .0[0])]
    Damaged(Vec<ObjectId>),
    /// Nobody has a catalogue.
    #[error("none of those who were asked has a backup of this vault{}", because(.0))]
    NothingFound(Faults),
    /// The catalogue is of a format, or has contents, that this program does not know.
    #[error("the newest catalogue has contents that this program does not know")]
    UnknownCatalogue,
    /// Packs did not come back.
    #[error(
        "{} did not come back: of pack {}, {} found and {needed} {} needed. What came back is kept{}",
        counted(packs.len(), "pack", "packs"), packs[0],
        counted(*found, "good shard was", "good shards were"), are(*needed), because(faults)
    )]
    Lost {
        /// Which.
        packs: Vec<u64>,
        /// Good shards of the first.
        found: usize,
        /// How many are needed.
        needed: usize,
        /// What was wrong with whom.
        faults: Faults,
    },
    /// Something else than a space's image is where the vault would be.
    #[error("there is another vault here already")]
    OtherVault,
}

fn because(faults: &Faults) -> String {
    if faults.0.is_empty() { String::new() } else { format!(": {faults}") }
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}
