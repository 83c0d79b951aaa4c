//! Tests: a person's messages, where records or the bag fail in between, and where somebody mixes
//! in what is false.

use std::fs;

use allod_courier::bundle::{Bundle, Part, Priority, fragments};
use allod_courier::carry::Limits;
use allod_courier::messenger::{Body, News, Sending, Whom};
use allod_post::PostError;
use allod_post::desk::name_of;
use allod_post::parts::divide;
use allod_zstd::PureZstd;

use super::people::*;
use super::world::*;

#[test]
fn two_write_to_each_other_whole_and_in_pieces() {
    let [a, b] = acquainted();
    for (round, size_max) in [1 << 20, 100, 7].into_iter().enumerate() {
        a.write(&b, &format!("to b {round}")).unwrap();
        b.write(&a, &format!("to a {round}")).unwrap();
        carry([&a, &b], size_max);
        assert!(b.texts().contains(&format!("to b {round}")), "{size_max}");
        assert!(a.texts().contains(&format!("to a {round}")), "{size_max}");
    }
    assert!(a.delivered() >= 3 && b.delivered() >= 3);
    // Nothing that was opened is still there.
    assert_eq!((a.in_bag().1, b.in_bag().1), (0, 0));
}

#[test]
fn false_fragments_and_bundles_with_a_tag_of_ours_go_and_the_right_one_comes() {
    let [a, b] = acquainted();
    a.write(&b, "the right one").unwrap();
    let right = a.leaving().into_iter().find(|bundle| b.desk.wants(&bundle.tag)).unwrap();
    let false_one = |number: u8| {
        let mut payload = right.payload.clone();
        payload[3] ^= number;
        Bundle {
            payload,
            terms: allod_courier::bundle::Terms { sequence: number.into(), ..right.terms },
            ..right.clone()
        }
    };
    let pieces = |bundle: Bundle| fragments(bundle, 60).unwrap();
    let mut brought: Vec<Bundle> = (1..20).map(false_one).collect();
    brought.extend((20..30).flat_map(|number| pieces(false_one(number))));
    // A false piece of the right one, and then its right pieces.
    let lie = Bundle { part: Part { offset: 60, ..right.part }, payload: vec![9; 60], ..right.clone() };
    brought.push(Bundle { part: Part { total: right.part.total, ..lie.part }, ..lie });
    b.brought(&brought);
    let swept = b.sweep().unwrap();
    assert!(swept.news.is_empty());
    assert_eq!(swept.false_ones, 19);
    b.brought(&pieces(right));
    let swept = b.sweep().unwrap();
    assert!(matches!(&swept.news[..], [News::Came(_)]), "{swept:?}");
    assert_eq!(swept.signals.len(), 1);
    assert!(b.texts().contains(&"the right one".into()));
    assert_eq!(b.in_bag().1, 0, "nothing false stays");
    assert_eq!(b.desk.bag().with(|bag| bag.counts()).unwrap().forged, 19);
}

#[test]
fn several_who_answer_one_invitation_at_once_all_get_through() {
    let a = Person::new();
    let invitation = invitation(&a, true);
    let many = self::invitation(&a, false);
    let others: Vec<Person> = (0..4).map(|_| Person::new()).collect();
    for (number, other) in others.iter().enumerate() {
        accept(other, &many, &format!("from {number}"));
        a.brought(&other.leaving());
    }
    // Somebody has seen its tag.
    let forged: Vec<Bundle> = (0..20)
        .map(|number| {
            let message = [&many.id().tag().0[..], &[number; 300]].concat();
            Bundle::new(&message, others[0].leaving()[0].terms).unwrap()
        })
        .collect();
    a.brought(&forged);
    let swept = a.sweep().unwrap();
    let met = swept.news.iter().filter(|news| matches!(news, News::Met { .. })).count();
    assert_eq!((met, swept.false_ones), (4, 20), "{swept:?}");
    assert_eq!(a.in_bag().1, 0);
    // Of an invitation for one, whatever else has its tag goes with it.
    let one = Person::new();
    accept(&one, &invitation, "the one");
    let greeting = one.leaving().into_iter().find(|bundle| bundle.tag == invitation.id().tag()).unwrap();
    let pieces = fragments(greeting.clone(), 500).unwrap();
    a.brought(&pieces[1..3]);
    a.brought(&[greeting]);
    a.sweep().unwrap();
    assert_eq!(a.in_bag().1, 0);
}

#[test]
fn where_the_records_fail_nothing_changed() {
    let [a, b] = acquainted();
    let before = a.in_bag();
    a.plan(Plan::Fails);
    assert!(matches!(a.write(&b, "never"), Err(PostError::Records(_))));
    assert_eq!((a.in_bag(), a.texts()), (before, vec!["hello".to_owned()]));
    a.write(&b, "now").unwrap();
    carry([&a, &b], 1 << 20);
    assert_eq!(b.texts(), ["hello", "now"]);
    // What came stays in the bag until it can be kept.
    b.write(&a, "back").unwrap();
    a.brought(&b.leaving());
    a.plan(Plan::Fails);
    assert!(matches!(a.sweep(), Err(PostError::Records(_))));
    assert_eq!(a.in_bag().1, 1);
    let swept = a.sweep().unwrap();
    assert!(matches!(&swept.news[..], [News::Came(_)]));
    carry([&a, &b], 1 << 20);
    assert!(a.texts().contains(&"back".into()));
    assert_eq!(b.delivered(), 2);
}

