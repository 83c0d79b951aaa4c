//! The Linux shell's links: ways from device to device, for what the courier carries.
//!
//! A link on which both sides answer gives [`Contact`]s, on which frames come and go; what is
//! said in them is the courier's. A link on which nobody answers gives and takes bundles.
#![forbid(unsafe_code)]

mod contact;
mod error;
pub mod folder;
mod narrow_error;
pub mod p2p;
pub mod parcel;
pub mod qr;
pub mod serial;
pub mod tcpcl;

pub use contact::Contact;
pub use error::LinkError;
pub use narrow_error::{Damage, NarrowError};
