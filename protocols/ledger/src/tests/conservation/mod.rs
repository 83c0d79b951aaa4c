//! Nothing is made from nothing, and nothing has two owners: whatever five people
//! try, the ledger says what a small model says, and the model's sums come out.

mod model;
mod tries;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use allod_did::Signature;
use allod_wire::{AssetId, Instant, LockId, OfferId};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use self::model::{Asset, Guardian, Model, Standing, Step, Thing};
use self::tries::{Try, guide, tries};
use super::*;
use crate::asset::{asset_id, title_id};
use crate::guardian::{self, joining};
use crate::holding::{Holding, Title, Units};
use crate::lock::{Lock, lock_id};
use crate::name::{NameRecord, commitment};
use crate::offer::{Offer, offer_id};
use crate::{Action, Operation};

const PEOPLE: usize = 5;

/// The ledger beside the model, and the names that the ledger has for what the
/// model has by numbers.
struct Both {
    world: World,
    model: Model,
    assets: Vec<AssetId>,
    locks: Vec<LockId>,
    offers: Vec<OfferId>,
}

impl Both {
    fn new() -> Self {
        let mut world = World::with(2, |genesis| {
            genesis.parameters.name_age_heights = 1;
            genesis.parameters.unbond_ms = 4 * STEP;
            genesis.parameters.epoch_heights = 5;
            genesis.parameters.name_grace_ms = 4 * STEP;
            for endowment in &mut genesis.endowments {
                endowment.amount = 3000;
            }
        });
        // Guardians that may still join have keys from the beginning.
        world.guardians.extend((2..5).map(Keeper::new));
        let founder = |operator| Guardian { operator, bond: BOND, standing: Standing::Active };
        let first = Asset { issuer: None, supply: 15_000, issued: 15_000, retired: 0 };
        let model = Model {
            rules: world.rules(),
            at: world.at.0,
            height: 0,
            assets: [first].into(),
            held: (0..PEOPLE).map(|person| ((0, person), 3000 - if person < 2 { BOND } else { 0 })).collect(),
            titles: BTreeMap::new(),
            names: BTreeMap::new(),
            announced: BTreeMap::new(),
            locks: Vec::new(),
            offers: Vec::new(),
            guardians: [(0, founder(0)), (1, founder(1))].into(),
            admits: BTreeMap::new(),
            voting: [0, 1].into(),
        };
        let assets = [world.mark()].into();
        Self { world, model, assets, locks: Vec::new(), offers: Vec::new() }
    }

    fn holding(&self, what: Thing) -> Holding {
        match what {
            Thing::Units { asset, amount } => Holding::Units(self.units(asset, amount)),
            Thing::Name(number) => Holding::Name(name(&format!("name-{number}"))),
            Thing::Title { maker, content } => {
                Holding::Title(title_id(&self.world.did(maker), &[content; 32]))
            }
        }
    }

    fn units(&self, asset: usize, amount: u64) -> Units {
        Units { asset: self.assets.get(asset).copied().unwrap_or(AssetId([0xEE; 32])), amount }
    }

    fn action(&self, who: usize, step: Step) -> Action {
        let world = &self.world;
        let did = |person| world.did(person);
        let later = |ms| Instant(self.model.at + ms);
        let called = |number| name(&format!("name-{number}"));
        let id = |guardian: usize| world.guardians[guardian].id();
        let lock = |number: usize| self.locks.get(number).copied().unwrap_or(LockId([0xEE; 32]));
        let offer = |number: usize| self.offers.get(number).copied().unwrap_or(OfferId([0xEE; 32]));
        match step {
            Step::Define { supply } => {
                Action::DefineAsset { name: "hour".into(), decimals: 0, supply_max: supply }
            }
            Step::Issue { asset, amount, to } => {
                Action::Issue { units: self.units(asset, amount), to: did(to) }
            }
            Step::Retire(what) => Action::Retire { what: self.holding(what) },
            Step::Entitle(content) => {
                Action::Entitle { content: [content; 32], size: 1, label: "a song".into() }
            }
            Step::Transfer(what, to) => Action::Transfer { what: self.holding(what), to: did(to) },
            Step::Commit(name) => {
                Action::CommitName { commitment: commitment(&called(name), &did(who), &[who as u8; 32]) }
            }
            Step::Register { name, ms } => {
                Action::RegisterName { name: called(name), salt: [who as u8; 32], until: later(ms) }
            }
            Step::Renew { name, ms } => Action::RenewName { name: called(name), until: later(ms) },
            Step::Lock { what, to, ms } => Action::Lock {
                what: self.holding(what),
                recipient: did(to),
                expires: later(ms),
                release: None,
            },
            Step::Claim(number) => Action::Claim { lock: lock(number), release: None },
            Step::Unlock(number) => Action::Unlock { lock: lock(number) },
            Step::Offer { what, price, buyer, ms } => Action::Offer {
                what: self.holding(what),
                price: world.marks(price),
                buyer: buyer.map(did),
                expires: later(ms),
            },
            Step::Accept { offer: number, price } => {
                Action::Accept { offer: offer(number), price: world.marks(price) }
            }
            Step::Withdraw(number) => Action::Withdraw { offer: offer(number) },
            Step::Join { guardian, bond } => {
                let message = joining(&world.network, &did(who), &terms(guardian), bond);
                let consent = Signature::Ed25519(world.guardians[guardian].key.sign(&message));
                Action::Join { guardian: id(guardian), terms: terms(guardian), bond, consent }
            }
            Step::Bond { guardian, amount } => Action::Bond { guardian: id(guardian), amount },
            Step::Admit { guardian, .. } => Action::Admit { guardian: id(guardian) },
            Step::Leave(guardian) => Action::Leave { guardian: id(guardian) },
            Step::Unbond(guardian) => Action::Unbond { guardian: id(guardian) },
            Step::Accuse(guardian) => Action::Accuse { evidence: world.conflict(guardian) },
        }
    }

