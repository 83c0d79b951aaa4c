//! What a device carries on its disk, whom it meets, and what its person gets: real bags, real
//! contacts, and whoever does what they should not.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod bag;
mod desk;
mod floods;
mod liar;
mod meetings;
mod parts;
mod people;
mod world;
