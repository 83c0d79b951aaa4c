//! The realm, driven as a shell drives it, by people it should not trust.

mod bad_registrations;
mod descriptors;
mod durability;
mod limits;
mod model;
mod records;
mod states;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::{Secret, SecretBytes, hash};
use allod_threshold::juicebox::start;
use allod_wire::RegistrationVersion;

use super::*;
use crate::client::{Configuration, Guardian, Kit};
use crate::juicebox::secret::Stretched;
use crate::juicebox::{
    Recover1, Recover2, Recover2Request, Recover3, Recover3Request, Register2Request, Response, secret,
};
use crate::test_rng::Seeded;

/// A guardian whose disk is a map: what its shell would do, and no more.
pub(crate) struct Shell {
    pub(crate) realm: Realm,
    pub(crate) records: BTreeMap<[u8; 32], Record>,
    pub(crate) descriptors: BTreeMap<Locator, ([u8; 32], SealedDescriptor)>,
    pub(crate) room: bool,
    pub(crate) events: Vec<Event>,
    pub(crate) now: Instant,
    rng: Seeded,
    next_ticket: Ticket,
    /// Writes that are not durable yet.
    pub(crate) writes: Vec<(PersistId, Change)>,
    pub(crate) answers: BTreeMap<Ticket, Answer>,
}

impl Shell {
    pub(crate) fn new(id: RealmId) -> Self {
        Self {
            realm: Realm::new(id, unlimited()),
            records: BTreeMap::new(),
            descriptors: BTreeMap::new(),
            room: true,
            events: Vec::new(),
            now: Instant(1_000_000),
            rng: Seeded::new(7),
            next_ticket: 0,
            writes: Vec::new(),
            answers: BTreeMap::new(),
        }
    }

    /// Hands a request in, and does not write yet.
    pub(crate) fn ask(&mut self, caller: &Caller, request: Request) -> Ticket {
        let stored = self.records.get(&caller.account).cloned();
        self.input(caller, Ask::Secret { request, stored, room: self.room })
    }

    pub(crate) fn describe(&mut self, caller: &Caller, descriptor: SealedDescriptor) -> Ticket {
        let held = caller.locator.and_then(|locator| self.descriptors.get(&locator));
        let stored = held.map(|(account, held)| Described { account: *account, sequence: held.sequence });
        let registered = self.records.contains_key(&caller.account);
        self.input(caller, Ask::Describe { descriptor, stored, registered })
    }

