//! Devices on one machine meet, lose and refuse each other.

use std::time::{Duration, Instant};

use allod_crypto::Secret;
use futures_util::{AsyncWriteExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;

use super::encounter::{Came, Outcome};
use super::network::NetworkEvent;
use super::{Config, Event, FRAME_MAX, P2p, RelayLimits};
use crate::{Contact, LinkError};

const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const TCP: &str = "/ip4/127.0.0.1/tcp/0";

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

fn rng() -> impl allod_crypto::CryptoRng + Send + 'static {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}

/// A device that is on its own.
fn config(listen: &[&str]) -> Config {
    let listen = listen.iter().map(|listen| (*listen).into()).collect();
    Config { listen, mdns: false, ..Config::new(Secret::random(&mut rng())) }
}

struct Device {
    p2p: P2p,
    contacts: mpsc::Receiver<Contact>,
    events: broadcast::Receiver<Event>,
}

impl Device {
    fn new(config: Config) -> Self {
        let (p2p, contacts) = P2p::start(config, rng()).unwrap();
        let events = p2p.events();
        Self { p2p, contacts, events }
    }

    /// An address of this device that has this in it.
    async fn address(&self, of: &str) -> String {
        let mut addresses = self.p2p.watch_addresses();
        let there = addresses.wait_for(|all| all.iter().any(|address| address.contains(of)));
        let all = timeout(LONG, there).await.unwrap().unwrap();
        all.iter().find(|address| address.contains(of)).unwrap().clone()
    }

    async fn contact(&mut self) -> Contact {
        timeout(LONG, self.contacts.recv()).await.expect("a contact in time").unwrap()
    }

    async fn event(&mut self, is_it: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if is_it(&event) {
                    return event;
                }
            }
        };
        timeout(LONG, found).await.expect("an event in time")
    }
}

async fn next(contact: &mut Contact) -> Option<Vec<u8>> {
    timeout(LONG, contact.receive.recv()).await.expect("a frame in time")
}

/// Two devices, the second of which named the first.
async fn two(listen: &str) -> (Device, Device) {
    let first = Device::new(config(&[listen]));
    let named = vec![first.address("/").await];
    let second = Device::new(Config { named, ..config(&[]) });
    (first, second)
}

async fn exchange(a: &mut Contact, b: &mut Contact) {
    let frames = || [0, 1, 2 << 20, 0, 77, FRAME_MAX].map(|length| vec![length as u8 ^ 0x5a; length]);
    let (to_a, to_b) = (a.send.clone(), b.send.clone());
    let sending = async {
        for (left, right) in frames().into_iter().zip(frames()) {
            tokio::join!(async { to_a.send(left).await.unwrap() }, async { to_b.send(right).await.unwrap() });
        }
    };
    let receiving = async {
        for frame in frames() {
            assert!(next(a).await.unwrap() == frame);
            assert!(next(b).await.unwrap() == frame);
        }
    };
    tokio::join!(sending, receiving);
}

async fn frames_arrive_in_order(listen: &str) {
    let (mut first, mut second) = two(listen).await;
    let (mut a, mut b) = (first.contact().await, second.contact().await);
    assert_eq!((a.peer, b.peer), (second.p2p.me(), first.p2p.me()));
    assert_ne!(a.is_dialer, b.is_dialer);
    assert_eq!(a.link.mtu, FRAME_MAX);
    exchange(&mut a, &mut b).await;
}

#[tokio::test]
async fn frames_arrive_in_order_over_quic() {
    frames_arrive_in_order(QUIC).await;
}

#[tokio::test]
async fn frames_arrive_in_order_over_tcp() {
    frames_arrive_in_order(TCP).await;
}

#[tokio::test]
async fn two_who_dial_at_once_have_one_contact() {
    for listen in [QUIC, TCP] {
        let (mut a, mut b) = (Device::new(config(&[listen])), Device::new(config(&[listen])));
        let (at_a, at_b) = (a.address("/").await, b.address("/").await);
        let (one, other) = tokio::join!(a.p2p.dial(&at_b), b.p2p.dial(&at_a));
        one.unwrap();
        other.unwrap();
        let (mut in_a, mut in_b) = (a.contact().await, b.contact().await);
        exchange(&mut in_a, &mut in_b).await;
        // Nobody gets a second one, and the first one stays.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(a.contacts.try_recv().is_err() && b.contacts.try_recv().is_err());
        assert_ne!(in_a.is_dialer, in_b.is_dialer);
        exchange(&mut in_a, &mut in_b).await;
    }
}

