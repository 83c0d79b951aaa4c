//! Publicly verifiable dealings: a key made in shares by many dealers, and a key
//! in shares passed on to others.
//!
//! Roles: dealers, each with an index; receivers, each with an index and an
//! encryption key made for this session alone; and everyone, who reads what was
//! published in one agreed order. A dealer is often a receiver too.
//!
//! Messages, all of them public: the [`Terms`] that everyone knows beforehand, a
//! [`Dealing`] of each dealer, a [`Complaint`] of each receiver that was cheated.
//!
//! Flow:
//! 1. Dealer i picks a polynomial f_i of degree t - 1, fresh
//!    ([`Dealing::deal_fresh`]) or through its own share of the key that is
//!    passed on ([`Dealing::deal_share`]; Desmedt and Jajodia). It publishes
//!    Feldman's commitment to f_i, an ephemeral R_i = r_i * G, for every receiver
//!    j the share f_i(j) under a pad hashed from r_i * E_j, and proofs that it
//!    knows r_i and f_i(0).
//! 2. Everyone checks the public part ([`Dealing::verify`]). A dealing that fails
//!    is left out, its dealer named.
//! 3. Each receiver decrypts and checks its share ([`Dealing::open`]). A share
//!    that does not fit becomes a complaint, which opens that one pad with a
//!    proof that it is the right one.
//! 4. Everyone judges the complaints ([`Complaint::judge`]): upheld, the dealer
//!    is disqualified; refuted, the receiver lied.
//! 5. From the qualified dealings everyone computes the same [`Outcome`]: the
//!    public key and every receiver's public share. Each receiver combines its
//!    opened shares into its share of the key ([`Outcome::combine`]).
//!
//! A fresh key is the sum of the dealers' secrets. A key that is passed on is the
//! Lagrange combination, by exactly the old threshold of dealers, of the old
//! shares: the same key, in shares that fit none of the old ones. Passing a key
//! on to the same holders is what renews shares (Herzberg et al.).
//!
//! Each check has an attack that it is for:
//!
//! | check | without it |
//! |---|---|
//! | the proof of f_i(0) | a dealer publishes another's commitment, or one that cancels others', and chooses the key |
//! | the proof of r_i | a dealer replays another's R; complaining about the copy, a receiver opens the pad of the original |
//! | both proofs bind the terms, the dealer and every byte of the dealing | a dealing is copied under another name, into another session, or changed in part |
//! | passing on: C_i0 is the dealer's own public share | a dealer changes the key, or makes everyone fail without blame |
//! | the share fits the commitment | receivers end with shares of different polynomials |
//! | the complaint's proof of equal logarithms | a receiver opens a wrong pad and has an honest dealer disqualified |
//! | that proof binds the terms, the dealing and the receiver | a complaint is replayed against another dealing |
//! | the outcome of passing on has the same public key | dealings that nobody checked replace the key |
//!
//! The bias of a rushing adversary (Gennaro, Jarecki, Krawczyk and Rabin): a
//! dealer that waits for all other dealings chooses its own secret knowing what
//! the key becomes with it, tries as many as it likes, and may still withdraw by
//! having a complaint upheld against itself. So the public key is not uniform: a
//! few bits of it can be fixed at will. This gains nothing against the keys made
//! here. Every such key is k + d, where k is uniform, dealt by an honest dealer and
//! unknown to the adversary, and d is known to it through its own polynomials. What
//! it achieves against k + d turns into the same against k: an evaluation of an
//! oblivious function (k + d) * P is k * P and a known d * P, and likewise a BLS
//! signature (k + d) * H(m), and the shared element of a threshold decryption or of
//! identity-based encryption. (Gennaro et al., 2007, argue so for Schnorr
//! signatures; K. Gurkan et al., "Aggregatable distributed key generation", 2021,
//! call such schemes rekeyable.) The bias would matter to a coin taken from the
//! public key itself. Nothing here does that, and nothing should. A key that is
//! passed on is not biased at all: it stays what it was.
//!
//! What it assumes: fewer than t of the receivers are corrupted, fewer than t of
//! the dealers of a fresh key, and in passing on fewer than the old threshold of
//! the old holders, all of them before the session begins; the gap Diffie-Hellman
//! problem is hard in ristretto255, and discrete logarithms are in the target
//! group; the hashes are random oracles. One R serves all receivers of a dealing
//! (K. Kurosawa, "Multi-recipient public-key encryption with shortened ciphertext",
//! 2002; M. Bellare, A. Boldyreva and J. Staddon, "Randomness re-use in
//! multi-recipient encryption schemes", 2003).
//!
//! What it never does: it never makes the whole key, or a dealer's secret, in one
//! place; never decides who is qualified, by when a dealing must come or which
//! complaint counts; never reads a clock, a peer or a store; never reuses an R;
//! never opens a pad but in a complaint about a share that failed.
//!
//! Sources: P. Feldman, "A practical scheme for non-interactive verifiable
//! secret sharing", 1987. T. P. Pedersen, "A threshold cryptosystem without a
//! trusted party", 1991. R. Gennaro, S. Jarecki, H. Krawczyk and T. Rabin,
//! "Secure distributed key generation for discrete-log based cryptosystems",
//! 1999 and J. Cryptology 20 (2007). Y. Desmedt and S. Jajodia, "Redistributing
//! secret shares to new access structures and its applications", 1997. A.
//! Herzberg, S. Jarecki, H. Krawczyk and M. Yung, "Proactive secret sharing",
//! 1995.

