//! Files sealed until a time, or until a quorum of guardians opens them.
//!
//! Roles: who *seals*; the *guardians*, who hold the network's signing key and the
//! keys for sealing in shares; and who *opens*: anybody once a round of the beacon
//! was signed, or one of the identities that the sealer named.
//!
//! A sealed file is a [`Header`], which says what it takes to open it and holds the
//! file's own random key in that form, and the [payload](Encryptor) under that key.
//!
//! Flow until a time ([`Lock::Until`]): the file key is encrypted to the message
//! that the guardians will sign for a round of the beacon
//! ([`allod_threshold::timelock`]). When they have, everybody can open it, and
//! nobody has to be asked. Nobody can take that back either.
//!
//! Flow at a quorum ([`Lock::Quorum`]):
//! 1. The file key is encrypted to a key that guardians hold together
//!    ([`allod_threshold::quorum`]), under a label that binds network, key and
//!    [`Policy`]: who may open, and not before when.
//! 2. A device of one of the openers signs a [`Request`] that holds the ciphertext,
//!    the policy, the time, and a key for the reply, made for this request
//!    ([`Unsealing`]).
//! 3. Each guardian checks the policy, the identity's devices, the signature, the
//!    ledger's time, and that the request is fresh; then that the ciphertext was
//!    made under just this policy ([`Opening`]). It replies with its partial
//!    decryption and proof, signed, and sealed to the request's key.
//! 4. From t good replies the opener has the file key. Who replied falsely is named.
//!
//! | check | without it |
//! |---|---|
//! | the label binds the policy | a thief of the file shows it under a policy that names the thief |
//! | the signature binds the reply's key | who saw a request asks again, with a key of its own |
//! | the reply is sealed to that key | who repeats a request can read the reply |
//! | the request is fresh | a device that was stolen and removed since has requests in store |
//! | the guardian's ledger is recent | it does not know yet that the device was removed |
//! | the payload's keys are bound to the header | a file is given another header, under which it seems to open for others, or at another time |
//!
//! Which keys: those whose name is [`KEY_PREFIX`] or begins with it and a slash. A
//! key for [oblivious functions](crate::answering) would decrypt for everybody.
//!
//! What it never does: hide who may open a file from those who see it; hold the
//! whole file in memory; open for a policy that the ciphertext was not made under;
//! put the file key in one place before the opener has it; keep a file from openers
//! who act together with t guardians before the time comes.

mod error;
mod header;
mod opening;
mod payload;
mod policy;
mod reply;
mod request;
#[cfg(test)]
mod tests;
mod unsealing;

pub use self::error::{Error, Fault, Refusal};
pub use self::header::{HEADER_MAX, Header, Lock, PROLOGUE};
pub use self::opening::{BEHIND_MS, FRESH_MS, Limits, Opening};
pub use self::payload::{CHUNK, Decryptor, Encryptor, FileKey, SALT, TAG};
pub use self::policy::{OPENERS_MAX, Policy};
pub use self::reply::Reply;
pub use self::request::{Ask, Request};
pub use self::unsealing::{Unsealing, open_until};

/// What the names of keys for sealing begin with.
pub const KEY_PREFIX: &str = "seal";

/// Whether keys of this name are for sealing.
pub fn is_for_sealing(name: &str) -> bool {
    name.strip_prefix(KEY_PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
