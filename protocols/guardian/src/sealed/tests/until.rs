//! Files sealed until a round of the beacon.

use allod_crypto::group::{Bls12381G2, SecretScalar};
use allod_threshold::bls::{Message, ShareKeys, Signature, SigningShare};
use allod_threshold::shamir::split;
use allod_threshold::{PublicShares, bls};

use super::*;

/// The network's key in shares, 3 of 5.
fn network() -> (Vec<SigningShare>, ShareKeys) {
    let mut rng = Seeded::new(21);
    let secret = SecretScalar::<Bls12381G2>::random(&mut rng);
    let point = |scalar: &SecretScalar<Bls12381G2>| Point::new(scalar.mul_generator()).expect("no identity");
    let shares = split(&secret, 3, 5, &mut rng).expect("shares");
    let public = shares.iter().map(|share| (share.index, point(&share.value))).collect::<Vec<_>>();
    let keys = ShareKeys::new(PublicShares::new(3, point(&secret), public).expect("public shares"));
    (shares.into_iter().map(|share| SigningShare::new(share).expect("a share")).collect(), keys)
}

fn message(round: u64) -> Message {
    Message::tagged("a round of the test's beacon", &[&round.to_be_bytes()])
}

fn signature(round: u64) -> Signature {
    let (shares, keys) = network();
    let partials = shares[1..4].iter().map(|share| share.sign(&message(round))).collect::<Vec<_>>();
    keys.combine(&message(round), &partials).expect("enough").signature
}

fn key() -> bls::PublicKey {
    network().1.public_key().clone()
}

/// A file sealed until round 7.
pub(super) fn until() -> (Header, FileKey) {
    Header::until(NETWORK, 7, Instant(70_000), &key(), &message(7), &mut Seeded::new(2))
}

#[test]
fn the_rounds_signature_opens_the_file() {
    let (header, file_key) = until();
    let sealed = sealed(&header, file_key.clone(), b"read this in a year");
    let key = open_until(&header, &key(), &message(7), &signature(7)).expect("it opens");
    assert_eq!(key, file_key);
    assert_eq!(opened(&header, key, &sealed).as_deref(), Ok(&b"read this in a year"[..]));
}

#[test]
fn two_files_until_one_round_have_keys_of_their_own() {
    let other = Header::until(NETWORK, 7, Instant(70_000), &key(), &message(7), &mut Seeded::new(3));
    assert_ne!(until().1, other.1);
}

#[test]
fn no_other_signature_opens_it() {
    let (header, _) = until();
    // Of another round, shown as such or as this one's.
    assert_eq!(open_until(&header, &key(), &message(7), &signature(6)), Err(Error::SignatureRefused));
    assert_eq!(open_until(&header, &key(), &message(6), &signature(6)), Err(Error::HeaderChanged));
    // Of fewer than the threshold, put together all the same.
    let (shares, _) = network();
    let one = Signature::decode(shares[0].sign(&message(7)).point().bytes()).expect("a signature");
    assert_eq!(open_until(&header, &key(), &message(7), &one), Err(Error::SignatureRefused));
}

#[test]
fn a_header_that_was_changed_does_not_open() {
    let (header, _) = until();
    let bytes = header.encode();
    let start = bytes.len() - 64;
    for place in [start, start + 31, start + 32, start + 63] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let changed = Header::decode(&changed[PROLOGUE..]).expect("a header");
        let opened = open_until(&changed, &key(), &message(7), &signature(7));
        assert_eq!(opened, Err(Error::HeaderChanged), "byte {place}");
    }
}

#[test]
fn another_round_or_time_in_front_of_it_does_not_open_the_content() {
    let (header, file_key) = until();
    let sealed = sealed(&header, file_key, b"content");
    let Lock::Until { round, at, ciphertext } = header.lock.clone() else { panic!() };
    for (round, at) in [(round + 1, at), (round, at.plus_ms(1))] {
        let changed = Header { lock: Lock::Until { round, at, ciphertext: ciphertext.clone() }, ..header };
        let key = open_until(&changed, &key(), &message(7), &signature(7)).expect("the lock is the same");
        assert_eq!(opened(&changed, key, &sealed), Err(Error::Cut));
    }
}

#[test]
fn a_file_for_a_quorum_is_not_opened_by_a_round_nor_the_other_way() {
    let person = Person::new(1);
    let (quorum, _) = seal(&dealt(), policy(&[&person], 0));
    assert_eq!(open_until(&quorum, &key(), &message(7), &signature(7)), Err(Error::OtherLock));
    let (until, _) = until();
    let asked =
        Unsealing::new(&until, dealt().committee(), person.did(), &person.device, NOW, &mut Seeded::new(1));
    assert_eq!(asked.err(), Some(Error::OtherLock));
}
