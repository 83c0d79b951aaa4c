//! What comes over the wire about keys in shares: dealings, complaints,
//! signatures, and ciphertexts that holders open together.

use std::sync::LazyLock;

use allod_crypto::Secret;
use allod_crypto::group::{BabyJubJub, Bls12381G1, Bls12381G2, Group, Ristretto255, SecretScalar};
use allod_threshold::bls::{Message, PartialSignature, PublicKey, Signature};
use allod_threshold::dealing::{Complaint, Dealing, EncryptionKey, EncryptionSecret, Terms, lie};
use allod_threshold::quorum::{self, DecryptionShare, PartialDecryption};
use allod_threshold::shamir::Share;
use allod_threshold::{Index, Point, PublicShares, timelock};

use crate::stream;

type G = Ristretto255;

/// What a ciphertext for a quorum is labelled with.
pub const FIXTURE_LABEL: &[u8] = b"label";

/// One session with receivers 1, 2 and 3, two of whom will be needed, and a
/// dealing in it that cheats the second.
pub struct FixtureSession {
    /// The terms.
    pub terms: Terms,
    /// The receivers' secrets, in order.
    pub secrets: Vec<EncryptionSecret>,
    /// By dealer 1.
    pub dealing: Dealing<G>,
}

/// The session that dealings and complaints are checked in.
pub fn fixture_session() -> FixtureSession {
    let rng = &mut stream();
    let secrets: Vec<_> = (0..3).map(|_| EncryptionSecret::random(rng)).collect();
    let receivers = Index::first(3).zip(secrets.iter().map(|secret| *secret.key())).collect();
    let terms = Terms::new([7; 32], 2, receivers).expect("in range");
    let dealing =
        lie::wrong_share(&terms, index(1), &SecretScalar::random(rng), index(2), rng).expect("dealt");
    FixtureSession { terms, secrets, dealing }
}

/// A signing key, the message that it signs, and the signature.
pub fn fixture_signed() -> (PublicKey, Message, Signature) {
    let secret = SecretScalar::<Bls12381G2>::random(&mut stream());
    let message = Message::tagged("Allod fuzz", &[b"message"]);
    let element = Bls12381G1::mul(message.point().element(), secret.expose());
    let key = PublicKey::new(point(&secret));
    (key, message, Signature::decode(&Bls12381G1::encode(&element)).expect("not the identity"))
}

/// The key of a quorum of one, and its share.
pub fn fixture_quorum() -> (PublicShares<G>, DecryptionShare<G>) {
    let value = SecretScalar::<G>::random(&mut stream());
    let keys = PublicShares::new(1, point(&value), [(index(1), point(&value))]).expect("in range");
    (keys, DecryptionShare::new(Share { index: index(1), value }).expect("not zero"))
}

fn index(value: u16) -> Index {
    Index::new(value).expect("not zero")
}

fn point<G: Group>(secret: &SecretScalar<G>) -> Point<G> {
    Point::new(secret.mul_generator()).expect("not zero")
}

static SESSION: LazyLock<FixtureSession> = LazyLock::new(fixture_session);
static SIGNED: LazyLock<(PublicKey, Message, Signature)> = LazyLock::new(fixture_signed);
static QUORUM: LazyLock<(PublicShares<G>, DecryptionShare<G>)> = LazyLock::new(fixture_quorum);

/// A dealing in each group, verified and opened in the first.
pub fn threshold_dealing(data: &[u8]) {
    let dealer = index(1);
    if let Ok(dealing) = Dealing::<Bls12381G2>::decode(dealer, data) {
        assert_eq!(dealing.encode(), data);
    }
    if let Ok(dealing) = Dealing::<BabyJubJub>::decode(dealer, data) {
        assert_eq!(dealing.encode(), data);
    }
    match Dealing::<G>::decode(dealer, data) {
        Ok(dealing) => {
            assert_eq!(dealing.encode(), data);
            let _ = dealing.verify(&SESSION.terms, None);
            let _ = dealing.open(&SESSION.terms, index(1), &SESSION.secrets[0], &mut stream());
        }
        Err(error) => assert_eq!(error.culprit(), Some(dealer)),
    }
}

/// A complaint, judged.
pub fn threshold_complaint(data: &[u8]) {
    if let Ok(complaint) = Complaint::decode(data) {
        assert_eq!(complaint.encode(), data);
        let _ = complaint.judge(&SESSION.terms, &SESSION.dealing);
    }
}

/// A receiver's encryption key, or its kept secret.
pub fn threshold_encryption_key(data: &[u8]) {
    if let Ok(key) = EncryptionKey::decode(data) {
        assert_eq!(key.bytes().as_slice(), data);
    }
    if let Ok(secret) = EncryptionSecret::decode(data) {
        assert_eq!(secret.encode().as_slice(), data);
    }
}

/// A signature, a partial one and a public key, verified.
pub fn threshold_signature(data: &[u8]) {
    let (key, message, _) = &*SIGNED;
    if let Ok(signature) = Signature::decode(data) {
        assert_eq!(signature.bytes().as_slice(), data);
        let _ = key.verify(message, &signature);
    }
    if let Ok(partial) = PartialSignature::decode(data) {
        assert_eq!(partial.encode().as_slice(), data);
    }
    if let Ok(key) = PublicKey::decode(data) {
        assert_eq!(key.bytes().as_slice(), data);
    }
}

/// A ciphertext that a signature opens, and the attempt to open it.
pub fn threshold_timelock(data: &[u8]) {
    if let Ok(ciphertext) = timelock::Ciphertext::decode(data) {
        assert_eq!(ciphertext.encode(), data);
        let _ = timelock::decrypt(&SIGNED.2, &ciphertext);
    }
}

/// A ciphertext for a quorum, and a partial decryption.
pub fn threshold_quorum(data: &[u8]) {
    let (keys, share) = &*QUORUM;
    if let Ok(ciphertext) = quorum::Ciphertext::<G>::decode(data) {
        assert_eq!(ciphertext.encode(), data);
        let _ = share.decrypt(keys.public_key(), FIXTURE_LABEL, &ciphertext, &mut stream());
    }
    if let Ok(partial) = PartialDecryption::<G>::decode(data) {
        assert_eq!(partial.encode(), data);
        let ciphertext =
            quorum::encrypt(keys.public_key(), FIXTURE_LABEL, &Secret::from([1; 32]), &mut stream());
        let _ = partial.verify(keys, FIXTURE_LABEL, &ciphertext);
    }
}
