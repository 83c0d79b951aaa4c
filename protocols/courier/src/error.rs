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
    /// There is too much of it: a log that is too long to be sent, a name, a card, people.
    TooLarge,
    /// The request names this person, who is not the one whose card it is.
    OtherPerson(Did),
    /// What this holder has is not the share that was dealt to them.
    WrongPiece(Did),
    /// This holder's piece is of somebody else's card.
    NotTheirs(Did),
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
            Self::TooLarge => f.write_str("there is too much of it"),
            Self::OtherPerson(did) => write!(f, "it is asked for {did}, and belongs to somebody else"),
            Self::WrongPiece(did) => write!(f, "the piece of {did} is not the one that was dealt to them"),
            Self::NotTheirs(did) => write!(f, "the piece of {did} belongs to somebody else's card"),
        }
    }
}

impl core::error::Error for CourierError {}
