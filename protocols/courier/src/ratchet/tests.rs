//! Tests: sessions of two, in any order of arrival, copied by thieves, stored and forgotten.

use alloc::collections::BTreeSet;
use alloc::vec;

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use proptest::prelude::*;

use super::*;

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

const NOW: Instant = Instant(1_000_000);

/// Two sides that have not written yet: the initiator, then the responder.
fn pair() -> [Ratchet; 2] {
    let start = Start { secret: Secret::random(&mut rng()), bound: [3; 32] };
    let ours = Secret::random(&mut rng());
    let theirs = exchange::public_key(&ours);
    [Ratchet::initiator(&start, theirs, &mut rng()).unwrap(), Ratchet::responder(&start, ours)]
}

/// Two sides that have both written.
fn met() -> [Ratchet; 2] {
    let [mut a, mut b] = pair();
    pass(&mut a, &mut b, b"hello");
    pass(&mut b, &mut a, b"hello yourself");
    [a, b]
}

fn pass(from: &mut Ratchet, to: &mut Ratchet, plain: &[u8]) {
    let message = from.seal(plain, &mut rng()).unwrap();
    assert_eq!(to.open(&message, NOW).unwrap().plain.expose(), plain);
}

#[test]
fn a_message_is_58_bytes_longer_than_what_is_in_it() {
    let [mut a, _] = met();
    assert_eq!(OVERHEAD, 58);
    assert_eq!(a.seal(&[1; 140], &mut rng()).unwrap().len(), 140 + 58);
}

#[test]
fn the_responder_waits_for_the_first_message() {
    let [mut a, mut b] = pair();
    assert_eq!(b.seal(b"too early", &mut rng()), Err(CourierError::NotBegun));
    pass(&mut a, &mut b, b"first");
    pass(&mut b, &mut a, b"now");
}

#[test]
fn a_message_opens_once_and_for_its_recipient_only() {
    let [mut a, mut b] = met();
    let [mut other, _] = met();
    let message = a.seal(b"once", &mut rng()).unwrap();
    assert_eq!(other.open(&message, NOW), Err(CourierError::NotExpected));
    assert_eq!(a.open(&message, NOW), Err(CourierError::NotExpected));
    assert_eq!(b.open(&message, NOW).unwrap().plain.expose(), b"once");
    assert_eq!(b.open(&message, NOW), Err(CourierError::NotExpected));
}

#[test]
fn a_changed_or_shortened_message_changes_nothing() {
    let [mut a, mut b] = met();
    // One that is next, one that overtakes, one of a new chain.
    let next = a.seal(b"next", &mut rng()).unwrap();
    let further = a.seal(b"further", &mut rng()).unwrap();
    let mut a_turned = a.clone();
    pass(&mut b, &mut a_turned, b"answer");
    let turned = a_turned.seal(b"turned", &mut rng()).unwrap();
    for message in [next, further, turned] {
        let before = b.clone();
        for at in 0..message.len() {
            let mut changed = message.clone();
            changed[at] ^= 1;
            let why = b.open(&changed, NOW).unwrap_err();
            let is_tag = at < Tag::SIZE;
            assert_eq!(
                why,
                if is_tag { CourierError::NotExpected } else { CourierError::Forged },
                "byte {at}"
            );
            assert!(b.open(&message[..at], NOW).is_err());
            assert_eq!(b, before);
        }
        b.open(&message, NOW).unwrap();
    }
}

#[test]
fn whoever_copied_a_state_is_shut_out_after_one_message_each_way() {
    let [mut a, mut b] = met();
    let mut thief = b.clone();
    let stolen = a.seal(b"the thief reads this", &mut rng()).unwrap();
    assert!(thief.clone().open(&stolen, NOW).is_ok());
    b.open(&stolen, NOW).unwrap();
    // The answer is under a new key, which the thief did not copy.
    let answer = b.seal(b"answer", &mut rng()).unwrap();
    a.open(&answer, NOW).unwrap();
    let healed = a.seal(b"not this", &mut rng()).unwrap();
    assert!(thief.open(&stolen, NOW).is_ok());
    // The thief draws a key of its own, which is not the one that the others use.
    thief.seal(b"as if", &mut rng()).unwrap();
    assert!(matches!(thief.open(&healed, NOW), Err(CourierError::Forged | CourierError::NotExpected)));
    // Nor does what it writes in the other's name open any more.
    let forged = thief.seal(b"as if", &mut rng()).unwrap();
    assert!(a.open(&forged, NOW).is_err());
    assert_eq!(b.open(&healed, NOW).unwrap().plain.expose(), b"not this");
}

#[test]
fn a_state_does_not_open_what_was_opened_before_it() {
    let [mut a, mut b] = met();
    let messages: Vec<_> = (0..10).map(|number| a.seal(&[number; 20], &mut rng()).unwrap()).collect();
    for message in &messages {
        b.open(message, NOW).unwrap();
    }
    let stored = b.store();
    let mut thief = Ratchet::load(&stored).unwrap();
    for message in &messages {
        assert_eq!(thief.open(message, NOW), Err(CourierError::NotExpected));
    }
}

#[test]
fn two_messages_have_nothing_in_common_that_a_carrier_could_see() {
    let [mut a, mut b] = met();
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let message = a.seal(&[0; 64], &mut rng()).unwrap();
        for window in message.windows(8) {
            assert!(seen.insert(window.to_vec()), "eight bytes come again");
        }
    }
    pass(&mut b, &mut a, b"answer");
}