    fn input(&mut self, caller: &Caller, ask: Ask) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.realm.handle(self.now, &mut self.rng, Input::Ask { ticket, caller: caller.clone(), ask });
        self.drain();
        ticket
    }

    pub(crate) fn fetch(&mut self, locator: &Locator) -> Answer {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let stored = self.descriptors.get(locator).map(|(_, descriptor)| descriptor.clone());
        self.realm.handle(self.now, &mut self.rng, Input::Fetch { ticket, stored });
        self.drain();
        self.answers.remove(&ticket).expect("a fetch waits for nothing")
    }

    fn drain(&mut self) {
        while let Some(output) = self.realm.poll() {
            match output {
                Output::Persist { id, change } => self.writes.push((id, change)),
                Output::Send { ticket, answer } => {
                    assert!(self.answers.insert(ticket, answer).is_none(), "answered twice");
                }
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    /// Makes the first write durable and says so.
    pub(crate) fn write_one(&mut self) {
        let id = self.write_silently();
        self.realm.handle(self.now, &mut self.rng, Input::Persisted(id));
        self.drain();
    }

    /// Makes the first write durable, and the guardian does not learn of it.
    pub(crate) fn write_silently(&mut self) -> PersistId {
        let (id, change) = self.writes.remove(0);
        match change {
            Change::Put { account, record, .. } => drop(self.records.insert(account, *record)),
            Change::Destroy { account } => drop(self.records.insert(account, Record::Destroyed)),
            Change::Remove { account, locator } => {
                self.records.remove(&account);
                let own = |place: &Locator| self.descriptors.get(place).is_some_and(|held| held.0 == account);
                if let Some(locator) = locator.filter(own) {
                    self.descriptors.remove(&locator);
                }
            }
            Change::Describe { account, locator, descriptor } => {
                self.descriptors.insert(locator, (account, descriptor));
            }
        }
        id
    }

    pub(crate) fn write_all(&mut self) {
        while !self.writes.is_empty() {
            self.write_one();
        }
    }

    /// Fails the first write.
    pub(crate) fn fail_one(&mut self) {
        let (id, _) = self.writes.remove(0);
        self.realm.handle(self.now, &mut self.rng, Input::PersistFailed(id));
        self.drain();
    }

    /// The power goes: whatever was in memory is lost.
    pub(crate) fn crash(&mut self) {
        self.realm = Realm::new(self.realm.id, unlimited());
        self.writes.clear();
        self.answers.clear();
    }

    /// Asks, writes, and gives the answer.
    pub(crate) fn serve(&mut self, caller: &Caller, request: Request) -> Answer {
        let ticket = self.ask(caller, request);
        self.write_all();
        self.answers.remove(&ticket).expect("an answer")
    }

    /// Asks for what is answered in Juicebox's words.
    pub(crate) fn response(&mut self, caller: &Caller, request: Request) -> Response {
        match self.serve(caller, request) {
            Answer::Response { response, .. } => response,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn guesses_left(&self, account: &[u8; 32]) -> Option<u16> {
        match self.records.get(account)? {
            Record::Registered(registration) => Some(registration.guesses_left()),
            Record::Destroyed => Some(0),
        }
    }
}

/// Rates that no test meets.
pub(crate) fn unlimited() -> Limits {
    let rate = Rate { burst: u32::MAX, per_second: 1 };
    Limits { tenant: rate, account: rate }
}

pub(crate) const ACCOUNT: [u8; 32] = [0xAC; 32];

/// The owner of [`ACCOUNT`].
pub(crate) fn owner() -> Caller {
    Caller {
        tenant: String::from("self"),
        account: ACCOUNT,
        permit: Permit::Own,
        locator: Some(Locator([0x10; 32])),
    }
}

/// The card of [`ACCOUNT`].
pub(crate) fn card() -> Caller {
    Caller { permit: Permit::Recover, ..owner() }
}

/// What a PIN is stretched to, without the work.
pub(crate) fn stretched(pin: &str) -> Stretched {
    let half = |purpose: u8| Secret::from(hash::sha256(&[&[purpose], pin.as_bytes()].concat()));
    Stretched { access_key: half(1), encryption_key_seed: half(2) }
}

/// Guardians with the realms 1, 2, 3, ….
pub(crate) fn configuration(guardians: u8, threshold: u8) -> Configuration {
    let guardian = |n| Guardian { realm: RealmId([n; 16]), address: alloc::format!("https://{n}.example") };
    Configuration::new((1..=guardians).map(guardian).collect(), threshold).expect("a valid set")
}

pub(crate) const SECRET: &[u8] = b"what is guarded";

/// A registration of [`SECRET`].
pub(crate) fn kit(pin: &str, configuration: Configuration, num_guesses: u16, seed: u64) -> Kit {
    let mut rng = Seeded::new(seed);
    let version = RegistrationVersion(*Secret::random(&mut rng).expose());
    let secret = SecretBytes::from(SECRET.to_vec());
    Kit::deal(&secret, &stretched(pin), version, num_guesses, configuration, &mut rng).expect("dealt")
}

/// The first guardian's part of a registration with this many guesses.
fn parts(num_guesses: u16) -> Box<Register2Request> {
    match kit("1234", configuration(3, 2), num_guesses, 1).request(0) {
        Some(Request::Register2(parts)) => parts,
        other => panic!("{other:?}"),
    }
}

/// A guardian in the state after this many guesses of `num_guesses`.
fn registered(num_guesses: u16, guess_count: u16) -> Shell {
    let mut shell = Shell::new(RealmId([1; 16]));
    let record = Record::Registered(Registration { parts: *parts(num_guesses), guess_count });
    shell.records.insert(ACCOUNT, record);
    shell
}

fn guess() -> Request {
    let (_, blinded) = start(b"some PIN", &mut Seeded::new(3));
    Request::Recover2(Recover2Request { version: parts(3).version, oprf_blinded_input: blinded.to_bytes() })
}

fn right_tag() -> Request {
    let parts = parts(3);
    Request::Recover3(Recover3Request { version: parts.version, unlock_key_tag: parts.unlock_key_tag })
}

fn wrong_tag() -> Request {
    let version = parts(3).version;
    Request::Recover3(Recover3Request { version, unlock_key_tag: Secret::from([0; 16]) })
}

/// The same request for another registration.
fn other_version(request: Request) -> Request {
    let version = RegistrationVersion([0xEE; 16]);
    match request {
        Request::Recover2(guess) => Request::Recover2(Recover2Request { version, ..guess }),
        Request::Recover3(claim) => Request::Recover3(Recover3Request { version, ..claim }),
        other => other,
    }
}
