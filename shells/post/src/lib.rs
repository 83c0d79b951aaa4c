//! The Linux shell's post: what a device carries for others, kept on its disk, whom it meets,
//! and what its person sends and gets.
//!
//! - [`bag`]: bundles on the disk, used by several processes at a time.
//! - [`meet()`]: a contact with another carrier, over any link on which both sides answer.
//! - [`desk`]: a person's messages, between the messenger's records and the bag.
//! - [`parts`]: files as parts that are carried on their own.
#![forbid(unsafe_code)]

pub mod bag;
mod clock;
pub mod desk;
mod disk;
mod error;
mod meet;
pub mod parts;

pub use clock::now;
pub use error::PostError;
pub use meet::{Carrier, Contact, Happened, Met, Signal, meet};
