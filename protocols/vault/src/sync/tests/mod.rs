//! Tests of sync: the log of batches, the tree that follows from them, and whole vaults.

mod home;
mod liars;
mod lists;
mod log;
mod month;
pub(crate) mod person;
mod powers;
mod reference;
mod removed;
mod unusual;
mod used;
mod vaults;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;

use crate::files::Time;
use crate::ring::SpaceId;

const SPACE: SpaceId = SpaceId([7; 32]);

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::from([number; 32]))
}

fn at(seconds: i64) -> Time {
    Time { seconds, nanoseconds: 0 }
}
