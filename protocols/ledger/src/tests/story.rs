//! One story of a network: some fifty blocks in which everything that can be asked
//! is asked, and done, at least once. The same in every run.

use alloc::vec::Vec;

use allod_crypto::group::{Bls12381G2, Ristretto255, SecretScalar};
use allod_crypto::hash::sha256;
use allod_did::Signature;
use allod_threshold::GroupName;
use allod_threshold::dealing::lie;
use allod_threshold::{Index, Point, knowledge};
use allod_wire::{BlockId, Instant};

use super::ceremony::{Holders, network, spec};
use super::*;
use crate::account::{LogEntry, Sponsorship};
use crate::asset::{asset_id, title_id};
use crate::guardian::joining;
use crate::holding::{Holding, Units};
use crate::issuer::{IssuerTerms, RevocationList};
use crate::lock::lock_id;
use crate::name::{NameRecord, commitment};
use crate::offer::offer_id;
use crate::shared_key::{KeySpec, share_context, terms as session_terms};
use crate::{Action, Genesis, Operation};

/// How the network stood when the story was told, and at each height.
pub(super) struct Story {
    pub(super) world: World,
    pub(super) holders: Holders<Bls12381G2>,
    /// The values after each height.
    pub(super) states: Vec<Memory>,
}

/// Asks one thing that is done.
fn done(world: &mut World, operation: Operation) -> Operation {
    assert_eq!(world.ask(operation.clone()), Ok(()), "{:?}", operation.body.action);
    operation
}

fn does(world: &mut World, person: usize, action: Action) -> Operation {
    done(world, world.by(person, action))
}

pub(super) fn tell() -> Story {
    let mut world = World::with(5, |genesis| {
        genesis.keys.push(KeySpec { group: GroupName::Bls12381G2, ..spec("network", 4, 3) });
        genesis.parameters.unbond_ms = 3 * STEP;
    });
    world.empty(1);
    let mut holders = Holders::<Bls12381G2>::of("network");
    holders.run(&mut world);
    people(&mut world);
    names(&mut world);
    things(&mut world);
    deals(&mut world);
    guards(&mut world, &mut holders);
    let states = replay(&world.genesis, &world.blocks);
    Story { world, holders, states }
}

/// The values after each height, from the blocks alone.
pub(super) fn replay(genesis: &Genesis, blocks: &[(Instant, BlockId, Vec<Vec<u8>>)]) -> Vec<Memory> {
    let mut values = Memory::default();
    values.take(&crate::begin(genesis).unwrap());
    let mut states = Vec::from([values.clone()]);
    for (height, (at, id, operations)) in (1..).zip(blocks) {
        let block = crate::Block { height, at: *at, id: *id, operations };
        values.take(&crate::apply(&values, &block).unwrap().changes);
        states.push(values.clone());
    }
    states
}

/// Identities come and change.
fn people(world: &mut World) {
    world.found(&Person::new(60)).unwrap();
    let sponsored = Person::new(61);
    let word = Sponsorship::sign(&world.guardians[0].key, &world.network, &sponsored.did(), world.epoch());
    let genesis = sponsored.log.operations()[0].clone();
    done(world, world.by_itself(Action::Found { genesis, sponsorship: Some(word) }));
    let mut log = world.people[ANN].log.clone();
    let root = world.people[ANN].root.clone();
    let mut add = |number, at| {
        let key = key(number).verifying_key().into();
        log.add_device(&root, key, "tablet", Instant(at)).unwrap().clone()
    };
    let (first, second) = (add(50, 100), add(51, 101));
    does(world, ANN, Action::Log { operation: first.clone() });
    assert_eq!(world.get::<LogEntry>(&(world.did(ANN), 1)), LogEntry(first));
    done(world, world.by_itself(Action::Log { operation: second }));
    does(world, ANN, Action::Veto);
    let mut log = world.people[BEN].log.clone();
    let key = key(52).verifying_key().into();
    let alone = log.add_device(&world.people[BEN].root, key, "tablet", Instant(100)).unwrap().clone();
    done(world, world.by_itself(Action::Log { operation: alone }));
}

/// Names are announced, registered, renewed.
fn names(world: &mut World) {
    let (salt, did) = ([3; 32], world.did(ANN));
    for text in ["ann", "ann-s-other-name"] {
        does(world, ANN, Action::CommitName { commitment: commitment(&name(text), &did, &salt) });
    }
    world.empty(1);
    let until = world.at.plus_ms(40 * STEP);
    for text in ["ann", "ann-s-other-name"] {
        does(world, ANN, Action::RegisterName { name: name(text), salt, until });
    }
    does(world, ANN, Action::RenewName { name: name("ann"), until: until.plus_ms(20 * STEP) });
    does(world, BEN, Action::CommitName { commitment: [8; 32] });
}

