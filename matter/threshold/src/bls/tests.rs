//! Threshold signatures: published ones, combinations, and every lie.

use alloc::vec::Vec;

use allod_crypto::group::{DecodeError, SecretScalar};
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::shamir::{self, Share};
use crate::test_rng::system;
use crate::{Index, PublicShares};

const BEACONS: &str = include_str!("../../../../vectors/drand/beacons.json");

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().expect("a string").as_bytes()).expect("hex")
}

fn index(value: u16) -> Index {
    Index::new(value).expect("not zero")
}

fn message() -> Message {
    Message::tagged("Allod test", &[b"checkpoint", b"1"])
}

/// Holders of shares of a key, with what is public.
fn holders(threshold: u16, shares: u16) -> (Vec<SigningShare>, ShareKeys, SecretScalar<Bls12381G2>) {
    let secret = SecretScalar::<Bls12381G2>::random(&mut system());
    let shares = shamir::split(&secret, threshold, shares, &mut system()).expect("in range");
    let point = |scalar: &SecretScalar<Bls12381G2>| Point::new(scalar.mul_generator()).expect("not zero");
    let public = shares.iter().map(|share| (share.index, point(&share.value)));
    let keys = PublicShares::new(threshold, point(&secret), public).expect("in range");
    let shares = shares.into_iter().map(|share| SigningShare::new(share).expect("not zero"));
    (shares.collect(), ShareKeys::new(keys), secret)
}

/// What whoever has the whole key signs.
fn signed(secret: &SecretScalar<Bls12381G2>, message: &Message) -> Signature {
    let element = Bls12381G1::mul(message.point().element(), secret.expose());
    Signature(Point::new(element).expect("not zero"))
}

#[test]
fn the_beacons_of_drand_hold() {
    let vectors = serde_json::from_str::<Value>(BEACONS).expect("JSON");
    assert_eq!(vectors["dst"].as_str().map(str::as_bytes), Some(DST));
    let mut checked = 0;
    for chain in vectors["chains"].as_array().expect("a list") {
        let key = PublicKey::decode(&hex(&chain["public_key"])).expect("a key");
        for beacon in chain["beacons"].as_array().expect("a list") {
            let round = beacon["round"].as_u64().expect("a number");
            let signature = Signature::decode(&hex(&beacon["signature"])).expect("a signature");
            let message = |round: u64| Message::plain(&hash::sha256(&round.to_be_bytes()));
            assert_eq!(key.verify(&message(round), &signature), Ok(()), "round {round}");
            assert_eq!(verify(key.point(), &message(round), &signature), Ok(()));
            assert_eq!(key.verify(&message(round + 1), &signature), Err(Error::SignatureRefused));
            assert_eq!(signature.bytes().to_vec(), hex(&beacon["signature"]));
            if let Some(randomness) = beacon.get("randomness") {
                assert_eq!(hash::sha256(signature.bytes()).to_vec(), hex(randomness));
            }
            checked += 1;
        }
    }
    assert!(checked >= 6, "the vectors have at least six beacons");
}

#[test]
fn any_t_partials_give_the_one_signature() {
    let (holders, keys, secret) = holders(3, 5);
    let message = message();
    let expected = signed(&secret, &message);
    assert_eq!(keys.public_key().verify(&message, &expected), Ok(()));
    let partials = holders.iter().map(|holder| holder.sign(&message)).collect::<Vec<_>>();
    for (holder, partial) in holders.iter().zip(&partials) {
        assert_eq!(holder.sign(&message), *partial, "no randomness is used");
        assert_eq!(PartialSignature::decode(&partial.encode()), Ok(*partial));
        assert_eq!(keys.verify(&message, partial), Ok(()));
        let public = keys.get(holder.index()).expect("a holder");
        assert_eq!(verify_partial(public, &message, partial), Ok(()));
    }
    for chosen in [&partials[..3], &partials[1..4], &partials[2..], &partials[..]] {
        let mut chosen = chosen.to_vec();
        chosen.reverse();
        let combined = keys.combine(&message, &chosen).expect("enough");
        assert_eq!(combined, Combined { signature: expected, refused: Vec::new() });
    }
    assert_eq!(Signature::decode(expected.bytes()), Ok(expected));
    assert_eq!(PublicKey::decode(keys.public_key().bytes()).as_ref(), Ok(keys.public_key()));
}

#[test]
fn liars_are_named_and_do_not_prevent_the_signature() {
    let (holders, keys, secret) = holders(3, 6);
    let message = message();
    let mut partials = holders.iter().map(|holder| holder.sign(&message)).collect::<Vec<_>>();
    let other = Message::tagged("Allod test", &[b"checkpoint", b"2"]);
    // Another message, another holder's element, another element.
    partials[0] = holders[0].sign(&other);
    partials[1].point = partials[4].point;
    let moved = *partials[2].point.element() + Bls12381G1::generator();
    partials[2].point = Point::new(moved).expect("not the identity");
    for (i, partial) in partials.iter().enumerate() {
        let expected = if i < 3 { Err(Error::PartialRefused(partial.index)) } else { Ok(()) };
        assert_eq!(keys.verify(&message, partial), expected);
        assert_eq!(expected.err().and_then(|error| error.culprit()), (i < 3).then(|| index(i as u16 + 1)));
    }
    let liars = [index(1), index(2), index(3)].to_vec();
    let combined = keys.combine(&message, &partials).expect("three hold");
    assert_eq!(combined, Combined { signature: signed(&secret, &message), refused: liars.clone() });
    let few = Error::TooFewShares { needed: 3, given: 2 };
    assert_eq!(keys.combine(&message, &partials[..5]), Err(few));
    assert_eq!(keys.refused(&message, &partials[..5]), liars);
}

