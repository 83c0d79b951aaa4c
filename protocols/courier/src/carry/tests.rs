//! Tests: what a store takes, keeps and drops, and how copies are divided.

use alloc::vec;
use alloc::vec::Vec;

use allod_wire::Instant;
use proptest::prelude::*;

use super::*;
use crate::bundle::{Bundle, Lifetime, Priority, Seconds, Terms};
use crate::ratchet::Token;

const NOW: Instant = Instant(1_800_000_000_000);
const LIMITS: Limits = Limits { bytes: 10_000, count: 20, stranger: 10, friend: 2 };

fn token(number: u64) -> Token {
    let mut token = [0; 16];
    token[..8].copy_from_slice(&number.to_le_bytes());
    Token(token)
}

fn bundle(number: u64, size: usize, priority: Priority) -> Bundle {
    let terms = Terms {
        created: Seconds::at(NOW),
        sequence: 0,
        lifetime: Lifetime::MESSAGE,
        priority,
        copies: COPIES,
        custody: false,
    };
    Bundle::new(&[&token(number).tag().0[..], &vec![number as u8; size]].concat(), terms).unwrap()
}

fn from(peer: u8) -> Origin {
    Origin::Peer(PeerId([peer; 32]))
}

#[test]
fn what_is_worth_less_gives_way_and_what_is_ones_own_stays() {
    let mut store = Store::new(LIMITS);
    let own = bundle(0, 4000, Priority::Bulk);
    store.take(&own, Origin::Own, 0, NOW).unwrap();
    let bulk: Vec<_> = (1..7).map(|number| bundle(number, 1000, Priority::Bulk)).collect();
    for (peer, bundle) in bulk.iter().enumerate() {
        store.take(bundle, from(peer as u8), 1, NOW).unwrap();
    }
    assert_eq!(store.size(), (7, 10_000));
    // As large as what there is, and worth less than all of it.
    let older =
        Terms { created: Seconds::at(Instant(NOW.0 - 60_000)), ..bundle(8, 900, Priority::Bulk).terms };
    let older = Bundle { terms: older, ..bundle(8, 900, Priority::Bulk) };
    assert_eq!(store.take(&older, from(9), 1, NOW), Err(Refused::NoRoom));
    let urgent = bundle(9, 1000, Priority::Urgent);
    let dropped = store.take(&urgent, from(9), 1, NOW).unwrap().dropped;
    assert_eq!(dropped.len(), 1);
    assert!(bulk.iter().any(|bundle| bundle.id() == dropped[0]));
    // Nothing that others bring makes room at the cost of one's own.
    let huge = bundle(10, 6500, Priority::Urgent);
    assert_eq!(store.take(&huge, from(8), 100, NOW), Err(Refused::OverQuota));
    assert!(store.get(&own.id()).is_some());
}

#[test]
fn somebody_fills_what_they_may_and_no_more() {
    let mut store = Store::new(LIMITS);
    assert_eq!([0, 1, 3, 5, 1000].map(|days| store.quota(days)), [1000, 1000, 3000, 5000, 5000]);
    store.take(&bundle(1, 900, Priority::Normal), from(1), 1, NOW).unwrap();
    let more = bundle(2, 200, Priority::Urgent);
    assert_eq!(store.take(&more, from(1), 1, NOW), Err(Refused::OverQuota));
    store.take(&more, from(2), 1, NOW).unwrap();
    // What is gone counts no more.
    store.remove(&bundle(1, 900, Priority::Normal).id()).unwrap();
    store.take(&bundle(3, 900, Priority::Normal), from(1), 1, NOW).unwrap();
}

#[test]
fn what_was_delivered_is_dropped_and_not_taken_again() {
    let mut store = Store::new(LIMITS);
    let one = bundle(1, 100, Priority::Normal);
    store.take(&one, from(1), 1, NOW).unwrap();
    // Of something else, or made up: a token is only good for its own tag.
    assert!(store.deliver(token(2), NOW, NOW).is_empty());
    assert_eq!(store.deliver(token(1), NOW, NOW), [one.id()]);
    assert_eq!(store.take(&one, from(1), 1, NOW), Err(Refused::Delivered));
    assert!(store.was_delivered(&one.tag));
    // It is remembered for as long as the bundle lives, whatever somebody says.
    let end = one.terms.expires();
    store.expire(end);
    assert!(store.was_delivered(&one.tag));
    store.expire(Instant(end.0 + 1));
    assert!(!store.was_delivered(&one.tag));
}

