//! Oblivious functions of RFC 9497: modes OPRF (0x00) and VOPRF (0x01).
//!
//! Roles: a client with an input; a server with a key, or guardians with shares
//! of one.
//! 1. The client blinds its input ([`blind`]) and sends the element.
//! 2. The server multiplies it by its key ([`KeyPair::blind_evaluate`]) and in
//!    mode VOPRF proves that it used the key of its public key. A guardian does
//!    exactly the same under its share ([`KeyShare::blind_evaluate`]), so any
//!    VOPRF client can check its answer.
//! 3. With guardians, t checked answers are interpolated into the one that the
//!    whole key would have given ([`ShareKeys::combine`]).
//! 4. The client takes the blind off and hashes ([`finalize`]).
//!
//! The server never sees input or output. Nothing here counts guesses: whoever
//! evaluates must know for whom.

mod partial;
mod proof;

use alloc::vec::Vec;

use allod_crypto::group::{Group, HashInputError, SecretScalar, Suite};
use allod_crypto::{CryptoRng, Secret};

pub use crate::chaum_pedersen::Proof;
pub use partial::{KeyShare, Partial, ShareKeys};

use crate::point::point_type;
use crate::{Error, Part, Point};

/// A mode of RFC 9497, section 3. The two give different outputs for one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0x00: the answer is taken on trust.
    Oprf,
    /// 0x01: the answer comes with a proof.
    Voprf,
}

impl Mode {
    /// `label` and the context string (RFC 9497, section 3.1), in parts.
    fn tag<G: Suite>(self, label: &'static str) -> [&'static [u8]; 5] {
        let mode: &[u8] = match self {
            Self::Oprf => &[0],
            Self::Voprf => &[1],
        };
        [label.as_bytes(), b"OPRFV1-", mode, b"-", G::IDENTIFIER.as_bytes()]
    }
}

point_type! {
    /// The element a client sends: its input, blinded.
    Blinded, Part::BlindedElement
}

point_type! {
    /// The element a server answers with: the blinded element times its key.
    Evaluated, Part::EvaluatedElement
}

/// The public counterpart of a key or of a share of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<G: Group> {
    point: Point<G>,
    /// The start of every weight in a proof under this key (RFC 9497, section
    /// 2.2.1); depends on the key alone.
    seed: [u8; 64],
}

impl<G: Suite> PublicKey<G> {
    /// Takes an element for a public key.
    pub fn new(point: Point<G>) -> Self {
        Self { seed: proof::seed(&point), point }
    }

    /// Decodes `bytes`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes of another length, bytes that are not
    /// canonical, and the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Point::decode(bytes)
            .map(Self::new)
            .map_err(|reason| Error::Malformed { part: Part::PublicKey, reason })
    }

    /// The canonical encoding.
    pub fn bytes(&self) -> &G::ElementBytes {
        self.point.bytes()
    }

    /// The element and its encoding.
    pub fn point(&self) -> &Point<G> {
        &self.point
    }

    /// Checks that `evaluated` are the `blinded` times this key, in order.
    ///
    /// # Errors
    /// [`Error::BatchSize`] or [`Error::ProofRefused`].
    pub fn verify(
        &self,
        blinded: &[Blinded<G>],
        evaluated: &[Evaluated<G>],
        proof: &Proof<G>,
    ) -> Result<(), Error> {
        proof::verify(self, blinded, evaluated, proof)
    }
}

/// A server's key and its public counterpart.
#[derive(Clone, Debug)]
pub struct KeyPair<G: Group> {
    secret: SecretScalar<G>,
    /// Half of the key, see [`Group::encode_doubles`].
    half: SecretScalar<G>,
    public: PublicKey<G>,
}

impl<G: Suite> KeyPair<G> {
    /// The pair of a secret key.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the key is zero.
    pub fn new(secret: SecretScalar<G>) -> Result<Self, Error> {
        let point = Point::new(secret.mul_generator())
            .map_err(|reason| Error::Malformed { part: Part::PrivateKey, reason })?;
        Ok(Self { half: secret.halve(), secret, public: PublicKey::new(point) })
    }