#[test]
fn a_side_that_is_not_answered_stops_and_goes_on_when_it_is() {
    let [mut a, mut b] = met();
    let mut messages = Vec::new();
    for number in 0..WINDOW {
        assert_eq!(a.unanswered(), number);
        messages.push(a.seal(&number.to_le_bytes(), &mut rng()).unwrap());
    }
    let before = a.clone();
    assert_eq!(a.seal(b"one too many", &mut rng()), Err(CourierError::Unanswered));
    assert_eq!(a, before);
    // All but the last are late, and all open.
    let last = messages.pop().unwrap();
    b.open(&last, NOW).unwrap();
    pass(&mut b, &mut a, b"answer");
    assert_eq!(a.unanswered(), 0);
    pass(&mut a, &mut b, b"goes on");
    for (number, message) in messages.iter().enumerate().rev() {
        assert_eq!(b.open(message, NOW).unwrap().plain.expose(), (number as u16).to_le_bytes());
    }
}

#[test]
fn late_messages_are_expected_until_they_are_forgotten_and_bounded() {
    let [mut a, mut b] = met();
    let late = a.seal(b"late", &mut rng()).unwrap();
    pass(&mut a, &mut b, b"overtakes");
    b.forget(NOW);
    let tag = Tag(*late.first_chunk().unwrap());
    assert!(b.expected().any(|expected| expected == tag));
    b.forget(Instant(NOW.0 + 1));
    assert!(b.expected().all(|expected| expected != tag));
    assert_eq!(b.open(&late, NOW), Err(CourierError::NotExpected));
    // Chain after chain of which only the last message arrives.
    pass(&mut b, &mut a, b"answer");
    for _ in 0..4 {
        for _ in 1..WINDOW {
            a.seal(b"lost", &mut rng()).unwrap();
        }
        pass(&mut a, &mut b, b"arrives");
        pass(&mut b, &mut a, b"answer");
    }
    assert_eq!(b.expected().count(), SKIPPED_MAX + usize::from(WINDOW));
    let stored = b.store();
    assert!(stored.expose().len() <= STORED_MAX);
    assert_eq!(Ratchet::load(&stored).unwrap(), b);
}

#[test]
fn a_stored_state_that_is_not_whole_is_refused() {
    let [mut a, mut b] = met();
    a.seal(b"lost", &mut rng()).unwrap();
    pass(&mut a, &mut b, b"arrives");
    let stored = b.store();
    let bytes = stored.expose();
    for end in 0..bytes.len() {
        assert_eq!(Ratchet::load(&SecretBytes::from(bytes[..end].to_vec())), Err(CourierError::Malformed));
    }
    // Another version is not misread.
    let mut other = bytes.to_vec();
    other[1] += 1;
    assert_eq!(Ratchet::load(&SecretBytes::from(other)), Err(CourierError::Malformed));
}

#[test]
fn nothing_secret_is_shown() {
    let [a, _] = met();
    let shown = alloc::format!("{a:?}");
    for secret in [a.ours.expose(), a.root.expose()] {
        assert!(!shown.contains(&alloc::format!("{:?}", secret)));
    }
    assert!(shown.contains("ours: Secret<32>(..)"));
}

/// What happens between two sides.
#[derive(Clone, Debug)]
enum Step {
    /// This side writes.
    Write(bool),
    /// One of the messages that are under way arrives; it may arrive again.
    Arrive(prop::sample::Index, bool),
    /// This side's program ends and begins again.
    Restart(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => any::<bool>().prop_map(Step::Write),
        5 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(which, again)| Step::Arrive(which, again)),
        1 => any::<bool>().prop_map(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_any_order_each_message_opens_just_once(steps in prop::collection::vec(step(), 1..200)) {
        let mut sides = met();
        let mut under_way: Vec<(usize, Vec<u8>, u32)> = vec![];
        let mut opened = BTreeSet::new();
        let mut written = 0_u32;
        for step in steps {
            match step {
                Step::Write(side) => {
                    let from = usize::from(side);
                    let message = sides[from].seal(&written.to_le_bytes(), &mut rng()).unwrap();
                    let tag = Tag(*message.first_chunk().unwrap());
                    prop_assert!(sides[1 - from].expected().any(|expected| expected == tag));
                    under_way.push((1 - from, message, written));
                    written += 1;
                }
                Step::Arrive(which, again) => {
                    if under_way.is_empty() {
                        continue;
                    }
                    let at = which.index(under_way.len());
                    let (to, message, number) = under_way[at].clone();
                    let plain = sides[to].open(&message, NOW);
                    if opened.insert(number) {
                        let opened = plain.unwrap();
                        prop_assert_eq!(&opened.token.tag().0, &message[..8]);
                        prop_assert_eq!(opened.plain.expose(), number.to_le_bytes());
                    } else {
                        prop_assert_eq!(plain, Err(CourierError::NotExpected));
                    }
                    if !again {
                        under_way.swap_remove(at);
                    }
                }
                Step::Restart(side) => {
                    let side = &mut sides[usize::from(side)];
                    *side = Ratchet::load(&side.store()).unwrap();
                }
            }
        }
        for (to, message, number) in under_way {
            if opened.insert(number) {
                let opened = sides[to].open(&message, NOW).unwrap();
                prop_assert_eq!(opened.plain.expose(), number.to_le_bytes());
            }
        }
        prop_assert_eq!(opened.len() as u32, written);
    }
}
