//! How a recovery ends.

use core::fmt;

use allod_crypto::SecretBytes;
use allod_wire::RegistrationVersion;

/// What a person learns of a recovery.
#[derive(Debug)]
pub enum RecoverEvent {
    /// The secret is back. The machine goes on until it has settled.
    Recovered(Recovered),
    /// It cannot be recovered, for now or for ever.
    Failed(RecoverError),
    /// Nothing is under way any more.
    Settled,
}

/// What came back.
#[derive(Debug)]
pub struct Recovered {
    /// The secret.
    pub secret: SecretBytes,
    /// The registration it came from.
    pub version: RegistrationVersion,
    /// Guesses that each guardian allows, as it was registered.
    pub num_guesses: u16,
}

/// Why a secret was not recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoverError {
    /// The PIN is not the one registered.
    WrongPin {
        /// How often a PIN can still be tried.
        guesses_left: u16,
    },
    /// So many guardians destroyed their shares that the rest are too few. This
    /// is final, also for the right PIN.
    OutOfGuesses {
        /// How many destroyed theirs.
        destroyed: usize,
        /// How many guardians there are.
        guardians: usize,
    },
    /// So many guardians hold nothing that the rest are too few.
    NotRegistered,
    /// Too few guardians gave a usable answer. No fault of the PIN; trying again
    /// when they are back may help.
    TooFew {
        /// How many are needed.
        needed: usize,
        /// How many were of use.
        usable: usize,
        /// Guesses left, where this try spent one at those that answered: it is
        /// not given back, since nothing told whether the PIN was right.
        guesses_left: Option<u16>,
    },
    /// Enough shares, but they do not open the secret. The registration itself
    /// must have been wrong.
    Corrupt,
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongPin { guesses_left: 0 } => {
                f.write_str("wrong PIN, and that was the last guess: the secret can't be recovered any more")
            }
            Self::WrongPin { guesses_left } => write!(f, "wrong PIN; {}", Left(*guesses_left)),
            Self::OutOfGuesses { destroyed, guardians } => write!(
                f,
                "the guesses ran out: {destroyed} of {guardians} guardians destroyed their shares, and the rest are too few; this is final"
            ),
            Self::NotRegistered => f.write_str("the guardians hold nothing for this account"),
            Self::TooFew { needed, usable, guesses_left } => {
                write!(f, "{needed} guardians are needed, and {usable} gave a usable answer")?;
                guesses_left
                    .map_or(Ok(()), |left| write!(f, "; this try counted all the same: {}", Left(left)))
            }
            Self::Corrupt => f.write_str("the guardians' shares do not fit together"),
        }
    }
}

impl core::error::Error for RecoverError {}

/// How many guesses are left, in words.
struct Left(u16);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} left", self.0, if self.0 == 1 { "guess" } else { "guesses" })
    }
}
