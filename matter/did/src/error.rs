//! Why a text, a key, an operation, a log or a fork was refused.

use core::fmt;

/// Why something was refused. Where it is an operation's fault, `sequence` is
/// the number which that operation claims; an optional one is missing where a
/// key, name or operation came alone and no number was read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is not `did:allod:z` and 32 bytes in base58btc, or not the one
    /// text of these bytes.
    NotADid,
    /// The text is not `did:key:z` and a multicodec key in base58btc, or not the
    /// one text of that key.
    NotADidKey,
    /// The bytes are not the canonical encoding of what was expected.
    Wire(allod_wire::Error),
    /// An operation in a format of another version.
    UnknownVersion {
        /// The version it names.
        version: u64,
        /// The operation.
        sequence: Option<u32>,
    },
    /// A key or a signature of an algorithm that this version does not know.
    UnknownAlgorithm {
        /// The multicodec code it names.
        code: u64,
        /// The operation it stands in.
        sequence: Option<u32>,
    },
    /// A key or a signature that is not of its algorithm's size.
    WrongSize {
        /// The multicodec code it names.
        code: u64,
        /// Its size in bytes.
        size: usize,
        /// The operation it stands in.
        sequence: Option<u32>,
    },
    /// A device's name that is empty, over [`crate::NAME_MAX`] bytes, or has a
    /// character that controls how text is shown.
    BadName {
        /// The operation it stands in.
        sequence: Option<u32>,
    },
    /// A log with no operation.
    Empty,
    /// More operations than a log may have.
    LogFull {
        /// The first operation too many.
        sequence: u32,
    },
    /// A genesis that is not the first operation, or another operation that is.
    MisplacedGenesis {
        /// The operation.
        sequence: u32,
    },
    /// An operation of another identity.
    OtherDid {
        /// The operation.
        sequence: u32,
    },
    /// The operation does not stand at its place: one is missing, repeated or
    /// moved.
    WrongSequence {
        /// The operation.
        sequence: u32,
        /// The number that its place has.
        expected: u32,
    },
    /// The operation does not follow the one before it.
    WrongPrevious {
        /// The operation.
        sequence: u32,
    },
    /// The operation is older than the one before it.
    TimeBackwards {
        /// The operation.
        sequence: u32,
    },
    /// The operation is not signed by the root key of its moment.
    BadSignature {
        /// The operation.
        sequence: u32,
    },
    /// A rotation that the new root key did not sign, or such a signature on an
    /// operation that is no rotation.
    BadPossession {
        /// The operation.
        sequence: u32,
    },
    /// A key for agreement where one for signatures is needed.
    NotASigningKey {
        /// The operation.
        sequence: u32,
    },
    /// A root key that was root before or is a device's, or a device's key that
    /// is or was root: each key has one role, once.
    KeyReused {
        /// The operation.
        sequence: u32,
    },
    /// The device is in the log already.
    DevicePresent {
        /// The operation.
        sequence: u32,
    },
    /// The device was removed, and a removed device never comes back.
    DeviceRemoved {
        /// The operation.
        sequence: u32,
    },
    /// There is no such device to remove.
    DeviceAbsent {
        /// The operation.
        sequence: u32,
    },
    /// Two operations that do not contradict each other, or stand in the wrong
    /// order in the evidence.
    NotAFork {
        /// The operations' place.
        sequence: u32,
    },
}

impl Error {
    /// The same error, told of the operation `sequence` where it names none yet.
    pub(crate) fn within(mut self, number: u32) -> Self {
        if let Self::UnknownVersion { sequence, .. }
        | Self::UnknownAlgorithm { sequence, .. }
        | Self::WrongSize { sequence, .. }
        | Self::BadName { sequence } = &mut self
        {
            sequence.get_or_insert(number);
        }
        self
    }

    /// The number of the operation at fault, where one is.
    pub fn sequence(&self) -> Option<u32> {
        match *self {
            Self::NotADid | Self::NotADidKey | Self::Wire(_) | Self::Empty => None,
            Self::UnknownVersion { sequence, .. }
            | Self::UnknownAlgorithm { sequence, .. }
            | Self::WrongSize { sequence, .. }
            | Self::BadName { sequence } => sequence,
            Self::LogFull { sequence }
            | Self::MisplacedGenesis { sequence }
            | Self::OtherDid { sequence }
            | Self::WrongSequence { sequence, .. }
            | Self::WrongPrevious { sequence }
            | Self::TimeBackwards { sequence }
            | Self::BadSignature { sequence }
            | Self::BadPossession { sequence }
            | Self::NotASigningKey { sequence }
            | Self::KeyReused { sequence }
            | Self::DevicePresent { sequence }
            | Self::DeviceRemoved { sequence }
            | Self::DeviceAbsent { sequence }
            | Self::NotAFork { sequence } => Some(sequence),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sequence) = self.sequence() {
            write!(f, "operation {sequence}: ")?;
        }
        match self {
            Self::NotADid => f.write_str("not a did:allod identifier"),
            Self::NotADidKey => f.write_str("not a did:key identifier"),
            Self::Wire(error) => error.fmt(f),
            Self::UnknownVersion { version, .. } => write!(f, "version {version} is unknown"),
            Self::UnknownAlgorithm { code, .. } => write!(f, "the algorithm {code:#x} is unknown"),
            Self::WrongSize { code, size, .. } => {
                write!(f, "{size} bytes are no key or signature of the algorithm {code:#x}")
            }
            Self::BadName { .. } => f.write_str("a device's name has 1 to 64 bytes of printable text"),
            Self::Empty => f.write_str("a log has at least its genesis"),
            Self::LogFull { .. } => f.write_str("the log is full"),
            Self::MisplacedGenesis { .. } => f.write_str("the genesis, and nothing else, comes first"),
            Self::OtherDid { .. } => f.write_str("it belongs to another identity"),
            Self::WrongSequence { expected, .. } => write!(f, "operation {expected} was expected"),
            Self::WrongPrevious { .. } => f.write_str("it does not follow the one before"),
            Self::TimeBackwards { .. } => f.write_str("it is older than the one before"),
            Self::BadSignature { .. } => f.write_str("the root key did not sign it"),
            Self::BadPossession { .. } => f.write_str("the new root key, and no other, must sign a rotation"),
            Self::NotASigningKey { .. } => f.write_str("the key cannot sign"),
            Self::KeyReused { .. } => f.write_str("the key has or had another role"),
            Self::DevicePresent { .. } => f.write_str("the device is there already"),
            Self::DeviceRemoved { .. } => f.write_str("the device was removed for good"),
            Self::DeviceAbsent { .. } => f.write_str("there is no such device"),
            Self::NotAFork { .. } => f.write_str("the two operations do not contradict each other"),
        }
    }
}

impl core::error::Error for Error {}

impl From<allod_wire::Error> for Error {
    fn from(error: allod_wire::Error) -> Self {
        Self::Wire(error)
    }
}
