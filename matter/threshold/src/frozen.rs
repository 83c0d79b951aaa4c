//! The formats that outlive a program's version, frozen: hashes of encodings made
//! with the same randomness in every run. A hash that changes is a new format, and
//! needs a new tag or version in the messages that carry it.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::group::{BabyJubJub, Bls12381G1, Bls12381G2, Group, Ristretto255, SecretScalar};
use allod_crypto::{Secret, SecretBytes, hash};
use data_encoding::HEXLOWER;

use crate::dealing::{Dealing, EncryptionSecret, Opened, Terms, lie};
use crate::quorum::{self, DecryptionShare};
use crate::shamir::Share;
use crate::test_rng::Stream;
use crate::{Index, Point, bls, knowledge, timelock};

fn hashed(bytes: &[u8]) -> String {
    HEXLOWER.encode(&hash::blake3(bytes)[..16])
}

fn index(value: u16) -> Index {
    Index::new(value).expect("not zero")
}

fn session(rng: &mut Stream) -> (Terms, Vec<EncryptionSecret>) {
    let secrets = (0..3).map(|_| EncryptionSecret::random(rng)).collect::<Vec<_>>();
    let keys = Index::first(3).zip(secrets.iter().map(|secret| *secret.key())).collect();
    (Terms::new([7; 32], 2, keys).expect("in range"), secrets)
}

fn dealing<G: Group>() -> String {
    let rng = &mut Stream::new();
    let (terms, _) = session(rng);
    hashed(&Dealing::<G>::deal_fresh(&terms, index(2), rng).expect("dealt").encode())
}

#[test]
fn dealings_complaints_and_possession_are_as_they_were() {
    assert_eq!(dealing::<Ristretto255>(), "95be5a703358a178bc77d6a3139d3a3e");
    assert_eq!(dealing::<Bls12381G2>(), "f90d509e8be6b0e1ed08ac1e040c473c");
    assert_eq!(dealing::<BabyJubJub>(), "758b518150be3025d1c31d1bb34be7d2");
    let rng = &mut Stream::new();
    let (terms, secrets) = session(rng);
    let secret = SecretScalar::<Ristretto255>::random(rng);
    let cheating = lie::wrong_share(&terms, index(1), &secret, index(3), rng).expect("dealt");
    let opened = cheating.open(&terms, index(3), &secrets[2], rng).expect("a receiver");
    let Opened::Complaint(complaint) = opened else { panic!("the share is wrong") };
    assert_eq!(hashed(&complaint.encode()), "4e5654182010fd0cce7b804ea42c8734");
    assert_eq!(
        hashed(&secrets[0].prove_possession(&[7; 32], index(1), rng).encode()),
        "96a2bc7400c897bc84c65f57fb51f4eb"
    );
}

#[test]
fn proofs_of_knowledge_are_as_they_were() {
    fn proof<G: Group>() -> String {
        let rng = &mut Stream::new();
        let secret = SecretScalar::<G>::random(rng);
        let point = Point::new(secret.mul_generator()).expect("not zero");
        hashed(&knowledge::prove(b"context", &secret, &point, rng).encode())
    }
    assert_eq!(proof::<Ristretto255>(), "7ded3a16898404fba3b937fe0d1724d8");
    assert_eq!(proof::<Bls12381G2>(), "69793e5706192b544841017e05e2260c");
    assert_eq!(proof::<BabyJubJub>(), "0daa004c911f35d11cc027e9365cd9f1");
}

#[test]
fn signatures_and_ciphertexts_are_as_they_were() {
    let rng = &mut Stream::new();
    let value = SecretScalar::<Bls12381G2>::random(rng);
    let key = bls::PublicKey::new(Point::new(value.mul_generator()).expect("not zero"));
    let message = bls::Message::tagged("Allod frozen", &[b"message"]);
    let share = bls::SigningShare::new(Share { index: index(3), value }).expect("not zero");
    let partial = share.sign(&message);
    assert_eq!(hashed(&partial.encode()), "0add594fd8a999fd256dd66b7cc9d536");
    let payload = SecretBytes::from([5; 32].to_vec());
    let locked = timelock::encrypt(&key, &message, &payload, rng).expect("a legal length");
    assert_eq!(hashed(&locked.encode()), "ec3e391c7f3634ad5da11f9431080425");
    assert_eq!(partial.encode().len(), 2 + Bls12381G1::ELEMENT_LEN);

    let value = SecretScalar::<Ristretto255>::random(rng);
    let key = Point::new(value.mul_generator()).expect("not zero");
    let share = DecryptionShare::new(Share { index: index(4), value }).expect("not zero");
    let ciphertext = quorum::encrypt(&key, b"label", &Secret::from([5; 32]), rng);
    assert_eq!(hashed(&ciphertext.encode()), "55090918d5dd7bd988d567616c658d00");
    let partial = share.decrypt(&key, b"label", &ciphertext, rng).expect("it holds");
    assert_eq!(hashed(&partial.encode()), "964905803b06ace11cea31440c2544be");
}