    /// A fresh pair.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        loop {
            if let Ok(pair) = Self::new(SecretScalar::random(rng)) {
                return pair;
            }
        }
    }

    /// The pair that RFC 9497, section 3.2.1 derives from a seed and public
    /// information (`DeriveKeyPair`).
    ///
    /// # Errors
    /// [`Error::InputTooLong`] for `info` above 65,535 bytes;
    /// [`Error::KeyDerivation`], which no known seed causes.
    pub fn derive(mode: Mode, seed: &Secret<32>, info: &[u8]) -> Result<Self, Error> {
        let length = length_prefix(info)?;
        let tag = mode.tag::<G>("DeriveKeyPair");
        (0..=u8::MAX)
            .map(|counter| {
                let message = [seed.expose().as_slice(), &length, info, &[counter]];
                SecretScalar::new(crate::chaum_pedersen::hash_to_scalar::<G>(&message, &tag))
            })
            .find(|secret| !secret.is_zero())
            .ok_or(Error::KeyDerivation)
            .and_then(Self::new)
    }

    /// The secret key.
    pub fn secret(&self) -> &SecretScalar<G> {
        &self.secret
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey<G> {
        &self.public
    }

    /// The blinded element times the key, without a proof (mode OPRF).
    pub fn blind_evaluate_unproved(&self, blinded: &Blinded<G>) -> Evaluated<G> {
        let element = self.secret.mul(blinded.point().element());
        Evaluated(Point::known(element, G::encode(&element)))
    }

    /// The blinded elements times the key, in order, with one proof for all of
    /// them (mode VOPRF).
    ///
    /// # Errors
    /// [`Error::BatchSize`] for no elements or more than 65,535.
    pub fn blind_evaluate(
        &self,
        blinded: &[Blinded<G>],
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<Evaluated<G>>, Proof<G>), Error> {
        let mut answered = proof::evaluate(self, &[blinded], rng)?;
        let Some(only) = answered.pop() else { unreachable!("one batch was evaluated") };
        Ok(only)
    }

    /// Each blinded element times the key with a proof of its own, in order: what
    /// [`Self::blind_evaluate`] gives for each alone, in less time.
    pub fn blind_evaluate_each(
        &self,
        blinded: &[Blinded<G>],
        rng: &mut impl CryptoRng,
    ) -> Vec<(Vec<Evaluated<G>>, Proof<G>)> {
        let batches: Vec<_> = blinded.iter().map(core::slice::from_ref).collect();
        match proof::evaluate(self, &batches, rng) {
            Ok(answered) => answered,
            Err(_) => unreachable!("a batch of one element is of legal size"),
        }
    }

    /// The output for an input that the key's owner knows (`Evaluate`).
    ///
    /// # Errors
    /// [`Error::InputTooLong`] or [`Error::InputInvalid`].
    pub fn evaluate(&self, mode: Mode, input: &[u8]) -> Result<Secret<64>, Error> {
        let element = self.secret.mul(&input_element::<G>(mode, input)?);
        output::<G>(input, &element)
    }
}

/// A client's blind: secret, and of use for one input only.
#[derive(Clone, Debug)]
pub struct Blind<G: Group>(SecretScalar<G>);

impl<G: Suite> Blind<G> {
    /// A blind kept by a client that waits long for its answer.
    ///
    /// # Errors
    /// [`Error::InputInvalid`] when it is zero.
    pub fn new(scalar: SecretScalar<G>) -> Result<Self, Error> {
        if scalar.is_zero() { Err(Error::InputInvalid) } else { Ok(Self(scalar)) }
    }

    /// The scalar, to be kept as a secret.
    pub fn scalar(&self) -> &SecretScalar<G> {
        &self.0
    }
}

/// Blinds `input`. The element goes to the server; the blind stays.
///
/// # Errors
/// [`Error::InputTooLong`] or [`Error::InputInvalid`].
pub fn blind<G: Suite>(
    mode: Mode,
    input: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<(Blind<G>, Blinded<G>), Error> {
    length_prefix(input)?;
    let element = input_element::<G>(mode, input)?;
    let blind = SecretScalar::random(rng);
    let blinded = Blinded::new(blind.mul(&element)).map_err(|_| Error::InputInvalid)?;
    Ok((Blind(blind), blinded))
}

/// Takes the blind off an answer and hashes it with the input: the output. In
/// mode VOPRF the answer is checked first ([`PublicKey::verify`]).
///
/// # Errors
/// [`Error::InputTooLong`].
pub fn finalize<G: Suite>(
    input: &[u8],
    blind: &Blind<G>,
    evaluated: &Evaluated<G>,
) -> Result<Secret<64>, Error> {
    output::<G>(input, &blind.0.invert().mul(evaluated.point().element()))
}

/// The input's element.
fn input_element<G: Suite>(mode: Mode, input: &[u8]) -> Result<G::Element, Error> {
    match G::hash_to_group(&[input], &mode.tag::<G>("HashToGroup-")) {
        Ok(element) if G::is_identity(&element) => Err(Error::InputInvalid),
        Ok(element) => Ok(element),
        Err(HashInputError) => unreachable!("the tag is a constant of legal length"),
    }
}

/// The hash that ends `Finalize` and `Evaluate`.
fn output<G: Suite>(input: &[u8], element: &G::Element) -> Result<Secret<64>, Error> {
    let length = length_prefix(input)?;
    let bytes = G::encode(element);
    Ok(Secret::from(G::hash(&[&length, input, &proof::element_length::<G>(), bytes.as_ref(), b"Finalize"])))
}

/// The length of `bytes` in two bytes, big endian.
///
/// # Errors
/// [`Error::InputTooLong`].
fn length_prefix(bytes: &[u8]) -> Result<[u8; 2], Error> {
    u16::try_from(bytes.len()).map(u16::to_be_bytes).map_err(|_| Error::InputTooLong)
}

#[cfg(test)]
mod tests;
