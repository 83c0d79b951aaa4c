//! A small world: five people with units of the first asset, guardians that they
//! operate, and the ledger that all of them ask things of.
//!
//! Every block with a refused operation is looked at twice: with it and without. And
//! every block is applied once more by somebody who checked the signatures before.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

use allod_crypto::hash;
use allod_did::Did;
use allod_wire::{AssetId, BlockId, GuardianId, Instant, NetworkId, OperationId};

use super::{Keeper, Person};
use crate::account::Account;
use crate::asset::first_asset;
use crate::evidence::{Conflict, Evidence, SignedVote, Vote};
use crate::guardian::{Guardian, Terms};
use crate::holding::{Asset, Balance, Holding, Units};
use crate::jellyfish::{KeyHash, Node, NodeKey, Root};
use crate::name::Name;
use crate::record::{Record, place};
use crate::{
    Action, Applied, Block, Body, Changes, Claim, Endowment, Error, Founder, Genesis, Operation, Parameters,
    Rejection, Stamp, Values, apply, apply_checked, begin, check, tree,
};

/// Milliseconds between two blocks.
pub(super) const STEP: u64 = 1000;

/// What each of the five people begins with.
pub(super) const WEALTH: u64 = 1_000_000;

/// The bond of each guardian that is there from the beginning.
pub(super) const BOND: u64 = 1000;

/// Values in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory(pub(in crate::tests) BTreeMap<KeyHash, Vec<u8>>);

impl Values for Memory {
    fn value(&self, place: &KeyHash) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.get(place).cloned())
    }
}

impl Memory {
    pub(super) fn take(&mut self, changes: &Changes) {
        for (place, value) in changes {
            match value {
                Some(value) => drop(self.0.insert(*place, value.clone())),
                None => assert!(self.0.remove(place).is_some(), "what was not there is taken away"),
            }
        }
    }
}

/// The people, the guardians, and the ledger.
pub(super) struct World {
    pub(super) genesis: Genesis,
    pub(super) network: NetworkId,
    pub(super) people: Vec<Person>,
    pub(super) guardians: Vec<Keeper>,
    pub(super) values: Memory,
    pub(super) nodes: BTreeMap<NodeKey, Node>,
    pub(super) height: u64,
    pub(super) at: Instant,
    /// The id of the block with which each epoch began.
    pub(super) epoch_ids: Vec<BlockId>,
    /// The tree's root after each height.
    pub(super) roots: Vec<Root>,
    /// All blocks so far.
    pub(super) blocks: Vec<(Instant, BlockId, Vec<Vec<u8>>)>,
    /// Operations that were acceptable when they came.
    pub(super) checked: BTreeSet<OperationId>,
}

/// What guardian `number` says of itself.
pub(super) fn terms(number: usize) -> Terms {
    Terms {
        peers: format!("guardian-{number}.example:7000"),
        service: format!("https://guardian-{number}.example"),
        operator: format!("operator {number}"),
        jurisdiction: format!("land {number}"),
    }
}

/// Rules under which a test sees much in little time.
pub(super) fn rules() -> Parameters {
    Parameters {
        epoch_heights: 10,
        committee_max: 32,
        checkpoint_every: 5,
        beacon_period_ms: 3 * STEP,
        phase_ms: 3 * STEP,
        phase_heights: 3,
        reshare_epochs: 0,
        unbond_ms: 25 * STEP,
        bond_min: 100,
        reward_permille: 300,
        name_age_heights: 2,
        name_commit_ms: 20 * STEP,
        name_term_max_ms: 100 * STEP,
        name_grace_ms: 10 * STEP,
        recovery_ms: 15 * STEP,
        stamp_bits: 5,
        settle_ms: 30 * STEP,
        allowance_max: 1000,
        allowance_ms: STEP,
        sponsor_quota: 2,
        lock_max_ms: 200 * STEP,
    }
}

/// A genesis with five people and this many guardians, each run by one of them in
/// turn, and no shared key.
pub(super) fn genesis(guardians: usize) -> Genesis {
    let people: Vec<Person> = (0..5).map(Person::new).collect();
    let endow = |person: &Person| Endowment { identity: person.log.operations()[0].clone(), amount: WEALTH };
    let founder = |number: usize| Founder {
        guardian: Keeper::new(number as u64).id(),
        operator: people[number % 5].did(),
        terms: terms(number),
        bond: BOND,
    };
    Genesis {
        name: "test".into(),
        at: Instant(1_000_000),
        seed: [7; 32],
        parameters: rules(),
        asset: "mark".into(),
        endowments: people.iter().map(endow).collect(),
        founders: (0..guardians).map(founder).collect(),
        keys: Vec::new(),
    }
}

impl World {
    /// Four guardians, no shared key.
    pub(super) fn new() -> Self {
        Self::with(4, |_| {})
    }

