//! FROST over ristretto255 as an oracle: its keys are checked and passed on with
//! our dealings, and its signers go on signing with the shares that come out.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_crypto::group::{Group, Ristretto255, SecretScalar};
use frost_ristretto255::keys::dkg::{self, round1};
use frost_ristretto255::keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare};
use frost_ristretto255::{Identifier, SigningPackage, VerifyingKey, aggregate, round1 as nonces, round2};
use rand_core_06::OsRng;

use super::*;
use crate::PublicShares;

type G = Ristretto255;

/// A key that FROST made: what each holder has, and what is public.
struct Made {
    packages: Vec<round1::Package>,
    keys: Vec<KeyPackage>,
    public: PublicKeyPackage,
}

fn identifier(i: u16) -> Identifier {
    Identifier::try_from(i).expect("not zero")
}

fn made(n: u16, t: u16) -> Made {
    let ids = (1..=n).map(identifier).collect::<Vec<_>>();
    let first = ids.iter().map(|id| dkg::part1(*id, n, t, OsRng).expect("in range"));
    let (secrets, packages): (Vec<_>, Vec<_>) = first.unzip();
    let without = |own: &Identifier| {
        let others = ids.iter().copied().zip(packages.iter().cloned());
        others.filter(|(id, _)| id != own).collect::<BTreeMap<_, _>>()
    };
    let second =
        ids.iter().zip(secrets).map(|(id, secret)| dkg::part2(secret, &without(id)).expect("honest"));
    let (secrets, sent): (Vec<_>, Vec<_>) = second.unzip();
    let finished = ids.iter().zip(&secrets).map(|(id, secret)| {
        let received = ids.iter().zip(&sent).filter(|(from, _)| *from != id);
        let received = received.map(|(from, sent)| (*from, sent[id].clone())).collect();
        dkg::part3(secret, &without(id), &received).expect("honest")
    });
    let (keys, public): (Vec<_>, Vec<_>) = finished.unzip();
    Made { packages, keys, public: public.into_iter().next().expect("somebody") }
}

/// FROST's own share of a holder.
fn held(key: &KeyPackage, i: u16) -> Share<G> {
    let value = SecretScalar::decode(&key.signing_share().serialize()).expect("a scalar");
    Share { index: index(i), value }
}

/// Has these holders sign with FROST, and FROST verify.
fn sign(keys: &[KeyPackage], public: &PublicKeyPackage, message: &[u8]) {
    let rounds = keys.iter().map(|key| nonces::commit(key.signing_share(), &mut OsRng));
    let (secrets, commitments): (Vec<_>, Vec<_>) = rounds.unzip();
    let commitments = keys.iter().map(|key| *key.identifier()).zip(commitments).collect();
    let package = SigningPackage::new(commitments, message);
    let shares = keys
        .iter()
        .zip(&secrets)
        .map(|(key, secret)| (*key.identifier(), round2::sign(&package, secret, key).expect("a signer")));
    let signature = aggregate(&package, &shares.collect(), public).expect("shares that hold");
    public.verifying_key().verify(message, &signature).expect("a signature");
}

#[test]
fn the_public_shares_of_frost_are_ours() {
    let (n, t) = (5, 3);
    let made = made(n, t);
    // The dealers' commitments, summed.
    let commitments = made.packages.iter().map(|package| {
        let points = package.commitment().serialize().expect("no identity").concat();
        Commitment::<G>::decode(&[&t.to_be_bytes(), points.as_slice()].concat(), n).expect("points")
    });
    let commitments = commitments.collect::<Vec<_>>();
    for i in 1..=n {
        let id = identifier(i);
        let sum = commitments.iter().map(|commitment| commitment.public_share_key(index(i)));
        let sum = sum.fold(<G as Group>::Element::default(), |sum, element| sum + element);
        let theirs = made.public.verifying_shares()[&id].serialize().expect("no identity");
        assert_eq!(G::encode(&sum).to_vec(), theirs);
        let own = held(&made.keys[usize::from(i) - 1], i);
        assert_eq!(G::encode(&own.value.mul_generator()).to_vec(), theirs);
    }
}

#[test]
fn a_key_of_frost_is_passed_on_and_signs_with_frost() {
    let made = made(5, 3);
    sign(&made.keys[1..4], &made.public, b"before");

    // From three of five to four of six, of whom two stay under new indices.
    let session = session(1, 4, &[1, 2, 3, 4, 5, 6]);
    let shares = made.keys.iter().zip(1..).map(|(key, i)| held(key, i)).collect::<Vec<_>>();
    let dealings = session.reshare(&shares);
    let key = made.public.verifying_key().serialize().expect("no identity");
    let key = Point::<G>::decode(&key).expect("a point");
    let old = (1..=5).map(|i| {
        let theirs = made.public.verifying_shares()[&identifier(i)].serialize().expect("no identity");
        (index(i), Point::decode(&theirs).expect("a point"))
    });
    let old = PublicShares::new(3, key, old).expect("in range");
    for dealing in &dealings {
        let constant = old.get(dealing.dealer()).expect("a holder");
        assert_eq!(dealing.verify(&session.terms, Some(constant)), Ok(()));
    }
    let outcome = Outcome::reshared(&session.terms, &dealings, &old).expect("enough");
    let shares = session.shares(&outcome, &dealings);

    let public = |point: &Point<G>| VerifyingShare::deserialize(point.bytes()).expect("a point");
    let verifying_key = VerifyingKey::deserialize(key.bytes()).expect("a point");
    let verifying = outcome.public().iter().map(|(index, point)| (identifier(index.get()), public(point)));
    let package = PublicKeyPackage::new(verifying.collect(), verifying_key, Some(4));
    let keys = shares.iter().map(|share| {
        let signing = SigningShare::deserialize(share.value.encode().as_ref()).expect("a scalar");
        let own = public(outcome.public().get(share.index).expect("a receiver"));
        KeyPackage::new(identifier(share.index.get()), signing, own, verifying_key, 4)
    });
    let keys = keys.collect::<Vec<_>>();
    sign(&keys[..4], &package, b"after");
    sign(&keys[2..], &package, b"after");
}