#[test]
fn wrong_partials_that_cancel_each_other_change_nothing() {
    // Two liars move their partials so that the combination comes out right. It
    // is the signature all the same, since there is only one.
    let (holders, keys, secret) = holders(2, 3);
    let message = message();
    let mut partials = holders.iter().map(|holder| holder.sign(&message)).collect::<Vec<_>>();
    // Weights at zero for the indices 1 and 2 are 2 and -1.
    let generator = Bls12381G1::generator();
    let moved = |point: &Point<Bls12381G1>, by| Point::new(*point.element() + by).expect("not the identity");
    partials[0].point = moved(&partials[0].point, generator);
    partials[1].point = moved(&partials[1].point, generator + generator);
    let combined = keys.combine(&message, &partials).expect("it holds");
    assert_eq!(combined.signature, signed(&secret, &message));
}

#[test]
fn a_partial_of_a_stranger_or_given_twice_is_refused() {
    let (holders, keys, _) = holders(2, 3);
    let message = message();
    let mut partials = holders.iter().map(|holder| holder.sign(&message)).collect::<Vec<_>>();
    partials.push(partials[1]);
    assert_eq!(keys.combine(&message, &partials), Err(Error::DuplicateIndex(index(2))));
    partials[3].index = index(9);
    assert_eq!(keys.combine(&message, &partials), Err(Error::UnknownIndex(index(9))));
    let few = Error::TooFewShares { needed: 2, given: 1 };
    assert_eq!(keys.combine(&message, &partials[..1]), Err(few));
    assert_eq!(keys.combine(&message, &[]), Err(Error::TooFewShares { needed: 2, given: 0 }));
}

#[test]
fn a_signature_is_of_one_purpose_message_and_key() {
    let (_, keys, secret) = holders(1, 1);
    let (_, other, _) = holders(1, 1);
    let message = message();
    let signature = signed(&secret, &message);
    assert_eq!(keys.public_key().verify(&message, &signature), Ok(()));
    assert_eq!(other.public_key().verify(&message, &signature), Err(Error::SignatureRefused));
    for message in [
        Message::tagged("Allod other", &[b"checkpoint", b"1"]),
        Message::tagged("Allod test", &[b"checkpoint1"]),
        Message::tagged("Allod test", &[b"checkpoin", b"t1"]),
        Message::plain(b"checkpoint1"),
    ] {
        assert_eq!(keys.public_key().verify(&message, &signature), Err(Error::SignatureRefused));
    }
    let negative = Signature(Point::new(-*signature.point().element()).expect("not the identity"));
    assert_eq!(keys.public_key().verify(&message, &negative), Err(Error::SignatureRefused));
}

#[test]
fn the_identity_is_no_key_and_no_signature() {
    let mut bytes = [0; 96];
    bytes[0] = 0xc0;
    let malformed = |part| Error::Malformed { part, reason: DecodeError::Identity };
    assert_eq!(PublicKey::decode(&bytes).err(), Some(malformed(Part::PublicKey)));
    assert_eq!(Signature::decode(&bytes[..48]), Err(malformed(Part::Signature)));
    let mut partial = [0; 50];
    partial[1] = 3;
    partial[2] = 0xc0;
    let named =
        Error::PartialMalformed { index: index(3), part: Part::Signature, reason: DecodeError::Identity };
    assert_eq!(PartialSignature::decode(&partial), Err(named));
    assert_eq!(named.culprit(), Some(index(3)));
    partial[1] = 0;
    assert_eq!(PartialSignature::decode(&partial), Err(Error::ZeroIndex));
    let length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
    assert_eq!(PartialSignature::decode(&partial[..49]), Err(length));
    assert_eq!(PartialSignature::decode(&[]), Err(length));
    let zero = Share { index: index(1), value: SecretScalar::new(Default::default()) };
    assert!(SigningShare::new(zero).is_err());
}

#[test]
fn a_point_outside_the_subgroup_is_no_signature() {
    // x = 4 is on the curve, y^2 = 4^3 + 4 = 68 being a square, and not in the
    // subgroup.
    let mut bytes = [0; 48];
    bytes[0] = 0x80;
    bytes[47] = 4;
    let refused = Error::Malformed { part: Part::Signature, reason: DecodeError::NotCanonical };
    assert_eq!(Signature::decode(&bytes), Err(refused));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_bytes_decode_to_themselves_or_to_an_error(mut bytes in prop::collection::vec(any::<u8>(), 50)) {
        // Half of all x are on the curve, few of those in the subgroup.
        bytes[2] = bytes[2] & 0x1f | 0x80;
        if let Ok(partial) = PartialSignature::decode(&bytes) {
            prop_assert_eq!(partial.encode().to_vec(), bytes.clone());
        }
        if let Ok(signature) = Signature::decode(&bytes[2..]) {
            prop_assert_eq!(signature.bytes().as_slice(), &bytes[2..]);
        }
    }
}
