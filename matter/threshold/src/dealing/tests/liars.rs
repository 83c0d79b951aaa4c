//! Every kind of liar is found out and named.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::group::{DecodeError, Group, Ristretto255, SecretScalar};

use super::*;
use crate::Part;

type G = Ristretto255;

fn one<G: Group>() -> G::Scalar {
    G::Scalar::from(1)
}

/// Another point in place of this one.
fn moved<G: Group>(point: &Point<G>) -> Point<G> {
    Point::new(*point.element() + G::generator()).expect("not the identity")
}

fn a_dealing_changed_in_any_field_is_refused<G: Group>() {
    let session = session(1, 2, &[1, 2, 3]);
    let dealing = session.fresh::<G>(&[2]).swap_remove(0);
    assert_eq!(dealing.verify(&session.terms, None), Ok(()));
    type Lie<G> = fn(&mut Dealing<G>);
    let of_constant: [Lie<G>; 2] =
        [|lie| lie.constant_proof.challenge += one::<G>(), |lie| lie.constant_proof.response += one::<G>()];
    let others: [Lie<G>; 8] = [
        |lie| lie.dealer = index(3),
        |lie| lie.ephemeral = moved(&lie.ephemeral),
        |lie| lie.encrypted[0] ^= 1,
        |lie| lie.encrypted.rotate_left(G::SCALAR_LEN),
        |lie| {
            let points = lie.commitment.points();
            lie.commitment = Commitment::from_points(vec![moved(&points[0]), points[1]]);
        },
        |lie| {
            let points = lie.commitment.points();
            lie.commitment = Commitment::from_points(vec![points[0], moved(&points[1])]);
        },
        |lie| lie.ephemeral_proof.challenge += one::<Ristretto255>(),
        |lie| lie.ephemeral_proof.response += one::<Ristretto255>(),
    ];
    let cases = of_constant
        .map(|change| (change, Error::ConstantProofRefused as fn(Index) -> Error))
        .into_iter()
        .chain(others.map(|change| (change, Error::EphemeralProofRefused as fn(Index) -> Error)));
    for (change, error) in cases {
        let mut lie = dealing.clone();
        change(&mut lie);
        let error = error(lie.dealer());
        assert_eq!(lie.verify(&session.terms, None), Err(error));
        assert_eq!(error.culprit(), Some(lie.dealer()));
    }
}

fn a_wrong_share_is_complained_about_and_the_complaint_upheld<G: Group>() {
    let session = session(2, 2, &[1, 2, 3]);
    let secret = SecretScalar::<G>::random(&mut system());
    let dealing = lie::wrong_share(&session.terms, index(1), &secret, index(2), &mut system());
    let dealing = dealing.expect("dealt");
    assert_eq!(dealing.verify(&session.terms, None), Ok(()));
    share(session.open(&dealing, 1));
    share(session.open(&dealing, 3));
    let complaint = complaint(session.open(&dealing, 2));
    assert_eq!((complaint.dealer(), complaint.receiver()), (index(1), index(2)));
    let decoded = Complaint::decode(&complaint.encode()).expect("it was encoded");
    assert_eq!(decoded, complaint);
    assert_eq!(decoded.judge(&session.terms, &dealing), Ok(Verdict::Upheld));
}

fn a_complaint_about_an_honest_dealer_is_refuted<G: Group>() {
    let session = session(3, 2, &[1, 2, 3]);
    let dealing = session.fresh::<G>(&[2]).swap_remove(0);
    let complaint = lie::complaint(&dealing, &session.terms, index(3), session.secret(3), &mut system())
        .expect("a receiver");
    assert_eq!(complaint.judge(&session.terms, &dealing), Ok(Verdict::Refuted));
}

