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

/// A bundle whose source makes it out to be worth more than any.
fn boastful(number: u64, size: usize) -> Bundle {
    let one = bundle(number, size, Priority::Urgent);
    Bundle {
        terms: Terms { custody: true, created: Seconds::at(Instant(NOW.0 + 3_600_000)), ..one.terms },
        ..one
    }
}

#[test]
fn whoever_uses_most_of_their_share_gives_way_first() {
    let mut store = Store::new(LIMITS);
    let own = bundle(0, 4000, Priority::Bulk);
    store.take(&own, Origin::Own, 0, NOW).unwrap();
    // Somebody who was met on two days fills three quarters of their share; one who was met on five, a fifth.
    store.take(&bundle(1, 750, Priority::Normal), from(1), 2, NOW).unwrap();
    let least = bundle(2, 750, Priority::Bulk);
    store.take(&least, from(1), 2, NOW).unwrap();
    for number in 3..7 {
        store.take(&bundle(number, 250, Priority::Bulk), from(2), 5, NOW).unwrap();
    }
    store.take(&bundle(7, 3000, Priority::Bulk), from(3), 10, NOW).unwrap();
    // Now 500 bytes are left. What is worth least among the first one's gives way, whatever others have.
    let took = store.take(&bundle(8, 600, Priority::Bulk), from(4), 5, NOW).unwrap();
    assert_eq!(took.dropped, [least.id()]);
    // Nothing that others bring makes room at the cost of one's own, and one's own takes all there is.
    assert_eq!(store.take(&boastful(9, 6500), from(8), 100, NOW), Err(Refused::OverQuota));
    store.take(&bundle(10, 6000, Priority::Bulk), Origin::Own, 0, NOW).unwrap();
    assert_eq!(store.size(), (2, 10_000));
    assert_eq!(store.take(&bundle(11, 1, Priority::Bulk), Origin::Own, 0, NOW), Err(Refused::NoRoom));
    // What one writes, and what is for oneself, is taken although parts of files fill everything.
    store.take(&bundle(12, 1, Priority::Normal), Origin::Own, 0, NOW).unwrap();
    store.want(&bundle(13, 1, Priority::Bulk), from(9), NOW).unwrap();
    assert_eq!(store.take(&bundle(14, 1, Priority::Urgent), from(2), 5, NOW), Err(Refused::NoRoom));
    assert!(store.get(&own.id()).is_some());
    assert_eq!(store.counts(), Counts { over_quota: 1, no_room: 2, gave_way: 8, ..Counts::default() });
}

#[test]
fn strangers_cannot_push_out_what_friends_brought_however_many_they_are() {
    let mut store = Store::new(LIMITS);
    let friends: Vec<_> = (0..5).map(|number| bundle(number, 1000, Priority::Bulk)).collect();
    friends.iter().for_each(|one| drop(store.take(one, from(1), 30, NOW)));
    store.take(&bundle(5, 4000, Priority::Bulk), Origin::Own, 0, NOW).unwrap();
    // Each has another key, and says that theirs is worth more than any.
    for number in 10..200 {
        let origin = if number % 3 == 0 { Origin::Unknown } else { from(number as u8) };
        let _ = store.take(&boastful(number, 90), origin, 1, NOW);
    }
    assert!(friends.iter().all(|one| store.get(&one.id()).is_some()));
    // Together they have no more than one of them alone may have: two bundles by their count.
    assert_eq!(store.size().0, 6 + 2);
}

#[test]
fn somebody_fills_what_they_may_and_no_more() {
    let mut store = Store::new(LIMITS);
    let quotas = [0, 1, 3, 5, 1000].map(|days| store.quota(days));
    assert_eq!(quotas.map(|room| room.bytes), [1000, 1000, 3000, 5000, 5000]);
    assert_eq!(quotas.map(|room| room.count), [2, 2, 6, 10, 10]);
    store.take(&bundle(1, 900, Priority::Normal), from(1), 1, NOW).unwrap();
    // Another stranger, who has less: what the first one brought gives way.
    let more = bundle(2, 200, Priority::Bulk);
    assert_eq!(store.take(&more, from(2), 1, NOW).unwrap().dropped, [bundle(1, 900, Priority::Normal).id()]);
    // Whoever brings too much makes nobody give way but themselves.
    assert_eq!(store.take(&boastful(3, 900), from(1), 1, NOW), Err(Refused::OverQuota));
    // Within one's own, what is worth more stays.
    let urgent = bundle(4, 900, Priority::Urgent);
    assert_eq!(store.take(&urgent, from(2), 1, NOW).unwrap().dropped, [more.id()]);
    // Whoever was met again has a share of their own.
    store.meet(&PeerId([2; 32]), 2);
    store.take(&bundle(5, 900, Priority::Normal), from(1), 1, NOW).unwrap();
    // What is gone counts no more.
    store.remove(&bundle(5, 900, Priority::Normal).id()).unwrap();
    store.take(&bundle(6, 900, Priority::Normal), from(1), 1, NOW).unwrap();
}