    /// With as many guardians, and a genesis changed before it begins.
    pub(super) fn with(guardians: usize, change: impl FnOnce(&mut Genesis)) -> Self {
        let mut genesis = genesis(guardians);
        change(&mut genesis);
        let network = genesis.network();
        let changes = begin(&genesis).unwrap();
        let mut world = Self {
            at: genesis.at,
            network,
            people: (0..5).map(Person::new).collect(),
            guardians: (0..guardians as u64).map(Keeper::new).collect(),
            values: Memory::default(),
            nodes: BTreeMap::new(),
            height: 0,
            epoch_ids: [BlockId(network.0)].to_vec(),
            roots: Vec::new(),
            blocks: Vec::new(),
            checked: BTreeSet::new(),
            genesis,
        };
        world.store(&changes);
        world
    }

    pub(super) fn rules(&self) -> Parameters {
        self.genesis.parameters
    }

    pub(super) fn epoch(&self) -> u64 {
        self.height / self.rules().epoch_heights
    }

    fn store(&mut self, changes: &Changes) {
        let update = tree::grow(&self.nodes, self.height, changes).unwrap();
        self.nodes.extend(update.nodes);
        self.roots.push(update.root);
        self.values.take(changes);
    }

    /// The id that the next block will have.
    pub(super) fn next_id(&self) -> BlockId {
        BlockId(hash::tagged("test block", &[self.network.as_bytes(), &(self.height + 1).to_be_bytes()]))
    }

    /// A block of these bytes, and what became of them.
    pub(super) fn raw(&mut self, operations: &[Vec<u8>]) -> Vec<Result<(), Rejection>> {
        let (height, at, id) = (self.height + 1, self.at.plus_ms(STEP), self.next_id());
        assert!(height < 2000, "a test waits for what does not happen");
        let block = Block { height, at, id, operations };
        let applied = apply(&self.values, &block).unwrap();
        assert_eq!(applied.outcomes.len(), operations.len());
        for (outcome, bytes) in applied.outcomes.iter().zip(operations) {
            assert_eq!(outcome.operation, crate::id_of(bytes));
        }
        self.assert_checked_before_does_the_same(&block, &applied);
        let results: Vec<_> = applied.outcomes.iter().map(|outcome| outcome.result.clone()).collect();
        if results.iter().any(Result::is_err) {
            let kept: Vec<Vec<u8>> = operations
                .iter()
                .zip(&results)
                .filter(|(_, result)| result.is_ok())
                .map(|(bytes, _)| bytes.clone())
                .collect();
            let without = apply(&self.values, &Block { operations: &kept, ..block }).unwrap();
            assert!(without.outcomes.iter().all(|outcome| outcome.result.is_ok()));
            self.assert_refused_left_nothing(operations, &applied.changes, &without.changes);
        }
        self.height = height;
        self.at = at;
        self.blocks.push((at, id, operations.to_vec()));
        if height.is_multiple_of(self.rules().epoch_heights) {
            self.epoch_ids.push(id);
        }
        self.store(&applied.changes);
        results
    }

    /// Who found operations acceptable when they came, and so does not look at their
    /// signatures again, comes to the same result.
    fn assert_checked_before_does_the_same(&mut self, block: &Block<'_>, applied: &Applied) {
        for bytes in block.operations {
            if matches!(check(&self.values, bytes), Ok(Ok(()))) {
                self.checked.insert(crate::id_of(bytes));
            }
        }
        let again = apply_checked(&self.values, block, |id| self.checked.contains(id)).unwrap();
        assert_eq!((&again.changes, &again.outcomes), (&applied.changes, &applied.outcomes));
    }

    /// A block of these operations, and what became of them.
    pub(super) fn block(&mut self, operations: &[Operation]) -> Vec<Result<(), Rejection>> {
        let bytes: Vec<Vec<u8>> = operations.iter().map(allod_wire::encode).collect();
        self.raw(&bytes)
    }

    /// A block of one operation, and what became of it.
    pub(super) fn ask(&mut self, operation: Operation) -> Result<(), Rejection> {
        self.block(&[operation]).remove(0)
    }

    /// A block in which a person asks one thing.
    pub(super) fn does(&mut self, person: usize, action: Action) -> Result<(), Rejection> {
        self.ask(self.by(person, action))
    }

    /// A block in which a guardian asks one thing.
    pub(super) fn guard(&mut self, guardian: usize, action: Action) -> Result<(), Rejection> {
        self.ask(self.by_guardian(guardian, action))
    }

    /// A block in which nobody asks one thing.
    pub(super) fn happens(&mut self, action: Action) -> Result<(), Rejection> {
        self.ask(self.by_itself(action))
    }

