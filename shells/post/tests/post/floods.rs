//! Tests: floods, replays, what is expired, too large, corrupt or for somebody else, and liars.
//! Each is bounded, counted by why, and leaves room for friends.

use std::sync::Arc;

use allod_courier::bundle::{Bundle, BundleError, Lifetime, PAYLOAD_MAX, Priority, Seconds, Terms};
use allod_courier::carry::{Limits, Origin, PeerId, Refused};
use allod_courier::encounter::EncounterError;
use allod_courier::link::Link;
use allod_courier::ratchet::Token;
use allod_crypto::Secret;
use allod_links::p2p::{Config, P2p};
use allod_post::{Carrier, Contact, Met, PostError, meet, now};
use allod_wire::Instant;
use tokio::sync::mpsc;

use super::liar::Liar;
use super::world::*;

/// Room for 200 bundles and a megabyte, a quarter of it for strangers.
const SMALL: Limits = Limits { bytes: 1 << 20, count: 200, stranger: 4, friend: 4 };

async fn lied_to(carrier: &Arc<Carrier>, liar: &mut Liar, link: Link) -> Met {
    let (to_us, receive) = mpsc::channel(4096);
    let (send, to_them) = mpsc::channel(1 << 16);
    let mut here = rng();
    let us = async {
        meet(carrier, Contact { known: None, link, send, receive }, &mut here, |_| {}).await.unwrap()
    };
    soon(async { tokio::join!(us, liar.meet(None, link, to_us, to_them)) }).await.0
}

/// A friend brings something for the carrier, and something for others.
async fn a_friend_gets_through(carrier: &Arc<Carrier>, number: u32) {
    let folder = folder();
    let friend = carrier_of(&folder);
    befriend(carrier, &key(&friend), 5);
    leave(&friend, &bundle(1, number, 300));
    leave(&friend, &bundle(8, number, 300));
    let [met, _] = meeting([carrier, &friend], LINK, honestly()).await;
    assert_eq!((met.came, met.took, met.fault), (1, 1, None));
    assert!(ids(carrier).contains(&bundle_id(carrier, 1, number)));
}

fn bundle_id(carrier: &Carrier, whose: u8, number: u32) -> allod_courier::bundle::BundleId {
    let [a, b, c, d] = number.to_be_bytes();
    let tag = allod_courier::ratchet::Tag([whose, a, b, c, d, 0, 0, 0]);
    within(carrier, |bag| bag.store().with_tag(&tag)[0])
}

