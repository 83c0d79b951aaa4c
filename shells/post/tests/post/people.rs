//! People with a desk each, whose records are in memory and whose bags are in folders; what is
//! between them is carried by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use allod_courier::bundle::{Bundle, fragments};
use allod_courier::carry::{Limits, Origin, PeerId};
use allod_courier::contact::Own;
use allod_courier::messenger::{Body, Kept, RecordChange, Sending, Whom};
use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes};
use allod_did::{Did, Log, PublicKey, Root};
use allod_post::bag::Bag;
use allod_post::desk::{Desk, Records, Swept};
use allod_post::{PostError, now};
use allod_wire::Instant;
use allod_zstd::PureZstd;
use tempfile::TempDir;

use super::world::{DAY, LARGE, folder, rng};

/// What happens around a change of the records.
pub enum Plan {
    Nothing,
    /// It fails.
    Fails,
    /// It is durable, and then this is done, once.
    Then(Box<dyn FnOnce() + Send>),
}

pub struct Disk {
    pub records: BTreeMap<Vec<u8>, SecretBytes>,
    number: u64,
    pub plan: Plan,
}

#[derive(Clone)]
pub struct Memory(pub Arc<Mutex<Disk>>);

impl Records for Memory {
    fn hold(&mut self) -> Result<(), PostError> {
        Ok(())
    }

    fn number(&mut self) -> Result<u64, PostError> {
        Ok(self.0.lock().unwrap().number)
    }

    fn all(&mut self) -> Result<Vec<(Vec<u8>, SecretBytes)>, PostError> {
        let disk = self.0.lock().unwrap();
        Ok(disk.records.iter().map(|(name, record)| (name.clone(), record.clone())).collect())
    }

    fn change(&mut self, changes: &[RecordChange]) -> Result<(), PostError> {
        let mut disk = self.0.lock().unwrap();
        let plan = std::mem::replace(&mut disk.plan, Plan::Nothing);
        if matches!(plan, Plan::Fails) {
            return Err(PostError::Records("the disk is full".into()));
        }
        disk.number += 1;
        for (name, record) in changes {
            match record {
                Some(record) => drop(disk.records.insert(name.clone(), record.clone())),
                None => drop(disk.records.remove(name)),
            }
        }
        if let Plan::Then(then) = plan {
            then();
        }
        Ok(())
    }

    fn release(&mut self) {}
}

pub struct Person {
    pub folder: TempDir,
    pub records: Memory,
    own: Own,
    limits: Limits,
    pub desk: Desk<Memory>,
}

impl Person {
    pub fn new() -> Self {
        Self::with(LARGE)
    }

    pub fn with(limits: Limits) -> Self {
        let root = Root::from_bytes(Secret::random(&mut rng()));
        let key = SigningKey::from_seed(&Secret::random(&mut rng()));
        let log = Log::create(&root, PublicKey::Ed25519(key.verifying_key()), "laptop", now()).unwrap();
        let own = Own::new(&log, &key).unwrap();
        let disk = Disk { records: BTreeMap::new(), number: 0, plan: Plan::Nothing };
        let (folder, records) = (folder(), Memory(Arc::new(Mutex::new(disk))));
        let desk = desk(&own, &records, &folder, limits);
        Self { folder, records, own, limits, desk }
    }

    /// Ends, and starts from what is on the disk.
    pub fn restart(&mut self) {
        self.desk = desk(&self.own, &self.records, &self.folder, self.limits);
    }

    pub fn did(&self) -> Did {
        self.own.identity().did()
    }

    pub fn plan(&self, plan: Plan) {
        self.records.0.lock().unwrap().plan = plan;
    }

    pub fn write(&self, to: &Self, text: &str) -> Result<(), PostError> {
        let (to, body) = (Whom::Person(to.did()), Body::Text(text.into()));
        self.write_as(to, body, Sending::default())
    }

    pub fn write_as(&self, to: Whom, body: Body, sending: Sending) -> Result<(), PostError> {
        self.desk.with(&mut rng(), |messenger| messenger.send(to, body, sending, now(), &mut rng()).map(drop))
    }

