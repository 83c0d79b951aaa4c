//! A session's state as bytes, for storage that can be erased.

use alloc::vec::Vec;

use allod_crypto::SecretBytes;
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use super::{Ratchet, SKIPPED_MAX, WINDOW};
use crate::CourierError;

/// The most bytes of a stored state: a kilobyte, and those of the keys that are kept.
pub const STORED_MAX: usize = 1024 + SKIPPED_MAX * 128;

/// Which form this is.
const VERSION: u8 = 1;

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    version: u8,
    #[n(1)]
    ratchet: Ratchet,
}

impl Wire for Stored {
    const SIZE_MAX: usize = STORED_MAX;
}

impl Ratchet {
    /// The state, at most [`STORED_MAX`] bytes. They are as secret as what it seals, and are to
    /// be written over by those of the next state.
    pub fn store(&self) -> SecretBytes {
        let stored: Vec<u8> = allod_wire::encode(&Stored { version: VERSION, ratchet: self.clone() });
        SecretBytes::from(stored)
    }

    /// The state of these bytes.
    ///
    /// # Errors
    /// [`CourierError::Malformed`].
    pub fn load(stored: &SecretBytes) -> Result<Self, CourierError> {
        let stored: Stored = allod_wire::decode(stored.expose()).map_err(|_| CourierError::Malformed)?;
        let is_whole = stored.version == VERSION && stored.ratchet.is_sound();
        if is_whole { Ok(stored.ratchet) } else { Err(CourierError::Malformed) }
    }

    /// Whether a state that was stored keeps to the limits.
    pub(crate) fn is_sound(&self) -> bool {
        let is_in_bounds =
            |chain: &Option<super::Chain>| chain.as_ref().is_none_or(|chain| chain.next() <= WINDOW);
        is_in_bounds(&self.sending)
            && is_in_bounds(&self.receiving)
            && self.skipped.tags().count() <= SKIPPED_MAX
    }
}
