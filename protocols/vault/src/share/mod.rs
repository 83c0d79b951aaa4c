//! Sharing a space: who belongs to it, and how its keys come to them.
//!
//! Roles: the *founder* of a space is the person who made it; *members* are the persons who
//! may read and change it, the founder among them. Every person is a DID with its log, and all
//! devices that the log has not removed act for it.
//!
//! Messages: a [`Request`] by a device that wants in; a [`Grant`] for that device, sealed to it;
//! a [`Roster`], which says who the members are.
//!
//! Flow: a device makes a request and hands it to somebody who has the space, by any way: what
//! is in it is public, and signed. A device of the space makes a grant of its ring, with
//! the roster; where the device is not one of a member's yet, the founder signs a roster that
//! has the new member first. When somebody is to leave, a device of the founder begins an
//! epoch of the ring and signs a roster without them and with that epoch, and grants go to all
//! others. Epochs that the founder's roster does not have are taken from nobody.
//!
//! Two devices that [meet](Hello) over a link do all this by themselves before they sync. Whose batches
//! they take then follows from the roster ([`Writers`]).
//!
//! What this never does: it never hands keys to a device that its person's log does not have,
//! never takes a roster that is not the founder's, and never seals to a key that the device
//! did not sign. It cannot take back what somebody could read already.

mod grant;
mod kept;
mod meeting;
mod request;
mod roster;
#[cfg(test)]
mod tests;
mod writers;

use core::fmt;

use allod_crypto::sign::SigningKey;
use allod_did::{Did, PublicKey};

pub use grant::{GRANT_MAX, Grant, Granter};
pub use kept::{Changed, RosterError};
pub use meeting::{HELLO_MAX, Hello, accept, answer};
pub use request::{REQUEST_MAX, Request};
pub use roster::{MEMBERS_MAX, ROSTER_MAX, Roster, Standing};
pub(crate) use writers::tips;
pub use writers::{Tips, Writers, Writes};

/// The most bytes of a person's log that takes part in sharing.
pub const LOG_MAX: usize = 15 << 10;

/// The most bytes of the name of a space.
pub const SPACE_NAME_MAX: usize = 255;

/// Why something about sharing was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareError {
    /// It is not what it should be, or not whole.
    Malformed,
    /// It is in a format of this number, which this program does not read.
    Format(u16),
    /// A person's log is not in order.
    Log(allod_did::Error),
    /// The device is not one that the log of this person has, or was removed from it.
    NotADevice(Did),
    /// What this person's device should have signed is not signed by it.
    Signature(Did),
    /// It was made for another device.
    NotForThisDevice,
    /// This person is not a member of the space.
    NotAMember(Did),
    /// Only the founder, who is this person, says who the members are.
    NotTheFounder(Did),
    /// It is about another space.
    OtherSpace,
    /// There are as many members, removals or epochs as there can be, or a name or a log is
    /// too long.
    TooLarge,
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("it is not whole, or something else"),
            Self::Format(format) => write!(f, "it is in format {format}, which this program does not read"),
            Self::Log(why) => write!(f, "the person's log: {why}"),
            Self::NotADevice(did) => write!(f, "the device does not belong to {did}, or not any more"),
            Self::Signature(did) => write!(f, "it is not signed by a device of {did}"),
            Self::NotForThisDevice => f.write_str("it was made for another device"),
            Self::NotAMember(did) => write!(f, "{did} is not a member"),
            Self::NotTheFounder(did) => write!(f, "only {did}, who made the space, says who the members are"),
            Self::OtherSpace => f.write_str("it is about another space"),
            Self::TooLarge => write!(
                f,
                "too much: a space has at most {MEMBERS_MAX} members, a name of at most {SPACE_NAME_MAX} bytes, and \
                 logs of at most {LOG_MAX} bytes"
            ),
        }
    }
}

impl core::error::Error for ShareError {}

/// The public key of a device.
fn public(device: &SigningKey) -> PublicKey {
    PublicKey::Ed25519(device.verifying_key())
}
