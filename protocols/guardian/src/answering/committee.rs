//! Who holds a key, as somebody who asks them must know it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use allod_threshold::oprf::ShareKeys;
use allod_threshold::{Error, Index, Part, Point, PublicShares};
use allod_wire::{GuardianId, NetworkId};

/// The holders of one generation of a key's shares, from a source that is trusted:
/// what the ledger says, under the network's signature.
#[derive(Clone, Debug)]
pub struct Committee {
    network: NetworkId,
    key: String,
    generation: u32,
    shares: PublicShares<Ristretto255>,
    share_keys: ShareKeys<Ristretto255>,
    members: BTreeMap<GuardianId, Index>,
}

/// One holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The share's index.
    pub index: u16,
    /// Who.
    pub guardian: GuardianId,
    /// The share times the generator, 32 bytes.
    pub public_share: Vec<u8>,
}

impl Committee {
    /// The holders of `key`, of which `threshold` are needed.
    ///
    /// # Errors
    /// What is wrong with the parts: a point that is none, an index or a guardian
    /// that is there twice, a threshold that cannot be.
    pub fn new(
        network: NetworkId,
        key: &str,
        generation: u32,
        threshold: u16,
        public_key: &[u8],
        members: impl IntoIterator<Item = Member>,
    ) -> Result<Self, Error> {
        let point = |bytes: &[u8]| {
            Point::decode(bytes).map_err(|reason| Error::Malformed { part: Part::PublicKey, reason })
        };
        let mut by_guardian = BTreeMap::new();
        let mut shares = Vec::new();
        for member in members {
            let index = Index::new(member.index)?;
            shares.push((index, point(&member.public_share)?));
            if by_guardian.insert(member.guardian, index).is_some() {
                return Err(Error::DuplicateIndex(index));
            }
        }
        let shares = PublicShares::new(threshold, point(public_key)?, shares)?;
        let share_keys = ShareKeys::from_public_shares(&shares)?;
        Ok(Self { network, key: key.into(), generation, shares, share_keys, members: by_guardian })
    }

    /// The network.
    pub fn network(&self) -> &NetworkId {
        &self.network
    }

    /// The key's name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Which sharing of it.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The number of holders that are needed.
    pub fn threshold(&self) -> u16 {
        self.shares.threshold()
    }

    /// Who holds a share.
    pub fn members(&self) -> impl Iterator<Item = &GuardianId> {
        self.members.keys()
    }

    /// The index of a holder's share.
    pub fn index(&self, guardian: &GuardianId) -> Option<Index> {
        self.members.get(guardian).copied()
    }

    /// The public part of the key.
    pub fn shares(&self) -> &PublicShares<Ristretto255> {
        &self.shares
    }

    /// The same, for proofs of RFC 9497.
    pub(super) fn share_keys(&self) -> &ShareKeys<Ristretto255> {
        &self.share_keys
    }
}
