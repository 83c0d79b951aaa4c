//! Shared keys, made and handed on by guardians that deal for real.

mod apart;
pub(super) mod bounty;
mod draws;
mod fresh;
mod given_up;
mod handover;
mod late;
mod liars;
pub(super) mod network;
mod votes;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_crypto::group::{Group, Ristretto255, Suite};
use allod_threshold::dealing::{Complaint, Dealing, EncryptionSecret, Opened, Outcome};
use allod_threshold::oprf::{self, KeyPair, KeyShare, Mode, PublicKey, ShareKeys};
use allod_threshold::shamir::{self, Share};
use allod_threshold::{GroupName, Index, Point, PublicShares};
use allod_wire::{GuardianId, SessionId};

use super::*;
use crate::shared_key::{
    Ceremony, Dealt, KeyName, KeySpec, Member, Phase, SharedKey, Sharing, sharing_terms,
    terms as session_terms,
};
use crate::{Action, Genesis, Operation};

/// A key in ristretto255 named `name`.
pub(in crate::tests) fn spec(name: &str, size: u16, threshold: u16) -> KeySpec {
    KeySpec {
        name: KeyName::new(name).unwrap(),
        group: GroupName::Ristretto255,
        size,
        threshold,
        per_operator: 0,
        per_jurisdiction: 0,
        apart_from: None,
    }
}

/// As many guardians, and a key for which the first session begins at height 1.
pub(super) fn world(guardians: usize, size: u16, threshold: u16) -> World {
    world_with(guardians, size, threshold, |_| {})
}

pub(super) fn world_with(
    guardians: usize,
    size: u16,
    threshold: u16,
    change: impl FnOnce(&mut Genesis),
) -> World {
    let mut world = World::with(guardians, |genesis| {
        genesis.keys.push(spec("key", size, threshold));
        change(genesis);
    });
    world.empty(1);
    world
}

impl World {
    /// Which guardian this is.
    pub(super) fn number(&self, id: &GuardianId) -> usize {
        self.guardians.iter().position(|keeper| keeper.id() == *id).unwrap()
    }
}

/// What the guardians know of one key: secrets of sessions, and shares.
pub(super) struct Holders<G: Group> {
    pub(super) name: KeyName,
    pub(super) secrets: BTreeMap<usize, (SessionId, EncryptionSecret)>,
    pub(super) shares: BTreeMap<usize, (u32, Share<G>)>,
    pub(super) rng: Stream,
}

impl<G: Group> Holders<G> {
    pub(super) fn of(name: &str) -> Self {
        let (secrets, shares) = (BTreeMap::new(), BTreeMap::new());
        Self { name: KeyName::new(name).unwrap(), secrets, shares, rng: Stream(1) }
    }

    pub(super) fn key(&self, world: &World) -> SharedKey {
        world.get(&self.name)
    }

    pub(super) fn ceremony(&self, world: &World) -> Option<Ceremony> {
        self.key(world).ceremony
    }

    /// The session under way.
    pub(super) fn session(&self, world: &World) -> Ceremony {
        self.ceremony(world).expect("a session is under way")
    }

    /// The generation in force, and its sharing.
    pub(super) fn sharing(&self, world: &World) -> Option<(u32, Sharing)> {
        let generation = self.key(world).generation?;
        Some((generation, world.get(&(self.name.clone(), generation))))
    }

    /// The guardians that are to hold shares.
    pub(super) fn members(&self, world: &World) -> Vec<usize> {
        self.session(world).members.iter().map(|member| world.number(&member.guardian)).collect()
    }

    /// The guardians that are to deal.
    pub(super) fn dealers(&self, world: &World) -> Vec<usize> {
        match self.session(world).from {
            None => self.members(world),
            Some(_) => self.holders(world),
        }
    }

    /// The guardians that hold shares.
    pub(super) fn holders(&self, world: &World) -> Vec<usize> {
        let (_, sharing) = self.sharing(world).expect("a sharing is in force");
        sharing.holders.iter().map(|holder| world.number(&holder.guardian)).collect()
    }

    fn member(&self, world: &World, guardian: usize) -> Member {
        self.session(world).member(&world.guardians[guardian].id()).unwrap().clone()
    }

    pub(super) fn announcement(&mut self, world: &World, guardian: usize) -> Action {
        let session = self.session(world).session;
        let index = Index::new(self.member(world, guardian).index).unwrap();
        let secret = EncryptionSecret::random(&mut self.rng);
        let proof = secret.prove_possession(session.as_bytes(), index, &mut self.rng);
        let key = [secret.key().bytes().as_slice(), &proof.encode()].concat();
        self.secrets.insert(guardian, (session, secret));
        Action::Announce { session, key }
    }

