//! A registration as its owner keeps it: what each guardian was given, and what
//! is needed to give it again.
//!
//! The kit lets a device heal its own registration without asking for the PIN:
//! a guardian that lost its share gets the same one again ([`Kit::request`]),
//! and when guardians are replaced the same OPRF key is dealt anew, with fresh
//! polynomials, to the new set ([`Kit::redeal`]). Whoever holds a kit can try
//! PINs without asking anybody, so it is kept as carefully as the root, which
//! it stands beside.

use alloc::vec::Vec;
use core::fmt;

use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_crypto::sign::SigningKey;
use allod_crypto::{CryptoRng, Secret, SecretBytes};
use allod_threshold::juicebox::{PrivateKey, evaluate_unblinded, split_scalar};
use allod_wire::{RegistrationVersion, Wire};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use super::Configuration;
use crate::juicebox::secret::{self, SECRET_MAX, Stretched};
use crate::juicebox::{ENCRYPTED_SECRET, Policy, Register2Request, Request};

/// Why a registration could not be dealt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KitError {
    /// The secret is longer than 128 bytes.
    SecretTooLong,
    /// No guesses at all were asked for.
    NoGuesses,
    /// The set of guardians is not valid.
    Configuration,
}

impl fmt::Display for KitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretTooLong => write!(f, "a secret of at most {SECRET_MAX} bytes can be guarded"),
            Self::NoGuesses => f.write_str("at least one guess must be allowed"),
            Self::Configuration => f.write_str("the set of guardians is not valid"),
        }
    }
}

impl core::error::Error for KitError {}

/// A registration, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kit {
    configuration: Configuration,
    oprf_key: Secret<32>,
    unlock_key: Secret<32>,
    scalar: Secret<32>,
    /// In the configuration's order.
    dealt: Vec<Register2Request>,
}

