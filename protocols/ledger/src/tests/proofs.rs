//! Proofs: whoever has the network's key believes what the ledger said, and
//! nothing else.

use alloc::vec::Vec;

use allod_crypto::group::{Bls12381G2, Group, SecretScalar};
use allod_threshold::bls::SigningShare;
use allod_threshold::shamir::Share;
use allod_threshold::{Index, Point};
use allod_wire::{BlockId, Instant, LockId, TitleId};

use super::*;
use crate::asset::title_id;
use crate::holding::{Balance, Holding, Title};
use crate::jellyfish::prove;
use crate::lock::{Lock, lock_id};
use crate::name::{NameRecord, commitment};
use crate::record::{Identifier, Record, place, place_of};
use crate::{Action, Certificate, Checkpoint, Error, NetworkKey, Proof, Shown};

/// A network's key in one hand: what guardians hold in shares.
struct Signer(SecretScalar<Bls12381G2>);

impl Signer {
    fn new(number: u64) -> Self {
        Self(SecretScalar::random(&mut Stream(number)))
    }

    fn public(&self) -> NetworkKey {
        let point = Point::<Bls12381G2>::new(self.0.mul_generator()).unwrap();
        NetworkKey::decode(point.bytes()).unwrap()
    }

    /// The certificate for the newest height.
    fn certify(&self, world: &World) -> Certificate {
        let checkpoint = Checkpoint {
            network: world.network,
            height: world.height,
            at: world.at,
            block: BlockId([5; 32]),
            root: world.roots.last().unwrap().0,
        };
        let share = Share { index: Index::new(1).unwrap(), value: self.0.clone() };
        let signed = SigningShare::new(share).unwrap().sign(&checkpoint.message());
        Certificate { checkpoint, signature: *signed.point().bytes() }
    }
}

/// What the ledger says now of the record that `id` names.
fn proof<R: Record>(world: &World, certificate: &Certificate, id: &R::Id) -> Proof {
    let place = place::<R>(id);
    let path = prove(&world.nodes, certificate.checkpoint.height, &place).unwrap();
    Proof::of(*certificate, R::KIND, &id.bytes(), world.values.0.get(&place).cloned(), path)
}

/// Ann has a name, a title and some units locked for Ben; her other name was
/// never registered.
fn world() -> (World, TitleId, LockId) {
    let mut world = World::new();
    let did = world.did(ANN);
    world.does(ANN, Action::CommitName { commitment: commitment(&name("ann"), &did, &[1; 32]) }).unwrap();
    world.empty(1);
    let until = world.at.plus_ms(50 * STEP);
    world.does(ANN, Action::RegisterName { name: name("ann"), salt: [1; 32], until }).unwrap();
    world.does(ANN, Action::Entitle { content: [2; 32], size: 3, label: "a song".into() }).unwrap();
    let (what, recipient) = (Holding::Units(world.marks(70)), world.did(BEN));
    let lock = Action::Lock { what, recipient, expires: until, release: Some([9; 32]) };
    let operation = world.by(ANN, lock);
    world.ask(operation.clone()).unwrap();
    (world, title_id(&did, &[2; 32]), lock_id(&operation.id()))
}

/// A proof of each kind that people carry, of what is there and of what is not,
/// as bytes; and a check that tells what it shows.
type Check = fn(&Proof, &World, &NetworkKey) -> Result<Vec<u8>, Error>;

fn shows<R: Record>(proof: &Proof, world: &World, key: &NetworkKey) -> Result<Vec<u8>, Error> {
    let Shown { height, at, record } = proof.verify::<R>(&world.network, key)?;
    assert_eq!((height, at), (world.height, world.at));
    let record = record.map(|record| allod_wire::encode(&record));
    Ok([proof.kind().as_bytes(), proof.id(), &record.unwrap_or_default()].concat())
}

fn all(world: &World, certificate: &Certificate, title: TitleId, lock: LockId) -> Vec<(Proof, Check)> {
    let (ann, stranger) = (world.did(ANN), Person::new(70).did());
    Vec::from([
        (proof::<NameRecord>(world, certificate, &name("ann")), shows::<NameRecord> as Check),
        (proof::<NameRecord>(world, certificate, &name("nobodys")), shows::<NameRecord>),
        (proof::<Title>(world, certificate, &title), shows::<Title>),
        (proof::<Title>(world, certificate, &TitleId([8; 32])), shows::<Title>),
        (proof::<Balance>(world, certificate, &(world.mark(), ann)), shows::<Balance>),
        (proof::<Balance>(world, certificate, &(world.mark(), stranger)), shows::<Balance>),
        (proof::<Lock>(world, certificate, &lock), shows::<Lock>),
        (proof::<Lock>(world, certificate, &LockId([8; 32])), shows::<Lock>),
    ])
}