    /// What a guardian deals: a fresh secret, or its share.
    pub(super) fn dealt(&mut self, world: &World, guardian: usize) -> Dealing<G> {
        let ceremony = self.session(world);
        let terms = session_terms(&ceremony).unwrap();
        match ceremony.from {
            None => {
                let index = Index::new(self.member(world, guardian).index).unwrap();
                Dealing::deal_fresh(&terms, index, &mut self.rng).unwrap()
            }
            Some(generation) => {
                let (held, share) = &self.shares[&guardian];
                assert_eq!(*held, generation);
                Dealing::deal_share(&terms, share, &mut self.rng).unwrap()
            }
        }
    }

    pub(super) fn dealing(&mut self, world: &World, guardian: usize) -> Action {
        let dealing = self.dealt(world, guardian).encode();
        Action::Deal { session: self.session(world).session, dealing }
    }

    /// The dealings that stand, as everybody reads them.
    pub(super) fn standing(&self, world: &World) -> Vec<Dealing<G>> {
        let ceremony = self.session(world);
        let read = |dealer: &u16| {
            let Dealt(bytes) = world.get(&(ceremony.session, *dealer));
            Dealing::decode(Index::new(*dealer).unwrap(), &bytes).unwrap()
        };
        ceremony.dealt.iter().map(read).collect()
    }

    /// The complaints that a member has.
    pub(super) fn complaints(&mut self, world: &World, guardian: usize) -> Vec<Complaint> {
        let terms = session_terms(&self.session(world)).unwrap();
        let index = Index::new(self.member(world, guardian).index).unwrap();
        let mut complaints = Vec::new();
        for dealing in self.standing(world) {
            let (_, secret) = &self.secrets[&guardian];
            if let Opened::Complaint(complaint) = dealing.open(&terms, index, secret, &mut self.rng).unwrap()
            {
                complaints.push(complaint);
            }
        }
        complaints
    }

    pub(super) fn complaint(&self, world: &World, complaint: &Complaint) -> Action {
        Action::Complain { session: self.session(world).session, complaint: complaint.encode() }
    }

    pub(super) fn readiness(&self, world: &World) -> Action {
        Action::Ready { session: self.session(world).session }
    }

    /// A block in which all of these announce.
    pub(super) fn announce(&mut self, world: &mut World, guardians: &[usize]) {
        let asked: Vec<Operation> = guardians
            .iter()
            .map(|guardian| {
                let action = self.announcement(world, *guardian);
                world.by_guardian(*guardian, action)
            })
            .collect();
        assert!(world.block(&asked).iter().all(Result::is_ok));
    }

    /// A block in which all of these deal.
    pub(super) fn deal(&mut self, world: &mut World, guardians: &[usize]) {
        let asked: Vec<Operation> = guardians
            .iter()
            .map(|guardian| {
                let action = self.dealing(world, *guardian);
                world.by_guardian(*guardian, action)
            })
            .collect();
        assert!(world.block(&asked).iter().all(Result::is_ok));
    }

    /// A block in which all of these say that they are ready.
    pub(super) fn ready(&mut self, world: &mut World, guardians: &[usize]) {
        let action = self.readiness(world);
        let asked: Vec<Operation> =
            guardians.iter().map(|guardian| world.by_guardian(*guardian, action.clone())).collect();
        assert!(world.block(&asked).iter().all(Result::is_ok));
    }

    /// Empty blocks until the session is in another phase or over.
    pub(super) fn wait(&self, world: &mut World) {
        let phase = |world: &World| self.ceremony(world).map(|ceremony| (ceremony.session, ceremony.phase));
        let before = phase(world);
        while phase(world) == before {
            world.empty(1);
        }
    }

    /// A whole session in which everybody does their part but these.
    pub(super) fn run_without(&mut self, world: &mut World, silent: &[usize]) {
        let speaking = |all: Vec<usize>| -> Vec<usize> {
            all.into_iter().filter(|guardian| !silent.contains(guardian)).collect()
        };
        for phase in [Phase::Announcing, Phase::Dealing, Phase::Verifying] {
            let Some(ceremony) = self.ceremony(world) else { return };
            assert_eq!(ceremony.phase, phase);
            match phase {
                Phase::Announcing => self.announce(world, &speaking(self.members(world))),
                Phase::Dealing => self.deal(world, &speaking(self.dealers(world))),
                Phase::Verifying => {
                    let members = speaking(self.members(world));
                    for member in &members {
                        assert_eq!(self.complaints(world, *member), []);
                    }
                    self.ready(world, &members);
                }
            }
            if self.ceremony(world).is_some_and(|now| now.session == ceremony.session && now.phase == phase) {
                self.wait(world);
            }
        }
        self.settle(world, silent);
    }

    /// A whole session in which everybody does their part.
    pub(super) fn run(&mut self, world: &mut World) {
        self.run_without(world, &[]);
    }

