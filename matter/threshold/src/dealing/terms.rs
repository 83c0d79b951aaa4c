//! What everyone knows before the first dealing of a session.

use alloc::vec::Vec;

use allod_crypto::hash;

use super::EncryptionKey;
use crate::{Error, Index};

/// The most receivers of one session, which bounds every message in it.
pub const RECEIVERS_MAX: usize = 255;

/// The terms of one session: its identifier, the threshold of the new sharing,
/// and who receives shares under which encryption keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    session: [u8; 32],
    threshold: u16,
    /// In ascending order of their indices.
    receivers: Vec<(Index, EncryptionKey)>,
    digest: [u8; 32],
}

impl Terms {
    /// The terms of the session that `session` names. No two sessions have the
    /// same name: it binds dealings to the key, the generation and whatever else
    /// tells sessions apart.
    ///
    /// `receivers` are in ascending order, 1 to [`RECEIVERS_MAX`] of them.
    ///
    /// # Errors
    /// [`Error::TooManyReceivers`]; [`Error::ThresholdOutOfRange`] unless the
    /// threshold lies between one and the number of receivers;
    /// [`Error::DuplicateIndex`]; [`Error::OutOfOrder`].
    pub fn new(
        session: [u8; 32],
        threshold: u16,
        receivers: Vec<(Index, EncryptionKey)>,
    ) -> Result<Self, Error> {
        let given = receivers.len();
        if given > RECEIVERS_MAX {
            return Err(Error::TooManyReceivers { given, limit: RECEIVERS_MAX });
        }
        // At most RECEIVERS_MAX, so it fits.
        let shares = given as u16;
        if threshold == 0 || threshold > shares {
            return Err(Error::ThresholdOutOfRange { threshold, shares });
        }
        for ((before, _), (index, _)) in receivers.iter().zip(receivers.iter().skip(1)) {
            if before == index {
                return Err(Error::DuplicateIndex(*index));
            }
            if before > index {
                return Err(Error::OutOfOrder(*index));
            }
        }
        let digest = digest(&session, threshold, &receivers);
        Ok(Self { session, threshold, receivers, digest })
    }

    /// The session's name.
    pub fn session(&self) -> &[u8; 32] {
        &self.session
    }

    /// The number of shares that will give the key back.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// The receivers in ascending order, with their encryption keys.
    pub fn receivers(&self) -> &[(Index, EncryptionKey)] {
        &self.receivers
    }

    /// The encryption key of a receiver.
    ///
    /// # Errors
    /// [`Error::NotReceiver`].
    pub fn key(&self, receiver: Index) -> Result<&EncryptionKey, Error> {
        self.receivers
            .binary_search_by_key(&receiver, |(index, _)| *index)
            .ok()
            .and_then(|place| self.receivers.get(place))
            .map(|(_, key)| key)
            .ok_or(Error::NotReceiver(receiver))
    }

    /// The place of a receiver in the order, from zero.
    ///
    /// # Errors
    /// [`Error::NotReceiver`].
    pub(super) fn place(&self, receiver: Index) -> Result<usize, Error> {
        self.receivers
            .binary_search_by_key(&receiver, |(index, _)| *index)
            .map_err(|_| Error::NotReceiver(receiver))
    }

    /// The hash of all terms.
    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

fn digest(session: &[u8; 32], threshold: u16, receivers: &[(Index, EncryptionKey)]) -> [u8; 32] {
    let mut list = Vec::with_capacity(receivers.len() * 34);
    for (index, key) in receivers {
        list.extend_from_slice(&index.get().to_be_bytes());
        list.extend_from_slice(key.bytes());
    }
    hash::tagged("Allod dealing terms v1", &[session, &threshold.to_be_bytes(), &list])
}