#[tokio::test]
async fn somebody_with_another_key_is_refused() {
    for listen in [QUIC, TCP] {
        let first = Device::new(config(&[listen]));
        let other = Device::new(config(&[]));
        let at_first = first.address("/").await;
        let (place, _) = at_first.split_once("/p2p/").unwrap();
        let wrong = format!("{place}/p2p/{}", super::name(&other.p2p.me()));
        let mut second = Device::new(Config { named: vec![wrong], ..config(&[]) });
        let failed = second.event(|event| matches!(event, Event::Failed { .. })).await;
        assert!(failed.to_string().contains("somebody else is there"), "{failed}");
        assert!(second.contacts.try_recv().is_err());
        // Without a key in the address, whoever is there will do.
        second.p2p.dial(place).await.unwrap();
        assert_eq!(second.contact().await.peer, first.p2p.me());
    }
}

#[tokio::test]
async fn what_is_handed_in_before_a_contact_ends_arrives() {
    let (mut first, mut second) = two(QUIC).await;
    let (mut a, b) = (first.contact().await, second.contact().await);
    b.send.send(vec![1; 1 << 20]).await.unwrap();
    b.send.send(vec![2; 1 << 20]).await.unwrap();
    drop(b);
    assert_eq!(next(&mut a).await.unwrap()[0], 1);
    assert_eq!(next(&mut a).await.unwrap()[0], 2);
    assert_eq!(next(&mut a).await, None);
    let lost = first.event(|event| matches!(event, Event::Lost { .. })).await;
    assert!(lost.to_string().contains("the other device ended the contact"), "{lost}");
}

#[tokio::test]
async fn a_device_that_ends_brings_what_was_handed_in() {
    let (mut first, mut second) = two(TCP).await;
    let (mut a, b) = (first.contact().await, second.contact().await);
    b.send.send(vec![1; FRAME_MAX]).await.unwrap();
    let Device { p2p, .. } = second;
    let (frame, ()) = tokio::join!(next(&mut a), async {
        timeout(LONG, p2p.end()).await.unwrap();
    });
    assert_eq!(frame.unwrap().len(), FRAME_MAX);
    assert_eq!(next(&mut a).await, None);
    assert!(b.send.send(Vec::new()).await.is_err());
    first.event(|event| matches!(event, Event::Lost { .. })).await;
}

#[tokio::test]
async fn a_device_that_vanishes_is_lost() {
    let (mut first, mut second) = two(TCP).await;
    let (mut a, b) = (first.contact().await, second.contact().await);
    drop(second);
    assert_eq!(next(&mut a).await, None);
    let lost = first.event(|event| matches!(event, Event::Lost { .. })).await;
    assert!(matches!(lost, Event::Lost { peer, .. } if peer == a.peer), "{lost}");
    drop(b);
}

#[tokio::test]
async fn a_named_device_that_comes_later_or_again_is_met() {
    let seed = Secret::random(&mut rng());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("/ip4/127.0.0.1/tcp/{port}");
    let mut named = Device::new(Config { named: vec![listen.clone()], ..config(&[]) });
    let failed = named.event(|event| matches!(event, Event::Failed { .. })).await;
    assert!(failed.to_string().contains("refused"), "{failed}");
    for _ in 0..2 {
        let device = Device::new(Config { seed: seed.clone(), ..config(&[&listen]) });
        assert_eq!(named.contact().await.peer, device.p2p.me());
        device.p2p.end().await;
        named.event(|event| matches!(event, Event::Lost { .. })).await;
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_named() {
    for listen in ["nonsense", "/ip4/127.0.0.1/udp/0/quic-v1/tcp", ""] {
        let refused = P2p::start(config(&[listen]), rng()).unwrap_err();
        assert!(refused.to_string().contains(listen), "{refused}");
    }
    let here = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("/ip4/127.0.0.1/tcp/{}", here.local_addr().unwrap().port());
    let refused = P2p::start(config(&[&taken]), rng()).unwrap_err();
    assert!(matches!(refused, LinkError::Listen { .. }), "{refused}");
    let device = Device::new(config(&[]));
    assert!(matches!(device.p2p.dial("nonsense").await, Err(LinkError::Address { .. })));
}

/// What a device says of somebody who sends these bytes in place of frames, and then no more.
async fn said_of_a_liar(bytes: &[u8]) -> String {
    let mut device = Device::new(config(&[TCP]));
    let me = super::name::theirs(&device.p2p.me()).unwrap();
    // The liar is the one to open the stream.
    let (keypair, config) = loop {
        let config = config(&[]);
        let keypair = super::name::keypair(&config.seed).unwrap();
        if super::encounter::opens(&keypair.public().to_peer_id(), &me) {
            break (keypair, config);
        }
    };
    let mut liar = super::network::network(keypair, &config).unwrap();
    liar.dial(device.address("/").await.parse::<libp2p::Multiaddr>().unwrap()).unwrap();
    let lying = async {
        let (mut streams, mut closed) = (Vec::new(), false);
        while !closed {
            match liar.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                    liar.behaviour_mut().encounter.open(peer_id, connection_id);
                }
                SwarmEvent::Behaviour(NetworkEvent::Encounter(Came {
                    outcome: Outcome::Stream(mut opened),
                    ..
                })) => {
                    opened.write_all(bytes).await.unwrap();
                    opened.close().await.unwrap();
                    streams.push(opened);
                }
                SwarmEvent::ConnectionClosed { .. } => closed = true,
                _ => {}
            }
        }
    };
    let listening = async {
        let mut contact = device.contact().await;
        assert!(
            contact.is_dialer == super::encounter::opens(&me, &super::name::theirs(&contact.peer).unwrap())
        );
        while next(&mut contact).await.is_some() {}
        let lost = device.event(|event| matches!(event, Event::Lost { .. })).await;
        drop(contact);
        lost.to_string()
    };
    tokio::select! {
        said = listening => said,
        () = async { lying.await; std::future::pending().await } => unreachable!(),
    }
}