fn a_dealer_that_passes_on_something_else_is_named<G: Group>() {
    let old = session(4, 2, &[1, 2, 3]);
    let dealings = old.fresh::<G>(&[1, 2, 3]);
    let outcome = Outcome::fresh(&old.terms, &dealings, 2).expect("enough");
    let shares = old.shares(&outcome, &dealings);
    let new = session(5, 2, &[4, 5, 6]);
    let mut passed = new.reshare(&shares);
    passed[1] = new.fresh(&[2]).swap_remove(0);
    let refused = Error::ConstantRefused(index(2));
    for dealing in &passed {
        let public = outcome.public().get(dealing.dealer()).expect("a holder");
        let expected = if dealing.dealer() == index(2) { Err(refused) } else { Ok(()) };
        assert_eq!(dealing.verify(&new.terms, Some(public)), expected);
    }
    assert_eq!(refused.culprit(), Some(index(2)));
    // Who did not check is stopped at the latest when the key comes out.
    assert_eq!(Outcome::reshared(&new.terms, &passed, outcome.public()), Err(refused));
    passed.remove(1);
    assert!(Outcome::reshared(&new.terms, &passed, outcome.public()).is_ok());
}

fn a_dealer_that_holds_no_share_of_the_key_is_named<G: Group>() {
    let old = session(4, 2, &[1, 2, 3]);
    let dealings = old.fresh::<G>(&[1, 2, 3]);
    let outcome = Outcome::fresh(&old.terms, &dealings, 2).expect("enough");
    let new = session(5, 2, &[4, 5, 6]);
    let passed = new.fresh::<G>(&[7, 8]);
    let refused = Error::UnknownIndex(index(7));
    assert_eq!(Outcome::reshared(&new.terms, &passed, outcome.public()), Err(refused));
    assert_eq!(refused.culprit(), Some(index(7)));
}

in_each_group!(
    a_dealing_changed_in_any_field_is_refused,
    a_wrong_share_is_complained_about_and_the_complaint_upheld,
    a_complaint_about_an_honest_dealer_is_refuted,
    a_dealer_that_passes_on_something_else_is_named,
    a_dealer_that_holds_no_share_of_the_key_is_named,
);

#[test]
fn the_two_proofs_of_a_dealing_do_not_stand_in_for_each_other() {
    // In ristretto255 both proofs are of one kind. A dealer that knows the
    // logarithms exchanged still cannot exchange the proofs.
    let session = session(6, 1, &[1]);
    let mut dealing = session.fresh::<G>(&[1]).swap_remove(0);
    let r = SecretScalar::<G>::random(&mut system());
    let point = Point::new(r.mul_generator()).expect("not zero");
    dealing.ephemeral = point;
    dealing.commitment = Commitment::from_points(vec![point]);
    let digest = dealing.digest(&session.terms);
    let proofs = [EPHEMERAL_TAG, CONSTANT_TAG]
        .map(|tag| knowledge::prove(&context(tag, &digest), &r, &point, &mut system()));
    [dealing.ephemeral_proof, dealing.constant_proof] = proofs;
    assert_eq!(dealing.verify(&session.terms, None), Ok(()));
    [dealing.constant_proof, dealing.ephemeral_proof] = proofs;
    assert_eq!(dealing.verify(&session.terms, None), Err(Error::EphemeralProofRefused(index(1))));
    dealing.ephemeral_proof = proofs[0];
    dealing.constant_proof = proofs[0];
    assert_eq!(dealing.verify(&session.terms, None), Err(Error::ConstantProofRefused(index(1))));
}

#[test]
fn a_dealing_copied_under_another_name_is_refused() {
    let session = session(7, 2, &[1, 2, 3]);
    let bytes = session.fresh::<G>(&[1]).swap_remove(0).encode();
    let copy = Dealing::<G>::decode(index(2), &bytes).expect("well formed");
    assert_eq!(copy.verify(&session.terms, None), Err(Error::EphemeralProofRefused(index(2))));
}

