//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

use allod_courier::CourierError;
use allod_courier::bundle::BundleError;
use allod_courier::carry::Refused;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// A file or folder could not be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The courier refused it.
    #[error(transparent)]
    Courier(#[from] CourierError),
    /// It is not a bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// What is to leave is not carried.
    #[error("{}", because(*.0))]
    Refused(Refused),
    /// It is written, and leaves as soon as it can.
    #[error("it is written, and will leave later: {0}")]
    NotLeft(Box<Self>),
    /// The records of this device's messages cannot be used.
    #[error("{0}")]
    Records(String),
    /// A file that came is not what its message says.
    #[error("the file is not what was sent: {0}")]
    NotWhatWasSent(&'static str),
    /// A file is larger than what is sent at once.
    #[error("the file is larger than what can be sent")]
    TooLarge,
}

impl PostError {
    /// Names the file in an error.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Why a bundle is not carried, in words.
fn because(why: Refused) -> &'static str {
    match why {
        Refused::Expired => "it has expired",
        Refused::Ahead => "it is said to be made in the future",
        Refused::Known => "it is here already",
        Refused::Delivered => "it was delivered, or called back",
        Refused::NoRoom => "there is no room for it among what is carried",
        Refused::OverQuota => "whoever brings it has brought as much as they may",
    }
}
