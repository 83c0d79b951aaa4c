//! What two honest carriers do.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::home::*;
use crate::bundle::{Bundle, BundleId, Priority, Seconds, Terms};
use crate::carry::{Carried, Custody, Limits, Origin, Store, is_cover};
use crate::encounter::{Event, Input};
use crate::link::{Cost, Link};

const LINKS: [Link; 2] = [NARROW, LINK];

#[test]
fn a_message_comes_to_whom_it_is_for_and_is_dropped_where_it_was() {
    for link in LINKS {
        let mut homes = homes();
        let one = bundle(1, 213, Priority::Normal);
        homes[0].write(&one);
        homes[1].wants.insert(one.tag);
        let [gave, took] = meet(&mut homes, link);
        assert_eq!(homes[1].opened, [one.tag]);
        assert!(took.contains(&Event::Came(one.id())) && took.contains(&Event::Settled));
        // 64 copies, halved as both meet as many.
        assert!(gave.contains(&Event::Gave { id: one.id(), copies: 32, custody: false }));
        assert!(gave.contains(&Event::Delivered(token(1))) && gave.contains(&Event::Settled));
        assert!(homes.iter().all(|home| home.bytes.is_empty() && home.store.was_delivered(&one.tag)));
    }
}

#[test]
fn each_is_known_to_the_other_by_a_key_that_was_there() {
    let mut homes = homes();
    let peers = [homes[1].peer(), homes[0].peer()];
    let events = meet(&mut homes, LINK);
    for (events, peer) in events.iter().zip(peers) {
        assert_eq!(events[0], Event::Met { peer: Origin::Peer(peer), reach: 3 });
    }
}

#[test]
fn a_third_carries_from_one_who_never_meets_the_other() {
    for link in LINKS {
        let [mut from, mut carrier, mut to] = [1, 2, 3].map(Home::new);
        let all: Vec<_> = (0..40).map(|number| bundle(number, 213, Priority::Normal)).collect();
        for one in &all {
            from.write(one);
            to.wants.insert(one.tag);
        }
        let mut pair = [from, carrier];
        meet(&mut pair, link);
        [from, carrier] = pair;
        assert_eq!(carrier.store.size().0, 40);
        let mut pair = [carrier, to];
        meet(&mut pair, link);
        [carrier, to] = pair;
        assert_eq!(to.opened.len(), 40);
        assert_eq!((carrier.store.size().0, carrier.bytes.len()), (0, 0));
        // The carrier tells who still has it.
        let mut pair = [carrier, from];
        let [_, events] = meet(&mut pair, link);
        assert_eq!(events.iter().filter(|event| matches!(event, Event::Delivered(_))).count(), 40);
        assert_eq!(pair[1].store.size().0, 0);
    }
}

#[test]
fn whoever_has_no_copies_to_give_is_asked_for_covers_alone() {
    let mut homes = homes();
    let spent = |number| {
        let one = bundle(number, 50, Priority::Normal);
        Bundle { terms: Terms { copies: 1, ..one.terms }, ..one }
    };
    let all: Vec<_> = (0..400).map(spent).collect();
    all.iter().for_each(|one| {
        homes[0].write(one);
    });
    meet(&mut homes, LINK);
    let covers: BTreeSet<BundleId> =
        all.iter().map(Bundle::id).filter(|id| is_cover(&homes[1].cover, id)).collect();
    assert_eq!(homes[1].ids(), covers);
    assert!(!covers.is_empty() && covers.len() < 40);
    assert!(homes[1].store.iter().all(|(_, carried)| carried.terms.copies == 0));
    assert!(homes[0].store.iter().all(|(_, carried)| carried.terms.copies == 1));
}

#[test]
fn parts_of_files_wait_where_bytes_cost_something() {
    for cost in [Cost::Metered, Cost::Airtime] {
        let mut homes = homes();
        let bulk = bundle(1, 5000, Priority::Bulk);
        homes[0].write(&bulk);
        homes[0].write(&bundle(2, 213, Priority::Normal));
        homes[1].wants.insert(bulk.tag);
        let events = meet(&mut homes, Link { cost, ..NARROW });
        assert!(events.iter().all(|events| events.contains(&Event::Settled)));
        assert_eq!(homes[1].ids(), BTreeSet::from([bundle(2, 213, Priority::Normal).id()]));
        meet(&mut homes, NARROW);
        assert_eq!(homes[1].opened, [bulk.tag]);
    }
}

