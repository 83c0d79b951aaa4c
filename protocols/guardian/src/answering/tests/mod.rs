//! The evaluation service, its clients and its auditors, among people they should
//! not trust.

mod audits;
mod durability;
mod forms;
mod handing_on;
mod liars;
mod model;
mod outputs;
mod receipts;
mod refusals;

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::group::{Group, SecretScalar};
use allod_threshold::shamir::{Share, split};
use allod_wire::Wire;
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use super::*;
use crate::keyholder::Record;
use crate::test_rng::Seeded;

pub(crate) type G = Ristretto255;

pub(crate) const NETWORK: NetworkId = NetworkId([9; 32]);
pub(crate) const KEY: &str = "oprf/a";

/// A guardian's signing key.
pub(crate) fn signing_key(who: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::from([who; 32]))
}

pub(crate) fn guardian(who: u8) -> GuardianId {
    GuardianId(signing_key(who).verifying_key().0)
}

/// A caller who owns an account.
pub(crate) fn caller(account: u8) -> Caller {
    Caller { tenant: "self".into(), account: [account; 32], permit: Permit::Own, locator: None }
}

pub(crate) fn unlimited() -> Limits {
    let rate = Rate { burst: u32::MAX, per_second: u32::MAX };
    Limits { overall: rate, account: rate }
}

/// A key in shares: what its holders and the ledger know.
pub(crate) struct Dealt {
    pub(crate) name: &'static str,
    pub(crate) generation: u32,
    pub(crate) threshold: u16,
    pub(crate) secret: SecretScalar<G>,
    pub(crate) shares: Vec<Share<G>>,
    /// Who holds them, in the same order.
    pub(crate) holders: Vec<u8>,
}

/// The key that a seed gives, shared by these guardians.
pub(crate) fn deal(name: &'static str, seed: u64, threshold: u16, holders: &[u8]) -> Dealt {
    let secret = SecretScalar::<G>::random(&mut Seeded::new(seed));
    share_out(name, 0, &secret, threshold, holders)
}

pub(crate) fn share_out(
    name: &'static str,
    generation: u32,
    secret: &SecretScalar<G>,
    threshold: u16,
    holders: &[u8],
) -> Dealt {
    let mut rng = Seeded::new(77 + u64::from(generation));
    let shares = split(secret, threshold, holders.len() as u16, &mut rng).expect("shares");
    Dealt { name, generation, threshold, secret: secret.clone(), shares, holders: holders.to_vec() }
}

fn point(scalar: &SecretScalar<G>) -> Vec<u8> {
    G::encode(&scalar.mul_generator()).to_vec()
}

impl Dealt {
    pub(crate) fn public_key(&self) -> Vec<u8> {
        point(&self.secret)
    }

    pub(crate) fn public_share(&self, who: u8) -> Vec<u8> {
        point(&self.share(who).value)
    }

    pub(crate) fn share(&self, who: u8) -> &Share<G> {
        let place = self.holders.iter().position(|holder| *holder == who).expect("a holder");
        &self.shares[place]
    }

    pub(crate) fn committee(&self) -> Committee {
        let members = self.holders.iter().map(|who| Member {
            index: self.share(*who).index.get(),
            guardian: guardian(*who),
            public_share: self.public_share(*who),
        });
        Committee::new(NETWORK, self.name, self.generation, self.threshold, &self.public_key(), members)
            .expect("a committee")
    }

    /// The keyholder of one holder, as it comes from its disk.
    pub(crate) fn keyholder(&self, who: u8) -> Keyholder {
        let share = self.share(who);
        let stored =
            Stored { generation: self.generation, index: share.index.get(), value: *share.value.encode() };
        Keyholder::new(self.name, GroupName::Ristretto255, stored.record())
    }

    /// What an auditor knows of a holder.
    pub(crate) fn held_by(&self, who: u8) -> impl Fn(&str, u32) -> Option<HeldPart> + use<> {
        let part = HeldPart { index: self.share(who).index.get(), public_share: self.public_share(who) };
        let (name, generation) = (self.name, self.generation);
        move |asked, asked_generation| (asked == name && asked_generation == generation).then(|| part.clone())
    }
}

/// A keyholder's record, byte by byte.
struct Stored {
    generation: u32,
    index: u16,
    value: [u8; 32],
}

impl Stored {
    fn record(&self) -> Record {
        allod_wire::decode(&allod_wire::encode(self)).expect("a record")
    }
}

impl<C> Encode<C> for Stored {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(3)?.u8(1)?.null()?.array(3)?.u32(self.generation)?.u16(self.index)?.bytes(&self.value)?.ok()
    }
}

