//! How many messages a second two devices in a session seal and open, beside Olm as `vodozemac`
//! has it; and how many bytes a text of 140 bytes has on the way, to a person, to a group, and at first
//! contact. Prints one line per figure, or with `--json` one JSON object per figure.
//!
//! Both sides of a session are in one thread and in memory: no disk, and on our side neither padding nor
//! looking for whose a message is. Rounds of ours and of the peer's take turns; figures are medians of rounds.
//! In one direction, the other side answers once in 512 messages.
#![allow(missing_docs)]

#[path = "../../../shells/node/benches/figure/mod.rs"]
mod figure;
mod people;

use std::error::Error;
use std::time::Instant;

use allod_courier::bundle::compact::FRAGMENT_HEADER;
use allod_courier::bundle::{Bundle, PACKET, Priority, fragments};
use allod_courier::messenger::Whom;
use allod_courier::ratchet::{Ratchet, Start};
use allod_crypto::{Secret, exchange};
use figure::{Figure, percentile};
use people::{Person, bring, rng};
use vodozemac::olm::{Account, OlmMessage, Session, SessionConfig};

/// Bytes of a text.
const TEXT: usize = 140;

/// What LXMF adds to a text, as its own documentation says.
const LXMF: f64 = 112.0;

const ROUNDS: usize = 41;

/// Messages of a round that go one way.
const ONE_WAY: usize = 512;

/// Messages of a round in which each answers the one before.
const IN_TURN: usize = 200;

type Done<T> = Result<T, Box<dyn Error>>;

/// Two sides that seal, and open what the other sealed. How many bytes went.
trait Pair {
    fn pass(&mut self, from_first: bool, text: &[u8]) -> Done<usize>;
}

struct Ours([Ratchet; 2]);

impl Pair for Ours {
    fn pass(&mut self, from_first: bool, text: &[u8]) -> Done<usize> {
        let Self([first, second]) = self;
        let (from, to) = if from_first { (first, second) } else { (second, first) };
        let message = from.seal(text, &mut rng())?;
        let opened = to.open(&message, allod_wire::Instant(1))?;
        assert_eq!(opened.plain.expose(), text, "it opens");
        Ok(message.len())
    }
}

fn ours() -> Done<Ours> {
    let start = Start { secret: Secret::random(&mut rng()), bound: [7; 32] };
    let key = Secret::random(&mut rng());
    let first = Ratchet::initiator(&start, exchange::public_key(&key), &mut rng())?;
    let mut pair = Ours([first, Ratchet::responder(&start, key)]);
    pair.pass(true, b"hello")?;
    pair.pass(false, b"hello yourself")?;
    Ok(pair)
}

struct Olm([Session; 2]);

impl Pair for Olm {
    fn pass(&mut self, from_first: bool, text: &[u8]) -> Done<usize> {
        let Self([first, second]) = self;
        let (from, to) = if from_first { (first, second) } else { (second, first) };
        // Bytes as they travel, on both sides.
        let (kind, bytes) = from.encrypt(text)?.to_parts();
        let opened = to.decrypt(&OlmMessage::from_parts(kind, &bytes)?)?;
        assert_eq!(opened, text, "it opens");
        Ok(bytes.len())
    }
}

fn olm() -> Done<Olm> {
    let (alice, mut bob) = (Account::new(), Account::new());
    bob.generate_one_time_keys(1);
    let key = bob.one_time_keys().into_values().next().ok_or("no key")?;
    let config = SessionConfig::version_1();
    let mut first = alice.create_outbound_session(config, bob.curve25519_key(), key)?;
    let OlmMessage::PreKey(hello) = first.encrypt("hello")? else { return Err("not the first".into()) };
    let second = bob.create_inbound_session(config, alice.curve25519_key(), &hello)?.session;
    let mut pair = Olm([first, second]);
    pair.pass(false, b"hello yourself")?;
    pair.pass(true, b"begun")?;
    Ok(pair)
}

/// Messages a second of a round, and bytes that the last one added.
fn round(pair: &mut impl Pair, in_turn: bool) -> Done<[f64; 2]> {
    let text = [0x20; TEXT];
    let count = if in_turn { IN_TURN } else { ONE_WAY };
    let (begun, mut size) = (Instant::now(), 0);
    for at in 0..count {
        size = pair.pass(!in_turn || at % 2 == 0, &text)?;
    }
    let took = begun.elapsed().as_secs_f64();
    pair.pass(false, &text)?;
    Ok([count as f64 / took, (size - TEXT) as f64])
}

