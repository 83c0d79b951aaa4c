//! Guardians with disks around the small ledger, and what must hold of them at
//! every moment.

use allod_crypto::group::Group;
use allod_threshold::in_group;
use allod_threshold::shamir::combine;

use super::ledger::Ledger;
use super::*;
use crate::test_rng::Seeded;

/// What happens to a guardian's outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    /// It is carried out.
    Done,
    /// The guardian stops before it is, and starts again from its disk.
    CrashBefore,
    /// It is carried out, but the guardian stops before it learns so.
    CrashAfter,
    /// A write fails, and the disk has what it had.
    Fails,
    /// A write is reported to have failed, and the disk has it all the same.
    SeemsToFail,
}

/// One guardian.
pub(super) struct Node {
    pub(super) keyholder: Keyholder,
    pub(super) disk: Record,
    /// Whether it runs and sees the ledger.
    pub(super) is_up: bool,
    pub(super) events: Vec<Event>,
    pub(super) outputs: usize,
}

pub(super) struct Network {
    pub(super) ledger: Ledger,
    pub(super) nodes: Vec<Node>,
    pub(super) now: Instant,
    pub(super) rng: Seeded,
    /// What becomes of the output of this number of this guardian.
    pub(super) fate: fn(usize, usize, &Output) -> Fate,
    pub(super) plan: Option<(usize, usize, Fate)>,
    /// Changes what a guardian hands in.
    pub(super) lie: Option<fn(&mut Network, usize, Post) -> Post>,
    /// Every ledger there was.
    pub(super) past: Vec<Ledger>,
}

fn all_is_done(_: usize, _: usize, _: &Output) -> Fate {
    Fate::Done
}

impl Network {
    pub(super) fn new(group: GroupName, guardians: usize) -> Self {
        let node = || Node {
            keyholder: Keyholder::new("key", group, Record::default()),
            disk: Record::default(),
            is_up: true,
            events: Vec::new(),
            outputs: 0,
        };
        Self {
            ledger: Ledger::new(group),
            nodes: (0..guardians).map(|_| node()).collect(),
            now: Instant(1_000_000),
            rng: Seeded::new(11),
            fate: all_is_done,
            plan: None,
            lie: None,
            past: Vec::new(),
        }
    }

    /// A guardian stops and starts again from its disk.
    pub(super) fn restart(&mut self, who: usize) {
        let node = &mut self.nodes[who];
        // What was written is read as it was written.
        let bytes = allod_wire::encode(&node.disk);
        let record = allod_wire::decode(&bytes).expect("a record");
        node.keyholder = Keyholder::new("key", self.ledger.group, record);
    }

    /// Shows a guardian what the ledger says now, and carries out what it wants.
    pub(super) fn follow(&mut self, who: usize) {
        self.ledger.at = self.now;
        let view = self.ledger.view(who);
        self.show(who, view);
    }

    pub(super) fn show(&mut self, who: usize, view: View) {
        self.input(who, Input::Follow(view));
    }

    fn input(&mut self, who: usize, input: Input) {
        let mut inputs = Vec::from([input]);
        while let Some(input) = inputs.pop() {
            let handled = self.nodes[who].keyholder.handle(self.now, &mut self.rng, input);
            handled.expect("the ledger makes sense");
            while let Some(output) = self.nodes[who].keyholder.poll() {
                if !self.carry_out(who, output, &mut inputs) {
                    self.restart(who);
                    inputs.clear();
                }
            }
            self.check();
        }
    }

    /// Carries an output out; tells whether the guardian still runs.
    fn carry_out(&mut self, who: usize, output: Output, inputs: &mut Vec<Input>) -> bool {
        let number = self.nodes[who].outputs;
        self.nodes[who].outputs += 1;
        let fate = match self.plan {
            Some((victim, at, fate)) if (victim, at) == (who, number) => fate,
            _ => (self.fate)(who, number, &output),
        };
        if fate == Fate::CrashBefore {
            return false;
        }
        match output {
            Output::Persist { id, record } => {
                if fate != Fate::Fails {
                    self.nodes[who].disk = record;
                }
                let failed = matches!(fate, Fate::Fails | Fate::SeemsToFail);
                inputs.push(if failed { Input::PersistFailed(id) } else { Input::Persisted(id) });
            }
            Output::Post(post) => {
                if let Post::Announce { key, .. } = &post {
                    let secret =
                        self.nodes[who].disk.secret.as_ref().expect("durable before it is announced");
                    assert_eq!(secret.decode().expect("a secret").key().bytes(), &key[..32]);
                }
                let post = match self.lie {
                    Some(lie) => lie(self, who, post),
                    None => post,
                };
                if self.ledger.post(who, &post) {
                    self.past.push(self.ledger.clone());
                }
            }
            Output::Event(event) => self.nodes[who].events.push(event),
        }
        fate != Fate::CrashAfter
    }

