//! What everyone knows of a key in shares.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_crypto::group::Group;

use crate::{Error, Index, Part, Point};

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

    /// As [`Self::new`], from encodings.
    ///
    /// # Errors
    /// As [`Self::new`]; [`Error::ZeroIndex`]; [`Error::Malformed`].
    pub fn decode<'a>(
        threshold: u16,
        public_key: &[u8],
        shares: impl IntoIterator<Item = (u16, &'a [u8])>,
    ) -> Result<Self, Error> {
        let point = |bytes: &[u8]| {
            Point::decode(bytes).map_err(|reason| Error::Malformed { part: Part::PublicKey, reason })
        };
        let shares = shares
            .into_iter()
            .map(|(index, share)| Ok((Index::new(index)?, point(share)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        Self::new(threshold, point(public_key)?, shares)
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

#[cfg(test)]
mod tests {
    use allod_crypto::group::{Ristretto255, SecretScalar};

    use super::*;
    use crate::test_rng::system;

    #[test]
    fn a_threshold_or_an_index_out_of_shape_is_refused() {
        let secret = SecretScalar::<Ristretto255>::random(&mut system());
        let point = Point::<Ristretto255>::new(secret.mul_generator()).expect("not zero");
        let new = |threshold, indices: &[u16]| {
            let shares = indices.iter().map(|i| (Index::new(*i).expect("not zero"), point));
            PublicShares::new(threshold, point, shares)
        };
        let shares = new(2, &[9, 3]).expect("in range");
        assert_eq!(shares.iter().map(|(index, _)| index.get()).collect::<alloc::vec::Vec<_>>(), [3, 9]);
        let unknown = Index::new(4).expect("not zero");
        assert_eq!(shares.get(unknown), Err(Error::UnknownIndex(unknown)));
        assert_eq!(new(0, &[1]), Err(Error::ThresholdOutOfRange { threshold: 0, shares: 1 }));
        assert_eq!(new(3, &[1, 2]), Err(Error::ThresholdOutOfRange { threshold: 3, shares: 2 }));
        let twice = Index::new(1).expect("not zero");
        assert_eq!(new(1, &[1, 2, 1]), Err(Error::DuplicateIndex(twice)));
    }
}
