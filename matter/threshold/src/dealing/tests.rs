//! Dealings: what comes of honest ones, every lie, and any bytes.

mod frost;
mod liars;
mod oprf;
mod outcome;
mod secrecy;

use alloc::format;
use alloc::vec::Vec;

use allod_crypto::group::{BabyJubJub, Bls12381G2};
use proptest::prelude::*;

use super::*;
use crate::test_groups::in_each_group;
use crate::test_rng::system;

/// One session, with every receiver's secret.
struct Session {
    terms: Terms,
    secrets: Vec<(Index, EncryptionSecret)>,
}

fn index(value: u16) -> Index {
    Index::new(value).expect("not zero")
}

/// The session of this name, with a threshold and the receivers' indices.
fn session(name: u8, threshold: u16, receivers: &[u16]) -> Session {
    let secrets =
        receivers.iter().map(|i| (index(*i), EncryptionSecret::random(&mut system()))).collect::<Vec<_>>();
    let keys = secrets.iter().map(|(index, secret)| (*index, *secret.key())).collect();
    Session { terms: Terms::new([name; 32], threshold, keys).expect("in range"), secrets }
}

impl Session {
    fn secret(&self, receiver: u16) -> &EncryptionSecret {
        let secret = self.secrets.iter().find(|(index, _)| index.get() == receiver);
        &secret.expect("a receiver").1
    }

    fn fresh<G: Group>(&self, dealers: &[u16]) -> Vec<Dealing<G>> {
        let deal = |i: &u16| Dealing::deal_fresh(&self.terms, index(*i), &mut system()).expect("dealt");
        dealers.iter().map(deal).collect()
    }

    fn reshare<G: Group>(&self, shares: &[Share<G>]) -> Vec<Dealing<G>> {
        let deal = |share| Dealing::deal_share(&self.terms, share, &mut system()).expect("dealt");
        shares.iter().map(deal).collect()
    }

    fn open<G: Group>(&self, dealing: &Dealing<G>, receiver: u16) -> Opened<G> {
        dealing
            .open(&self.terms, index(receiver), self.secret(receiver), &mut system())
            .expect("a receiver of these terms")
    }

    /// What every receiver holds in the end.
    fn shares<G: Group>(&self, outcome: &Outcome<G>, dealings: &[Dealing<G>]) -> Vec<Share<G>> {
        let receivers = self.secrets.iter().map(|(receiver, _)| *receiver);
        receivers
            .map(|receiver| {
                let opened = dealings
                    .iter()
                    .map(|dealing| (dealing.dealer(), share(self.open(dealing, receiver.get()))));
                let opened = opened.collect::<Vec<_>>();
                outcome
                    .combine(receiver, opened.iter().map(|(dealer, share)| (*dealer, &share.value)))
                    .expect("the share fits")
            })
            .collect()
    }
}

fn share<G: Group>(opened: Opened<G>) -> Share<G> {
    match opened {
        Opened::Share(share) => share,
        Opened::Complaint(complaint) => panic!("{complaint:?}"),
    }
}

fn complaint<G: Group>(opened: Opened<G>) -> Complaint {
    match opened {
        Opened::Complaint(complaint) => complaint,
        Opened::Share(share) => panic!("share of {}", share.index),
    }
}

fn an_honest_dealing_is_taken_and_gives_each_receiver_its_share<G: Group>() {
    let session = session(1, 3, &[2, 5, 6, 300]);
    let secret = SecretScalar::<G>::random(&mut system());
    let own = Share { index: index(9), value: secret.clone() };
    let dealing = Dealing::deal_share(&session.terms, &own, &mut system()).expect("dealt");
    let constant = Point::new(secret.mul_generator()).expect("not zero");
    assert_eq!(dealing.verify(&session.terms, None), Ok(()));
    assert_eq!(dealing.verify(&session.terms, Some(&constant)), Ok(()));
    assert_eq!(dealing.dealer(), index(9));
    assert_eq!(dealing.commitment().public_key(), &constant);
    let shares = [2, 5, 300].map(|receiver| share(session.open(&dealing, receiver)));
    for share in &shares {
        assert_eq!(dealing.commitment().verify(share), Ok(()));
    }
    assert_eq!(crate::shamir::combine(3, &shares), Ok(secret));
}

