//! Reconciliation finds just the differences, in bounded messages.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use allod_crypto::hash::blake3;
use proptest::prelude::*;

use crate::bundle::{BundleId, Seconds};
use crate::encounter::{Answering, Asking, ReconcileError};

fn id(number: &u32) -> BundleId {
    BundleId(blake3(&number.to_le_bytes()))
}

/// Several were made in one second.
fn items(numbers: &BTreeSet<u32>) -> impl Iterator<Item = (Seconds, BundleId)> + '_ {
    numbers.iter().map(|number| (Seconds(number / 3 + 1), id(number)))
}

fn ids(numbers: BTreeSet<u32>) -> Vec<BundleId> {
    numbers.iter().map(id).collect::<BTreeSet<_>>().into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn exactly_the_differences_are_found(
        ours in prop::collection::btree_set(0..500_u32, 0..400),
        theirs in prop::collection::btree_set(0..500_u32, 0..400),
        mtu in prop::sample::select(&[230_usize, 5000, 1 << 20][..]),
    ) {
        let (mut asking, mut message) = Asking::new(items(&ours), mtu).unwrap();
        let mut answering = Answering::new(items(&theirs), mtu).unwrap();
        loop {
            let answer = answering.handle(&message).unwrap();
            prop_assert!(answer.len() <= mtu.clamp(4096, 65_536));
            match asking.handle(&answer).unwrap() {
                Some(next) => message = next,
                None => break,
            }
        }
        prop_assert_eq!(asking.differences(), (ids(&ours - &theirs), ids(&theirs - &ours)));
    }

    #[test]
    fn garbage_is_refused_or_answered_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let set: BTreeSet<u32> = (0..200).collect();
        let framed = [&[0x61][..], &bytes].concat();
        for message in [&bytes, &framed] {
            let mut answering = Answering::new(items(&set), 230).unwrap();
            let _ = answering.handle(message).map(|answer| assert!(answer.len() <= 4096));
            let (mut asking, _) = Asking::new(items(&set), 230).unwrap();
            let _ = asking.handle(message);
            let (have, need) = asking.differences();
            prop_assert!(have.len() <= 200 && need.len() <= bytes.len() / 32);
        }
    }
}

#[test]
fn a_message_that_is_too_long_is_refused_unread() {
    let mut answering = Answering::new(items(&BTreeSet::new()), 230).unwrap();
    assert_eq!(answering.handle(&[0x61; (64 << 10) + 1]), Err(ReconcileError::TooLong));
}