    pub fn sweep(&self) -> Result<Swept, PostError> {
        self.desk.sweep(&PureZstd, &mut rng())
    }

    /// Texts that are kept, in the order in which they were written.
    pub fn texts(&self) -> Vec<String> {
        let records = self.desk.records().unwrap();
        let messages = records.iter().filter(|(name, _)| Kept::is_name(name));
        let bodies = messages.map(|(_, record)| Kept::decode(record).unwrap().body);
        let mut texts: Vec<String> =
            bodies.filter_map(|body| if let Body::Text(text) = body { Some(text) } else { None }).collect();
        texts.sort();
        texts
    }

    /// Messages of which their author knows that they came.
    pub fn delivered(&self) -> usize {
        let disk = self.records.0.lock().unwrap();
        disk.records.keys().filter(|name| allod_courier::messenger::reached_of(name).is_some()).count()
    }

    /// What of their own is in the bag.
    pub fn leaving(&self) -> Vec<Bundle> {
        let all = self.desk.bag().with(|bag| {
            let ids: Vec<_> = bag
                .store()
                .iter()
                .filter(|(_, carried)| carried.origin == Origin::Own)
                .map(|(id, _)| *id)
                .collect();
            ids.iter().map(|id| bag.load(id)).collect::<Result<Vec<_>, PostError>>()
        });
        all.unwrap().into_iter().flatten().collect()
    }

    /// Somebody brings bundles.
    pub fn brought(&self, bundles: &[Bundle]) {
        self.desk.refresh().unwrap();
        for bundle in bundles {
            let is_wanted = self.desk.wants(&bundle.tag);
            let put =
                self.desk.bag().with(|bag| bag.put(bundle, Origin::Peer(PeerId([5; 32])), is_wanted, now()));
            assert!(matches!(put, Ok(()) | Err(PostError::Refused(_))), "{put:?}");
        }
    }

    /// Bundles in the bag, and those among them that are for this device.
    pub fn in_bag(&self) -> (usize, usize) {
        let counts = self.desk.bag().with(|bag| {
            let wanted = bag.store().iter().filter(|(_, carried)| carried.is_wanted).count();
            Ok::<_, PostError>((bag.store().size().0, wanted))
        });
        counts.unwrap()
    }
}

fn desk(own: &Own, records: &Memory, folder: &TempDir, limits: Limits) -> Desk<Memory> {
    let bag = Arc::new(Mutex::new(Bag::open(&folder.path().join("bag"), limits).unwrap()));
    Desk::new(own.clone(), records.clone(), bag, folder.path())
}

/// Carries between them until nobody has anything new. In pieces, if so many bytes are the most.
pub fn carry(people: [&Person; 2], size_max: usize) {
    for _ in 0..4 {
        for (from, to) in [(0, 1), (1, 0)] {
            let pieces: Vec<Bundle> = people[from]
                .leaving()
                .into_iter()
                .flat_map(|one| fragments(one, size_max).unwrap())
                .collect();
            people[to].brought(&pieces);
            people[to].sweep().unwrap();
        }
    }
}

/// An invitation of the first, for one or for many.
pub fn invitation(of: &Person, is_for_one: bool) -> allod_courier::contact::Invitation {
    of.desk
        .with(&mut rng(), |messenger| Ok(messenger.invite(Instant(now().0 + DAY), is_for_one, &mut rng())))
        .unwrap()
}

pub fn accept(who: &Person, invitation: &allod_courier::contact::Invitation, text: &str) {
    let accepted = |messenger: &mut allod_courier::messenger::Messenger| {
        messenger.accept(invitation, "friend", Some(text), now(), &mut rng()).map(drop)
    };
    who.desk.with(&mut rng(), accepted).unwrap();
}

/// Two who know each other.
pub fn acquainted() -> [Person; 2] {
    let [a, b] = [Person::new(), Person::new()];
    accept(&b, &invitation(&a, true), "hello");
    carry([&a, &b], 1 << 20);
    assert_eq!(a.texts(), ["hello"]);
    [a, b]
}
