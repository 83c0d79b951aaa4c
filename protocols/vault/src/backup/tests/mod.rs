//! Tests of backups, against every kind of peer.

mod answers;
mod codes;
mod packs;
mod plans;
mod requests;
mod shards;

use alloc::vec::Vec;

use allod_crypto::Secret;
use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

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

/// Reed-Solomon by `reed-solomon-simd`.
pub(super) struct ReedSolomon;

impl Erasure for ReedSolomon {
    fn more(&self, originals: &[Vec<u8>], count: usize) -> Option<Vec<Vec<u8>>> {
        let size = originals.first()?.len();
        let mut encoder = ReedSolomonEncoder::new(originals.len(), count, size).ok()?;
        originals.iter().try_for_each(|shard| encoder.add_original_shard(shard)).ok()?;
        Some(encoder.encode().ok()?.recovery_iter().map(<[u8]>::to_vec).collect())
    }

    fn missing(
        &self,
        (needed, count): (usize, usize),
        originals: &[(usize, &[u8])],
        others: &[(usize, &[u8])],
    ) -> Option<Vec<(usize, Vec<u8>)>> {
        let size = originals.first().or(others.first())?.1.len();
        let mut decoder = ReedSolomonDecoder::new(needed, count, size).ok()?;
        for (number, shard) in originals {
            decoder.add_original_shard(*number, shard).ok()?;
        }
        for (number, shard) in others {
            decoder.add_recovery_shard(*number, shard).ok()?;
        }
        let restored = decoder.decode().ok()?;
        let shards = restored.restored_original_iter();
        Some(shards.map(|(number, shard)| (number, shard.to_vec())).collect())
    }
}
