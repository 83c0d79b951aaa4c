//! Carrying: what a device keeps for others, what it gives on when it meets somebody, and what
//! it drops.
//!
//! Roles: the *source* makes a bundle with a number of copies; *carriers* have one or more of
//! them; the *recipient* finds a bundle among those that a carrier has, by its tag.
//!
//! Flow: a carrier that has several copies gives part of them to whom it meets, in binary
//! spray and wait (Spyropoulos et al., *Spray and Wait*, WDTN 2005); here that part grows with
//! how many others somebody meets. One that has a single copy waits for somebody who asks for
//! it. What is urgent and small, and what is for a group, is copied to everybody. What was
//! delivered is dropped by all who hear of it, and they tell others.
//!
//! Asking for a bundle says little of who is its recipient, since everybody also asks for some
//! that are for others. Those [cover copies](COVER) are given on to nobody but to whoever asks.
//!
//! Room is shared by whose hands bundles come from, since whatever a bundle says of itself, its
//! source chose: whoever uses most of their share gives way first ([`Room`]).
//!
//! What this never does: it never keeps more than its limits; never lets what others bring
//! push out what is one's own, or for oneself; never drops something because somebody says so
//! who does not have its token; never remembers a token of what it did not carry.

mod carried;
mod route;
mod shares;
mod store;
#[cfg(test)]
mod tests;
mod tombstones;

pub use carried::{Carried, Custody, Origin, PeerId};
pub use route::{COPIES, COVER, EPIDEMIC_MAX, Giving, SPREAD, giving, is_cover};
pub use shares::Room;
pub(crate) use store::order;
pub use store::{Counts, Limits, Refused, Store, Took};
pub use tombstones::TOMBSTONES_MAX;