    /// Empty blocks until this many milliseconds have passed.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.at.plus_ms(ms);
        while self.at < until {
            self.raw(&[]);
        }
    }

    /// This many empty blocks.
    pub(super) fn empty(&mut self, blocks: u64) {
        (0..blocks).for_each(|_| drop(self.raw(&[])));
    }

    /// Empty blocks until the next one is the first of an epoch.
    pub(super) fn end_epoch(&mut self) {
        while !(self.height + 1).is_multiple_of(self.rules().epoch_heights) {
            self.raw(&[]);
        }
    }

    /// What is asked, good for a minute.
    pub(super) fn body(&self, claim: Claim, action: Action) -> Body {
        Body { network: self.network, until: self.at.plus_ms(60 * STEP), claim, action }
    }

    /// The next claim of a person.
    pub(super) fn claim(&self, person: &Person) -> Claim {
        person.nonce.set(person.nonce.get() + 1);
        Claim::Device { did: person.did(), device: person.device_id(), nonce: person.nonce.get() }
    }

    /// An operation of a person.
    pub(super) fn by(&self, person: usize, action: Action) -> Operation {
        self.by_person(&self.people[person], action)
    }

    pub(super) fn by_person(&self, person: &Person, action: Action) -> Operation {
        self.body(self.claim(person), action).sign(&person.device)
    }

    /// An operation of a guardian.
    pub(super) fn by_guardian(&self, guardian: usize, action: Action) -> Operation {
        let keeper = &self.guardians[guardian];
        keeper.nonce.set(keeper.nonce.get() + 1);
        let claim = Claim::Guardian { guardian: keeper.id(), nonce: keeper.nonce.get() };
        self.body(claim, action).sign(&keeper.key)
    }

    /// An operation that proves itself.
    pub(super) fn by_itself(&self, action: Action) -> Operation {
        self.body(Claim::Itself, action).unsigned()
    }

    /// Work for `body`, in the epoch whose number and first block are given.
    pub(super) fn work(&self, body: &Body, epoch: u64, mark: &BlockId, bits: u32) -> Stamp {
        let message = body.message();
        (0..)
            .map(|counter| Stamp { epoch, counter })
            .find(|stamp| Stamp::zero_bits(&stamp.work(mark, &message)) >= bits)
            .unwrap()
    }

    /// As much work for `body` as is asked now.
    pub(super) fn stamp(&self, body: &Body) -> Stamp {
        let epoch = self.epoch();
        self.work(body, epoch, &self.epoch_ids[epoch as usize], self.rules().stamp_bits.into())
    }

    /// Brings somebody to the ledger, by work.
    pub(super) fn found(&mut self, person: &Person) -> Result<(), Rejection> {
        let genesis = person.log.operations()[0].clone();
        let body = self.body(Claim::Itself, Action::Found { genesis, sponsorship: None });
        let stamp = self.stamp(&body);
        self.ask(Operation { stamp: Some(stamp), ..body.unsigned() })
    }

    /// The record that `id` names.
    pub(super) fn find<R: Record>(&self, id: &R::Id) -> Option<R> {
        self.values.0.get(&place::<R>(id)).map(|bytes| allod_wire::decode(bytes).unwrap())
    }

    /// The record that `id` names and that is there.
    pub(super) fn get<R: Record>(&self, id: &R::Id) -> R {
        self.find(id).unwrap_or_else(|| panic!("there is no {}", R::KIND))
    }

    pub(super) fn did(&self, person: usize) -> Did {
        self.people[person].did()
    }

    pub(super) fn account(&self, person: usize) -> Account {
        self.get(&self.did(person))
    }

    pub(super) fn guardian(&self, guardian: usize) -> Guardian {
        self.get(&self.guardians[guardian].id())
    }

    /// The network's first asset.
    pub(super) fn mark(&self) -> AssetId {
        first_asset(&self.network)
    }

    /// Units of the first asset.
    pub(super) fn marks(&self, amount: u64) -> Units {
        Units { asset: self.mark(), amount }
    }

    /// How much of the first asset a person holds.
    pub(super) fn wealth(&self, person: usize) -> u64 {
        self.held(self.mark(), person)
    }

    pub(super) fn held(&self, asset: AssetId, person: usize) -> u64 {
        self.find::<Balance>(&(asset, self.did(person))).map_or(0, |balance| balance.amount)
    }

    pub(super) fn asset(&self, asset: AssetId) -> Asset {
        self.get(&asset)
    }

    /// A transfer of units of the first asset.
    pub(super) fn pay(&self, to: usize, amount: u64) -> Action {
        Action::Transfer { what: Holding::Units(self.marks(amount)), to: self.did(to) }
    }

    /// Two votes of a guardian that contradict each other.
    pub(super) fn conflict(&self, guardian: usize) -> Evidence {
        let keeper = &self.guardians[guardian];
        let vote = |number| {
            let vote = Vote::Notarize { epoch: 0, view: 1, parent: 0, block: BlockId([number; 32]) };
            SignedVote { vote, signature: keeper.key.sign(&vote.signed_bytes(&self.network)).0 }
        };
        Evidence::Votes(Conflict { offender: keeper.id(), first: vote(1), second: vote(2) }.into())
    }

    /// Has the active guardians admit a candidate, as many of them as it takes.
    pub(super) fn admit(&mut self, id: GuardianId) {
        for guardian in 0..self.guardians.len() {
            if self.get::<Guardian>(&id).is_active() {
                return;
            }
            if self.guardian(guardian).is_active() {
                self.guard(guardian, Action::Admit { guardian: id }).unwrap();
            }
        }
    }

    /// Evicts a guardian for contradictory votes.
    pub(super) fn evict(&mut self, guardian: usize) {
        self.happens(Action::Accuse { evidence: self.conflict(guardian) }).unwrap();
    }
}

/// The name that `text` is.
pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
