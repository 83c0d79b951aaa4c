//! What everyone knows of a key in shares.

use alloc::collections::BTreeMap;

use allod_crypto::group::Group;

use crate::{Error, Index, Point};

/// The public part of a key in shares: the threshold, the public key, and the
/// public counterpart of each share. What comes of [dealings](crate::dealing), and
/// what partial answers are checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicShares<G: Group> {
    threshold: u16,
    public_key: Point<G>,
    shares: BTreeMap<Index, Point<G>>,
}

impl<G: Group> PublicShares<G> {
    /// Takes the parts from a source that the caller trusts: they are not checked
    /// against each other.
    ///
    /// # Errors
    /// [`Error::DuplicateIndex`]; [`Error::ThresholdOutOfRange`] for a threshold
    /// of zero or above the number of shares.
    pub fn new(
        threshold: u16,
        public_key: Point<G>,
        shares: impl IntoIterator<Item = (Index, Point<G>)>,
    ) -> Result<Self, Error> {
        let mut by_index = BTreeMap::new();
        for (index, share) in shares {
            if by_index.insert(index, share).is_some() {
                return Err(Error::DuplicateIndex(index));
            }
        }
        // Indices are 16-bit and distinct, so the count fits.
        let shares = u16::try_from(by_index.len()).unwrap_or(u16::MAX);
        if threshold == 0 || threshold > shares {
            return Err(Error::ThresholdOutOfRange { threshold, shares });
        }
        Ok(Self { threshold, public_key, shares: by_index })
    }

    /// The number of shares that give the key back.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// The key's public counterpart.
    pub fn public_key(&self) -> &Point<G> {
        &self.public_key
    }

    /// The public counterpart of one share.
    ///
    /// # Errors
    /// [`Error::UnknownIndex`].
    pub fn get(&self, index: Index) -> Result<&Point<G>, Error> {
        self.shares.get(&index).ok_or(Error::UnknownIndex(index))
    }

    /// All of them, in ascending order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = (Index, &Point<G>)> {
        self.shares.iter().map(|(index, share)| (*index, share))
    }
}
