//! First contact: how the devices of two people who never exchanged a key come to a session, in
//! the manner of PQXDH (Kret and Schmidt, *The PQXDH Key Agreement Protocol*, revision 3).
//!
//! Roles: the *inviting* device gives out an invitation; the *invited* one answers it.
//!
//! Messages: an [`Invitation`], about 1.9 kB, which goes by any way that the two trust to bring
//! it unchanged (a code that is scanned, a file, a link), is public and holds no secret; a
//! greeting, 2.2 kB more than the first message that it carries for most people, and for those
//! with long logs twice that or more.
//!
//! Flow: the invited device agrees on a secret from its fresh key and the inviting device's
//! agreement key, ratchet key and X-Wing key. Under it goes who the invited device is; under
//! a second secret, into which its own agreement key went, goes the first message. So a
//! session begins with one message, although the other device may not be reached for weeks.
//! An invitation is for one person and then erased, or for many until it expires.
//!
//! Where this differs from PQXDH: who greets is not readable on the way, but only to whoever
//! has the secret of the invitation; and the key encapsulation is X-Wing, which holds while either
//! X25519 or ML-KEM-768 does. As there, nobody signs what is said, so that either side could
//! have made up all of it: a greeting proves to its recipient alone who sent it.
//!
//! What this never does: it never takes a device that its person's log does not have; never
//! opens a greeting for another invitation; never learns whether the log is the newest one.
//! Whoever brings the invitation could have put their own in its place: the two compare their
//! [safety number](Safety) once, or know the DID from elsewhere.

mod greeting;
mod identity;
mod invitation;
mod safety;
#[cfg(test)]
mod tests;

pub use greeting::{GREETING_OVERHEAD_MAX, Greeted, GreetingId, greet, welcome};
pub use identity::{Identity, LOG_MAX, Own};
pub use invitation::{INVITATION_MAX, Invitation, InvitationId, InvitationSecret};
pub use safety::Safety;
