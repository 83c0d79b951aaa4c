//! Tests of two people: coming to a session, what each sees of a message, strangers.

use super::*;
use crate::bundle::{PACKET, Priority};

#[test]
fn one_invitation_and_they_write_to_each_other_and_see_how_far_it_came() {
    let ((alice, mut a), (bob, mut b)) = acquainted();
    assert_eq!(a.texts(), ["hello"]);
    let is_contact =
        |device: &Device, did: Did| device.load().person(&did).unwrap().standing() == Standing::Contact;
    assert!(is_contact(&a, bob.did()) && is_contact(&b, alice.did()));
    let later = Instant(NOW.0 + 5000);
    let out = a.say(bob.did(), "how are you?", later);
    assert_eq!(out.len(), 1);
    bring(&mut [&mut a, &mut b], out, later);
    assert_eq!(b.texts(), ["how are you?"]);
    let own = a.kept().into_iter().find(|kept| kept.from == alice.did()).unwrap();
    assert_eq!(own.at, later);
    assert_eq!(own.bundles.len(), 1);
    assert!(a.reached().contains(&(own.id, bob.did(), Reached::Delivered)));
    assert!(!a.reached().contains(&(own.id, bob.did(), Reached::Read)));
    assert_eq!(b.unread(), 1);
    let kept: Vec<Kept> = b.kept();
    let (_, out) = b.act(|m| m.read(&kept, true, later, &mut rng()).unwrap());
    assert_eq!(b.unread(), 0);
    bring(&mut [&mut a, &mut b], out, later);
    assert!(a.reached().contains(&(own.id, bob.did(), Reached::Read)));
}

#[test]
fn who_reads_can_keep_it_to_themselves() {
    let ((alice, mut a), (bob, mut b)) = acquainted();
    let out = a.say(bob.did(), "read me", NOW);
    bring(&mut [&mut a, &mut b], out, NOW);
    let kept = b.kept();
    let (_, out) = b.act(|m| m.read(&kept, false, NOW, &mut rng()).unwrap());
    assert!(out.is_empty());
    assert_eq!(b.unread(), 0);
    let _ = alice;
}

#[test]
fn a_text_of_140_bytes_is_one_packet_of_a_narrow_link() {
    let ((_, mut a), (bob, mut b)) = acquainted();
    let out = a.say(bob.did(), &"x".repeat(140), NOW);
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].to_compact().len(), PACKET);
    // What says that it was delivered is one, too.
    let answer = b.take(&out, NOW);
    assert_eq!(answer.iter().map(|bundle| bundle.to_compact().len()).collect::<Vec<_>>(), [PACKET]);
}

#[test]
fn an_invitation_for_one_is_answered_once() {
    let ((_, mut a), (_, mut b), (_, mut c)) = (Human::new(), Human::new(), Human::new());
    let invitation = a.invite();
    let (first, second) =
        (b.accept(&invitation, "Alice", None), c.accept(&invitation, "Alice", Some("me too")));
    bring(&mut [&mut a, &mut b], first, NOW);
    bring(&mut [&mut a, &mut c], second, NOW);
    assert!(a.texts().is_empty());
    assert!(a.load().person(&c.did()).is_none());
    // A device does not answer its own.
    let own = crate::contact::Invitation::decode(&a.invite()).unwrap();
    let (refused, _) = a.act(|m| m.accept(&own, "me", None, NOW, &mut rng()).map(|_| ()));
    assert_eq!(refused, Err(CourierError::Oneself));
    let late = Instant(NOW.0 + 31 * DAY);
    let (refused, _) = b.act(|m| m.accept(&own, "a", None, late, &mut rng()).map(|_| ()));
    assert_eq!(refused, Err(CourierError::Expired));
}

#[test]
fn a_greeting_that_comes_twice_is_taken_once() {
    let ((_, mut a), (_, mut b)) = (Human::new(), Human::new());
    let (invitation, _) = a.act(|m| m.invite(Instant(NOW.0 + DAY), false, &mut rng()).encode());
    let out = b.accept(&invitation, "Alice", Some("hello"));
    a.take(&out, NOW);
    let known = a.records.clone();
    assert!(a.take(&out, NOW).is_empty());
    assert_eq!(a.texts(), ["hello"]);
    assert_eq!(a.records, known);
}

#[test]
fn a_stranger_with_an_invitation_for_many_is_told_nothing_before_they_are_admitted() {
    let ((_, mut a), (_, mut b)) = (Human::new(), Human::new());
    let (invitation, _) = a.act(|m| m.invite(Instant(NOW.0 + DAY), false, &mut rng()).encode());
    let out = b.accept(&invitation, "Alice", Some("buy this"));
    let answers = a.take(&out, NOW);
    assert!(answers.is_empty(), "not even that it came");
    assert_eq!(a.load().person(&b.did()).unwrap().standing(), Standing::Asking);
    assert_eq!(a.texts(), ["buy this"]);
    let did = b.did();
    let (_, out) = a.act(|m| m.admit(&did, NOW, &mut rng()).unwrap());
    bring(&mut [&mut a, &mut b], out, NOW);
    let out = b.say(a.did(), "thank you", NOW);
    bring(&mut [&mut a, &mut b], out, NOW);
    assert_eq!(a.texts().len(), 2);
    assert!(b.reached().iter().any(|(_, by, _)| *by == a.did()));
}

