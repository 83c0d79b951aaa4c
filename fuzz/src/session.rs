//! Sessions of two devices and of groups: messages in any order, and states as they are kept.

use std::sync::LazyLock;

use allod_courier::CourierError;
use allod_courier::group::{Action, GroupId};
use allod_courier::group::{CHANGE_MAX, Change, Gathered, Listener, SenderChain, SenderKey, Taken};
use allod_courier::ratchet::{Ratchet, STORED_MAX, Start};
use allod_crypto::sign::VerifyingKey;
use allod_crypto::{Secret, SecretBytes, exchange};
use allod_did::Did;
use allod_wire::Instant;

use crate::courier::FIXTURE_TODAY;
use crate::fixture::{made, pieces};
use crate::guardian::{fixture_log, stream};
use crate::share::fixture_device;

/// Two sides that have both written, and what the first has sealed since, which the other has
/// not seen.
pub fn fixture_met() -> ([Ratchet; 2], Vec<Vec<u8>>) {
    static MET: LazyLock<([Ratchet; 2], Vec<Vec<u8>>)> = LazyLock::new(|| {
        let rng = &mut stream();
        let (start, ours) = (Start { secret: Secret::random(rng), bound: [3; 32] }, Secret::random(rng));
        let mut first = made(Ratchet::initiator(&start, exchange::public_key(&ours), rng));
        let mut second = Ratchet::responder(&start, ours);
        made(second.open(&made(first.seal(b"hello", rng)), FIXTURE_TODAY));
        made(first.open(&made(second.seal(b"hello yourself", rng)), FIXTURE_TODAY));
        let both = [first.clone(), second];
        let messages = (0..4).map(|number| made(first.seal(&[number; 20], rng))).collect();
        (both, messages)
    });
    MET.clone()
}

/// Messages to one side of a session, joined.
pub fn ratchet_open(data: &[u8]) {
    let ([_, mut ratchet], _) = fixture_met();
    for message in pieces(data) {
        let before = ratchet.clone();
        match ratchet.open(message, FIXTURE_TODAY) {
            Ok(_) => assert!(ratchet.open(message, FIXTURE_TODAY).is_err(), "it opened twice"),
            Err(_) => assert!(ratchet == before, "it did not open and changed something"),
        }
    }
}

/// A message that is on its way: what was sealed, and whether it arrived.
struct Sent {
    message: Vec<u8>,
    plain: Vec<u8>,
    arrived: bool,
}

/// A session over a bad link: each byte is a message that is written, arrives, arrives changed,
/// or is forgotten, or a restart.
pub fn ratchet_session(data: &[u8]) {
    let (mut sides, _) = fixture_met();
    let mut sent: [Vec<Sent>; 2] = [Vec::new(), Vec::new()];
    let (rng, mut has_forgotten) = (&mut stream(), [false; 2]);
    for (time, byte) in (FIXTURE_TODAY.0..).zip(data) {
        let (side, what, which) = (usize::from(byte & 1), byte >> 1 & 7, usize::from(byte >> 4));
        let ratchet = &mut sides[side];
        match what {
            0..3 => {
                let plain = sent[side].len().to_le_bytes().to_vec();
                match ratchet.seal(&plain, rng) {
                    Ok(message) => sent[side].push(Sent { message, plain, arrived: false }),
                    Err(why) => assert_eq!(why, CourierError::Unanswered),
                }
            }
            3..6 => {
                // One of the last that the other side sent.
                let Some(sent) = sent[1 - side].iter_mut().rev().nth(which) else { continue };
                match ratchet.open(&sent.message, Instant(time)) {
                    Ok(opened) => {
                        assert!(!sent.arrived, "it opened twice");
                        assert_eq!(opened.plain.expose(), sent.plain);
                        sent.arrived = true;
                    }
                    Err(why) => assert!(sent.arrived || has_forgotten[side], "it did not open: {why}"),
                }
            }
            6 => {
                let Some(sent) = sent[1 - side].last() else { continue };
                let (mut message, before) = (sent.message.clone(), ratchet.clone());
                let at = which * message.len() / 16;
                message[at] ^= 1;
                assert!(ratchet.open(&message, Instant(time)).is_err() && *ratchet == before);
            }
            _ if which == 0 => {
                ratchet.forget(Instant(time));
                has_forgotten[side] = true;
            }
            _ => {
                let again = made(Ratchet::load(&ratchet.store()));
                assert!(again == *ratchet);
                *ratchet = again;
            }
        }
    }
}

