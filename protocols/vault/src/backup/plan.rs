//! What a backup has to do next: who gets the shards of a new pack, which shards are to be
//! made again where peers are lost, and which packs are hardly needed any more.

use alloc::vec::Vec;

use super::catalogue::PackRecord;
use super::code::Code;
use super::pack::{PACK_MAX, PACK_MIN};

const PACK_SIZE: u64 = PACK_MAX as u64;

/// Bytes of a pack that is small.
const SMALL: u64 = PACK_SIZE / 8;

/// Who gets which shard of a new pack, by the number of the shard: the peers in turn, so that
/// each gets as many as any other. Fewer than the code has where there are fewer peers.
pub fn place(code: Code, pack: u64, peers: &[u32]) -> Vec<Option<u32>> {
    let count = peers.len() as u64;
    (0..u64::from(code.all()))
        .map(|shard| {
            let place = (pack % count.max(1) + shard) % count.max(1);
            peers.get(usize::try_from(place).ok()?).copied().filter(|_| shard < count)
        })
        .collect()
}

/// A pack of which shards are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The pack.
    pub pack: u64,
    /// Numbers of shards that some good peer has.
    pub good: Vec<u8>,
    /// Shards to be made again, with the peer that is to have each.
    pub make: Vec<(u8, u32)>,
    /// Shards that nobody is left to keep.
    pub homeless: Vec<u8>,
}

impl Repair {
    /// Whether the good shards alone give the pack back.
    pub fn is_whole(&self, code: Code) -> bool {
        self.good.len() >= usize::from(code.needed())
    }
}

/// What is to be made again. `peers` are those that may take shards; `is_good` says whether a
/// peer still has a shard that the pack's record says it has.
///
/// No peer gets two shards of one pack: who loses one peer must not lose two shards.
pub fn repair(
    packs: &[PackRecord],
    peers: &[u32],
    mut is_good: impl FnMut(u32, &super::shard::ShardId) -> bool,
) -> Vec<Repair> {
    let mut plan = Vec::new();
    for pack in packs {
        let (mut good, mut lost, mut holders) = (Vec::new(), Vec::new(), Vec::new());
        for (number, shard) in (0_u8..).zip(&pack.shards) {
            match shard.peer {
                Some(peer) if is_good(peer, &shard.id) => {
                    good.push(number);
                    holders.push(peer);
                }
                _ => lost.push(number),
            }
        }
        if lost.is_empty() {
            continue;
        }
        let first = usize::try_from(pack.number % (peers.len() as u64).max(1)).unwrap_or_default();
        let mut free = peers.iter().cycle().skip(first).take(peers.len()).filter(|p| !holders.contains(p));
        let (mut make, mut homeless) = (Vec::new(), Vec::new());
        for number in lost {
            match free.next() {
                Some(peer) => make.push((number, *peer)),
                None => homeless.push(number),
            }
        }
        plan.push(Repair { pack: pack.number, good, make, homeless });
    }
    plan
}

/// The packs that are better replaced, by their numbers: what is needed of them goes into new
/// packs. Those of which less than half is needed, and the small ones, where all of them
/// together take half as much room afterwards; and those of which nothing is needed.
///
/// `packs` are numbers, sizes, and bytes of objects that are needed.
pub fn sparse(packs: impl IntoIterator<Item = (u64, u64, u64)>) -> Vec<u64> {
    let is_sparse = |(_, size, needed): &(u64, u64, u64)| needed * 2 < *size || *size <= SMALL;
    let sparse = packs.into_iter().filter(is_sparse);
    let (mut empty, mut some): (Vec<_>, Vec<_>) = sparse.partition(|(_, _, needed)| *needed == 0);
    let before: u64 = some.iter().map(|(_, size, _)| size).sum();
    let needed: u64 = some.iter().map(|(_, _, needed)| needed).sum();
    let after = if needed < PACK_SIZE { needed.next_power_of_two().max(PACK_MIN as u64) } else { needed };
    if after * 2 <= before {
        empty.append(&mut some);
    }
    empty.into_iter().map(|(number, _, _)| number).collect()
}
