//! Tests: people with devices, and a world in which bundles are brought to whoever wants them,
//! late, out of order, more than once, or to some only. Every device is loaded anew from its
//! records before everything that it does.

mod devices;
mod files;
mod groups;
mod people;
mod thieves;
mod vouch;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes};
use allod_did::{Did, Log, PublicKey, Root};
use allod_wire::Instant;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;

use super::*;
use crate::bundle::Bundle;
use crate::contact::Own;

const NOW: Instant = Instant(1_800_000_000_000);
const DAY: u64 = 24 * 3600 * 1000;

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// A person with a root.
struct Human {
    root: Root,
    log: Log,
}

/// A device, as its disk has it.
#[derive(Clone)]
struct Device {
    log: Log,
    key: SigningKey,
    records: BTreeMap<Vec<u8>, SecretBytes>,
    /// Bundles that came and were for nobody here yet.
    carried: Vec<Bundle>,
    news: Vec<News>,
}

impl Human {
    fn new() -> (Self, Device) {
        let root = Root::from_bytes(Secret::random(&mut rng()));
        let key = SigningKey::from_seed(&Secret::random(&mut rng()));
        let log = Log::create(&root, PublicKey::Ed25519(key.verifying_key()), "laptop", NOW).unwrap();
        (Self { root, log: log.clone() }, Device::new(log, key))
    }

    /// Another device, which knows nothing yet.
    fn add_device(&mut self, name: &str) -> Device {
        let key = SigningKey::from_seed(&Secret::random(&mut rng()));
        self.log.add_device(&self.root, PublicKey::Ed25519(key.verifying_key()), name, NOW).unwrap();
        Device::new(self.log.clone(), key)
    }

    fn did(&self) -> Did {
        self.log.state().did()
    }
}

impl Device {
    fn new(log: Log, key: SigningKey) -> Self {
        Self { log, key, records: BTreeMap::new(), carried: Vec::new(), news: Vec::new() }
    }

    fn load(&self) -> Messenger {
        let own = Own::new(&self.log, &self.key).unwrap();
        Messenger::load(own, self.records.iter().map(|(name, record)| (name.as_slice(), record))).unwrap()
    }

    /// Does something, keeps what changed, and gives what is to leave.
    fn act<T>(&mut self, act: impl FnOnce(&mut Messenger) -> T) -> (T, Vec<Bundle>) {
        let mut messenger = self.load();
        let done = act(&mut messenger);
        self.keep(&mut messenger);
        let (numbers, bundles): (Vec<u64>, Vec<Bundle>) =
            messenger.outgoing().map(|(number, bundle)| (number, bundle.clone())).unzip();
        messenger.has_left(&numbers);
        self.keep(&mut messenger);
        (done, bundles)
    }

    fn keep(&mut self, messenger: &mut Messenger) {
        for (name, record) in messenger.changes() {
            match record {
                Some(record) => drop(self.records.insert(name, record)),
                None => drop(self.records.remove(&name)),
            }
        }
    }

    /// Takes bundles, in any order; what is not for this device it carries, and looks at again
    /// when something else was for it.
    fn take(&mut self, bundles: &[Bundle], now: Instant) -> Vec<Bundle> {
        self.carried.extend_from_slice(bundles);
        let mut left = Vec::new();
        loop {
            let carried = core::mem::take(&mut self.carried);
            let count = carried.len();
            let ((news, rest), out) = self.act(|messenger| {
                let (mut news, mut rest) = (Vec::new(), Vec::new());
                for bundle in carried {
                    match messenger.receive(&bundle, now, &mut rng()) {
                        Ok(received) => news.extend(received.news),
                        Err(_) => rest.push(bundle),
                    }
                }
                messenger.acknowledge(now, &mut rng()).unwrap();
                (news, rest)
            });
            let is_done = rest.len() == count;
            self.carried = rest;
            self.news.extend(news);
            left.extend(out);
            if is_done {
                return left;
            }
        }
    }

    fn did(&self) -> Did {
        self.log.state().did()
    }

    fn invite(&mut self) -> Vec<u8> {
        self.act(|m| m.invite(Instant(NOW.0 + 30 * DAY), true, &mut rng()).encode()).0
    }

    fn accept(&mut self, invitation: &[u8], name: &str, text: Option<&str>) -> Vec<Bundle> {
        let invitation = crate::contact::Invitation::decode(invitation).unwrap();
        let (done, out) = self.act(|m| m.accept(&invitation, name, text, NOW, &mut rng()));
        done.unwrap();
        out
    }

    fn say(&mut self, to: Did, text: &str, now: Instant) -> Vec<Bundle> {
        let (done, out) = self
            .act(|m| m.send(Whom::Person(to), Body::Text(text.into()), Sending::default(), now, &mut rng()));
        done.unwrap();
        out
    }

    fn say_to_group(&mut self, group: GroupId, text: &str, now: Instant) -> Vec<Bundle> {
        let (done, out) = self.act(|m| {
            m.send(Whom::Group(group), Body::Text(text.into()), Sending::default(), now, &mut rng())
        });
        done.unwrap();
        out
    }

    /// Texts of others that are kept, in the order in which they were written.
    fn texts(&self) -> Vec<String> {
        let own = self.did();
        self.kept().into_iter().filter(|kept| kept.from != own).filter_map(|kept| text_of(&kept)).collect()
    }

    fn kept(&self) -> Vec<Kept> {
        let messages = self.records.iter().filter(|(name, _)| Kept::is_name(name));
        messages.map(|(_, record)| Kept::decode(record).unwrap()).collect()
    }

    /// How far this person's messages have come, of all that is known.
    fn reached(&self) -> BTreeSet<(MessageId, Did, Reached)> {
        self.records.keys().filter_map(|name| reached_of(name)).collect()
    }

    fn unread(&self) -> usize {
        self.records.keys().filter(|name| Kept::name_of_unread(name).is_some()).count()
    }
}

fn text_of(kept: &Kept) -> Option<String> {
    match &kept.body {
        Body::Text(text) => Some(text.to_string()),
        Body::File { .. } => None,
    }
}

/// Brings bundles to all devices, and what these then send, until nothing is left.
fn bring(devices: &mut [&mut Device], bundles: Vec<Bundle>, now: Instant) {
    let mut bundles = bundles;
    for _ in 0..64 {
        let mut next = Vec::new();
        for device in devices.iter_mut() {
            next.extend(device.take(&bundles, now));
        }
        if next.is_empty() {
            return;
        }
        bundles = next;
    }
    panic!("they never stop talking");
}

/// Two people who have written to each other.
fn acquainted() -> ((Human, Device), (Human, Device)) {
    let (mut alice, mut bob) = (Human::new(), Human::new());
    let invitation = alice.1.invite();
    let out = bob.1.accept(&invitation, "Alice", Some("hello"));
    bring(&mut [&mut alice.1, &mut bob.1], out, NOW);
    (alice, bob)
}