#[test]
fn an_ephemeral_of_another_dealer_cannot_be_replayed() {
    // The replayer deals honestly but for R, of which it does not know the
    // logarithm: it puts the victim's in place of its own, with either proof.
    let session = session(8, 2, &[1, 2, 3]);
    let [victim, mut thief] = <[_; 2]>::try_from(session.fresh::<G>(&[1, 2])).expect("two");
    thief.ephemeral = victim.ephemeral;
    for proof in [thief.ephemeral_proof, victim.ephemeral_proof] {
        thief.ephemeral_proof = proof;
        assert_eq!(thief.verify(&session.terms, None), Err(Error::EphemeralProofRefused(index(2))));
    }
    // What the proof prevents: were the copy taken, then an honest receiver's
    // complaint about it would open its share of the victim's dealing to all.
    let complaint = complaint(session.open(&thief, 3));
    let opened = victim.decrypt(&session.terms, index(3), complaint.shared.bytes());
    assert_eq!(opened, Ok(Some(share(session.open(&victim, 3)))));
}

#[test]
fn a_commitment_of_another_dealer_cannot_be_replayed() {
    let session = session(9, 2, &[1, 2, 3]);
    let [victim, mut thief] = <[_; 2]>::try_from(session.fresh::<G>(&[1, 2])).expect("two");
    // A fresh R whose logarithm the thief does know, and the victim's commitment.
    let (r, ephemeral) = encryption::random_pair(&mut system());
    thief.commitment = victim.commitment;
    thief.ephemeral = ephemeral;
    let digest = thief.digest(&session.terms);
    thief.ephemeral_proof = knowledge::prove(&context(EPHEMERAL_TAG, &digest), &r, &ephemeral, &mut system());
    for proof in [thief.constant_proof, victim.constant_proof] {
        thief.constant_proof = proof;
        assert_eq!(thief.verify(&session.terms, None), Err(Error::ConstantProofRefused(index(2))));
    }
}

#[test]
fn a_commitment_that_cancels_others_is_refused() {
    // C = K - (what others deal): the key would be K, chosen by the liar.
    let session = session(10, 2, &[1, 2, 3]);
    let [honest, mut liar] = <[_; 2]>::try_from(session.fresh::<G>(&[1, 2])).expect("two");
    let wanted = SecretScalar::<G>::random(&mut system());
    let (r, ephemeral) = encryption::random_pair(&mut system());
    let cancelling = wanted.mul_generator() - *honest.commitment().public_key().element();
    liar.commitment = Commitment::from_points(vec![
        Point::new(cancelling).expect("not the identity"),
        liar.commitment.points()[1],
    ]);
    liar.ephemeral = ephemeral;
    let digest = liar.digest(&session.terms);
    let proof = |tag, secret, point| knowledge::prove(&context(tag, &digest), secret, point, &mut system());
    liar.ephemeral_proof = proof(EPHEMERAL_TAG, &r, &ephemeral);
    liar.constant_proof = proof(CONSTANT_TAG, &wanted, liar.commitment.public_key());
    assert_eq!(liar.verify(&session.terms, None), Err(Error::ConstantProofRefused(index(2))));
}

#[test]
fn a_share_that_is_no_scalar_is_a_wrong_share() {
    let session = session(11, 2, &[1, 2, 3]);
    let secret = SecretScalar::<G>::random(&mut system());
    // The highest bit of the share's last byte: far above the order.
    let spoil = |encrypted: &mut [u8]| encrypted[31] ^= 0x80;
    let dealing = Dealing::deal(&session.terms, index(1), &secret, spoil, &mut system()).expect("dealt");
    assert_eq!(dealing.verify(&session.terms, None), Ok(()));
    let complaint = complaint(session.open(&dealing, 1));
    assert_eq!(complaint.judge(&session.terms, &dealing), Ok(Verdict::Upheld));
}

/// A session, a dealing in it that cheats receiver 2, and the complaint.
fn cheated() -> (Session, Dealing<G>, Complaint) {
    let session = session(12, 2, &[1, 2, 3]);
    let secret = SecretScalar::<G>::random(&mut system());
    let dealing =
        lie::wrong_share(&session.terms, index(1), &secret, index(2), &mut system()).expect("dealt");
    let complaint = complaint(session.open(&dealing, 2));
    (session, dealing, complaint)
}