#[test]
fn custody_is_passed_to_a_friend_and_not_to_a_stranger() {
    for (days, custody) in [(1, false), (2, true)] {
        let mut homes = homes();
        homes.iter_mut().for_each(|home| home.days = days);
        let one = bundle(1, 213, Priority::Normal);
        let one = Bundle { terms: Terms { custody: true, ..one.terms }, ..one };
        homes[0].write(&one);
        meet(&mut homes, LINK);
        let [gave, took] = homes.each_ref().map(|home| *home.store.get(&one.id()).unwrap());
        let expected =
            if custody { [Custody::Passed, Custody::Held] } else { [Custody::Held, Custody::None] };
        assert_eq!([gave.custody, took.custody], expected);
        assert_eq!((gave.given, gave.terms.copies, took.terms.copies), (1, 32, 32));
        // What the shell has kept says the same.
        for home in &homes {
            let kept = home.bytes[&one.id()].1;
            assert_eq!(Some(&kept), home.store.get(&one.id()));
            assert_eq!(Carried::decode(&kept.encode()), Some(kept));
        }
    }
}

#[test]
fn what_is_new_is_shown_at_once_while_a_contact_lasts() {
    let mut homes = homes();
    let mut contact = Contact::new(&mut homes, LINK);
    contact.run(&mut homes);
    let before = contact.log.len();
    let one = bundle(7, 213, Priority::Normal);
    homes[1].wants.insert(one.tag);
    let id = homes[0].write(&one);
    homes[0].handle(&mut contact.ends[0], Input::New(id)).unwrap();
    contact.drive(&mut homes, 0);
    contact.run(&mut homes);
    assert_eq!(homes[1].opened, [one.tag]);
    // Shown, asked for, given, kept, and its token.
    assert_eq!(contact.log.len() - before, 5);
    assert_eq!(homes[0].store.size().0, 0);
}

#[test]
fn what_was_declined_is_asked_for_once_it_is_wanted_hidden_among_others() {
    let mut homes = homes();
    let spent = |number| {
        let one = bundle(number, 50, Priority::Normal);
        Bundle { terms: Terms { copies: 1, ..one.terms }, ..one }
    };
    let all: Vec<_> = (0..200).map(spent).collect();
    all.iter().for_each(|one| {
        homes[0].write(one);
    });
    let mut contact = Contact::new(&mut homes, LINK);
    contact.run(&mut homes);
    let before = homes[1].ids();
    let late = all.iter().find(|one| !before.contains(&one.id())).unwrap();
    // Opening something else lets it be expected.
    homes[1].wants.insert(late.tag);
    homes[1].handle(&mut contact.ends[1], Input::Wanted).unwrap();
    contact.drive(&mut homes, 1);
    contact.run(&mut homes);
    assert_eq!(homes[1].opened, [late.tag]);
    assert_eq!(homes[1].ids().difference(&before).count(), 3, "and three that are not");
    // There is nothing more to ask for.
    homes[1].handle(&mut contact.ends[1], Input::Wanted).unwrap();
    let (frames, _) = homes[1].drive(&mut contact.ends[1]);
    assert!(frames.is_empty());
}

#[test]
fn what_is_urgent_overtakes_what_was_asked_for_before() {
    let mut homes = homes();
    for number in 0..100 {
        homes[0].write(&bundle(number, 20_000, Priority::Bulk));
    }
    let mut contact = Contact::new(&mut homes, Link { mtu: 1000, ..LINK });
    while homes[1].store.size().0 < 5 {
        assert!(contact.step(&mut homes, 0) | contact.step(&mut homes, 1));
    }
    let urgent = bundle(1000, 213, Priority::Urgent);
    homes[1].wants.insert(urgent.tag);
    let id = homes[0].write(&urgent);
    homes[0].handle(&mut contact.ends[0], Input::New(id)).unwrap();
    contact.drive(&mut homes, 0);
    while homes[1].opened.is_empty() {
        assert!(contact.step(&mut homes, 0) | contact.step(&mut homes, 1));
    }
    assert!(homes[1].store.size().0 < 20, "{}", homes[1].store.size().0);
    contact.run(&mut homes);
    assert_eq!(homes[1].store.size().0, 100);
}

