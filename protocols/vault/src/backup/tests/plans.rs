//! What is to be done next.

use alloc::collections::BTreeSet;

use proptest::prelude::*;

use super::super::plan::{place, repair, sparse};
use super::super::shard::ShardId;
use super::*;

fn pack(number: u64, code: Code, placed: &[Option<u32>]) -> PackRecord {
    let id = |shard: usize| ShardId::of(&[number as u8, shard as u8]);
    let shards = placed.iter().enumerate().map(|(shard, peer)| ShardRecord { id: id(shard), peer: *peer });
    PackRecord { number, size: 65_536, code, shards: shards.collect() }
}

#[test]
fn shards_of_many_packs_are_spread_evenly_and_no_peer_gets_two_of_one() {
    let (code, peers) = (Code::new(5, 8).unwrap(), [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    let mut counts = [0; 10];
    for number in 0..100 {
        let placed: Vec<u32> = place(code, number, &peers).into_iter().flatten().collect();
        assert_eq!(placed.iter().collect::<BTreeSet<_>>().len(), 8);
        placed.iter().for_each(|peer| counts[*peer as usize - 10] += 1);
    }
    assert_eq!(counts, [80; 10]);
    // Fewer peers than shards: some have no home.
    assert_eq!(place(code, 1, &[4, 5]).iter().flatten().count(), 2);
    assert_eq!(place(code, 1, &[]), [None; 8]);
}

#[test]
fn the_shards_of_a_lost_peer_go_to_who_has_none_of_the_pack() {
    let code = Code::new(2, 3).unwrap();
    let packs = [pack(0, code, &[Some(1), Some(2), Some(3)]), pack(1, code, &[Some(2), Some(3), Some(4)])];
    let plan = repair(&packs, &[2, 3, 4, 5], |peer, _| peer != 1);
    assert_eq!(plan.len(), 1);
    assert_eq!((plan[0].pack, &plan[0].good[..]), (0, &[1, 2][..]));
    assert!(plan[0].is_whole(code) && plan[0].homeless.is_empty());
    assert!([4, 5].contains(&plan[0].make[0].1) && plan[0].make[0].0 == 0);
}

#[test]
fn a_bad_shard_may_go_to_the_same_peer_again_and_one_without_a_peer_is_homeless() {
    let code = Code::new(2, 3).unwrap();
    let packs = [pack(0, code, &[Some(1), Some(2), Some(3)])];
    let bad = packs[0].shards[1].id;
    let plan = repair(&packs, &[1, 2, 3], |_, id| *id != bad);
    assert_eq!(plan[0].make, [(1, 2)]);
    let plan = repair(&packs, &[1, 3], |_, id| *id != bad);
    assert_eq!((plan[0].make.len(), &plan[0].homeless[..]), (0, &[1][..]));
    assert!(repair(&packs, &[1, 2, 3], |_, _| true).is_empty());
}

proptest! {
    #[test]
    fn whatever_is_lost_no_peer_gets_two_shards_of_a_pack(
        placed in prop::collection::vec(prop::option::of(0..12_u32), 8),
        lost in prop::collection::btree_set(0..12_u32, 0..12),
    ) {
        let mut seen = BTreeSet::new();
        let placed: Vec<_> = placed.into_iter().map(|p| p.filter(|peer| seen.insert(*peer))).collect();
        let packs = [pack(3, Code::new(5, 8).unwrap(), &placed)];
        let peers: Vec<u32> = (0..12).filter(|peer| !lost.contains(peer)).collect();
        let plan = repair(&packs, &peers, |peer, _| !lost.contains(&peer));
        let mut after: Vec<Option<u32>> =
            placed.iter().map(|peer| peer.filter(|peer| !lost.contains(peer))).collect();
        for repair in &plan {
            for (number, peer) in &repair.make {
                prop_assert_eq!(after[usize::from(*number)].replace(*peer), None);
            }
            prop_assert_eq!(repair.good.len() + repair.make.len() + repair.homeless.len(), 8);
        }
        let homes: Vec<u32> = after.iter().flatten().copied().collect();
        prop_assert_eq!(homes.iter().collect::<BTreeSet<_>>().len(), homes.len());
        prop_assert_eq!(homes.len(), peers.len().min(8));
    }
}

#[test]
fn packs_are_replaced_where_that_saves_half_their_room() {
    const LARGE: u64 = PACK_MAX as u64;
    assert_eq!(sparse([(1, LARGE, LARGE / 10), (2, LARGE, LARGE - 9), (3, LARGE, LARGE / 9)]), [1, 3]);
    // A single small one would be as small again, and a full one stays.
    assert!(sparse([(1, 65_536, 10_000), (2, LARGE, LARGE / 2)]).is_empty());
    assert_eq!(sparse([(1, 65_536, 0), (2, 65_536, 5)]), [1]);
    assert_eq!(sparse([(1, 65_536, 0), (2, 65_536, 65_000)]), [1]);
    assert_eq!(sparse((0..10).map(|n| (n, 65_536, 20_000))), (0..10).collect::<Vec<_>>());
}