/// A guardian whose disk is a list: what its shell would do, and no more.
pub(crate) struct Shell {
    pub(crate) service: Answering,
    pub(crate) key: SigningKey,
    pub(crate) disk: Vec<SignedAnswer>,
    /// The write that is not durable yet.
    pub(crate) write: Option<(PersistId, Vec<SignedAnswer>)>,
    pub(crate) replies: BTreeMap<Ticket, Reply>,
    pub(crate) events: Vec<Event>,
    pub(crate) now: Instant,
    pub(crate) rng: Seeded,
    next_ticket: Ticket,
}

impl Shell {
    pub(crate) fn new(who: u8) -> Self {
        let key = signing_key(who);
        Self {
            service: Answering::new(NETWORK, key.clone(), unlimited(), Tip::default()),
            key,
            disk: Vec::new(),
            write: None,
            replies: BTreeMap::new(),
            events: Vec::new(),
            now: Instant(1_000_000),
            rng: Seeded::new(5),
            next_ticket: 0,
        }
    }

    /// A guardian that holds its share of a key.
    pub(crate) fn holding(dealt: &Dealt, who: u8) -> Self {
        let mut shell = Self::new(who);
        shell.service.follow(&dealt.keyholder(who)).expect("a share");
        shell
    }

    pub(crate) fn ask(&mut self, request: Request) -> Ticket {
        self.ask_as(caller(1), request)
    }

    pub(crate) fn ask_as(&mut self, caller: Caller, request: Request) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.input(Input::Ask(vec![Asked { ticket, caller, request }]));
        ticket
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.service.handle(self.now, &mut self.rng, input);
        while let Some(output) = self.service.poll() {
            match output {
                Output::Persist { id, entries } => {
                    assert!(self.write.is_none(), "one write at a time");
                    assert!(!entries.is_empty());
                    self.write = Some((id, entries));
                }
                Output::Send { ticket, reply } => {
                    if let Reply::Answered(answer) = &reply {
                        assert!(self.disk.contains(answer), "it left before it was durable");
                    }
                    assert!(self.replies.insert(ticket, reply).is_none(), "replied twice");
                }
                Output::Event(event) => self.events.push(event),
            }
        }
        assert_eq!(self.service.deadline(), None);
    }

    /// Makes the write durable and says so.
    pub(crate) fn persist(&mut self) {
        let id = self.store(usize::MAX);
        self.input(Input::Persisted(id));
    }

    /// Stores the first entries of the write, and does not say so.
    pub(crate) fn store(&mut self, entries: usize) -> PersistId {
        let (id, written) = self.write.take().expect("a write");
        self.disk.extend(written.into_iter().take(entries));
        id
    }

    /// The write fails after the first entries.
    pub(crate) fn fail(&mut self, entries: usize) {
        let id = self.store(entries);
        self.input(Input::PersistFailed(id));
    }

    pub(crate) fn stored_tip(&self) -> Tip {
        self.disk.last().map(Tip::of).unwrap_or_default()
    }

    /// The process stops, and starts again from its disk.
    pub(crate) fn restart(&mut self, dealt: &Dealt, who: u8) {
        self.write = None;
        self.service = Answering::new(NETWORK, self.key.clone(), unlimited(), self.stored_tip());
        self.service.follow(&dealt.keyholder(who)).expect("a share");
    }

    /// Asks, writes, and gives the reply.
    pub(crate) fn reply(&mut self, request: Request) -> Reply {
        let ticket = self.ask(request);
        if self.write.is_some() {
            self.persist();
        }
        self.replies.remove(&ticket).expect("a reply")
    }

    pub(crate) fn answer(&mut self, request: Request) -> SignedAnswer {
        match self.reply(request) {
            Reply::Answered(answer) => *answer,
            Reply::Refused(refusal) => panic!("{refusal}"),
        }
    }
}

/// A request for some element.
pub(crate) fn request(seed: u64) -> Request {
    let element = SecretScalar::<G>::random(&mut Seeded::new(seed));
    Request { key: KEY.into(), blinded: point(&element).into(), generation: None }
}

/// The log is what an honest guardian's is: one chain of signed entries.
pub(crate) fn assert_chain(log: &[SignedAnswer]) {
    let mut tip = Tip::default();
    for entry in log {
        assert_eq!(entry.verify(), Ok(()));
        assert_eq!(entry.answer.position, tip.position + 1);
        assert_eq!(entry.answer.previous, tip.head);
        assert!(entry.answer.at_ms >= tip.at.0);
        tip = Tip::of(entry);
    }
}
