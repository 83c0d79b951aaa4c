//! Recovery by guardians: a secret behind a short PIN, kept by n realms of
//! which t are needed, and opened by nobody else.
//!
//! Two machines speak the Juicebox protocol to each other: [`realm::Realm`],
//! the guardian's side, and [`client`]'s, the person's. Both are driven by a
//! shell that owns the sockets, the files and the clock:
//!
//! ```text
//! handle(now, rng, input)   then   while let Some(output) = poll() { … }
//! ```
//!
//! What a shell must do: carry out every `Persist` durably and report it back
//! before anything else of that machine may leave; carry messages; run
//! `Compute`s; call `handle` again no later than `deadline()`.
//!
//! There is no call here that exports a share, and none that gives a guess
//! back without the unlock tag.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod account;
pub mod answering;
pub mod card;
pub mod client;
pub mod descriptor;
pub mod juicebox;
pub mod keyholder;
pub mod realm;
pub mod sealed;
#[cfg(test)]
mod test_rng;
pub mod token;
