//! Groups that survive partitions.
//!
//! Roles: *members* are people, each a DID, and all their devices act for them. *Admins* add
//! and remove; whoever founds a group is its first one.
//!
//! Messages: [`Change`]s of who belongs to the group, each signed by a device and naming the
//! changes that it had seen; sender keys, which go over the sessions of two devices; messages, which
//! are sealed once for all and signed.
//!
//! Flow: changes are gathered in any order and from anybody; all who have the same changes see
//! the same [`Membership`], whatever order they came in. Each device seals what it sends under
//! a [chain of its own](SenderChain), whose key it gives to every device of every member; when
//! somebody leaves or is removed, it begins another one and does not give it to them.
//!
//! What this never does: it never lets who belongs to the group depend on a clock, on a server
//! or on who heard of it first; never lets somebody who was removed undo it, also not by
//! changes that are said to be of before; never hands a chain to a person who is not a member
//! as far as its owner knows. Who has not heard of a removal still writes to whoever was
//! removed, until they hear of it.

mod chain;
mod change;
mod membership;
mod sender;
#[cfg(test)]
mod tests;

pub use change::{Action, CHANGE_MAX, Change, ChangeId, GroupId, NAME_MAX, PARENTS_MAX};
pub use membership::{Gathered, MEMBERS_MAX, Membership, Taken};
pub use sender::{Listener, SENDER_OVERHEAD, SenderChain, SenderKey};
