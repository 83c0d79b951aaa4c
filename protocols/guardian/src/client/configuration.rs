//! Which guardians guard, and how many are needed.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use allod_wire::{RealmId, limits};
use minicbor::{Decode, Encode};

/// One guardian, as a client knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Guardian {
    /// Its realm's id. Share indices follow the order of these.
    #[n(0)]
    pub realm: RealmId,
    /// Where it is reached: a URL, whose fragment may pin its certificate.
    #[n(1)]
    pub address: String,
}

/// A set of guardians with its threshold, checked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Configuration {
    #[n(0)]
    guardians: Vec<Guardian>,
    #[n(1)]
    threshold: u8,
}

/// Why a set of guardians cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadConfiguration {
    /// No guardians, or more than 255.
    Size(usize),
    /// Two entries are the same guardian.
    Twice(RealmId),
    /// The threshold is not more than half, or more than all. More than half is
    /// needed so that two halves can never hold two different registrations.
    Threshold {
        /// The threshold wanted.
        threshold: u8,
        /// How many guardians there are.
        guardians: usize,
    },
    /// An address is longer than is allowed.
    Address(RealmId),
}

impl fmt::Display for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => write!(f, "{size} guardians; between 1 and 255 are possible"),
            Self::Twice(realm) => write!(f, "the guardian with realm {realm} is named twice"),
            Self::Threshold { threshold, guardians } => write!(
                f,
                "a threshold of {threshold} does not fit {guardians} guardians: it must be more than half of them and at most all"
            ),
            Self::Address(realm) => write!(f, "the address of the guardian with realm {realm} is too long"),
        }
    }
}

impl core::error::Error for BadConfiguration {}

impl Configuration {
    /// Checks and orders a set of guardians, of which `threshold` are needed.
    ///
    /// # Errors
    /// See [`BadConfiguration`].
    pub fn new(mut guardians: Vec<Guardian>, threshold: u8) -> Result<Self, BadConfiguration> {
        guardians.sort();
        let configuration = Self { guardians, threshold };
        configuration.check()?;
        Ok(configuration)
    }

    /// Checks a set that came from elsewhere, such as a descriptor.
    ///
    /// # Errors
    /// See [`BadConfiguration`].
    pub fn check(&self) -> Result<(), BadConfiguration> {
        let (size, threshold) = (self.guardians.len(), self.threshold);
        if size == 0 || size > limits::GUARDIANS_MAX {
            return Err(BadConfiguration::Size(size));
        }
        if usize::from(threshold) * 2 <= size || usize::from(threshold) > size {
            return Err(BadConfiguration::Threshold { threshold, guardians: size });
        }
        if let Some(long) =
            self.guardians.iter().find(|guardian| guardian.address.len() > limits::ADDRESS_MAX)
        {
            return Err(BadConfiguration::Address(long.realm));
        }
        // Ordered and unique: equal neighbours, or neighbours out of order.
        match self.guardians.windows(2).find(|pair| pair[0].realm >= pair[1].realm) {
            Some(pair) => Err(BadConfiguration::Twice(pair[1].realm)),
            None => Ok(()),
        }
    }

    /// The guardians, ordered by realm id.
    pub fn guardians(&self) -> &[Guardian] {
        &self.guardians
    }

    /// How many guardians are needed.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }
}
