//! The courier: messages that arrive although nothing is connected, sealed from one device to
//! another, carried by whatever link appears.
//!
//! - [`bundle`]: what carriers bring from one to another, unread.
//! - [`carry`]: what a device keeps for others, and to whom it gives it on.
//! - [`contact`]: how two people who never exchanged a key get a session, from one invitation.
//! - [`encounter`]: what two carriers say to each other while a link lasts.
//! - [`group`]: who belongs to a group, and what is sealed for all of it.
//! - [`link`]: what a way from device to device is like.
//! - [`messenger`]: what one device knows of others, sends them and gets from them.
//! - [`ratchet`]: the session of two devices, which seals and opens messages.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bundle;
pub mod carry;
pub mod contact;
pub mod encounter;
mod error;
pub mod group;
pub mod link;
pub mod messenger;
pub mod ratchet;
mod secret;

pub use error::CourierError;