#[test]
fn a_proof_shows_what_the_ledger_says_and_what_it_does_not_have() {
    let (world, title, lock) = world();
    let signer = Signer::new(1);
    let (certificate, key) = (signer.certify(&world), signer.public());
    for (number, (proof, check)) in all(&world, &certificate, title, lock).into_iter().enumerate() {
        let bytes = allod_wire::encode(&proof);
        let read: Proof = allod_wire::decode(&bytes).unwrap();
        assert_eq!(read, proof);
        assert!(check(&read, &world, &key).is_ok(), "proof {number}");
    }
    let shown = proof::<NameRecord>(&world, &certificate, &name("ann"));
    assert!(shown.is_about::<NameRecord>() && !shown.is_about::<Title>());
    assert_eq!((shown.kind(), shown.id(), shown.certificate()), ("name", &b"ann"[..], &certificate));
    let shown = shown.verify::<NameRecord>(&world.network, &key).unwrap();
    assert_eq!(shown.record, world.find(&name("ann")));
    let absent = proof::<NameRecord>(&world, &certificate, &name("nobodys"));
    assert_eq!(absent.verify::<NameRecord>(&world.network, &key).unwrap().record, None);
}

#[test]
fn a_proof_under_another_networks_key_or_of_another_network_is_refused() {
    let (world, title, lock) = world();
    let signer = Signer::new(1);
    let certificate = signer.certify(&world);
    let other = World::with(4, |genesis| genesis.name = "other".into());
    for (proof, check) in all(&world, &certificate, title, lock) {
        let refused = check(&proof, &world, &Signer::new(2).public());
        assert_eq!(refused, Err(Error::CertificateRefused));
        assert_eq!(check(&proof, &other, &signer.public()), Err(Error::OtherNetwork));
    }
}

