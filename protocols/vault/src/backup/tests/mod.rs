//! Tests of backups, against every kind of peer.

mod answers;
mod codes;
mod packs;
mod plans;
mod requests;
mod shards;

use alloc::vec::Vec;

use allod_crypto::Secret;

use super::*;
use crate::compress::Uncompressed;
use crate::object::{Keys, Kind, Sealed};
use crate::tests::{noise, rng};

fn keys() -> BackupKeys {
    BackupKeys::new(&Secret::from([5; 32]))
}

fn object(number: u64, size: usize) -> Sealed {
    let kind = if number.is_multiple_of(3) { Kind::Node } else { Kind::Data };
    Keys::new(&Secret::from([6; 32]), 2).seal(kind, &noise(number, size), &Uncompressed)
}

fn packed(sizes: &[usize]) -> (Vec<Sealed>, Vec<u8>) {
    let mut packer = Packer::new();
    for (number, size) in (0..).zip(sizes) {
        assert_eq!(packer.push(object(number, *size)), None);
    }
    (packer.objects().to_vec(), packer.seal(&keys(), 9))
}