fn an_encoding_comes_back<G: Group>() {
    let session = session(2, 2, &[1, 2, 3]);
    let dealing = session.fresh::<G>(&[7]).swap_remove(0);
    let bytes = dealing.encode();
    let expected = 2 + 32 + 64 + 2 * G::SCALAR_LEN + 3 * G::SCALAR_LEN + 2 + 2 * G::ELEMENT_LEN;
    assert_eq!(bytes.len(), expected);
    let decoded = Dealing::<G>::decode(index(7), &bytes).expect("it was encoded");
    assert_eq!(decoded, dealing);
    assert_eq!(decoded.verify(&session.terms, None), Ok(()));
    for len in 0..bytes.len() {
        let error = Dealing::<G>::decode(index(7), &bytes[..len]).expect_err("cut short");
        assert_eq!(error.culprit(), Some(index(7)), "cut at {len}");
    }
    let error = Dealing::<G>::decode(index(7), &[bytes.as_slice(), &[0]].concat()).expect_err("too long");
    assert_eq!(error.culprit(), Some(index(7)));
}

in_each_group!(an_honest_dealing_is_taken_and_gives_each_receiver_its_share, an_encoding_comes_back);

#[test]
fn a_bad_part_of_a_dealing_is_named_with_its_dealer() {
    use allod_crypto::group::DecodeError;

    use crate::Part;

    let session = session(3, 2, &[1, 2, 3]);
    let bytes = session.fresh::<Ristretto255>(&[7]).swap_remove(0).encode();
    let named = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        match Dealing::<Ristretto255>::decode(index(7), &bytes) {
            Err(Error::DealingMalformed { dealer, part, reason }) if dealer == index(7) => (part, reason),
            other => panic!("{other:?}"),
        }
    };
    let wrong = [0xff; 32];
    let commitments = 2 + 32 + 64 + 64 + 3 * 32;
    assert_eq!(named(0, &[0, 0]), (Part::Receivers, DecodeError::Length));
    assert_eq!(named(0, &[1, 0]), (Part::Receivers, DecodeError::Length));
    assert_eq!(named(2, &wrong), (Part::Ephemeral, DecodeError::NotCanonical));
    assert_eq!(named(2, &[0; 32]), (Part::Ephemeral, DecodeError::Identity));
    assert_eq!(named(34, &wrong), (Part::ProofChallenge, DecodeError::NotCanonical));
    assert_eq!(named(66, &wrong), (Part::ProofResponse, DecodeError::NotCanonical));
    assert_eq!(named(98, &wrong), (Part::ProofChallenge, DecodeError::NotCanonical));
    assert_eq!(named(130, &wrong), (Part::ProofResponse, DecodeError::NotCanonical));
    assert_eq!(named(commitments, &[0, 0]), (Part::Threshold, DecodeError::Length));
    assert_eq!(named(commitments, &[0, 4]), (Part::Threshold, DecodeError::Length));
    assert_eq!(named(commitments, &[0, 3]), (Part::Length, DecodeError::Length));
    assert_eq!(named(commitments + 2, &[0; 32]), (Part::Commitment(0), DecodeError::Identity));
    assert_eq!(named(commitments + 34, &wrong), (Part::Commitment(1), DecodeError::NotCanonical));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_decode_to_themselves_or_to_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..400), receivers in 0u16..6, threshold in 0u16..6,
    ) {
        // Most bytes fail at the first two, so half of the cases have good ones.
        let at = 2 + 32 + 64 + 64 + 32 * usize::from(receivers);
        let mut shaped = bytes.clone();
        shaped.resize(at + 2 + 32 * usize::from(threshold), 7);
        shaped[..2].copy_from_slice(&receivers.to_be_bytes());
        shaped[at..at + 2].copy_from_slice(&threshold.to_be_bytes());
        for bytes in [bytes, shaped] {
            if let Ok(dealing) = Dealing::<Ristretto255>::decode(index(1), &bytes) {
                prop_assert_eq!(dealing.encode(), bytes.clone());
            }
            if let Ok(dealing) = Dealing::<Bls12381G2>::decode(index(1), &bytes) {
                prop_assert_eq!(dealing.encode(), bytes.clone());
            }
            if let Ok(complaint) = Complaint::decode(&bytes) {
                prop_assert_eq!(complaint.encode(), bytes);
            }
        }
    }

    #[test]
    fn a_dealing_changed_in_any_byte_is_refused(pick in any::<prop::sample::Index>(), mask in 1u8..) {
        let session = session(4, 2, &[1, 2, 3]);
        let mut bytes = session.fresh::<BabyJubJub>(&[7]).swap_remove(0).encode();
        let at = pick.index(bytes.len());
        bytes[at] ^= mask;
        let refused = match Dealing::<BabyJubJub>::decode(index(7), &bytes) {
            Ok(dealing) => dealing.verify(&session.terms, None).expect_err("it was changed"),
            Err(error) => error,
        };
        prop_assert_eq!(refused.culprit(), Some(index(7)));
    }
}