/// A session's state, as a disk gives it back.
pub fn ratchet_load(data: &[u8]) {
    let Ok(mut ratchet) = Ratchet::load(&SecretBytes::from(data.to_vec())) else { return };
    assert_eq!(ratchet.store().expose(), data);
    let _ = (ratchet.expected().count(), ratchet.unanswered());
    let (_, messages) = fixture_met();
    for message in &messages {
        let _ = ratchet.open(message, FIXTURE_TODAY);
    }
    let _ = ratchet.seal(b"again", &mut stream());
    ratchet.forget(FIXTURE_TODAY);
    let stored = ratchet.store();
    assert!(stored.expose().len() <= STORED_MAX);
    assert!(Ratchet::load(&stored).as_ref() == Ok(&ratchet), "it cannot be stored any more");
}

/// The change that founds a group.
pub fn fixture_founding() -> Change {
    let action = Action::Found { name: "choir".into(), salt: [1; 16] };
    made(Change::new(Vec::new(), fixture_log().state().did(), action, &fixture_device()))
}

/// A change of a group.
pub fn group_change(data: &[u8]) {
    if let Ok(change) = Change::decode(data) {
        assert_eq!(change.encode(), data);
        assert!(data.len() <= CHANGE_MAX);
        if let Some(mut gathered) = Gathered::new(fixture_founding()) {
            let taken = gathered.add(change.clone(), change.author());
            assert_eq!(gathered.changes().count(), if matches!(taken, Taken::Yes(_)) { 2 } else { 1 });
            let _ = (gathered.missing(), gathered.membership());
        }
        let _ = Gathered::new(change).map(|gathered| gathered.membership());
    }
}

/// Changes by the people of a group, each in three bytes: who, of whom, and what they had seen.
/// Whatever order they come in, they come to the same.
pub fn group_changes(data: &[u8]) {
    let did = |number: u8| if number == 0 { fixture_log().state().did() } else { Did([number; 32]) };
    let founding = fixture_founding();
    let (mut changes, mut ids) = (Vec::new(), vec![founding.id()]);
    for [what, whom, seen] in data.as_chunks().0.iter().take(32) {
        let whom = did(whom % 6);
        let action = match what >> 3 & 7 {
            0..3 => Action::Add(whom),
            3 => Action::Remove(whom),
            4 | 5 => Action::Appoint(whom),
            6 => Action::Leave,
            _ => Action::Rename(format!("{seen}")),
        };
        // The last one but so many, and another one.
        let back = |count: u8| ids.iter().rev().nth(usize::from(count)).copied();
        let parents = [back(seen & 3).or(ids.last().copied()), back(seen >> 2 & 15)];
        let parents = parents.into_iter().flatten().collect();
        let change = made(Change::new(parents, did(what % 6), action, &fixture_device()));
        ids.push(change.id());
        changes.push(change);
    }
    let gather = |changes: &mut dyn Iterator<Item = &Change>| {
        let mut gathered = made(Gathered::new(founding.clone()).ok_or("it founds a group"));
        for change in changes {
            let _ = gathered.add(change.clone(), change.author());
        }
        gathered.membership()
    };
    assert_eq!(gather(&mut changes.iter()), gather(&mut changes.iter().rev()));
}

/// Whose chain it is.
pub fn fixture_who() -> (Did, VerifyingKey) {
    (fixture_log().state().did(), fixture_device().verifying_key())
}

/// A chain of a device that sends to the group, and what it has sealed.
pub fn fixture_sender() -> (SenderKey, Vec<Vec<u8>>) {
    let mut chain = SenderChain::new(GroupId(fixture_founding().id().0), fixture_who(), &mut stream());
    let key = chain.key();
    (key, (0..4).map(|number| made(chain.seal(&[number; 20]))).collect())
}

/// Messages to a group, joined, as somebody has them who listens.
pub fn group_open(data: &[u8]) {
    let mut listener = Listener::new(GroupId(fixture_founding().id().0), fixture_who(), fixture_sender().0);
    for message in pieces(data) {
        let before = listener.clone();
        match listener.open(message, FIXTURE_TODAY) {
            Ok(_) => assert!(listener.open(message, FIXTURE_TODAY).is_err(), "it opened twice"),
            Err(_) => assert!(listener == before, "it did not open and changed something"),
        }
    }
}

/// The key of a chain, as another member gives it, and a listener, as a disk gives it back.
pub fn group_key(data: &[u8]) {
    let group = GroupId(fixture_founding().id().0);
    let key = minicbor::decode::<SenderKey>(data).map(|key| Listener::new(group, fixture_who(), key));
    let kept = minicbor::decode::<Listener>(data);
    for mut listener in key.into_iter().chain(kept) {
        let bytes = allod_wire::encode(&listener);
        assert!(minicbor::decode::<Listener>(&bytes).is_ok_and(|again| again == listener));
        let _ = listener.expected().count();
        for message in fixture_sender().1 {
            let _ = listener.open(&message, FIXTURE_TODAY);
        }
        listener.forget(FIXTURE_TODAY);
    }
}