    /// Everybody who is up does what the ledger waits for, until nobody has more to
    /// say.
    pub(super) fn settle(&mut self) {
        for _ in 0..8 {
            for who in 0..self.nodes.len() {
                if self.nodes[who].is_up {
                    self.follow(who);
                }
            }
            // Long enough that what was lost is done again.
            self.now = self.now.plus_ms(PATIENCE_MS + 1);
        }
    }

    /// Runs one session from its beginning to its end.
    pub(super) fn session(&mut self, members: &[usize], threshold: u16) {
        self.ledger.begin(members, threshold);
        self.past.push(self.ledger.clone());
        self.finish();
    }

    /// Runs the session under way to its end.
    pub(super) fn finish(&mut self) {
        while self.ledger.ceremony.is_some() {
            self.settle();
            self.ledger.advance();
            self.past.push(self.ledger.clone());
            self.check();
        }
        self.settle();
    }

    /// What must hold at every moment.
    fn check(&self) {
        for (who, node) in self.nodes.iter().enumerate() {
            // Only a share that is durable is used.
            let held = node.keyholder.generation();
            let durable = node.disk.share.as_ref().map(|share| share.generation);
            assert!(held.is_none() || held == durable, "guardian {who} uses {held:?}, has {durable:?}");
            // A share on disk is the right one.
            if let Some(share) = &node.disk.share {
                let made = &self.ledger.sharings[share.generation as usize];
                let holder = made.holders.iter().find(|holder| holder.1 == who).expect("a holder");
                assert_eq!(share.index, holder.0);
                let public = in_group!(self.ledger.group, G => public::<G>(share));
                assert_eq!(public, holder.3, "guardian {who}, generation {}", share.generation);
            }
        }
    }

    /// The generation of the share on a guardian's disk.
    pub(super) fn has(&self, who: usize) -> Option<u32> {
        self.nodes[who].disk.share.as_ref().map(|share| share.generation)
    }

    /// Whoever holds a share of the sharing in force has it, nobody else has any, no
    /// session's secret is left, and the shares give the key.
    pub(super) fn assert_settled(&self, without: &[usize]) {
        let made = self.ledger.sharings.last().expect("a sharing");
        for (who, node) in self.nodes.iter().enumerate() {
            let holds = made.holders.iter().any(|holder| holder.1 == who) && !without.contains(&who);
            let expected = self.ledger.generation().filter(|_| holds);
            assert_eq!(self.has(who), expected, "guardian {who}");
            assert_eq!(node.keyholder.generation(), expected, "guardian {who}");
            assert_eq!(node.disk.secret, None, "guardian {who}");
        }
        let shares = self.nodes.iter().filter_map(|node| node.disk.share.as_ref()).collect::<Vec<_>>();
        let needed = usize::from(made.threshold);
        assert!(shares.len() >= needed);
        for shares in [&shares[..needed], &shares[shares.len() - needed..]] {
            let key = in_group!(self.ledger.group, G => key::<G>(shares));
            assert_eq!(key, made.public_key);
        }
    }
}

fn public<G: Group>(held: &HeldShare) -> Vec<u8> {
    let share = algebra::share::<G>(held).expect("a share");
    G::encode(&share.value.mul_generator()).as_ref().to_vec()
}

fn key<G: Group>(held: &[&HeldShare]) -> Vec<u8> {
    let shares = held.iter().map(|held| algebra::share::<G>(held).expect("a share")).collect::<Vec<_>>();
    let secret = combine(shares.len() as u16, &shares).expect("enough shares");
    G::encode(&secret.mul_generator()).as_ref().to_vec()
}
