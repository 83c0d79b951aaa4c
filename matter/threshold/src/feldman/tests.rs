//! Commitments: what fits, every lie about a share, and any bytes.

use allod_crypto::group::{Group, Ristretto255, SecretScalar};
use proptest::prelude::*;

use super::*;
use crate::test_rng::system;

type G = Ristretto255;
type Scalar = <G as Group>::Scalar;

fn polynomial(secret: u64, threshold: u16) -> Polynomial<G> {
    Polynomial::random(&SecretScalar::new(Scalar::from(secret)), threshold, &mut system()).expect("in range")
}

fn index(value: u16) -> Index {
    Index::new(value).expect("not zero")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_share_fits_and_no_changed_one_does(
        secret in 1u64.., threshold in 1u16..8, i in 1u16.., other in 1u16..,
    ) {
        let polynomial = polynomial(secret, threshold);
        let commitment = Commitment::new(&polynomial).expect("no zero coefficient");
        let share = polynomial.share(index(i));
        prop_assert_eq!(commitment.verify(&share), Ok(()));
        prop_assert_eq!(commitment.public_share_key(index(i)), share.value.mul_generator());
        prop_assert_eq!(*commitment.public_key().element(), G::mul_generator(&Scalar::from(secret)));
        prop_assert_eq!(commitment.threshold(), threshold);

        let changed = SecretScalar::new(*share.value.expose() + Scalar::from(1u64));
        prop_assert_eq!(
            commitment.verify(&Share { index: share.index, value: changed }),
            Err(Error::ShareRefused(index(i)))
        );
        if threshold > 1 && other != i {
            prop_assert_eq!(
                commitment.verify(&Share { index: index(other), value: share.value }),
                Err(Error::ShareRefused(index(other)))
            );
        }
    }

    #[test]
    fn an_encoding_comes_back(threshold in 1u16..6) {
        let commitment = Commitment::new(&polynomial(5, threshold)).expect("no zero coefficient");
        let bytes = commitment.encode();
        prop_assert_eq!(bytes.len(), 2 + 32 * usize::from(threshold));
        prop_assert_eq!(Commitment::decode(&bytes, threshold), Ok(commitment));
        prop_assert_eq!(
            Commitment::<G>::decode(&bytes, threshold - 1),
            Err(Error::ThresholdAboveLimit { threshold, limit: threshold - 1 })
        );
    }

    #[test]
    fn any_bytes_decode_to_themselves_or_to_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..140), limit in any::<u16>(),
    ) {
        if let Ok(commitment) = Commitment::<G>::decode(&bytes, limit) {
            prop_assert_eq!(commitment.encode(), bytes);
        }
    }
}

#[test]
fn a_share_of_another_dealing_is_refused() {
    let commitment = Commitment::new(&polynomial(5, 3)).expect("no zero coefficient");
    let share = polynomial(5, 3).share(index(2));
    assert_eq!(commitment.verify(&share), Err(Error::ShareRefused(index(2))));
}

#[test]
fn a_secret_of_zero_cannot_be_committed_to() {
    let refused = Error::Malformed { part: Part::Commitment(0), reason: DecodeError::Identity };
    assert_eq!(Commitment::new(&polynomial(0, 2)), Err(refused));
}

#[test]
fn a_bad_element_is_named_by_its_place() {
    let mut bytes = Commitment::new(&polynomial(5, 3)).expect("no zero coefficient").encode();
    bytes[2 + 64..].fill(0);
    let refused = Error::Malformed { part: Part::Commitment(2), reason: DecodeError::Identity };
    assert_eq!(Commitment::<G>::decode(&bytes, 9), Err(refused));
    bytes[2 + 32..2 + 64].fill(0xff);
    let refused = Error::Malformed { part: Part::Commitment(1), reason: DecodeError::NotCanonical };
    assert_eq!(Commitment::<G>::decode(&bytes, 9), Err(refused));
    let wrong_length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
    assert_eq!(Commitment::<G>::decode(&bytes[..97], 9), Err(wrong_length));
    assert_eq!(Commitment::<G>::decode(&[1], 9), Err(wrong_length));
    assert_eq!(
        Commitment::<G>::decode(&[0, 0], 9),
        Err(Error::ThresholdOutOfRange { threshold: 0, shares: 0 })
    );
}
