//! What can be wrong with parcels, folders, serial lines and pictures of codes.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why something was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum NarrowError {
    /// A file, folder or device could not be read or written.
    #[error("{}: {why}", place.display())]
    Io {
        /// Which one.
        place: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A stream broke.
    #[error("reading: {0}")]
    Read(io::Error),
    /// It is no regular file: a folder, a link, a device or a pipe.
    #[error("{} is no regular file", .0.display())]
    NotAFile(PathBuf),
    /// It is no folder, or a link to one.
    #[error("{} is no folder", .0.display())]
    NotAFolder(PathBuf),
    /// A parcel is not as its carrier made it.
    #[error("the parcel {0}")]
    Damaged(Damage),
    /// A parcel holds as much as one may; the rest goes into another one.
    #[error("the parcel is full")]
    Full,
    /// More bytes than codes can show.
    #[error("{0} bytes are too many for codes")]
    TooLong(usize),
    /// A picture could not be read.
    #[error("not a picture that can be read: {0}")]
    Picture(&'static str),
}

/// What is wrong with a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// It is none, or of a version that is not known here.
    Foreign,
    /// It ends too early. What was read until then is whole.
    Cut,
    /// It was changed after its carrier signed it. What was read until then is whole.
    Altered,
    /// It is signed, but holds something else than it says it does.
    Untrue,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "is none, or of another version",
            Self::Cut => "is cut off",
            Self::Altered => "was changed after it was signed",
            Self::Untrue => "does not hold what it says it holds",
        })
    }
}

impl From<Damage> for NarrowError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// What failed, with where it did.
pub(crate) fn at<E: Into<io::Error>>(place: &Path) -> impl Fn(E) -> NarrowError + '_ {
    move |why| NarrowError::Io { place: place.to_owned(), why: why.into() }
}
