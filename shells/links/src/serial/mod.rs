//! A serial line with a radio behind it: a few hundred bytes at a time, heard by whoever is near,
//! lost as it happens, for a small share of the time.
//!
//! Roles: *stations* that hear each other, as it happens. Nobody has an address.
//!
//! Messages: frames of at most [`CONTENT_MAX`] bytes and four of a check, each of which stands
//! for itself; on the serial line they are escaped as [KISS](kiss) has it. The two highest bits
//! of the first byte say what it is:
//!
//! - `01`: a bundle, or a fragment of one, in its compact form;
//! - `10`: a beacon: how many names of bundles it says the station has (1 byte), those, and then
//!   names of bundles that it asks for. A name is the first six bytes of a tag.
//!
//! Flow: a station sends what it offers, most urgent first, and again after ever longer times
//! until a beacon of somebody shows that they have it, at most [`ATTEMPTS`] times. What it would
//! only give to whoever asks, it says in its beacons. A station asks for those that it expects and
//! for some that are for others, as in [carrying](allod_courier::carry): always the same ones, so
//! that nobody can tell which are for it. What it hears is said in its next beacon, whether or
//! not it keeps it.
//!
//! What this never does: it never sends for more than its share of any hour, whatever others ask;
//! never holds more than a few fragments of others; never believes a frame whose check is wrong.
//! The check is against noise: whoever has a radio can say anything, and can also disturb all.

mod airtime;
mod frame;
pub mod kiss;
mod port;
mod station;
#[cfg(test)]
mod tests;

pub use airtime::Radio;
pub use frame::CONTENT_MAX;
pub use port::{Order, Port, drive};
pub use station::{ATTEMPTS, BUNDLE_MAX, Output, Station};
