//! Somebody who can be reached now.

use allod_courier::carry::PeerId;
use allod_courier::link::Link;
use tokio::sync::mpsc;

/// Somebody who can be reached now, over a link on which both sides answer. Frames arrive
/// whole, in order, and at most once. The contact ends when either channel is closed.
#[derive(Debug)]
pub struct Contact {
    /// Who it is: the key that their end of the link proved to have.
    pub peer: PeerId,
    /// Where they are, for people.
    pub address: String,
    /// Which side began, so that one of the two begins to speak.
    pub is_dialer: bool,
    /// What the link is like.
    pub link: Link,
    /// Frames to them, each at most [`Link::mtu`] bytes.
    pub send: mpsc::Sender<Vec<u8>>,
    /// Frames from them, likewise.
    pub receive: mpsc::Receiver<Vec<u8>>,
}
