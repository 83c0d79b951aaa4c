//! What can be wrong with what somebody sent, or with what is asked for.

use core::fmt;

use allod_did::Did;

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CourierError {
    /// It is not what it should be, or not whole.
    Malformed,
    /// No session here expects a message with this tag: it is for somebody else, was opened
    /// already, or comes from too far ahead.
    NotExpected,
    /// It was changed on its way, or made by somebody who has not the keys.
    Forged,
    /// The other side has not answered so many messages that it could not open another one.
    Unanswered,
    /// The other side has to be the first to write.
    NotBegun,
    /// A person's log of operations is not in order.
    Log(allod_did::Error),
    /// The device is not one that the log of this person has, or was removed from it.
    NotADevice(Did),
    /// What this person's device should have signed is not signed by it.
    Signature(Did),
    /// The invitation is not for this use any more.
    Expired,
    /// The greeting answers another invitation.
    OtherInvitation,
    /// A log, a name or a text is too long.
    TooLarge,
    /// There are as many of these as are kept.
    TooMany,
    /// Somebody who is not known here.
    Nobody(Did),
    /// None of this person's devices can be written to.
    NoDevice(Did),
    /// What this person writes is dropped, and nothing is written to them.
    Blocked(Did),
    /// The invitation is this device's own.
    Oneself,
    /// This person shows a log that contradicts the one that is known.
    Fork(Did),
    /// Only members of the group can do this.
    NotAMember,
    /// Only admins of the group can do this, and to their juniors.
    NotAllowed,
}

impl fmt::Display for CourierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("it is not whole, or something else"),
            Self::NotExpected => {
                f.write_str("no session expects it: it is for somebody else, or was read already")
            }
            Self::Forged => f.write_str("it was changed on its way, or made by somebody else"),
            Self::Unanswered => f.write_str("too many messages have not been answered by the other device"),
            Self::NotBegun => f.write_str("the other side writes first"),
            Self::Log(why) => write!(f, "the person's log: {why}"),
            Self::NotADevice(did) => write!(f, "the device does not belong to {did}, or not any more"),
            Self::Signature(did) => write!(f, "it is not signed by a device of {did}"),
            Self::Expired => f.write_str("the invitation has expired"),
            Self::OtherInvitation => f.write_str("it answers another invitation"),
            Self::TooLarge => f.write_str("it is too long"),
            Self::TooMany => f.write_str("there are as many of these as are kept"),
            Self::Nobody(did) => write!(f, "{did} is not known here"),
            Self::NoDevice(did) => write!(f, "no device of {did} can be written to"),
            Self::Blocked(did) => write!(f, "{did} is blocked here"),
            Self::Oneself => f.write_str("it is an invitation of this device"),
            Self::Fork(did) => write!(f, "the log of {did} contradicts the one that is known"),
            Self::NotAMember => f.write_str("only members of the group can do this"),
            Self::NotAllowed => f.write_str(
                "only admins of the group can do this, and only to those who became members after them",
            ),
        }
    }
}

impl core::error::Error for CourierError {}