/// There is something else in the place of the bag's folder for a while.
fn bag_away(person: &Person) -> (impl FnOnce() + Send + use<>, impl FnOnce() + use<>) {
    let (here, away) = (person.folder.path().join("bag/bundles"), person.folder.path().join("away"));
    let (from, to) = (here.clone(), away.clone());
    let goes = move || {
        fs::rename(&here, away).unwrap();
        fs::write(here, "no folder").unwrap();
    };
    let comes = move || {
        fs::remove_file(&from).unwrap();
        fs::rename(to, from).unwrap();
    };
    (goes, comes)
}

#[test]
fn what_is_written_leaves_later_where_the_bag_fails() {
    for is_ended in [false, true] {
        let [mut a, b] = acquainted();
        let (goes, comes) = bag_away(&a);
        a.plan(Plan::Then(Box::new(goes)));
        // So that the bag is looked at anew.
        a.restart();
        let written = a.write(&b, "late");
        assert!(matches!(written, Err(PostError::NotLeft(_))), "{written:?}");
        assert!(a.texts().contains(&"late".into()));
        comes();
        if is_ended {
            a.restart();
        }
        a.sweep().unwrap();
        carry([&a, &b], 1 << 20);
        assert_eq!(b.texts(), ["hello", "late"]);
        assert_eq!(a.delivered(), 1);
    }
}

#[test]
fn what_came_is_read_once_where_it_ends_before_the_bag_is_told() {
    let [a, mut b] = acquainted();
    a.write(&b, "once").unwrap();
    b.brought(&a.leaving());
    b.restart();
    let (goes, comes) = bag_away(&b);
    b.plan(Plan::Then(Box::new(goes)));
    let swept = b.sweep();
    assert!(swept.is_err() || swept.is_ok_and(|swept| swept.not_left.is_some()));
    comes();
    b.restart();
    assert_eq!(b.texts(), ["hello", "once"]);
    let swept = b.sweep().unwrap();
    assert!(swept.news.is_empty());
    assert_eq!(b.in_bag().1, 0, "it is not kept for ever");
    carry([&a, &b], 1 << 20);
    assert_eq!(a.delivered(), 1);
    assert_eq!(b.texts(), ["hello", "once"]);
}

#[test]
fn a_bag_without_room_for_ones_own_keeps_nobody_from_reading() {
    let a = Person::with(Limits { bytes: 40_000, count: 1000, stranger: 2, friend: 2 });
    let b = Person::new();
    accept(&b, &invitation(&a, true), "hello");
    carry([&a, &b], 1 << 20);
    for number in 0..12 {
        let body = Body::Text(format!("{number:02}{}", "x".repeat(6000)));
        let sending = Sending { priority: Priority::Bulk, ..Sending::default() };
        a.write_as(Whom::Person(b.did()), body, sending).unwrap();
    }
    assert!(a.in_bag().0 < 10, "{:?}", a.in_bag());
    // What is not bulk always has room.
    a.write(&b, "small").unwrap();
    b.write(&a, "can you read?").unwrap();
    a.brought(&b.leaving());
    assert_eq!(a.sweep().unwrap().news.len(), 1);
    // When there is room again, the rest leaves.
    for _ in 0..8 {
        b.brought(&a.leaving());
        b.sweep().unwrap();
        a.desk
            .bag()
            .with(|bag| {
                let ids: Vec<_> = bag.store().iter().map(|(id, _)| *id).collect();
                bag.erase(&ids)
            })
            .unwrap();
        a.sweep().unwrap();
    }
    assert_eq!(b.texts().len(), 1 + 12 + 1 + 1);
}

#[test]
fn a_file_comes_in_parts_among_false_ones() {
    let [a, b] = acquainted();
    let mut content = vec![0; 2_500_000];
    getrandom::fill(&mut content).unwrap();
    let path = a.folder.path().join("photo");
    fs::write(&path, &content).unwrap();
    let mut bundles = Vec::new();
    let leave = |bundle| {
        bundles.push(bundle);
        Ok(())
    };
    let lifetime = Sending::default().lifetime;
    let reference = divide(&path, false, lifetime, &PureZstd, &mut rng(), leave, |_| ()).unwrap();
    let body = Body::File { name: "photo".into(), note: String::new(), reference: reference.clone() };
    let to = Whom::Person(b.did());
    a.write_as(to, body, Sending::default()).unwrap();
    carry([&a, &b], 1 << 20);
    // A false one of each, then the right ones, the last in pieces.
    let swapped = |at: usize| Bundle { tag: bundles[at].tag, ..bundles[(at + 1) % bundles.len()].clone() };
    let mut false_ones: Vec<Bundle> = (0..bundles.len())
        .map(|at| {
            let mut one = bundles[at].clone();
            one.payload[50] ^= 1;
            one
        })
        .collect();
    false_ones[0] = swapped(0);
    b.brought(&false_ones);
    let swept = b.sweep().unwrap();
    assert_eq!(swept.false_ones, bundles.len() as u64, "{swept:?}");
    let last = bundles.pop().unwrap();
    b.brought(&bundles);
    b.brought(&fragments(last, 20_000).unwrap());
    b.sweep().unwrap();
    let name = name_of(&a.did(), &reference);
    assert!(b.desk.parts().is_whole(&name, &reference));
    let out = b.folder.path().join("out");
    let brought = b.desk.parts().bring_out(&name, &reference, &out, &PureZstd, |_| ());
    assert!(brought.is_ok() && fs::read(&out).unwrap() == content, "{brought:?}");
    assert_eq!(b.in_bag().1, 0);
}
