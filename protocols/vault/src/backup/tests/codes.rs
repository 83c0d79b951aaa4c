//! Any shards that are enough give a pack back, and fewer do not.

use proptest::prelude::*;

use super::super::shard::{LEAF, ShardId};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_k_of_m_shards_give_the_pack_back_and_any_fewer_do_not(
        all in 1..=SHARDS_MAX,
        needed in 1..=SHARDS_MAX,
        size in 1..40_000_usize,
        order in prop::collection::vec(any::<u32>(), SHARDS_MAX as usize),
    ) {
        let needed = needed.min(all);
        let code = Code::new(needed, all).unwrap();
        let pack = noise(u64::from(order[0]), size);
        let shards = code.encode(&pack, &ReedSolomon).unwrap();
        prop_assert_eq!(shards.len(), usize::from(all));
        prop_assert!(shards.iter().all(|shard| shard.len() == code.shard_size(size)));
        let mut numbers: Vec<u8> = (0..all).collect();
        numbers.sort_by_key(|number| order[usize::from(*number)]);
        let some = |count: u8| -> Vec<(u8, &[u8])> {
            let numbers = numbers.iter().take(usize::from(count));
            numbers.map(|number| (*number, shards[usize::from(*number)].as_slice())).collect()
        };
        prop_assert_eq!(code.decode(size, &some(needed), &ReedSolomon), Ok(pack.clone()));
        prop_assert_eq!(code.decode(size, &some(all), &ReedSolomon), Ok(pack));
        let few = BackupError::TooFewShards { found: usize::from(needed) - 1, needed: usize::from(needed) };
        prop_assert_eq!(code.decode(size, &some(needed - 1), &ReedSolomon), Err(few));
    }
}

#[test]
fn all_choices_of_five_of_eight_give_the_pack_back() {
    let (_, pack) = packed(&[10_000, 300, 70_000]);
    let code = Code::new(5, 8).unwrap();
    let shards = code.encode(&pack, &ReedSolomon).unwrap();
    let mut count = 0;
    for choice in 0_u32..256 {
        let chosen: Vec<(u8, &[u8])> =
            (0..8).filter(|n| choice >> n & 1 == 1).map(|n| (n, shards[usize::from(n)].as_slice())).collect();
        let back = code.decode(pack.len(), &chosen, &ReedSolomon);
        if chosen.len() >= 5 {
            assert_eq!(back.as_deref(), Ok(pack.as_slice()), "{choice:b}");
            count += 1;
        } else {
            assert_eq!(back, Err(BackupError::TooFewShards { found: chosen.len(), needed: 5 }));
        }
    }
    assert_eq!(count, 93);
}

#[test]
fn a_shard_that_was_changed_gives_a_wrong_pack_which_its_id_and_the_pack_s_seal_both_tell() {
    let (_, pack) = packed(&[10_000]);
    let code = Code::new(2, 3).unwrap();
    let shards = code.encode(&pack, &ReedSolomon).unwrap();
    let mut wrong = shards[2].clone();
    wrong[700] ^= 1;
    assert_ne!(ShardId::of(&wrong), ShardId::of(&shards[2]));
    let back = code.decode(pack.len(), &[(0, &shards[0]), (2, &wrong)], &ReedSolomon).unwrap();
    assert_ne!(back, pack);
    assert_eq!(unpack(&keys(), 9, &back), Err(BackupError::Pack(9)));
}

#[test]
fn shards_that_do_not_belong_together_are_refused() {
    let code = Code::new(2, 3).unwrap();
    let shards = code.encode(&noise(1, 5000), &ReedSolomon).unwrap();
    let short = &shards[1][LEAF..];
    for wrong in [
        [(0, shards[0].as_slice()), (0, shards[0].as_slice())],
        [(0, shards[0].as_slice()), (3, shards[1].as_slice())],
        [(0, shards[0].as_slice()), (255, shards[1].as_slice())],
        [(0, shards[0].as_slice()), (1, short)],
    ] {
        assert_eq!(code.decode(5000, &wrong, &ReedSolomon), Err(BackupError::Shards));
    }
    for (needed, all) in [(0, 0), (0, 3), (4, 3), (1, SHARDS_MAX + 1)] {
        assert_eq!(Code::new(needed, all), Err(BackupError::Code { needed, all }));
    }
}

#[test]
fn fewer_peers_get_the_code_that_is_nearest_to_five_of_eight() {
    let codes = (1..=9).map(|count| {
        let code = Code::for_peers(count).unwrap();
        assert_eq!(Code::new(code.needed(), code.all()), Ok(code));
        (code.needed(), code.all())
    });
    let wanted = [(1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (4, 6), (4, 7), (5, 8), (5, 8)];
    assert_eq!(codes.collect::<Vec<_>>(), wanted);
    assert_eq!(Code::for_peers(0), None);
}