    /// Has every holder but these compute its share of the sharing in force, and
    /// forget all others.
    pub(super) fn settle(&mut self, world: &World, silent: &[usize]) {
        let Some((generation, sharing)) = self.sharing(world) else { return };
        let mut shares = BTreeMap::new();
        for holder in self.holders(world) {
            if !silent.contains(&holder) {
                shares.insert(holder, (generation, self.share(world, &sharing, holder)));
            }
        }
        self.shares = shares;
    }

    /// The share of one holder, from the dealings that are on the ledger.
    pub(super) fn share(&mut self, world: &World, sharing: &Sharing, holder: usize) -> Share<G> {
        let terms = sharing_terms(sharing).unwrap();
        let index = Index::new(sharing.holder(&world.guardians[holder].id()).unwrap().index).unwrap();
        let (session, secret) = &self.secrets[&holder];
        assert_eq!(*session, sharing.session);
        let mut dealings = Vec::new();
        let mut opened = Vec::new();
        for dealer in &sharing.dealers {
            let Dealt(bytes) = world.get(&(sharing.session, *dealer));
            let dealing = Dealing::<G>::decode(Index::new(*dealer).unwrap(), &bytes).unwrap();
            match dealing.open(&terms, index, secret, &mut self.rng).unwrap() {
                Opened::Share(share) => opened.push((dealing.dealer(), share.value)),
                Opened::Complaint(_) => panic!("a dealing that counts is wrong"),
            }
            dealings.push(dealing);
        }
        let outcome = match self.before(world) {
            None => Outcome::fresh(&terms, &dealings, terms.threshold()).unwrap(),
            Some(old) => {
                assert_eq!(old.public_key, sharing.public_key, "the key is the same");
                Outcome::reshared(&terms, &dealings, &public_shares(&old)).unwrap()
            }
        };
        let share = outcome.combine(index, opened.iter().map(|(dealer, value)| (*dealer, value))).unwrap();
        let holder = sharing.holder(&world.guardians[holder].id()).unwrap();
        assert_eq!(G::encode(&share.value.mul_generator()).as_ref(), holder.public_share);
        share
    }

    /// The sharing before the one in force, where there was one.
    fn before(&self, world: &World) -> Option<Sharing> {
        let generation = self.key(world).generation?.checked_sub(1)?;
        Some(world.get(&(self.name.clone(), generation)))
    }

    /// Puts the key together from the shares of as many holders as it takes, and
    /// compares it with the public one.
    pub(super) fn whole(&self, world: &World) -> allod_crypto::group::SecretScalar<G> {
        let (_, sharing) = self.sharing(world).unwrap();
        let shares: Vec<Share<G>> = self
            .shares
            .values()
            .rev()
            .take(sharing.threshold.into())
            .map(|(_, share)| share.clone())
            .collect();
        let key = shamir::combine(sharing.threshold, &shares).unwrap();
        assert_eq!(G::encode(&key.mul_generator()).as_ref(), sharing.public_key);
        key
    }
}

impl Holders<Ristretto255> {
    /// What these holders evaluate together, each answer checked against what the
    /// ledger has of its share.
    pub(super) fn evaluate(&mut self, world: &World, holders: &[usize], input: &[u8]) -> [u8; 64] {
        let (_, sharing) = self.sharing(world).unwrap();
        let public = sharing.holders.iter().map(|holder| {
            (Index::new(holder.index).unwrap(), PublicKey::decode(&holder.public_share).unwrap())
        });
        let keys = ShareKeys::<Ristretto255>::new(sharing.threshold, public).unwrap();
        let (blind, blinded) = oprf::blind::<Ristretto255>(Mode::Voprf, input, &mut self.rng).unwrap();
        let mut partials = Vec::new();
        for holder in holders {
            let share = KeyShare::new(self.shares[holder].1.clone()).unwrap();
            partials.push(share.blind_evaluate(&[blinded], &mut self.rng).unwrap());
        }
        let evaluated = keys.combine(&[blinded], &partials).unwrap();
        *oprf::finalize(input, &blind, &evaluated[0]).unwrap().expose()
    }
}

/// What everybody knows of a sharing.
pub(super) fn public_shares<G: Group>(sharing: &Sharing) -> PublicShares<G> {
    let shares = sharing.holders.iter().map(|holder| (holder.index, holder.public_share.as_slice()));
    PublicShares::decode(sharing.threshold, &sharing.public_key, shares).unwrap()
}

/// What the whole key evaluates.
pub(super) fn evaluate_whole<G: Suite>(key: &allod_crypto::group::SecretScalar<G>, input: &[u8]) -> [u8; 64] {
    *KeyPair::new(key.clone()).unwrap().evaluate(Mode::Voprf, input).unwrap().expose()
}
