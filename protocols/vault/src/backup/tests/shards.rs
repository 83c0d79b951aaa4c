//! Shards are known by their roots, and peers show random leaves of them.

use proptest::prelude::*;

use super::super::shard::{LEAF, ShardId, Shown, is_shown, leaf_count, show};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_leaf_is_shown_and_no_other_bytes_are(
        size in prop_oneof![0..20 * LEAF, (0..20_usize).prop_map(|n| n * LEAF)],
        change in any::<u32>(),
    ) {
        let bytes = noise(7, size);
        let (id, size) = (ShardId::of(&bytes), size as u64);
        let count = leaf_count(size);
        for leaf in 0..count {
            let shown = show(&bytes, leaf).unwrap();
            prop_assert!(is_shown(&id, size, leaf, &shown));
            // For another leaf, another size, another shard.
            prop_assert!(!is_shown(&id, size, (leaf + 1) % count.max(2), &shown));
            prop_assert!(!is_shown(&id, size + 1, leaf, &shown));
            prop_assert!(!is_shown(&ShardId::of(b"another"), size, leaf, &shown));
            // With any byte of it changed.
            let mut wrong = shown.clone();
            if let Some(byte) = wrong.leaf.get_mut(change as usize % LEAF) {
                *byte ^= 1 << (change % 8);
                prop_assert!(!is_shown(&id, size, leaf, &wrong));
            }
            let mut wrong = shown.clone();
            wrong.path.extend(shown.path.first().copied());
            prop_assert_eq!(is_shown(&id, size, leaf, &wrong), shown.path.is_empty());
            let mut wrong = shown;
            if wrong.path.pop().is_some() {
                prop_assert!(!is_shown(&id, size, leaf, &wrong));
            }
        }
        prop_assert_eq!(show(&bytes, count), None);
    }
}

#[test]
fn a_peer_that_kept_the_hashes_alone_cannot_answer() {
    let bytes = noise(3, 5 * LEAF + 9);
    let (id, size) = (ShardId::of(&bytes), bytes.len() as u64);
    let honest = show(&bytes, 4).unwrap();
    for leaf in [Vec::new(), alloc::vec![0; LEAF], honest.leaf[..LEAF - 1].to_vec()] {
        assert!(!is_shown(&id, size, 4, &Shown { leaf, path: honest.path.clone() }));
    }
}

#[test]
fn a_node_passes_for_no_leaf() {
    // The bytes of two hashes, as a leaf one level up.
    let bytes = noise(3, 2 * LEAF);
    let leaves: Vec<u8> =
        (0..2).flat_map(|leaf| show(&bytes, leaf).unwrap().path).fold(Vec::new(), |mut all, beside| {
            all.extend_from_slice(minicbor::Decoder::new(&allod_wire::encode(&beside)).bytes().unwrap());
            all
        });
    assert_eq!(leaves.len(), 64);
    assert_ne!(ShardId::of(&leaves), ShardId::of(&bytes));
}

#[test]
fn the_ids_of_shards_are_frozen() {
    let hex = |size| alloc::format!("{}", ShardId::of(&noise(1, size)));
    assert_eq!(
        [hex(0), hex(1024), hex(5000)],
        [
            "f2f70d68d92512d6f5fdff3bd15132be74f8f7005ebc72cd215611e52146fa53",
            "c0e0b65329b3cb44477f4dd0d75273f035b585246fe465388e7775d7b0d3dcd4",
            "6e0130316c08b223582f2bab01b576ab7dfd1fff2470472dc9418a255253fae1",
        ]
    );
}