    /// A block of what is tried, in the ledger and in the model.
    fn block(&mut self, tries: &[Try]) {
        self.model.at += STEP;
        self.model.height += 1;
        let mut operations: Vec<Operation> = Vec::new();
        let mut expected = Vec::new();
        let mut steps = Vec::new();
        for attempt in tries {
            let (who, step) = guide(&self.model, attempt);
            let action = self.action(who, step);
            let operation = match step {
                Step::Admit { voter, .. } => self.world.by_guardian(voter, action),
                _ => self.world.by(who, action),
            };
            let id = operation.id();
            operations.push(operation);
            steps.push((who, step));
            let done = self.model.try_step(who, step);
            expected.push(done.is_some());
            // Later steps of the block may name what this one made.
            if done.is_some() {
                match step {
                    Step::Define { .. } => self.assets.push(asset_id(&id)),
                    Step::Lock { .. } => self.locks.push(lock_id(&id)),
                    Step::Offer { .. } => self.offers.push(offer_id(&id)),
                    _ => {}
                }
            }
        }
        self.model.end_block();
        let results = self.world.block(&operations);
        for ((result, expected), step) in results.iter().zip(expected).zip(steps) {
            assert_eq!(result.is_ok(), expected, "{step:?}: {result:?}");
        }
        self.compare();
    }

    /// The ledger says what the model says, and the sums come out.
    fn compare(&self) {
        let (world, model) = (&self.world, &self.model);
        for (number, asset) in self.assets.iter().enumerate() {
            for person in 0..PEOPLE {
                let held = model.held.get(&(number, person)).copied().unwrap_or(0);
                assert_eq!(world.held(*asset, person), held, "what {person} holds of {number}");
            }
            let (said, of) = (world.asset(*asset), &model.assets[number]);
            assert_eq!((said.issued, said.retired), (of.issued, of.retired));
            assert_eq!(model.in_the_world(number) + of.retired, of.issued, "units of {number}");
            assert!(of.issued <= of.supply);
        }
        for ((maker, content), owner) in &model.titles {
            let title: Title = world.get(&title_id(&world.did(*maker), &[*content; 32]));
            assert_eq!(title.owner, owner.map(|owner| world.did(owner)));
        }
        for number in 0..3 {
            let said: Option<NameRecord> = world.find(&name(&format!("name-{number}")));
            let said = said.map(|name| (name.owner, name.until.0, name.aside.is_some()));
            let held = model.names.get(&number);
            let held = held.map(|name| (name.owner.map(|owner| world.did(owner)), name.until, name.aside));
            assert_eq!(said, held.map(|(owner, until, aside)| (owner, until, aside.is_some())));
        }
        for (id, lock) in self.locks.iter().zip(&model.locks) {
            assert_eq!(world.find::<Lock>(id).is_some(), lock.is_some());
        }
        for (id, offer) in self.offers.iter().zip(&model.offers) {
            assert_eq!(world.find::<Offer>(id).is_some(), offer.is_some());
        }
        for (number, guardian) in &model.guardians {
            let said = world.guardian(*number);
            let standing = match said.standing {
                guardian::Standing::Candidate => Standing::Candidate,
                guardian::Standing::Active => Standing::Active,
                guardian::Standing::Left { at } => Standing::Left(at.0),
                guardian::Standing::Evicted { .. } => Standing::Evicted,
            };
            assert_eq!((said.bond, standing), (guardian.bond, guardian.standing));
        }
    }
}

/// Which kind of step it is.
fn kind(step: &Step) -> String {
    let text = format!("{step:?}");
    text.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default().into()
}

#[test]
fn of_what_is_tried_everything_is_done_now_and_then_and_refused_now_and_then() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    for _ in 0..200 {
        let mut model = Both::new().model;
        for _ in 0..20 {
            model.at += STEP;
            model.height += 1;
            for attempt in tries().new_tree(&mut runner).unwrap().current() {
                let (who, step) = guide(&model, &attempt);
                let done = model.try_step(who, step).is_some();
                seen.entry(kind(&step)).or_default()[usize::from(done)] += 1;
            }
            model.end_block();
        }
    }
    assert_eq!(seen.len(), 20, "{seen:?}");
    assert!(seen.values().flatten().all(|times| *times > 3), "{seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_people_try_the_ledger_keeps_its_sums_and_says_what_the_model_says(
        blocks in proptest::collection::vec(tries(), 1..40),
    ) {
        let mut both = Both::new();
        for tries in blocks {
            both.block(&tries);
        }
    }
}