#[test]
fn what_is_for_oneself_never_gives_way_and_is_bounded() {
    let mut store = Store::new(LIMITS);
    let wanted = bundle(1, 5000, Priority::Bulk);
    store.want(&wanted, from(1), NOW).unwrap();
    for number in 2..50 {
        let _ = store.take(&boastful(number, 900), from(number as u8), 9, NOW);
    }
    assert!(store.get(&wanted.id()).is_some_and(|carried| carried.is_wanted));
    // Others who have seen the tag make up some of the same.
    let mut roomy = Store::new(Limits { bytes: 1 << 30, count: 10_000, ..LIMITS });
    let made_up = (0..300).map(|sequence| {
        let one = bundle(1, 10, Priority::Bulk);
        Bundle { terms: Terms { sequence, ..one.terms }, ..one }
    });
    let refused = made_up.filter(|one| roomy.want(one, from(1), NOW) == Err(Refused::OverQuota)).count();
    assert_eq!(refused, 44);
}

#[test]
fn a_store_is_made_again_from_what_was_kept_of_each_bundle() {
    let mut store = Store::new(LIMITS);
    let origins = [Origin::Own, from(1), Origin::Unknown];
    for (number, origin) in origins.into_iter().enumerate() {
        store.take(&bundle(number as u64, 300, Priority::Normal), origin, 3, NOW).unwrap();
    }
    store.want(&bundle(3, 10, Priority::Normal), from(1), NOW).unwrap();
    store.gave(&bundle(1, 300, Priority::Normal).id(), 20, true).unwrap();
    store.tell(token(9), Instant(NOW.0 + 1), NOW);
    let mut again = Store::new(LIMITS);
    for (id, carried) in store.iter() {
        let kept = carried.encode();
        assert!(kept.len() == 40 || kept.len() == 72);
        assert_eq!(Carried::decode(&kept), Some(*carried));
        assert!((0..kept.len()).all(|end| Carried::decode(&kept[..end]).is_none_or(|_| end == 40)));
        again.restore(*id, Carried::decode(&kept).unwrap(), 3);
    }
    store.delivered().for_each(|(token, until)| again.restore_delivered(token, until));
    assert_eq!(again.in_order(), store.in_order());
    assert_eq!(again.size(), store.size());
    assert!(again.was_delivered(&token(9).tag()));
    let more = bundle(4, 2500, Priority::Normal);
    assert_eq!(again.take(&more, from(1), 3, NOW), store.take(&more, from(1), 3, NOW));
    assert_eq!(again.in_order(), store.in_order());
}

#[test]
fn what_was_delivered_is_dropped_and_not_taken_again() {
    let mut store = Store::new(LIMITS);
    let one = bundle(1, 100, Priority::Normal);
    store.take(&one, from(1), 1, NOW).unwrap();
    // Of something else, or made up: a token is only good for its own tag.
    assert!(store.deliver(token(2), NOW).is_empty());
    assert_eq!(store.deliver(token(1), NOW), [one.id()]);
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
fn tokens_that_are_made_up_are_not_remembered_and_ones_own_are_bounded() {
    let mut store = Store::new(LIMITS);
    for number in 0..1000 {
        assert!(store.deliver(token(number), NOW).is_empty());
    }
    assert_eq!(store.delivered().count(), 0);
    for number in 0..TOMBSTONES_MAX as u64 + 10 {
        store.tell(token(number), Instant(NOW.0 + number), NOW);
    }
    assert_eq!(store.delivered().count(), TOMBSTONES_MAX);
    // Those that would be forgotten first gave way.
    assert!(!store.was_delivered(&token(9).tag()) && store.was_delivered(&token(10).tag()));
    let one = bundle(1 << 40, 100, Priority::Normal);
    store.take(&one, from(1), 1, NOW).unwrap();
    assert_eq!(store.deliver(token(1 << 40), NOW), [one.id()]);
    assert_eq!(store.delivered().count(), TOMBSTONES_MAX);
    assert!(store.was_delivered(&one.tag));
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
                0 => drop(store.deliver(token(number), NOW)),
                1 => drop(store.set_copies(&one.id(), 1).map(|_| ())),
                _ => {
                    let origin = if peer == 0 { Origin::Own } else { from(peer) };
                    let _ = store.take(&one, origin, 3, NOW);
                }
            }
            let all = store.in_order();
            let bytes: u64 = all.iter().map(|(_, carried)| u64::from(carried.size)).sum();
            prop_assert_eq!(store.size(), (all.len(), bytes));
            let always = |carried: &Carried| {
                carried.origin == Origin::Own && carried.terms.priority != Priority::Bulk
            };
            let bounded = || all.iter().filter(|(_, carried)| !always(carried));
            prop_assert!(bounded().map(|(_, carried)| u64::from(carried.size)).sum::<u64>() <= LIMITS.bytes);
            prop_assert!(bounded().count() <= LIMITS.count);
            for peer in 1..4 {
                let of = all.iter().filter(|(_, carried)| carried.origin == from(peer));
                prop_assert!(of.clone().count() <= store.quota(3).count);
                prop_assert!(of.map(|(_, carried)| u64::from(carried.size)).sum::<u64>() <= store.quota(3).bytes);
            }
            for (id, carried) in all {
                prop_assert!(store.with_tag(&carried.tag).contains(&id));
                prop_assert!(!store.was_delivered(&carried.tag));
            }
        }
    }
}
