//! What happens on the network, for people.

use core::fmt;

use allod_courier::carry::PeerId;

use super::name::name;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This device can be reached at an address.
    Listening(String),
    /// This device cannot be reached at an address any more.
    Closed {
        /// The address.
        address: String,
        /// What happened to it.
        why: String,
    },
    /// Somebody is on the local network.
    Found {
        /// Who says to be there; nothing proves it yet.
        peer: PeerId,
        /// Where.
        address: String,
    },
    /// A contact has begun.
    Met {
        /// Who.
        peer: PeerId,
        /// Where.
        address: String,
    },
    /// A contact has ended.
    Lost {
        /// Who.
        peer: PeerId,
        /// What happened.
        why: String,
    },
    /// Nobody was met at an address.
    Failed {
        /// The address.
        address: String,
        /// What went wrong.
        why: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(address) => write!(f, "this device can be reached at {address}"),
            Self::Closed { address, why } => {
                write!(f, "this device cannot be reached any more at {address}: {why}")
            }
            Self::Found { peer, address } => write!(f, "found {} at {address}", name(peer)),
            Self::Met { peer, address } => write!(f, "met {} at {address}", name(peer)),
            Self::Lost { peer, why } => write!(f, "lost {}: {why}", name(peer)),
            Self::Failed { address, why } => write!(f, "nobody was met at {address}: {why}"),
        }
    }
}