mod complaint;
mod encoding;
mod encryption;
pub mod lie;
mod outcome;
mod terms;

use alloc::vec::Vec;

use allod_crypto::group::{Group, Ristretto255, SecretScalar};
use allod_crypto::{CryptoRng, Zeroizing, hash};

pub use complaint::{Complaint, Verdict};
pub use encryption::{EncryptionKey, EncryptionSecret};
pub use outcome::Outcome;
pub use terms::{RECEIVERS_MAX, Terms};

use crate::feldman::Commitment;
use crate::knowledge::{self, Proof};
use crate::shamir::{Polynomial, Share};
use crate::{Error, Index, Point};

/// Separate the contexts of a dealing's two proofs from each other, which in
/// ristretto255 would otherwise be interchangeable.
const EPHEMERAL_TAG: &[u8] = b"Allod-Dealing-Ephemeral-V1";
const CONSTANT_TAG: &[u8] = b"Allod-Dealing-Constant-V1";

/// What one dealer publishes. Public; see the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dealing<G: Group> {
    /// Who dealt it. Not part of the encoding: a reader knows whose it reads.
    dealer: Index,
    /// C_i, to the polynomial.
    commitment: Commitment<G>,
    /// R_i = r_i * G in ristretto255.
    ephemeral: Point<Ristretto255>,
    /// The shares under their pads, [`Group::SCALAR_LEN`] bytes each, in the
    /// receivers' order.
    encrypted: Vec<u8>,
    /// Of r_i.
    ephemeral_proof: Proof<Ristretto255>,
    /// Of the constant term.
    constant_proof: Proof<G>,
}

/// What a receiver finds in a dealing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened<G: Group> {
    /// The receiver's share of this dealing. It fits the commitment.
    Share(Share<G>),
    /// The share does not fit: publish this.
    Complaint(Complaint),
}

impl<G: Group> Dealing<G> {
    /// Deals a fresh random secret.
    ///
    /// # Errors
    /// None that is known: a coefficient is never zero.
    pub fn deal_fresh(terms: &Terms, dealer: Index, rng: &mut impl CryptoRng) -> Result<Self, Error> {
        Self::deal(terms, dealer, &SecretScalar::random(rng), |_| {}, rng)
    }

    /// Deals the dealer's own share of a key, to pass the key on. The dealer's
    /// index is that of the share.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the share is zero.
    pub fn deal_share(terms: &Terms, share: &Share<G>, rng: &mut impl CryptoRng) -> Result<Self, Error> {
        Self::deal(terms, share.index, &share.value, |_| {}, rng)
    }

