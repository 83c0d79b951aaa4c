//! Tests of people with several devices, and of devices that come and go.

use super::*;

/// Alice's second device, which Alice's first one was told of.
fn second_device(human: &mut Human, first: &mut Device, others: &mut [&mut Device]) -> Device {
    let mut second = human.add_device("phone");
    first.log = human.log.clone();
    let invitation = first.invite();
    let out = second.accept(&invitation, "my laptop", None);
    let mut all: Vec<&mut Device> = others.iter_mut().map(|device| &mut **device).collect();
    all.push(first);
    all.push(&mut second);
    bring(&mut all, out, NOW);
    second
}

#[test]
fn every_device_of_both_gets_everything_after_one_introduction() {
    let ((mut alice, mut a1), (mut bob, mut b1)) = acquainted();
    let mut a2 = second_device(&mut alice, &mut a1, &mut [&mut b1]);
    assert_eq!(a1.load().person(&alice.did()).unwrap().devices(), 1);
    assert!(
        a2.load().person(&bob.did()).is_some_and(|bob| bob.name() == bob.log().state().did().to_string())
    );
    // Bob's first device heard of Alice's second one.
    assert_eq!(b1.load().person(&alice.did()).unwrap().devices(), 2);
    let mut b2 = second_device(&mut bob, &mut b1, &mut [&mut a1, &mut a2]);
    let names = |at: &Device| at.load().person(&alice.did()).map(|alice| alice.name().to_string());
    assert_eq!(names(&b2), Some("Alice".into()), "what one device calls somebody, the other does too");

    let out = a2.say(bob.did(), "from my phone", NOW);
    bring(&mut [&mut a1, &mut a2, &mut b1, &mut b2], out, NOW);
    let out = b2.say(alice.did(), "from mine", Instant(NOW.0 + 1000));
    bring(&mut [&mut a1, &mut a2, &mut b1, &mut b2], out, NOW);
    for device in [&b1, &b2] {
        assert!(device.texts().contains(&"from my phone".to_string()));
    }
    for device in [&a1, &a2] {
        assert!(device.texts().contains(&"from mine".to_string()));
        // And what the person's other device wrote.
        assert!(
            device
                .kept()
                .iter()
                .any(|kept| kept.from == alice.did() && text_of(kept).unwrap() == "from my phone")
        );
        assert!(
            device
                .reached()
                .iter()
                .any(|(_, by, reached)| *by == bob.did() && *reached == Reached::Delivered)
        );
    }
}

#[test]
fn a_device_that_was_removed_is_written_to_no_more() {
    let ((mut alice, mut a1), (bob, mut b1)) = acquainted();
    let mut a2 = second_device(&mut alice, &mut a1, &mut [&mut b1]);
    let lost = PublicKey::Ed25519(a2.key.verifying_key()).device_id();
    alice.log.remove_device(&alice.root, lost, NOW).unwrap();
    a1.log = alice.log.clone();
    // Bob hears of it with Alice's next word.
    let out = a1.say(bob.did(), "I lost my phone", NOW);
    bring(&mut [&mut a1, &mut b1], out, NOW);
    let out = b1.say(alice.did(), "sorry to hear that", NOW);
    let before = a2.texts();
    bring(&mut [&mut a2], out.clone(), NOW);
    assert_eq!(a2.texts(), before);
    bring(&mut [&mut a1, &mut b1], out, NOW);
    assert!(a1.texts().contains(&"sorry to hear that".to_string()));
    // What the lost one says is refused.
    let count = b1.texts().len();
    let out = a2.say(bob.did(), "it is me", NOW);
    bring(&mut [&mut b1], out, NOW);
    assert_eq!(b1.texts().len(), count);
}

#[test]
fn after_everything_was_lost_new_sessions_begin_under_the_same_identity() {
    let ((mut alice, a1), (bob, mut b1)) = acquainted();
    // Whoever recovers has the root and a new device, and what was written down of Bob: his card.
    let bobs_card = a1.load().person(&bob.did()).unwrap().cards().next().unwrap().to_vec();
    let lost = PublicKey::Ed25519(a1.key.verifying_key()).device_id();
    let mut new = alice.add_device("new laptop");
    alice.log.remove_device(&alice.root, lost, NOW).unwrap();
    new.log = alice.log.clone();
    let out = new.accept(&bobs_card, "Bob", Some("I am back"));
    bring(&mut [&mut new, &mut b1], out, NOW);
    assert_eq!(b1.texts().last().unwrap(), "I am back");
    assert_eq!(b1.load().person(&alice.did()).unwrap().name(), "Alice");
    let out = b1.say(alice.did(), "welcome back", NOW);
    assert_eq!(out.len(), 1, "the lost device is written to no more");
    bring(&mut [&mut new, &mut b1], out, NOW);
    assert_eq!(new.texts(), ["welcome back"]);
}

#[test]
fn a_log_that_contradicts_the_known_one_is_not_taken_and_is_told() {
    let ((mut alice, mut a1), (_, mut b1)) = acquainted();
    let mut other = Human { root: Root::from_bytes(alice.root.expose().clone()), log: alice.log.clone() };
    let mut a2 = second_device(&mut alice, &mut a1, &mut [&mut b1]);
    // Whoever has the root too adds a device to what was before.
    let mut thief = other.add_device("phone");
    let bobs_card = a2.load().person(&b1.did()).unwrap().cards().next().unwrap().to_vec();
    let out = thief.accept(&bobs_card, "Bob", Some("it is me"));
    let known = b1.texts();
    bring(&mut [&mut b1], out, NOW);
    assert_eq!(b1.texts(), known);
    let _ = &mut a2;
}