#[test]
fn what_somebody_who_is_blocked_writes_is_dropped() {
    let ((_, mut a), (_, mut b)) = acquainted();
    let did = b.did();
    a.act(|m| m.block(&did, true).unwrap());
    let out = b.say(a.did(), "are you there?", NOW);
    assert!(a.take(&out, NOW).is_empty());
    assert_eq!(a.texts(), ["hello"]);
    let (refused, _) =
        a.act(|m| m.send(Whom::Person(did), Body::Text("no".into()), Sending::default(), NOW, &mut rng()));
    assert_eq!(refused, Err(CourierError::Blocked(did)));
    a.act(|m| m.block(&did, false).unwrap());
    let out = b.say(a.did(), "and now?", Instant(NOW.0 + 1000));
    bring(&mut [&mut a, &mut b], out, NOW);
    assert_eq!(a.texts(), ["hello", "and now?"]);
}

#[test]
fn messages_that_are_late_lost_or_doubled_are_each_read_once() {
    let ((_, mut a), (bob, mut b)) = acquainted();
    let mut sent = Vec::new();
    for number in 0..60_u64 {
        sent.extend(a.say(bob.did(), &alloc::format!("number {number:02}"), Instant(NOW.0 + number * 1000)));
    }
    sent.reverse();
    let lost = sent.remove(17);
    let mut out = b.take(&sent, NOW);
    out.extend(b.take(&sent, NOW));
    assert_eq!(b.texts().len(), 59);
    bring(&mut [&mut a, &mut b], out, NOW);
    // It was only very late.
    bring(&mut [&mut a, &mut b], alloc::vec![lost], NOW);
    let expected: Vec<String> = (0..60).map(|number| alloc::format!("number {number:02}")).collect();
    assert_eq!(b.texts(), expected);
    assert_eq!(a.reached().iter().filter(|(_, by, _)| *by == bob.did()).count(), 60);
}

#[test]
fn both_invite_at_once_and_end_in_one_conversation() {
    let ((_, mut a), (_, mut b)) = (Human::new(), Human::new());
    let (of_a, of_b) = (a.invite(), b.invite());
    let from_b = b.accept(&of_a, "Alice", Some("from Bob"));
    let from_a = a.accept(&of_b, "Bob", Some("from Alice"));
    bring(&mut [&mut a, &mut b], [from_a, from_b].concat(), NOW);
    for number in 0..5 {
        let text = alloc::format!("again {number}");
        let out = a.say(b.did(), &text, NOW);
        bring(&mut [&mut a, &mut b], out, NOW);
        let out = b.say(a.did(), &text, NOW);
        bring(&mut [&mut a, &mut b], out, NOW);
    }
    assert_eq!((a.texts().len(), b.texts().len()), (6, 6));
}

#[test]
fn whoever_is_not_answered_for_a_thousand_messages_begins_anew_by_the_card() {
    let ((_, mut a), (bob, mut b)) = acquainted();
    let mut last = Vec::new();
    let mut messenger = a.load();
    for _ in 0..1100 {
        messenger
            .send(Whom::Person(bob.did()), Body::Text("x".into()), Sending::default(), NOW, &mut rng())
            .unwrap();
    }
    last.extend(messenger.outgoing().map(|(_, bundle)| bundle.clone()));
    messenger.has_left(&(0..1100).collect::<Vec<u64>>());
    a.keep(&mut messenger);
    assert_eq!(last.len(), 1100);
    // All of the first thousand were lost.
    let late = last.split_off(1000);
    bring(&mut [&mut a, &mut b], late, NOW);
    assert_eq!(b.texts().len(), 100);
}

#[test]
fn what_is_too_long_or_names_a_path_is_not_sent() {
    let ((_, mut a), (bob, _)) = acquainted();
    let reference = Reference::new(Secret::from([1; 32]), [2; 32], 10, 1, false);
    let file =
        |name: &str| Body::File { name: name.into(), note: String::new(), reference: reference.clone() };
    let bad =
        [Body::Text("x".repeat(TEXT_MAX + 1)), file("../x"), file(".."), file(""), file("a\nb"), file("a/b")];
    for body in bad {
        let (refused, out) =
            a.act(|m| m.send(Whom::Person(bob.did()), body, Sending::default(), NOW, &mut rng()));
        assert_eq!((refused, out.len()), (Err(CourierError::TooLarge), 0));
    }
}

#[test]
fn urgency_and_lifetime_are_those_that_were_asked_for() {
    let ((_, mut a), (bob, _)) = acquainted();
    let sending = Sending { priority: Priority::Urgent, custody: true, ..Sending::default() };
    let (_, out) = a.act(|m| {
        m.send(Whom::Person(bob.did()), Body::Text("fire".into()), sending, NOW, &mut rng()).unwrap()
    });
    assert!(out.iter().all(|bundle| bundle.terms.priority == Priority::Urgent && bundle.terms.custody));
}