fn speed(json: bool) -> Done<()> {
    let (mut ours, mut olm) = (ours()?, olm()?);
    for (name, in_turn) in [("one way", false), ("in turn", true)] {
        let (mut of_ours, mut of_olm, mut added) = (Vec::new(), Vec::new(), [0.0; 2]);
        for _ in 0..ROUNDS {
            let ([here, longer], [there, olm_longer]) =
                (round(&mut ours, in_turn)?, round(&mut olm, in_turn)?);
            of_ours.push(here);
            of_olm.push(there);
            added = [longer, olm_longer];
        }
        let (value, peer) = (percentile(&mut of_ours, 50), percentile(&mut of_olm, 50));
        let print = |what: &str, value, unit, aim, peer| {
            let name = &format!("messages of {TEXT} bytes, {name}: {what}, beside Olm");
            Figure { name, value, unit, aim, peer: Some(peer) }.print(json);
        };
        print("sealed and opened", value, "messages/s", Some(">= 1x"), peer);
        print("what sealing adds", added[0], "bytes", None, added[1]);
    }
    Ok(())
}

/// Bytes and packets that bundles are on a link of narrow packets.
fn packets(bundles: &[Bundle]) -> Done<[f64; 2]> {
    let (mut bytes, mut count) = (0, 0);
    for bundle in bundles {
        let parts = match bundle.to_compact().len() <= PACKET {
            true => vec![bundle.clone()],
            false => fragments(bundle.clone(), PACKET - FRAGMENT_HEADER).ok_or("too large")?,
        };
        for part in parts {
            let size = part.to_compact().len();
            assert!(size <= PACKET, "a packet has room for it");
            (bytes, count) = (bytes + size, count + 1);
        }
    }
    Ok([f64::from(u32::try_from(bytes)?), f64::from(count)])
}

fn sizes(json: bool) -> Done<()> {
    let print = |name: &str, value, unit, aim, peer| Figure { name, value, unit, aim, peer }.print(json);
    let (mut alice, mut bob, mut carol) = (Person::new()?, Person::new()?, Person::new()?);
    let invitation = alice.invite();
    print("first contact: invitation", invitation.encode().len() as f64, "bytes", None, None);
    let answer = bob.accept(&invitation)?;
    // Cards follow where bytes cost nothing.
    let is_card = |bundle: &&Bundle| bundle.terms.priority == Priority::Bulk;
    let (cards, greeting): (Vec<&Bundle>, Vec<&Bundle>) = answer.iter().partition(is_card);
    let [greeting, cards] = [greeting, cards].map(|all| all.into_iter().cloned().collect::<Vec<Bundle>>());
    let [bytes, count] = packets(&greeting)?;
    print("first contact: its answer", bytes, "bytes", None, None);
    print("first contact: its answer, in packets of 230 bytes", count, "packets", None, None);
    print("first contact: cards that follow", packets(&cards)?[0], "bytes", None, None);
    assert!(bring(&mut [&mut alice, &mut bob], answer) >= 2, "both have heard of each other");
    let text = "x".repeat(TEXT);
    let sent = alice.write(bob.whom(), &text)?;
    let [bytes, count] = packets(&sent)?;
    let added = bytes - TEXT as f64;
    let name = "140 bytes in a session: added, padding with it, beside LXMF";
    print(name, added, "bytes", Some("<= 90"), Some(LXMF));
    print("140 bytes in a session: packets of 230 bytes", count, "packets", Some("<= 1"), None);
    assert!(bring(&mut [&mut alice, &mut bob], sent) >= 2, "it came, and it is known to have come");
    let invitation = alice.invite();
    let answer = carol.accept(&invitation)?;
    bring(&mut [&mut alice, &mut carol], answer);
    let group = alice.found()?;
    let told = [alice.add(group, &bob)?, alice.add(group, &carol)?].concat();
    let begun = [told, alice.write(Whom::Group(group), "hello")?].concat();
    bring(&mut [&mut alice, &mut bob, &mut carol], begun);
    // Everybody has the keys by now.
    let sent = alice.write(Whom::Group(group), &text)?;
    let [bytes, count] = packets(&sent)?;
    let added = bytes - TEXT as f64;
    print("140 bytes to a group of 3: bundles", sent.len() as f64, "bundles", Some("<= 1"), None);
    print("140 bytes to a group of 3: added, padding with it", added, "bytes", None, None);
    print("140 bytes to a group of 3: packets of 230 bytes", count, "packets", None, None);
    assert!(bring(&mut [&mut alice, &mut bob, &mut carol], sent) >= 2, "both others read it");
    Ok(())
}

fn main() -> Done<()> {
    let json = std::env::args().any(|argument| argument == "--json");
    speed(json)?;
    sizes(json)
}
