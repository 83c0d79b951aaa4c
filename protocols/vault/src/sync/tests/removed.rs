//! Devices that do not belong any more: what they wrote before is taken, and nothing else.

use alloc::vec;
use alloc::vec::Vec;

use super::home::{Home, homes, run, sync};
use super::liars::{batch, feed};
use super::*;
use crate::share::{Writers, Writes, tips};
use crate::sync::batch::{BatchId, Device, Signed};
use crate::sync::operation::Operation;
use crate::sync::{Event, Known, SyncError};

fn device(number: u8) -> Device {
    Device::of(&key(number))
}

/// The last batches of a device that somebody has.
fn last(home: &mut Home, number: u8) -> Vec<BatchId> {
    let known = Known::read(&mut home.files).unwrap();
    tips(known.batches().iter()).remove(&device(number)).unwrap_or_default()
}

/// The phone does not belong any more, and this was known of it.
fn hear(homes: &mut [&mut Home], last: &[BatchId]) {
    for home in homes {
        home.writers = Writers::anybody().with(device(2), Writes::Until(last.to_vec()));
    }
}

#[test]
fn what_a_removed_device_wrote_before_comes_along_and_what_it_writes_later_is_refused_by_name() {
    let [mut laptop, mut phone, mut tablet] = homes();
    phone.write("before", 0, b"1");
    sync(&mut laptop, &mut phone);
    phone.write("before too", 0, b"2");
    sync(&mut laptop, &mut phone);
    let known = last(&mut laptop, 2);
    hear(&mut [&mut laptop, &mut tablet], &known);
    // One that never met it gets all of that from others.
    sync(&mut laptop, &mut tablet);
    assert_eq!(tablet.texts().len(), 2);
    phone.write("after", 0, b"3");
    phone.write("before", 0, b"changed");
    for home in [&mut laptop, &mut tablet] {
        let before = home.see();
        let [(_, events), _] = sync(home, &mut phone);
        assert_eq!(events, [Event::Refused { device: device(2), number: 3 }]);
        assert_eq!((home.see(), last(home, 2)), (before, known.clone()));
    }
    // What the others do goes on.
    tablet.write("of tablet", 0, b"4");
    sync(&mut laptop, &mut tablet);
    assert_eq!(laptop.see(), tablet.see());
    assert_eq!(laptop.texts().len(), 3);
}

#[test]
fn who_knew_more_vouches_for_it_and_all_have_the_same() {
    let [mut laptop, mut phone, mut tablet] = homes();
    phone.write("a", 0, b"1");
    sync(&mut laptop, &mut phone);
    let known = last(&mut laptop, 2);
    phone.write("b", 0, b"2");
    sync(&mut tablet, &mut phone);
    // What it did itself had seen that.
    tablet.write("c", 0, b"3");
    sync(&mut tablet, &mut phone);
    hear(&mut [&mut laptop, &mut tablet], &known);
    phone.write("d", 0, b"4");
    // In either direction, and nobody vouches twice.
    let [(begins, refused), _] = run(&mut laptop, &mut tablet, usize::MAX).unwrap().unwrap();
    assert!(refused.is_empty() && begins.is_changed, "{refused:?} {begins:?}");
    assert_eq!(laptop.texts().len(), 3);
    assert_eq!(laptop.see(), tablet.see());
    let [(quiet, _), (too, _)] = sync(&mut tablet, &mut laptop);
    assert_eq!((quiet.batches_sent, quiet.batches_received, too.batches_sent), (0, 0, 0));
    let [(_, events), _] = sync(&mut laptop, &mut phone);
    assert_eq!(events, [Event::Refused { device: device(2), number: 3 }]);
    assert_eq!(laptop.texts().len(), 3);
}

#[test]
fn a_device_that_was_made_up_is_refused_whoever_vouches_for_it() {
    let [mut laptop] = homes();
    laptop.writers = Writers::default().with(device(1), Writes::All).with(device(2), Writes::All);
    let made_up = batch(9, vec![Operation::Name { name: "nobody".into() }]);
    let vouches = batch(2, vec![Operation::Vouch { last: vec![made_up.id()] }]);
    assert_eq!(feed(&mut laptop, &[vouches.clone(), made_up.clone()]), Err(SyncError::Stranger(device(9))));
    // Where it did belong, the same counts.
    laptop.writers = laptop.writers.with(device(9), Writes::Until(Vec::new()));
    feed(&mut laptop, core::slice::from_ref(&made_up)).unwrap();
    assert_eq!(last(&mut laptop, 9), []);
    feed(&mut laptop, &[vouches, made_up.clone()]).unwrap();
    assert_eq!(last(&mut laptop, 9), [made_up.id()]);
}

#[test]
fn who_was_removed_vouches_for_nobody_but_in_what_came_before() {
    let [mut laptop] = homes();
    let late = batch(8, Vec::new());
    let vouches = batch(9, vec![Operation::Vouch { last: vec![late.id()] }]);
    let ended = Writers::anybody().with(device(8), Writes::Until(Vec::new()));
    let refused = |writers: &Writers| writers.refused(&[], &[late.clone(), vouches.clone()]).len();
    assert_eq!(refused(&ended.clone().with(device(9), Writes::Until(Vec::new()))), 2);
    assert_eq!(refused(&ended.clone().with(device(9), Writes::Until(vec![vouches.id()]))), 0);
    laptop.writers = ended.with(device(9), Writes::Until(Vec::new()));
    feed(&mut laptop, &[late, vouches]).unwrap();
    assert_eq!((last(&mut laptop, 8), last(&mut laptop, 9)), (Vec::new(), Vec::new()));
}

#[test]
fn of_a_copied_device_only_the_chain_is_taken_that_was_known() {
    let one = batch(9, vec![Operation::Name { name: "one".into() }]);
    let other = batch(9, vec![Operation::Name { name: "other".into() }]);
    let mut next = one.batch().clone();
    (next.number, next.before, next.lamport) = (2, Some(one.id()), 2);
    let next = Signed::new(next, &key(9)).unwrap();
    let all = [one.clone(), other.clone(), next.clone()];
    for (last, refused) in [
        (vec![next.id()], vec![other.id()]),
        (vec![one.id(), other.id()], vec![next.id()]),
        (vec![], vec![one.id(), other.id(), next.id()]),
    ] {
        let writers = Writers::anybody().with(device(9), Writes::Until(last));
        assert_eq!(writers.refused(&[], &all), refused.into_iter().collect());
        // What is known already stays, and one vouches for what others do not take.
        assert!(writers.refused(&all, &[]).is_empty());
    }
    let writers = Writers::anybody().with(device(9), Writes::Until(vec![one.id()]));
    let vouched = writers.to_vouch(&all);
    assert_eq!(vouched.len(), 2);
    assert!(vouched.contains(&next.id()) && vouched.contains(&other.id()));
}