    /// Deals `secret`. An honest dealer leaves the encrypted shares as they are; a
    /// lie changes them before the proofs are made.
    fn deal(
        terms: &Terms,
        dealer: Index,
        secret: &SecretScalar<G>,
        spoil: impl FnOnce(&mut [u8]),
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Error> {
        let polynomial = Polynomial::random(secret, terms.threshold(), rng)?;
        let commitment = Commitment::new(&polynomial)?;
        let (r, ephemeral) = encryption::random_pair(rng);
        let shared = encryption::shared_with_all(&r, terms);
        let binding = commitment_hash(&commitment);
        let mut encrypted = Vec::with_capacity(terms.receivers().len() * G::SCALAR_LEN);
        for ((receiver, _), shared) in terms.receivers().iter().zip(shared.iter()) {
            let pad = encryption::pad(terms, dealer, *receiver, &ephemeral, &binding, shared);
            let share = polynomial.share(*receiver).value.encode();
            encrypted.extend(share.as_ref().iter().zip(pad.expose()).map(|(byte, pad)| byte ^ pad));
        }
        spoil(&mut encrypted);
        let digest = digest(terms, dealer, &binding, &ephemeral, &encrypted);
        let ephemeral_proof = knowledge::prove(&context(EPHEMERAL_TAG, &digest), &r, &ephemeral, rng);
        let constant_proof =
            knowledge::prove(&context(CONSTANT_TAG, &digest), secret, commitment.public_key(), rng);
        Ok(Self { dealer, commitment, ephemeral, encrypted, ephemeral_proof, constant_proof })
    }

    /// Checks all that is public, as everyone does: the form, both proofs, and in
    /// passing a key on that the dealer dealt its own share, whose public
    /// counterpart is `expected_constant`. A fresh dealing expects none.
    ///
    /// # Errors
    /// Each names the dealer: [`Error::DealingThreshold`],
    /// [`Error::DealingReceivers`], [`Error::ConstantRefused`],
    /// [`Error::EphemeralProofRefused`], [`Error::ConstantProofRefused`].
    pub fn verify(&self, terms: &Terms, expected_constant: Option<&Point<G>>) -> Result<(), Error> {
        self.fits(terms)?;
        let constant = self.commitment.public_key();
        if expected_constant.is_some_and(|expected| expected != constant) {
            return Err(Error::ConstantRefused(self.dealer));
        }
        let digest = self.digest(terms);
        knowledge::verify(&context(EPHEMERAL_TAG, &digest), &self.ephemeral, &self.ephemeral_proof)
            .map_err(|_| Error::EphemeralProofRefused(self.dealer))?;
        knowledge::verify(&context(CONSTANT_TAG, &digest), constant, &self.constant_proof)
            .map_err(|_| Error::ConstantProofRefused(self.dealer))
    }

    /// Decrypts and checks the share of `receiver`. The dealing has been
    /// [verified](Self::verify) before: a complaint about one that was not would
    /// open pads for whoever replayed their R.
    ///
    /// # Errors
    /// [`Error::DealingThreshold`] and [`Error::DealingReceivers`] when the
    /// dealing is of other terms; [`Error::NotReceiver`] when `receiver` is not
    /// among them or `secret` is not the one of its key there.
    pub fn open(
        &self,
        terms: &Terms,
        receiver: Index,
        secret: &EncryptionSecret,
        rng: &mut impl CryptoRng,
    ) -> Result<Opened<G>, Error> {
        self.fits(terms)?;
        if terms.key(receiver)? != secret.key() {
            return Err(Error::NotReceiver(receiver));
        }
        let shared = secret.shared(&self.ephemeral);
        let bytes = Zeroizing::new(Ristretto255::encode(&shared));
        match self.decrypt(terms, receiver, &bytes)? {
            Some(share) => Ok(Opened::Share(share)),
            None => {
                let shared = Point::known(*shared, *bytes);
                Ok(Opened::Complaint(Complaint::new(self, terms, receiver, secret, shared, rng)))
            }
        }
    }

    /// The share of `receiver`, or none when it does not fit the commitment.
    ///
    /// # Errors
    /// [`Error::NotReceiver`].
    fn decrypt(&self, terms: &Terms, receiver: Index, shared: &[u8; 32]) -> Result<Option<Share<G>>, Error> {
        let place = terms.place(receiver)?;
        let Some(encrypted) = self.encrypted.chunks_exact(G::SCALAR_LEN).nth(place) else {
            return Err(Error::NotReceiver(receiver));
        };
        let binding = commitment_hash(&self.commitment);
        let pad = encryption::pad(terms, self.dealer, receiver, &self.ephemeral, &binding, shared);
        let bytes = encrypted.iter().zip(pad.expose()).map(|(byte, pad)| byte ^ pad).collect::<Vec<_>>();
        let bytes = Zeroizing::new(bytes);
        let Ok(value) = SecretScalar::decode(&bytes) else { return Ok(None) };
        let share = Share { index: receiver, value };
        Ok(self.commitment.verify(&share).is_ok().then_some(share))
    }

    /// Whether the dealing has the form that the terms ask for.
    ///
    /// # Errors
    /// [`Error::DealingThreshold`] or [`Error::DealingReceivers`].
    fn fits(&self, terms: &Terms) -> Result<(), Error> {
        let dealer = self.dealer;
        let (expected, given) = (terms.threshold(), self.commitment.threshold());
        if expected != given {
            return Err(Error::DealingThreshold { dealer, expected, given });
        }
        let (expected, given) = (terms.receivers().len(), self.receivers());
        if expected != given {
            return Err(Error::DealingReceivers { dealer, expected, given });
        }
        Ok(())
    }

    /// Who dealt it.
    pub fn dealer(&self) -> Index {
        self.dealer
    }

    /// The commitment to the dealer's polynomial.
    pub fn commitment(&self) -> &Commitment<G> {
        &self.commitment
    }

    /// The number of receivers.
    fn receivers(&self) -> usize {
        self.encrypted.len() / G::SCALAR_LEN
    }

    /// What both proofs are bound to.
    fn digest(&self, terms: &Terms) -> [u8; 32] {
        let binding = commitment_hash(&self.commitment);
        digest(terms, self.dealer, &binding, &self.ephemeral, &self.encrypted)
    }
}

/// A commitment's hash.
fn commitment_hash<G: Group>(commitment: &Commitment<G>) -> [u8; 32] {
    hash::tagged("Allod dealing commitment v1", &[&commitment.encode()])
}

/// The hash of everything in a dealing but the proofs.
fn digest(
    terms: &Terms,
    dealer: Index,
    commitment_hash: &[u8; 32],
    ephemeral: &Point<Ristretto255>,
    encrypted: &[u8],
) -> [u8; 32] {
    let dealer = dealer.get().to_be_bytes();
    hash::tagged(
        "Allod dealing v1",
        &[terms.digest(), &dealer, commitment_hash, ephemeral.bytes(), encrypted],
    )
}

/// The context of one proof. The tags are of fixed length, and so is the digest.
fn context(tag: &[u8], digest: &[u8; 32]) -> Vec<u8> {
    [tag, digest].concat()
}

#[cfg(test)]
mod tests;
