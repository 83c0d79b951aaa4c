//! TCPCL version 4 (RFC 9174): bundles to and from other nodes of the Bundle Protocol, over TCP.
//!
//! Roles: the *active* side connected, the *passive* one listened; after that they are alike.
//!
//! Messages: both say a contact header, then SESS_INIT (who they are, how much they take). Then
//! each sends bundles in XFER_SEGMENTs, which the other acknowledges (XFER_ACK) or refuses
//! (XFER_REFUSE). KEEPALIVE when there is nothing else, SESS_TERM to end, MSG_REJECT for what
//! cannot be.
//!
//! Flow: one bundle at a time goes each way. The last segment is acknowledged when the bundle was
//! [taken](Incoming::accept), so that whoever sent it knows that it is kept.
//!
//! What this never does: it does not speak TLS, and says so in its contact header. Everybody on
//! the way can read what a bundle's header says, and can put other bundles in; what is sealed in
//! them stays sealed. Nothing proves the name of the other node. It never takes a bundle that is
//! larger than its limit, and never holds more than one that was not taken yet.

mod connection;
mod message;
mod session;
#[cfg(test)]
mod tests;

pub use connection::{Connection, Incoming, Listener, Sender, Settings};
pub use message::Refusal;
