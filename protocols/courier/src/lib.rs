//! The courier: messages that arrive although nothing is connected, sealed from one device to
//! another, carried by whatever link appears.
//!
//! - [`ratchet`]: the session of two devices, which seals and opens messages.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
pub mod ratchet;
mod secret;

pub use error::CourierError;
