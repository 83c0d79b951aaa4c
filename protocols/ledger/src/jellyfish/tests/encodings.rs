//! Stored and sent bytes: frozen, and refused where they are not canonical.

use allod_crypto::hash::blake3;
use allod_wire::{Wire, decode, encode};
use data_encoding::HEXLOWER;

use super::*;
use crate::jellyfish::node::Child;

/// A few versions of a tree with deep and shallow nodes.
fn sample() -> Store {
    let (mut store, _) = Store::of(1, (0..60).map(leaf));
    let deep = (0..8).map(|bit| (turned(0x5A, &[31 * bit + 3]), Some(ValueHash([bit as u8; 32]))));
    store.update(Some(1), 1_000, &deep.collect());
    store.update(Some(1_000), 1 << 40, &(0..20).map(|number| (leaf(number).key, None)).collect());
    store
}

#[test]
fn stored_bytes_keep_their_frozen_form() {
    let store = sample();
    let mut all = Vec::new();
    for (key, node) in &store.nodes {
        all.extend(key.to_bytes());
        all.extend(encode(node));
    }
    store.stale.iter().for_each(|stale| all.extend(stale.to_bytes()));
    assert_eq!(
        HEXLOWER.encode(&blake3(&all)),
        "2f70707e85d6e2ace254e1431f6ca8b01a3995e1962a964a302fa0332bb56dbc"
    );
}

#[test]
fn sent_bytes_keep_their_frozen_form() {
    let store = sample();
    let mut all = encode(&root(&store, 1 << 40).unwrap());
    for number in 0..80 {
        all.extend(encode(&leaf(number)));
        all.extend(encode(&prove(&store, 1 << 40, &leaf(number).key).unwrap()));
    }
    assert_eq!(
        HEXLOWER.encode(&blake3(&all)),
        "07fa6c23f22fca79b215915ab8ddf3f185bcb51093fa655b10961c121cf3c9f0"
    );
}

#[test]
fn nodes_and_keys_come_back() {
    let store = sample();
    assert!(store.nodes.keys().any(|key| key.path.nibbles() % 2 == 1));
    for (key, node) in &store.nodes {
        assert_eq!(NodeKey::from_bytes(&key.to_bytes()), Some(*key));
        assert_eq!(decode(&encode(node)), Ok(node.clone()));
    }
    for stale in &store.stale {
        assert_eq!(Stale::from_bytes(&stale.to_bytes()), Some(*stale));
    }
}

#[test]
fn bytes_of_keys_compare_as_keys_do() {
    let store = sample();
    assert!(store.nodes.keys().map(NodeKey::to_bytes).is_sorted());
    assert!(store.stale.iter().map(Stale::to_bytes).is_sorted());
}

#[test]
fn other_bytes_are_no_key() {
    let key = NodeKey { version: 3, path: NibblePath::of(&leaf(0).key, 5) };
    let bytes = key.to_bytes();
    assert_eq!(bytes.len(), 8 + 1 + 3);
    for cut in 0..bytes.len() {
        assert_eq!(NodeKey::from_bytes(&bytes[..cut]), None);
    }
    let with = |place: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[place] = byte;
        NodeKey::from_bytes(&bytes)
    };
    assert_eq!(with(11, bytes[11] | 1), None, "a half byte that is not used");
    assert_eq!(with(8, 4), None, "fewer nibbles than bytes have");
    assert!(with(8, 6).is_some());
    assert_eq!(NodeKey::from_bytes(&[&bytes[..], &[0]].concat()), None, "a byte too many");
    let deepest = NodeKey { version: 3, path: NibblePath::of(&leaf(0).key, 63) };
    assert_eq!(deepest.to_bytes().len(), NodeKey::SIZE_MAX);
    assert_eq!(NodeKey::from_bytes(&deepest.to_bytes()), Some(deepest));
    for nibbles in [64, 255] {
        let bytes = [&[0; 8][..], &[nibbles], &[0; 255][..usize::from(nibbles).div_ceil(2)]].concat();
        assert_eq!(NodeKey::from_bytes(&bytes), None, "{nibbles} nibbles");
    }
    assert_eq!(Stale::from_bytes(&[0; 7]), None);
}

#[test]
fn the_fullest_node_has_the_largest_size() {
    let mut node = Node::default();
    for nibble in 0..16 {
        node.set(nibble, Some(Child::Leaf(leaf(nibble.into()))));
    }
    assert_eq!(encode(&node).len(), Node::SIZE_MAX);
    for nibble in 0..16 {
        node.set(nibble, Some(Child::Node { version: u64::MAX, hash: [5; 32] }));
    }
    assert!(encode(&node).len() < Node::SIZE_MAX);
    assert_eq!(decode(&encode(&node)), Ok(node));
    assert_eq!(encode(&leaf(0)).len(), Leaf::SIZE_MAX);
    assert_eq!(encode(&Root::EMPTY).len(), Root::SIZE_MAX);
}

#[test]
fn a_node_in_any_other_form_is_refused() {
    let one = &encode(&leaf(0))[..];
    let good = [&[0xA2, 0x03][..], one, &[0x0F], one].concat();
    assert!(decode::<Node>(&good).is_ok());
    for bad in [
        [&[0xA2, 0x0F][..], one, &[0x03], one].concat(),
        [&[0xA2, 0x03][..], one, &[0x03], one].concat(),
        [&[0xA1, 0x10][..], one].concat(),
        [&[0xA1, 0x18, 0x03][..], one].concat(),
        [&[0xBF, 0x03][..], one, &[0xFF]].concat(),
        [&[0xA1, 0x03][..], &[0x83], &one[1..], &[0]].concat(),
        [&[0xA1, 0x03][..], &one[..one.len() - 1]].concat(),
        [&[0xA1, 0x03, 0x82, 0x05, 0x58, 0x1F][..], &[0; 31]].concat(),
        [&[0xA1, 0x03, 0x81, 0x05][..]].concat(),
        [&[0xA1, 0x03, 0xF6][..]].concat(),
        [&[0xB1][..]].concat(),
        [&[0x80][..]].concat(),
    ] {
        assert!(decode::<Node>(&bad).is_err(), "{bad:x?}");
    }
}

proptest! {
    #[test]
    fn whatever_decodes_as_a_node_encodes_to_the_same_bytes(
        place in any::<proptest::sample::Index>(),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 0u8..8), 0..3),
    ) {
        let store = sample();
        let nodes: Vec<&Node> = store.nodes.values().collect();
        let mut bytes = encode(nodes[place.index(nodes.len())]);
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        if let Ok(node) = decode::<Node>(&bytes) {
            prop_assert_eq!(encode(&node), bytes);
        }
    }

    #[test]
    fn any_bytes_are_a_key_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Some(key) = NodeKey::from_bytes(&bytes) {
            prop_assert_eq!(key.to_bytes(), bytes);
        }
    }
}