/// Assets and titles are made, issuers declared.
fn things(world: &mut World) {
    let defined =
        does(world, CLEO, Action::DefineAsset { name: "hour".into(), decimals: 2, supply_max: 1_000_000 });
    let units = Units { asset: asset_id(&defined.id()), amount: 5000 };
    let to = world.did(DAN);
    does(world, CLEO, Action::Issue { units, to });
    does(world, DAN, Action::Retire { what: Holding::Units(Units { amount: 500, ..units }) });
    does(world, DAN, Action::Entitle { content: [5; 32], size: 1 << 40, label: "a long song".into() });
    does(world, ANN, world.pay(EVE, 1234));
    let class = "age-over-18".into();
    let terms = IssuerTerms { label: "Town".into(), class, key: [7; 48].to_vec() };
    does(world, EVE, Action::DeclareIssuer { terms });
    let list = RevocationList { number: 3, root: [9; 32], source: "https://town.example/3".into() };
    does(world, EVE, Action::Revoke { list });
    does(world, EVE, Action::Tell { of: [2; 32], number: 7, hash: [3; 32] });
}

/// Locks and offers are made and ended; one of each stays.
fn deals(world: &mut World) {
    let expires = world.at.plus_ms(60 * STEP);
    let recipient = world.did(BEN);
    let lock = |what, release| Action::Lock { what, recipient, expires, release };
    let (secret, some) = ([4; 32], Holding::Units(world.marks(77)));
    let made = does(world, ANN, lock(some.clone(), Some(sha256(&secret))));
    does(world, BEN, Action::Claim { lock: lock_id(&made.id()), release: Some(secret) });
    let made = does(world, ANN, lock(some, None));
    does(world, BEN, Action::Unlock { lock: lock_id(&made.id()) });
    let what = Holding::Name(name("ann-s-other-name"));
    let expires = world.get::<NameRecord>(&name("ann-s-other-name")).until;
    does(world, ANN, Action::Lock { what, recipient, expires, release: Some([6; 32]) });
    let title = Holding::Title(title_id(&world.did(DAN), &[5; 32]));
    let price = world.marks(200);
    let offer = |what, buyer| Action::Offer { what, price, buyer, expires };
    let made = does(world, DAN, offer(title.clone(), None));
    does(world, DAN, Action::Withdraw { offer: offer_id(&made.id()) });
    let made = does(world, DAN, offer(title.clone(), Some(recipient)));
    does(world, BEN, Action::Accept { offer: offer_id(&made.id()), price });
    does(world, BEN, offer(title, None));
}

/// Guardians come and go, vote for a key, make it though one deals wrong, and are
/// held to what they did.
fn guards(world: &mut World, network: &mut Holders<Bls12381G2>) {
    world.guard(1, Action::Restate { terms: terms(11) }).unwrap();
    let wanted = KeySpec { per_operator: 2, ..spec("oprf/pin", 5, 3) };
    for guardian in 0..4 {
        world.guard(guardian, Action::Approve { spec: wanted.clone() }).unwrap();
    }
    world.guard(2, Action::Approve { spec: spec("oprf/other", 5, 3) }).unwrap();
    network::tell_next_epochs(world, network);
    let mut holders = Holders::<Ristretto255>::of("oprf/pin");
    let members = holders.members(world);
    // Who joins when the members are drawn holds no share yet.
    let joiner = Keeper::new(5);
    let message = joining(&world.network, &world.did(EVE), &terms(5), 500);
    let consent = Signature::Ed25519(joiner.key.sign(&message));
    does(world, EVE, Action::Join { guardian: joiner.id(), terms: terms(5), bond: 500, consent });
    world.guardians.push(joiner);
    world.admit(world.guardians[5].id());
    does(world, EVE, Action::Bond { guardian: world.guardians[5].id(), amount: 55 });
    holders.announce(world, &members);
    let ceremony = holders.session(world);
    let session_terms = session_terms(&ceremony).unwrap();
    let [liar, victim] = [2, 3].map(|index| Index::new(index).unwrap());
    let secret = SecretScalar::<Ristretto255>::random(&mut holders.rng);
    let wrong = lie::wrong_share(&session_terms, liar, &secret, victim, &mut holders.rng).unwrap();
    world.guard(members[1], Action::Deal { session: ceremony.session, dealing: wrong.encode() }).unwrap();
    holders.deal(world, &[members[0], members[2], members[3], members[4]]);
    let complaint = holders.complaints(world, members[2]).remove(0);
    world.happens(holders.complaint(world, &complaint)).unwrap();
    holders.ready(world, &members);
    holders.settle(world, &[]);
    done(world, world.by_itself(Action::Complete { did: world.did(BEN) }));
    // One does not keep its share to itself, one votes twice, one leaves for good.
    let (generation, share) = holders.shares[&members[4]].clone();
    let guardian = world.guardians[members[4]].id();
    let (key, claimant) = (holders.name.clone(), world.did(DAN));
    let context = share_context(&world.network, &key, generation, &guardian, &claimant);
    let public = Point::new(share.value.mul_generator()).unwrap();
    let proof = knowledge::prove(&context, &share.value, &public, &mut holders.rng).encode();
    world.happens(Action::ClaimBounty { key, generation, guardian, claimant, proof }).unwrap();
    does(world, EVE, Action::Leave { guardian: world.guardians[5].id() });
    world.end_epoch();
    world.empty(1);
    world.evict(members[3]);
    does(world, EVE, Action::Unbond { guardian: world.guardians[5].id() });
    world.empty(2);
}
