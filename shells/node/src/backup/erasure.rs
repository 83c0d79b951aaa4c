//! The erasure code of backups, with what the processor can do for it.

use allod_vault::backup::Erasure;
use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

/// Reed-Solomon by `reed-solomon-simd`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReedSolomon;

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