#[test]
fn a_complaint_changed_in_any_field_decides_nothing() {
    let (session, dealing, complaint) = cheated();
    let judged = |lie: Complaint| lie.judge(&session.terms, &dealing);
    assert_eq!(judged(complaint), Ok(Verdict::Upheld));
    let wrong_dealer = Error::ComplaintDealer { receiver: index(2), dealer: index(3) };
    assert_eq!(judged(Complaint { dealer: index(3), ..complaint }), Err(wrong_dealer));
    let refused = Error::ComplaintRefused;
    assert_eq!(judged(Complaint { receiver: index(3), ..complaint }), Err(refused(index(3))));
    let stranger = Error::NotReceiver(index(4));
    assert_eq!(judged(Complaint { receiver: index(4), ..complaint }), Err(stranger));
    assert_eq!(judged(Complaint { shared: moved(&complaint.shared), ..complaint }), Err(refused(index(2))));
    let mut proof = complaint.proof;
    proof.challenge += one::<G>();
    assert_eq!(judged(Complaint { proof, ..complaint }), Err(refused(index(2))));
    let mut proof = complaint.proof;
    proof.response += one::<G>();
    assert_eq!(judged(Complaint { proof, ..complaint }), Err(refused(index(2))));
    for error in [wrong_dealer, refused(index(2))] {
        assert_eq!(error.culprit(), Some(index(2)));
    }
}

#[test]
fn a_complaint_that_opens_another_element_is_refused() {
    // An honest dealer, and a receiver that proves with another key than the one
    // it announced: the share would look wrong.
    let session = session(13, 2, &[1, 2, 3]);
    let dealing = session.fresh::<G>(&[1]).swap_remove(0);
    let other = EncryptionSecret::random(&mut system());
    let complaint =
        lie::complaint(&dealing, &session.terms, index(3), &other, &mut system()).expect("a receiver");
    assert_eq!(complaint.judge(&session.terms, &dealing), Err(Error::ComplaintRefused(index(3))));
}

#[test]
fn a_complaint_is_of_its_session_and_dealing_alone() {
    let (session, dealing, complaint) = cheated();
    // Another session of the same receivers and keys.
    let terms = Terms::new([99; 32], 2, session.terms.receivers().to_vec()).expect("in range");
    assert_eq!(complaint.judge(&terms, &dealing), Err(Error::ComplaintRefused(index(2))));
    // Another dealing of the same dealer in the same session.
    let other = session.fresh::<G>(&[1]).swap_remove(0);
    assert_eq!(complaint.judge(&session.terms, &other), Err(Error::ComplaintRefused(index(2))));
    // The same, with the ephemeral that was complained about.
    let mut other = other;
    other.ephemeral = dealing.ephemeral;
    assert_eq!(complaint.judge(&session.terms, &other), Err(Error::ComplaintRefused(index(2))));
    // Terms of another form.
    let fewer = Terms::new([12; 32], 2, session.terms.receivers()[..2].to_vec()).expect("in range");
    let form = Error::DealingReceivers { dealer: index(1), expected: 2, given: 3 };
    assert_eq!(complaint.judge(&fewer, &dealing), Err(form));
}

#[test]
fn who_is_no_receiver_opens_nothing() {
    let (session, dealing, _) = cheated();
    let open = |receiver, secret| dealing.open(&session.terms, index(receiver), secret, &mut system()).err();
    assert_eq!(open(4, session.secret(1)), Some(Error::NotReceiver(index(4))));
    assert_eq!(open(1, session.secret(3)), Some(Error::NotReceiver(index(1))));
    assert_eq!(open(1, &EncryptionSecret::random(&mut system())), Some(Error::NotReceiver(index(1))));
    let liar = lie::wrong_share(
        &session.terms,
        index(1),
        &SecretScalar::<G>::random(&mut system()),
        index(4),
        &mut system(),
    );
    assert_eq!(liar.err(), Some(Error::NotReceiver(index(4))));
}