#[test]
fn a_contact_that_breaks_at_any_frame_is_resumed_by_the_next() {
    let prepare = || {
        let mut homes = homes();
        let large = bundle(1, 9000, Priority::Normal);
        homes[0].write(&large);
        homes[1].write(&bundle(2, 213, Priority::Normal));
        homes[0].write(&bundle(3, 213, Priority::Urgent));
        homes[1].wants.extend([large.tag, token(3).tag()]);
        homes[0].wants.insert(token(2).tag());
        homes
    };
    let mut whole = prepare();
    let mut contact = Contact::new(&mut whole, NARROW);
    contact.run(&mut whole);
    let frames = contact.log.len();
    assert!(frames > 45, "{frames}");
    for broken in 0..frames {
        let mut homes = prepare();
        let mut contact = Contact::new(&mut homes, NARROW);
        let mut left = broken;
        while left > 0 && (contact.step(&mut homes, 0) || contact.step(&mut homes, 1)) {
            left -= 1;
        }
        contact.end(&mut homes);
        let came: usize = homes[1].store.iter().map(|(_, one)| one.size as usize).sum();
        let mut contact = Contact::new(&mut homes, NARROW);
        contact.run(&mut homes);
        let again: usize =
            contact.log.iter().filter(|(from, _)| *from == 0).map(|(_, frame)| frame.len()).sum();
        assert!(again < 9000 + 2500 - came.min(9000), "{again} after {came}");
        contact.end(&mut homes);
        assert_eq!(homes.each_ref().map(|home| home.opened.len()), [1, 2], "broken after {broken}");
        assert!(homes.iter().all(|home| home.bytes.is_empty() && home.store.size().0 == 0));
    }
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let mut homes = homes();
    let one = bundle(1, 213, Priority::Normal);
    homes[0].write(&one);
    let mut contact = Contact::new(&mut homes, LINK);
    // The bundle comes to the second device, whose disk does nothing.
    let keep = loop {
        contact.step(&mut homes, 0);
        let Some(frame) = contact.ways[1].pop_front() else { continue };
        homes[1].handle(&mut contact.ends[1], Input::Frame(frame)).unwrap();
        let mut keep = None;
        while let Some(output) = contact.ends[1].poll() {
            match output {
                crate::encounter::Output::Send(frame) => contact.ways[0].push_back(frame),
                crate::encounter::Output::Keep(bundle, _) => keep = Some(bundle),
                _ => {}
            }
        }
        if let Some(bundle) = keep {
            break bundle;
        }
    };
    while contact.step(&mut homes, 0) {}
    assert_eq!(homes[0].store.get(&one.id()).unwrap().given, 0);
    // It could not be kept: no copies are gone.
    homes[1].handle(&mut contact.ends[1], Input::NotKept(keep.id())).unwrap();
    contact.drive(&mut homes, 1);
    contact.run(&mut homes);
    let carried = homes[0].store.get(&one.id()).unwrap();
    assert_eq!((carried.given, carried.terms.copies), (0, 64));
    assert_eq!(homes[1].store.size().0, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_interleaving_ends_in_the_same_sets(
        ours in prop::collection::btree_set(0_u64..60, 0..40),
        theirs in prop::collection::btree_set(0_u64..60, 0..40),
        wanted in prop::collection::btree_set(0_u64..60, 0..20),
        steps in prop::collection::vec(0_usize..3, 0..400),
        is_narrow in any::<bool>(),
        news in prop::collection::vec((0_usize..2, 60_u64..70), 0..6),
    ) {
        let mut homes = homes();
        for (home, numbers) in homes.iter_mut().zip([&ours, &theirs]) {
            numbers.iter().for_each(|number| { home.write(&bundle(*number, 300, Priority::Normal)); });
        }
        // The second is the recipient of some that it has not written.
        let wanted: BTreeSet<u64> = wanted.difference(&theirs).copied().collect();
        homes[1].wants = wanted.iter().map(|number| token(*number).tag()).collect();
        let mut contact = Contact::new(&mut homes, if is_narrow { NARROW } else { LINK });
        let mut news = news.into_iter();
        let mut written = BTreeSet::new();
        for step in steps {
            if step < 2 {
                contact.step(&mut homes, step);
            } else if let Some((at, number)) = news.next()
                && written.insert(number)
            {
                let id = homes[at].write(&bundle(number, 100, Priority::Normal));
                homes[at].handle(&mut contact.ends[at], Input::New(id)).unwrap();
                contact.drive(&mut homes, at);
            }
        }
        contact.run(&mut homes);
        let events = contact.end(&mut homes);
        prop_assert!(events.iter().all(|events| events.contains(&Event::Settled)));
        let opened: BTreeSet<u64> = wanted.intersection(&ours).copied().collect();
        prop_assert_eq!(homes[1].opened.len(), opened.len());
        let left = ours.union(&theirs).chain(&written).copied().filter(|number| !opened.contains(number));
        let left: BTreeSet<u64> = left.collect();
        for home in &homes {
            let tags: BTreeSet<_> = home.store.iter().map(|(_, one)| one.tag).collect();
            prop_assert_eq!(tags, left.iter().map(|number| token(*number).tag()).collect());
            prop_assert!(home.bytes.keys().eq(home.ids().iter()));
        }
    }
}

#[test]
fn of_more_than_is_shown_in_an_hour_the_rest_waits_and_breaks_nothing() {
    let mut homes = homes();
    homes.iter_mut().for_each(|home| {
        home.store = Store::new(Limits { bytes: 1 << 30, count: 1 << 20, stranger: 1, friend: 1 });
    });
    for number in 0..66_000_u64 {
        let one = bundle(number, 1, Priority::Normal);
        let terms =
            Terms { copies: 1, created: Seconds(one.terms.created.0 - (number >> 16) as u32), ..one.terms };
        homes[0].write(&Bundle { terms, ..one });
    }
    let mut contact = Contact::new(&mut homes, LINK);
    contact.run(&mut homes);
    let shown = homes[1].store.size().0 * 32;
    assert!((50_000..70_000).contains(&shown), "{shown}");
    assert!(!contact.events[0].contains(&Event::Settled));
    contact.end(&mut homes);
}