impl Kit {
    /// Deals `secret` to the guardians of `configuration`, behind the PIN that
    /// `stretched` was made from for `version`.
    ///
    /// # Errors
    /// See [`KitError`].
    pub fn deal(
        secret: &SecretBytes,
        stretched: &Stretched,
        version: RegistrationVersion,
        num_guesses: u16,
        configuration: Configuration,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, KitError> {
        if num_guesses == 0 {
            return Err(KitError::NoGuesses);
        }
        let oprf_key = PrivateKey::random(rng);
        let output = evaluate_unblinded(&oprf_key, stretched.access_key.expose());
        let (unlock_key, commitment) = secret::unlock_key(&output);
        let scalar = Secret::from(*SecretScalar::<Ristretto255>::random(rng).encode());
        let key = secret::encryption_key(&stretched.encryption_key_seed, &scalar);
        let encrypted_secret = secret::encrypt(secret, key).ok_or(KitError::SecretTooLong)?;
        let shared = Shared { version, commitment, encrypted_secret, policy: Policy { num_guesses } };
        let oprf_key = Secret::from(*oprf_key.expose_bytes());
        let dealt = shared.deal(&configuration, &oprf_key, &unlock_key, &scalar, rng)?;
        Ok(Self { configuration, oprf_key, unlock_key, scalar, dealt })
    }

    /// Deals the same secret behind the same PIN to another set of guardians.
    /// No share of the old dealing fits a share of the new one.
    ///
    /// # Errors
    /// [`KitError::Configuration`].
    pub fn redeal(&self, configuration: Configuration, rng: &mut impl CryptoRng) -> Result<Self, KitError> {
        let parts = self.parts();
        let shared = Shared {
            version: parts.version,
            commitment: parts.unlock_key_commitment,
            encrypted_secret: parts.encrypted_secret,
            policy: parts.policy,
        };
        let dealt = shared.deal(&configuration, &self.oprf_key, &self.unlock_key, &self.scalar, rng)?;
        Ok(Self { configuration, dealt, ..self.clone() })
    }

    /// What to register at a guardian, by its place in the configuration.
    pub fn request(&self, guardian: usize) -> Option<Request> {
        self.dealt.get(guardian).map(|parts| Request::Register2(parts.clone().into()))
    }

    /// The guardians it was dealt to.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Which registration this is.
    pub fn version(&self) -> RegistrationVersion {
        self.parts().version
    }

    /// The key that signed this dealing's public keys.
    pub fn verifying_key(&self) -> [u8; 32] {
        self.parts().oprf_signed_public_key.verifying_key
    }

    /// Guesses that each guardian allows.
    pub fn num_guesses(&self) -> u16 {
        self.parts().policy.num_guesses
    }

    /// What is the same for all guardians stands with each; a kit has at least
    /// one, which dealing and decoding make sure of.
    fn parts(&self) -> &Register2Request {
        &self.dealt[0]
    }
}

/// What all guardians of a registration get alike.
struct Shared {
    version: RegistrationVersion,
    commitment: [u8; 32],
    encrypted_secret: [u8; ENCRYPTED_SECRET],
    policy: Policy,
}

impl Shared {
    fn deal(
        &self,
        configuration: &Configuration,
        oprf_key: &Secret<32>,
        unlock_key: &Secret<32>,
        scalar: &Secret<32>,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Register2Request>, KitError> {
        configuration.check().map_err(|_| KitError::Configuration)?;
        let guardians = configuration.guardians();
        let shares = guardians.len() as u16;
        let threshold = u16::from(configuration.threshold());
        let oprf_key = PrivateKey::from_bytes(oprf_key.expose()).map_err(|_| KitError::Configuration)?;
        let scalar = SecretScalar::decode(scalar.expose()).map_err(|_| KitError::Configuration)?;
        let oprf_shares = oprf_key.split(threshold, shares, rng).map_err(|_| KitError::Configuration)?;
        let scalar_shares =
            split_scalar(&scalar, threshold, shares, rng).map_err(|_| KitError::Configuration)?;
        // Used for this dealing and forgotten with it.
        let signer = SigningKey::from_seed(&Secret::random(rng));
        Ok(guardians
            .iter()
            .zip(oprf_shares)
            .zip(scalar_shares)
            .map(|((guardian, (_, oprf_share)), scalar_share)| {
                let encryption_key_scalar_share = Secret::from(*scalar_share.value.encode());
                let realm = &guardian.realm;
                Register2Request {
                    version: self.version,
                    oprf_signed_public_key: secret::sign_public_key(
                        &signer,
                        realm,
                        oprf_share.public_key().to_bytes(),
                    ),
                    oprf_private_key: Secret::from(*oprf_share.expose_bytes()),
                    unlock_key_commitment: self.commitment,
                    unlock_key_tag: secret::unlock_key_tag(unlock_key, realm),
                    encrypted_secret_commitment: secret::encrypted_secret_commitment(
                        unlock_key,
                        realm,
                        &encryption_key_scalar_share,
                        &self.encrypted_secret,
                    ),
                    encryption_key_scalar_share,
                    encrypted_secret: self.encrypted_secret,
                    policy: self.policy,
                }
            })
            .collect())
    }
}

impl Wire for Kit {
    // 255 guardians at some 900 bytes each, addresses included.
    const SIZE_MAX: usize = 512 * 1024;
}

impl<C> Encode<C> for Kit {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(6)?.u8(1)?;
        self.configuration.encode(e, ctx)?;
        e.bytes(self.oprf_key.expose())?.bytes(self.unlock_key.expose())?.bytes(self.scalar.expose())?;
        e.array(self.dealt.len() as u64)?;
        for parts in &self.dealt {
            e.bytes(&Request::Register2(parts.clone().into()).encode())?;
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Kit {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        if d.array()? != Some(6) || d.u8()? != 1 {
            return Err(DecodeError::message("not a kit of this version"));
        }
        let configuration = Configuration::decode(d, ctx)?;
        configuration.check().map_err(|_| DecodeError::message("not a valid set of guardians"))?;
        let mut secret = || -> Result<Secret<32>, DecodeError> {
            let bytes: [u8; 32] = d.bytes()?.try_into().map_err(|_| DecodeError::message("not 32 bytes"))?;
            Ok(Secret::from(bytes))
        };
        let (oprf_key, unlock_key, scalar) = (secret()?, secret()?, secret()?);
        if d.array()? != Some(configuration.guardians().len() as u64) {
            return Err(DecodeError::message("not one part for each guardian"));
        }
        let dealt = (0..configuration.guardians().len())
            .map(|_| match Request::decode(d.bytes()?) {
                Ok(Request::Register2(parts)) => Ok(*parts),
                _ => Err(DecodeError::message("not a registration's part")),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { configuration, oprf_key, unlock_key, scalar, dealt })
    }
}
