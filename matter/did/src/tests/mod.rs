//! The log as a whole: its rules, its formats, its liars.

mod forgeries;
mod formats;
mod growth;
mod model;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_wire::Instant;

use crate::{DeviceId, Log, PublicKey, Root};

/// The `n`th root of the tests.
pub(crate) fn root(n: u8) -> Root {
    Root::from_bytes(Secret::from([n; 32]))
}

/// The key of the `n`th device of the tests.
pub(crate) fn key(n: u8) -> PublicKey {
    SigningKey::from_seed(&Secret::from([n ^ 0x80; 32])).verifying_key().into()
}

pub(crate) fn id(n: u8) -> DeviceId {
    key(n).device_id()
}

pub(crate) fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

/// A log with one operation of every kind: phone, laptop, phone removed, root
/// replaced by the second one.
pub(crate) fn sample() -> Log {
    let mut log = Log::create(&root(1), key(1), "phone", at(100)).unwrap();
    log.add_device(&root(1), key(2), "laptop", at(200)).unwrap();
    log.remove_device(&root(1), id(1), at(300)).unwrap();
    log.rotate_root(&root(1), &root(2), at(400)).unwrap();
    log
}