#[test]
fn no_byte_of_a_proof_can_be_changed_so_that_it_shows_something_else() {
    let (world, title, lock) = world();
    let signer = Signer::new(1);
    let (certificate, key) = (signer.certify(&world), signer.public());
    for (number, (proof, check)) in all(&world, &certificate, title, lock).into_iter().enumerate() {
        let bytes = allod_wire::encode(&proof);
        // Each byte of the first, some of the others: to check one costs a pairing.
        for at in (number..bytes.len()).step_by(if number == 0 { 1 } else { 11 }) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let Ok(proof) = allod_wire::decode::<Proof>(&changed) else { continue };
            if check(&proof, &world, &key).is_ok() {
                // The way to one record that is not there leads to others too.
                let is_there = world.values.0.contains_key(&place_of(proof.kind(), proof.id()));
                assert!(number % 2 == 1 && !is_there, "byte {at} of proof {number}");
            }
        }
        for end in 0..bytes.len() {
            assert!(allod_wire::decode::<Proof>(&bytes[..end]).is_err());
        }
        assert!(allod_wire::decode::<Proof>(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn what_is_true_of_one_record_is_not_shown_of_another() {
    let (world, title, lock) = world();
    let signer = Signer::new(1);
    let (certificate, key) = (signer.certify(&world), signer.public());
    let network = &world.network;
    let (ann, ben) = ((world.mark(), world.did(ANN)), (world.mark(), world.did(BEN)));
    let path = |place| prove(&world.nodes, world.height, &place).unwrap();
    let value = |place| world.values.0.get(&place).cloned();
    let (of_ann, of_ben) = (place::<Balance>(&ann), place::<Balance>(&ben));
    let claim = |value, path| Proof::of(certificate, Balance::KIND, &ann.bytes(), value, path);
    for (lie, what) in [
        (claim(value(of_ben), path(of_ben)), "another's balance"),
        (claim(value(of_ben), path(of_ann)), "another's balance in one's own place"),
        (claim(Some(allod_wire::encode(&Balance { amount: u64::MAX })), path(of_ann)), "riches"),
        (claim(None, path(of_ann)), "nothing where there is something"),
        (claim(None, path(of_ben)), "nothing, elsewhere"),
        (claim(value(of_ann), path(place::<Title>(&TitleId([8; 32])))), "a path to nothing"),
    ] {
        let refused = lie.verify::<Balance>(network, &key);
        assert!(matches!(refused, Err(Error::PathRefused(_))), "{what}: {refused:?}");
    }
    // A record of one kind is none of another, whatever the proof says it is.
    let title_place = place::<Title>(&title);
    let lie = Proof::of(certificate, Title::KIND, title.as_bytes(), value(title_place), path(title_place));
    assert_eq!(lie.verify::<Lock>(network, &key).map(drop), Err(Error::WrongSubject));
    let lie = Proof::of(certificate, Lock::KIND, title.as_bytes(), value(title_place), path(title_place));
    assert!(matches!(lie.verify::<Lock>(network, &key), Err(Error::PathRefused(_))));
    let lock_place = place::<Lock>(&lock);
    let lie = Proof::of(certificate, "loc", b"k", value(lock_place), path(lock_place));
    assert_eq!(lie.verify::<Lock>(network, &key).map(drop), Err(Error::WrongSubject));
}

#[test]
fn a_proof_is_of_one_height() {
    let (mut world, title, _) = world();
    let signer = Signer::new(1);
    let early = signer.certify(&world);
    let before = proof::<Title>(&world, &early, &title);
    let to = world.did(BEN);
    world.does(ANN, Action::Transfer { what: Holding::Title(title), to }).unwrap();
    let late = signer.certify(&world);
    let after = proof::<Title>(&world, &late, &title);
    let owner = |proof: &Proof| {
        let shown = proof.verify::<Title>(&world.network, &signer.public()).unwrap();
        (shown.height, shown.record.unwrap().owner)
    };
    assert_eq!(owner(&before), (early.checkpoint.height, Some(world.did(ANN))));
    assert_eq!(owner(&after), (late.checkpoint.height, Some(world.did(BEN))));
    // What was so at one height is not shown at the other.
    let place = place::<Title>(&title);
    let old = prove(&world.nodes, early.checkpoint.height, &place).unwrap();
    let value = world.values.0.get(&place).cloned();
    let lie = Proof::of(late, Title::KIND, title.as_bytes(), value.clone(), old.clone());
    assert!(matches!(lie.verify::<Title>(&world.network, &signer.public()), Err(Error::PathRefused(_))));
    let lie = Proof::of(early, Title::KIND, title.as_bytes(), value, old);
    assert!(matches!(lie.verify::<Title>(&world.network, &signer.public()), Err(Error::PathRefused(_))));
}

#[test]
fn the_widest_identity_fits_into_a_proof() {
    let mut world = World::new();
    let mut log = world.people[ANN].log.clone();
    let root = world.people[ANN].root.clone();
    let mut operations = Vec::new();
    for number in 0..allod_wire::limits::DID_LOG_MAX as u64 - 2 {
        let key = key(10_000 + number).verifying_key().into();
        let at = Instant(1 << 40);
        let operation = log.add_device(&root, key, &"n".repeat(64), at).unwrap().clone();
        operations.push(world.by(ANN, Action::Log { operation }));
    }
    assert!(world.block(&operations).iter().all(Result::is_ok));
    // Every device has used a number, and a change waits.
    operations.clear();
    for number in 0..allod_wire::limits::DID_LOG_MAX as u64 - 2 {
        let device = key(10_000 + number);
        let claim = crate::Claim::Device { did: world.did(ANN), device: device_id(&device), nonce: u64::MAX };
        let action = Action::CommitName { commitment: [number as u8; 32] };
        operations.push(world.body(claim, action).sign(&device));
    }
    assert!(world.block(&operations).iter().all(Result::is_ok));
    let key = key(9_999).verifying_key().into();
    let operation = log.add_device(&root, key, "last", Instant(1 << 40)).unwrap().clone();
    world.happens(Action::Log { operation }).unwrap();
    let signer = Signer::new(1);
    let certificate = signer.certify(&world);
    let proof = proof::<crate::account::Account>(&world, &certificate, &world.did(ANN));
    let read: Proof = allod_wire::decode(&allod_wire::encode(&proof)).unwrap();
    let shown = read.verify::<crate::account::Account>(&world.network, &signer.public()).unwrap();
    assert_eq!(shown.record, Some(world.account(ANN)));
}

#[test]
fn the_public_key_of_a_signer_is_what_the_group_says() {
    let signer = Signer::new(1);
    let bytes = Bls12381G2::encode(&signer.0.mul_generator());
    assert_eq!(&bytes[..], signer.public().bytes());
}
