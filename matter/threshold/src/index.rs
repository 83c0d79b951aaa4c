//! The place of a share on its polynomial.

use core::fmt;
use core::num::NonZeroU16;

use allod_crypto::group::Group;

use crate::Error;

/// The index of a share: 1 to 65,535. Zero is where the secret lies and cannot
/// be an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(NonZeroU16);

impl Index {
    /// The index `value`.
    ///
    /// # Errors
    /// [`Error::ZeroIndex`].
    pub fn new(value: u16) -> Result<Self, Error> {
        NonZeroU16::new(value).map(Self).ok_or(Error::ZeroIndex)
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0.get()
    }

    /// The number as a scalar of `G`.
    pub fn to_scalar<G: Group>(self) -> G::Scalar {
        G::Scalar::from(u64::from(self.get()))
    }

    /// The indices 1 to `shares`, in order.
    pub fn first(shares: u16) -> impl Iterator<Item = Self> {
        (1..=shares).filter_map(NonZeroU16::new).map(Self)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