#[test]
fn a_bad_part_of_a_complaint_is_named() {
    let (_, _, complaint) = cheated();
    let bytes = complaint.encode();
    assert_eq!(bytes.len(), Complaint::LEN);
    let decode = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        Complaint::decode(&bytes).err()
    };
    let malformed = |part, reason| Some(Error::Malformed { part, reason });
    assert_eq!(decode(0, &[0, 0]), Some(Error::ZeroIndex));
    assert_eq!(decode(2, &[0, 0]), Some(Error::ZeroIndex));
    assert_eq!(decode(4, &[0; 32]), malformed(Part::SharedElement, DecodeError::Identity));
    assert_eq!(decode(4, &[0xff; 32]), malformed(Part::SharedElement, DecodeError::NotCanonical));
    assert_eq!(decode(36, &[0xff; 32]), malformed(Part::ProofChallenge, DecodeError::NotCanonical));
    assert_eq!(decode(68, &[0xff; 32]), malformed(Part::ProofResponse, DecodeError::NotCanonical));
    for len in (0..bytes.len()).chain([101]) {
        let mut bytes = bytes.clone();
        bytes.resize(len, 0);
        assert_eq!(Complaint::decode(&bytes).err(), malformed(Part::Length, DecodeError::Length));
    }
}

#[test]
fn a_share_of_zero_cannot_be_passed_on() {
    let session = session(14, 2, &[1, 2, 3]);
    let zero = Share::<G> { index: index(1), value: SecretScalar::new(Default::default()) };
    let refused = Error::Malformed { part: Part::Commitment(0), reason: DecodeError::Identity };
    assert_eq!(Dealing::deal_share(&session.terms, &zero, &mut system()).err(), Some(refused));
}

#[test]
fn the_liars_in_one_session_are_told_apart() {
    // Of seven dealers: silent, malformed, a wrong proof, a wrong share to one
    // receiver, and three honest ones, one of them falsely accused.
    let session = session(15, 3, &[1, 2, 3, 4, 5, 6, 7]);
    let terms = &session.terms;
    let mut published =
        session.fresh::<G>(&[1, 2, 3, 4, 5, 6]).iter().map(|d| (d.dealer(), d.encode())).collect::<Vec<_>>();
    published[1].1[0] = 9;
    published[2].1[40] ^= 1;
    let secret = SecretScalar::random(&mut system());
    let cheating = lie::wrong_share::<G>(terms, index(4), &secret, index(7), &mut system()).expect("dealt");
    published[3].1 = cheating.encode();

    let mut named = Vec::new();
    let mut taken = Vec::new();
    for (dealer, bytes) in &published {
        match Dealing::<G>::decode(*dealer, bytes).and_then(|d| d.verify(terms, None).map(|()| d)) {
            Ok(dealing) => taken.push(dealing),
            Err(error) => named.push(error.culprit().expect("a culprit")),
        }
    }
    assert_eq!(named, [index(2), index(3)]);

    let mut complaints = vec![
        lie::complaint(&taken[0], terms, index(6), session.secret(6), &mut system()).expect("a receiver"),
    ];
    for dealing in &taken {
        for (receiver, _) in terms.receivers() {
            if let Opened::Complaint(complaint) = session.open(dealing, receiver.get()) {
                complaints.push(complaint);
            }
        }
    }
    assert_eq!(complaints.len(), 2);
    let mut liars = Vec::new();
    for complaint in complaints {
        let dealing = taken.iter().find(|d| d.dealer() == complaint.dealer()).expect("published");
        match complaint.judge(terms, dealing).expect("decided") {
            Verdict::Upheld => taken.retain(|d| d.dealer() != complaint.dealer()),
            Verdict::Refuted => liars.push(complaint.receiver()),
        }
    }
    assert_eq!(liars, [index(6)]);
    let qualified = taken.iter().map(Dealing::dealer).collect::<Vec<_>>();
    assert_eq!(qualified, [index(1), index(5), index(6)]);
    let outcome = Outcome::fresh(terms, &taken, 3).expect("enough");
    let shares = session.shares(&outcome, &taken);
    let secret = crate::shamir::combine(3, &shares[2..5]).expect("enough");
    assert_eq!(secret.mul_generator(), *outcome.public().public_key().element());
}