#[test]
fn what_has_expired_or_comes_from_the_future_is_refused_by_name() {
    let mut store = Store::new(LIMITS);
    let one = bundle(1, 100, Priority::Normal);
    let end = one.terms.expires();
    let take = |store: &mut Store, now: u64| store.take(&one, from(1), 1, Instant(now)).map(|_| ());
    assert_eq!(take(&mut store, end.0 + 1), Err(Refused::Expired));
    assert_eq!(take(&mut store, NOW.0 - 25 * 3_600_000), Err(Refused::Ahead));
    assert_eq!(take(&mut store, NOW.0), Ok(()));
    assert_eq!(take(&mut store, NOW.0), Err(Refused::Known));
    assert!(store.expire(end).is_empty());
    assert_eq!(store.expire(Instant(end.0 + 1)), [one.id()]);
    assert_eq!(store.size(), (0, 0));
}

#[test]
fn tokens_of_strangers_are_bounded() {
    let mut store = Store::new(LIMITS);
    for number in 0..TOMBSTONES_MAX as u64 + 10 {
        store.deliver(token(number), Instant(u64::MAX), NOW);
    }
    assert_eq!(store.delivered().count(), TOMBSTONES_MAX);
    // What is carried here is dropped all the same.
    let one = bundle(1 << 40, 100, Priority::Normal);
    store.take(&one, from(1), 1, NOW).unwrap();
    assert_eq!(store.deliver(token(1 << 40), NOW, NOW), [one.id()]);
}

#[test]
fn what_is_urgent_goes_first_and_then_what_expires_first() {
    let mut store = Store::new(LIMITS);
    let soon = Terms { lifetime: Lifetime::at_least(60), ..bundle(1, 10, Priority::Normal).terms };
    let order = [
        bundle(1, 10, Priority::Urgent),
        Bundle { terms: soon, ..bundle(2, 10, Priority::Normal) },
        bundle(3, 10, Priority::Normal),
        bundle(4, 10, Priority::Bulk),
    ];
    order.iter().rev().for_each(|bundle| drop(store.take(bundle, Origin::Own, 0, NOW).unwrap()));
    let ids: Vec<_> = store.in_order().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, order.map(|bundle| bundle.id()));
}

#[test]
fn urgent_bundles_that_are_small_are_copied_to_everybody() {
    let urgent = bundle(1, 10, Priority::Urgent).terms;
    assert_eq!(giving(&urgent, EPIDEMIC_MAX, 5, 5), Giving::Copies(COPIES, COPIES));
    assert_eq!(giving(&urgent, EPIDEMIC_MAX + 1, 5, 5), Giving::Copies(32, 32));
}

proptest! {
    #[test]
    fn copies_are_never_made_or_lost(copies in 0_u8..255, here in any::<u32>(), there in any::<u32>()) {
        let terms = Terms { copies, ..bundle(1, 10, Priority::Normal).terms };
        match giving(&terms, 10, here, there) {
            Giving::Nothing => prop_assert!(copies < 2),
            Giving::Copies(given, kept) => {
                prop_assert_eq!(given + kept, copies);
                prop_assert!(given > 0);
                // Whoever boasts gets no more than three parts of four.
                prop_assert!(kept >= copies / 4 || copies == 1);
            }
        }
    }

    #[test]
    fn a_store_keeps_its_limits_and_its_books(
        steps in prop::collection::vec((0_u64..40, 1_usize..3000, 0_u8..3, 0_u8..4, 0_u8..10), 1..150),
    ) {
        let mut store = Store::new(LIMITS);
        for (number, size, priority, peer, what) in steps {
            let one = bundle(number, size, Priority::from_code(priority).unwrap());
            match what {
                0 => drop(store.deliver(token(number), NOW, NOW)),
                1 => store.set_copies(&one.id(), 1),
                _ => {
                    let origin = if peer == 0 { Origin::Own } else { from(peer) };
                    let _ = store.take(&one, origin, 3, NOW);
                }
            }
            let all = store.in_order();
            let bytes: u64 = all.iter().map(|(_, carried)| u64::from(carried.size)).sum();
            prop_assert_eq!(store.size(), (all.len(), bytes));
            prop_assert!(bytes <= LIMITS.bytes && all.len() <= LIMITS.count);
            for peer in 1..4 {
                let of = all.iter().filter(|(_, carried)| carried.origin == from(peer));
                prop_assert!(of.map(|(_, carried)| u64::from(carried.size)).sum::<u64>() <= store.quota(3));
            }
            for (id, carried) in all {
                prop_assert!(store.with_tag(&carried.tag).contains(&id));
                prop_assert!(!store.was_delivered(&carried.tag));
            }
        }
    }
}
