//! What can be wrong with a link, in words for people.

use core::fmt;
use std::io;

/// Why a link is not there.
#[derive(Debug)]
pub enum LinkError {
    /// This is no address that a device could be at.
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// The device could not listen at an address.
    Listen {
        /// The address.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody was reached at an address.
    Dial {
        /// The address.
        address: String,
        /// What went wrong.
        why: String,
    },
    /// A part of the network could not be begun.
    Begin(String),
    /// The link was ended here.
    Ended,
    /// Nobody who was asked knows where this peer is.
    NotFound,
}

impl LinkError {
    pub(crate) fn address(address: &str, why: impl fmt::Display) -> Self {
        Self::Address { address: address.into(), why: why.to_string() }
    }

    pub(crate) fn listen(address: &str, why: impl fmt::Display) -> Self {
        Self::Listen { address: address.into(), why: why.to_string() }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, why } => write!(f, "`{address}` is no address of a device: {why}"),
            Self::Listen { address, why } => write!(f, "nobody can be heard at {address}: {why}"),
            Self::Dial { address, why } => write!(f, "nobody was reached at {address}: {why}"),
            Self::Begin(why) => write!(f, "the network could not be begun: {why}"),
            Self::Ended => f.write_str("the link was ended"),
            Self::NotFound => f.write_str("nobody who could be asked knows where this device is"),
        }
    }
}

impl core::error::Error for LinkError {}

/// The innermost reason, which is the one that tells people something.
pub(crate) fn innermost(error: &(dyn core::error::Error + 'static)) -> String {
    let mut error = error;
    loop {
        // Errors of sockets say no more inside.
        if let Some(io) = error.downcast_ref::<io::Error>()
            && io.get_ref().is_none()
        {
            return io.to_string();
        }
        match error.source() {
            Some(source) => error = source,
            None => return error.to_string(),
        }
    }
}