fn carrier_of(folder: &tempfile::TempDir) -> Arc<Carrier> {
    carrier(folder.path(), 99, LARGE)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_bundles_of_strangers_fill_their_share_and_no_more() {
    let folder = folder();
    let us = carrier(folder.path(), 1, SMALL);
    for flood in 0..2_u32 {
        let bundles = (0..50_000).map(|number| bundle(7, flood * 50_000 + number, 300));
        let mut liar = Liar::new(bundles, now());
        let met = lied_to(&us, &mut liar, LINK).await;
        assert_eq!(met.came, 0);
        let (files, bytes) = on_disk(folder.path());
        assert!(files <= 50 && bytes <= 50 * (300 + 113), "{files} files, {bytes} bytes");
    }
    let counted = counts(&us);
    // Younger ones have taken the place of older ones from the same hands.
    assert_eq!(counted.over_quota + counted.gave_way, 100_000 - 50, "{counted:?}");
    a_friend_gets_through(&us, 1).await;
    // It is still known after a start.
    drop(us);
    let us = carrier(folder.path(), 1, SMALL);
    assert!(counts(&us).gave_way >= counted.gave_way);
    assert!(on_disk(folder.path()).0 <= 52);
}

#[test]
fn what_comes_over_a_link_on_which_nobody_answers_is_counted_by_why() {
    let folder = folder();
    let us = carrier(folder.path(), 1, SMALL);
    let stranger = Origin::Peer(PeerId([3; 32]));
    let put =
        |bundle: &Bundle| us.bag().with(|bag| bag.put(bundle, stranger, (us.wants)(&bundle.tag), now()));
    let refused = |put: Result<(), PostError>| match put {
        Err(PostError::Refused(why)) => Some(why),
        _ => None,
    };
    // A flood, in pieces.
    for piece in 0..100 {
        us.bag()
            .with(|bag| {
                for number in 0..1000 {
                    match bag.put(&bundle(7, piece * 1000 + number, 300), stranger, false, now()) {
                        Ok(()) | Err(PostError::Refused(Refused::OverQuota)) => {}
                        Err(why) => return Err(why),
                    }
                }
                Ok(())
            })
            .unwrap();
        assert!(on_disk(folder.path()).0 <= 50);
    }
    assert!(counts(&us).over_quota > 90_000);
    // Replays.
    let wanted = bundle(1, 1, 100);
    put(&wanted).unwrap();
    for _ in 0..10 {
        assert_eq!(refused(put(&wanted)), Some(Refused::Known));
    }
    assert_eq!(counts(&us).known, 10);
    // Expired, from the future, delivered.
    let terms = |created: Instant| Terms {
        created: Seconds::at(created),
        sequence: 1,
        lifetime: Lifetime::at_least(1),
        priority: Priority::Urgent,
        copies: 9,
        custody: true,
    };
    for number in 0..20 {
        let late = Bundle::new(&[number; 90], terms(Instant(now().0 - DAY))).unwrap();
        assert_eq!(refused(put(&late)), Some(Refused::Expired));
        let early = Bundle::new(&[number; 90], terms(Instant(now().0 + 2 * DAY))).unwrap();
        assert_eq!(refused(put(&early)), Some(Refused::Ahead));
    }
    let token = Token([5; 16]);
    let message = [&token.tag().0[..], &[0; 50]].concat();
    within(&us, |bag| bag.tell(token, Instant(now().0 + DAY), now()).unwrap());
    assert_eq!(refused(put(&Bundle::new(&message, terms(now())).unwrap())), Some(Refused::Delivered));
    let known = counts(&us);
    assert_eq!((known.expired, known.ahead, known.delivered), (20, 20, 1));
    // Tags that are expected here, made up by whoever saw one: some are kept, until one opens.
    let tag = [1, 9, 9, 9, 9, 9, 9, 9];
    let forged = |number: u16| {
        let terms = Terms { sequence: number, ..terms(now()) };
        Bundle::new(&[&tag[..], &[number as u8; 200]].concat(), terms).unwrap()
    };
    let mut kept = 0;
    for number in 0..1000 {
        match put(&forged(number)) {
            Ok(()) => kept += 1,
            refuses => assert!(matches!(refused(refuses), Some(Refused::OverQuota | Refused::NoRoom))),
        }
    }
    assert!(kept <= 256, "{kept}");
    let (files, bytes) = on_disk(folder.path());
    assert!(files <= 50 + 256 + 1 && bytes <= 400 * (files as u64 + 1), "{files} files, {bytes} bytes");
}

/// Every way in which bytes are no bundle has its name and its count.
#[test]
fn what_is_no_bundle_is_counted_by_why() {
    let folder = folder();
    let us = carrier(folder.path(), 1, SMALL);
    let full = bundle(1, 1, 500).to_full();
    let mut harmed = full.clone();
    harmed[100] ^= 4;
    let large = vec![0; PAYLOAD_MAX + 4096];
    let foreign = {
        use hardy_bpv7::builder::Builder;
        let [from, to] = ["dtn://allod-00112233445566778899aabbccddeeff/", "dtn://somebody/mail"];
        let builder = Builder::new(from.parse().unwrap(), to.parse().unwrap());
        let time = hardy_bpv7::creation_timestamp::CreationTimestamp::from_parts(
            Some(hardy_bpv7::dtn_time::DtnTime::new(1_000_000)),
            1,
        );
        builder.with_payload(b"hello".as_slice().into()).build(time).unwrap().1.into_vec()
    };
    let mut beyond = bundle(1, 2, 100).to_compact();
    beyond[0] |= 0b0001_0000;
    beyond.splice(17..17, [0, 0, 60, 0, 0, 100]);
    let all: [(Result<Bundle, BundleError>, BundleError); 5] = [
        (Bundle::from_full(&harmed), BundleError::Malformed),
        (Bundle::from_compact(&harmed), BundleError::Malformed),
        (Bundle::from_full(&large), BundleError::TooLarge),
        (Bundle::from_full(&foreign), BundleError::Foreign),
        (Bundle::from_compact(&beyond), BundleError::Inconsistent),
    ];
    for (read, expected) in all {
        assert_eq!(read, Err(expected));
        within(&us, |bag| bag.refuse(expected));
    }
    drop(us);
    let us = carrier(folder.path(), 1, SMALL);
    let known = counts(&us);
    assert_eq!((known.malformed, known.too_large, known.foreign, known.inconsistent), (2, 1, 1, 1));
    assert!(known.named().contains(&("for another kind of endpoint", 1)));
    assert_eq!(on_disk(folder.path()).0, 0);
}

#[tokio::test]
async fn whoever_gives_other_bytes_than_they_show_is_named_and_left() {
    let folder = folder();
    let us = carrier(folder.path(), 1, LARGE);
    let mut liar = Liar::new((0..1000).map(|number| bundle(1, number, 50)), now());
    liar.is_corrupt = true;
    let met = lied_to(&us, &mut liar, LINK).await;
    let Some(EncounterError::Faults(faults)) = met.fault else { panic!("{met:?}") };
    assert!(faults.corrupt > 200, "{faults:?}");
    let known = counts(&us);
    assert_eq!((known.corrupt, known.contacts), (faults.corrupt.into(), 1));
    assert_eq!(on_disk(folder.path()).0, 0);
    a_friend_gets_through(&us, 3).await;
}

#[tokio::test]
async fn what_has_expired_is_not_asked_for_however_their_clock_goes() {
    let folder = folder();
    let us = carrier(folder.path(), 1, LARGE);
    let clock = Instant(now().0 - 100 * DAY);
    let old = |number| {
        let one = bundle(1, number, 80);
        Bundle { terms: Terms { created: Seconds::at(clock), ..one.terms }, ..one }
    };
    let met = lied_to(&us, &mut Liar::new((0..500).map(old), clock), LINK).await;
    assert_eq!((met.came, met.took), (0, 0));
    assert_eq!(counts(&us).expired, 500);
    assert_eq!(on_disk(folder.path()).0, 0);
}

#[tokio::test]
async fn frames_of_noise_end_a_contact_by_name_and_nothing_else() {
    let folder = folder();
    let us = carrier(folder.path(), 1, LARGE);
    let noise: [(&[u8], EncounterError); 4] = [
        (&[], EncounterError::Malformed),
        (&[0xff; 40], EncounterError::Malformed),
        (&[7; 300], EncounterError::OutOfTurn),
        (&[0x82; 9], EncounterError::Malformed),
    ];
    let count = noise.len() as u64;
    for (frame, _) in &noise {
        let (to_us, receive) = mpsc::channel(8);
        let (send, _to_them) = mpsc::channel(64);
        to_us.send(frame.to_vec()).await.unwrap();
        to_us.send(vec![1; 100]).await.unwrap();
        drop(to_us);
        let contact = Contact { known: None, link: LINK, send, receive };
        let met = soon(meet(&us, contact, &mut rng(), |_| {})).await.unwrap();
        assert!(met.fault.is_some(), "{frame:?}");
    }
    let (to_us, receive) = mpsc::channel(8);
    let (send, _to_them) = mpsc::channel(64);
    to_us.send(vec![1; LINK.mtu + 1]).await.unwrap();
    let met = soon(meet(&us, Contact { known: None, link: LINK, send, receive }, &mut rng(), |_| {}))
        .await
        .unwrap();
    assert_eq!(met.fault, Some(EncounterError::FrameTooLong { size_max: LINK.mtu }));
    assert_eq!(counts(&us).contacts, count + 1);
    a_friend_gets_through(&us, 4).await;
}

#[tokio::test]
async fn frames_that_are_changed_doubled_or_swapped_on_the_way_harm_nobody() {
    let link = Link { mtu: 300, ..LINK };
    for seed in 0..120_usize {
        let folders = [folder(), folder()];
        let [a, b] = [carrier(folders[0].path(), 1, LARGE), carrier(folders[1].path(), 2, LARGE)];
        for number in 0..6 {
            leave(&a, &bundle(2, number, 400));
            leave(&b, &bundle(1, number, 400));
        }
        let (mut at, mut before) = (0, Vec::new());
        let tamper = move |_, mut frame: Vec<u8>| {
            at += 1;
            if at % 40 != seed % 40 || frame.is_empty() {
                before = frame.clone();
                return Some(vec![frame]);
            }
            match seed / 40 {
                0 => {
                    let place = (seed * 7919 + at) % frame.len();
                    frame[place] ^= 1 << (seed % 8);
                    Some(vec![frame])
                }
                1 => Some(vec![frame.clone(), frame]),
                _ => Some(vec![frame, before.clone()]),
            }
        };
        let met = meeting([&a, &b], link, Box::new(tamper)).await;
        for (carrier, folder) in [&a, &b].into_iter().zip(&folders) {
            // All that is there is what somebody has sent.
            for id in ids(carrier) {
                let bundle = within(carrier, |bag| bag.load(&id).unwrap()).unwrap();
                assert_eq!(bundle.id(), id, "{met:?}");
            }
            assert!(on_disk(folder.path()).0 <= 12);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_over_quic_leaves_room_for_a_friend() {
    let folder = folder();
    let network = |seed: &Secret<32>| {
        let listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".into()];
        P2p::start(Config { listen, mdns: false, ..Config::new(seed.clone()) }, rng()).unwrap()
    };
    // The link shows the keys.
    let [our_seed, their_seed] = [7, 8].map(|byte| Secret::from([byte; 32]));
    let us = carrier_with(&our_seed, folder.path(), 1, SMALL);
    let (here, mut met_here) = network(&our_seed);
    let address = soon(here.watch_addresses().wait_for(|all| !all.is_empty())).await.unwrap()[0].clone();
    let bundles = (0..20_000).map(|number| bundle(7, number, 300));
    let mut liar = Liar::with(&their_seed, bundles, now());
    let (there, mut met_there) = network(&their_seed);
    there.dial(&address).await.unwrap();
    let (ours, theirs) = soon(async { tokio::join!(met_here.recv(), met_there.recv()) }).await;
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    let contact = Contact { known: Some(ours.peer), link: ours.link, send: ours.send, receive: ours.receive };
    let lies = async {
        liar.meet(Some(theirs.peer), theirs.link, theirs.send, theirs.receive).await;
    };
    let mut random = rng();
    let us_too = &us;
    let (met, ()) = soon(async { tokio::join!(meet(us_too, contact, &mut random, |_| {}), lies) }).await;
    let met = met.unwrap();
    assert_eq!((met.came, met.fault), (0, None));
    assert!(on_disk(folder.path()).0 <= 50);
    let counted = counts(&us);
    assert_eq!(counted.over_quota + counted.gave_way, 20_000 - 50, "{counted:?}");
    a_friend_gets_through(&us, 5).await;
    drop((here, there));
}