#[tokio::test]
async fn a_frame_that_is_too_long_ends_contact_and_connection() {
    let length = u32::try_from(FRAME_MAX).unwrap() + 1;
    let said = said_of_a_liar(&length.to_be_bytes()).await;
    assert!(said.contains("sent 2162689 bytes at once"), "{said}");
}

#[tokio::test]
async fn half_a_frame_ends_a_contact() {
    let said = said_of_a_liar(&[0, 0, 0, 2, 7]).await;
    assert!(said.contains("ended inside a frame"), "{said}");
    let said = said_of_a_liar(&[0, 0]).await;
    assert!(said.contains("broke"), "{said}");
}

/// A device that can be reached over a relay only.
async fn behind(relay: &Device) -> Device {
    let listen = format!("{}/p2p-circuit", relay.address("/").await);
    Device::new(config(&[&listen]))
}

#[tokio::test]
async fn two_who_cannot_reach_each_other_meet_through_a_third() {
    let serve = Some(RelayLimits::default());
    let mut relay = Device::new(Config { relay: serve, ..config(&[TCP]) });
    let mut hidden = behind(&relay).await;
    let at_hidden = hidden.address("p2p-circuit").await;
    let _with_relay = (relay.contact().await, hidden.contact().await);
    let mut other = Device::new(Config { named: vec![at_hidden], ..config(&[]) });
    // On its way to the hidden one it meets the relay, too.
    let mut a = hidden.contact().await;
    let (one, another) = (other.contact().await, other.contact().await);
    let (_, mut b) = if one.peer == relay.p2p.me() { (one, another) } else { (another, one) };
    assert_eq!((a.peer, b.peer), (other.p2p.me(), hidden.p2p.me()));
    assert!(b.address.contains("p2p-circuit"), "{}", b.address);
    assert_eq!(b.link.cost, allod_courier::link::Cost::Metered);
    exchange(&mut a, &mut b).await;
}

#[tokio::test]
async fn the_directory_tells_where_a_friend_of_a_friend_is() {
    let with = |named: Vec<String>| Config { kad: true, named, ..config(&[QUIC]) };
    let mut b = Device::new(with(Vec::new()));
    let at_b = b.address("/").await;
    let mut c = Device::new(with(vec![at_b.clone()]));
    let mut a = Device::new(with(vec![at_b]));
    let _contacts = (c.contact().await, a.contact().await, b.contact().await, b.contact().await);
    let began = Instant::now();
    // B has to hear from C first where it is.
    let found = loop {
        match a.p2p.find(&c.p2p.me()).await {
            Ok(found) => break found,
            Err(why) => assert!(began.elapsed() < LONG, "{why}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(found.contains(&c.address("/").await), "{found:?}");
    a.p2p.dial(&found[0]).await.unwrap();
    // It may be connected already, for having been asked itself.
    assert_eq!(timeout(LONG, c.contacts.recv()).await.unwrap().unwrap().peer, a.p2p.me());
    let nobody = P2p::start(config(&[]), rng()).unwrap().0.me();
    assert!(matches!(a.p2p.find(&nobody).await, Err(LinkError::NotFound)));
}