#[test]
fn an_encryption_secret_comes_back_and_is_never_printed() {
    let secret = EncryptionSecret::random(&mut system());
    let decoded = EncryptionSecret::decode(secret.encode().as_ref()).expect("it was encoded");
    assert_eq!(decoded.key(), secret.key());
    assert_eq!(EncryptionKey::decode(secret.key().bytes()), Ok(*secret.key()));
    assert_eq!(format!("{secret:?}"), "EncryptionSecret(..)");
    assert!(EncryptionSecret::decode(&[0; 32]).is_err());
    assert!(EncryptionSecret::decode(&[0xff; 32]).is_err());
    assert!(EncryptionKey::decode(&[0; 32]).is_err());
}

#[test]
fn possession_is_proven_for_one_session_and_receiver() {
    let secret = EncryptionSecret::random(&mut system());
    let proof = secret.prove_possession(&[1; 32], index(3), &mut system());
    let key = *secret.key();
    assert_eq!(key.verify_possession(&[1; 32], index(3), &proof), Ok(()));
    let refused = Error::PossessionRefused(index(4));
    assert_eq!(key.verify_possession(&[1; 32], index(4), &proof), Err(refused));
    let refused = Error::PossessionRefused(index(3));
    assert_eq!(key.verify_possession(&[2; 32], index(3), &proof), Err(refused));

    // A key derived from another's, by one who knows only the difference.
    let difference = EncryptionSecret::random(&mut system());
    let sum = *key.point().element() + *difference.key().point().element();
    let derived = EncryptionKey::decode(&Ristretto255::encode(&sum)).expect("not the identity");
    for proof in [proof, difference.prove_possession(&[1; 32], index(3), &mut system())] {
        assert_eq!(derived.verify_possession(&[1; 32], index(3), &proof), Err(refused));
    }
    assert_eq!(refused.culprit(), Some(index(3)));
}

#[test]
fn terms_out_of_shape_are_refused() {
    let key = *EncryptionSecret::random(&mut system()).key();
    let terms = |threshold, receivers: &[u16]| {
        Terms::new([0; 32], threshold, receivers.iter().map(|i| (index(*i), key)).collect()).err()
    };
    assert_eq!(terms(2, &[1, 2, 9]), None);
    assert_eq!(terms(0, &[1, 2]), Some(Error::ThresholdOutOfRange { threshold: 0, shares: 2 }));
    assert_eq!(terms(3, &[1, 2]), Some(Error::ThresholdOutOfRange { threshold: 3, shares: 2 }));
    assert_eq!(terms(1, &[]), Some(Error::ThresholdOutOfRange { threshold: 1, shares: 0 }));
    assert_eq!(terms(2, &[1, 2, 2]), Some(Error::DuplicateIndex(index(2))));
    assert_eq!(terms(2, &[1, 3, 2]), Some(Error::OutOfOrder(index(2))));
    let all = (1..=255).collect::<Vec<_>>();
    assert_eq!(terms(255, &all), None);
    let more = (1..=256).collect::<Vec<_>>();
    assert_eq!(terms(9, &more), Some(Error::TooManyReceivers { given: 256, limit: RECEIVERS_MAX }));
}

#[test]
fn any_change_of_the_terms_is_another_session() {
    let plain = session(5, 2, &[1, 2, 3]);
    let receivers = plain.terms.receivers().to_vec();
    let dealing = plain.fresh::<Ristretto255>(&[1]).swap_remove(0);
    let refused = |session: u8, threshold, receivers: &[(Index, EncryptionKey)]| {
        let terms = Terms::new([session; 32], threshold, receivers.to_vec()).expect("in range");
        dealing.verify(&terms, None).err()
    };
    assert_eq!(refused(5, 2, &receivers), None);
    assert_eq!(refused(6, 2, &receivers), Some(Error::EphemeralProofRefused(index(1))));
    let mut renamed = receivers.clone();
    renamed[2].0 = index(4);
    assert_eq!(refused(5, 2, &renamed), Some(Error::EphemeralProofRefused(index(1))));
    let mut rekeyed = receivers.clone();
    rekeyed[1].1 = rekeyed[0].1;
    assert_eq!(refused(5, 2, &rekeyed), Some(Error::EphemeralProofRefused(index(1))));
    let threshold = Error::DealingThreshold { dealer: index(1), expected: 3, given: 2 };
    assert_eq!(refused(5, 3, &receivers), Some(threshold));
    let fewer = Error::DealingReceivers { dealer: index(1), expected: 2, given: 3 };
    assert_eq!(refused(5, 2, &receivers[..2]), Some(fewer));
}
