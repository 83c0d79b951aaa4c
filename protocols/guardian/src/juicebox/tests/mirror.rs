//! Juicebox's types as its SDK declares them, encoded by serde and ciborium as
//! its SDK does. Nothing of ours takes part in the encoding.
//!
//! Source: `rust/realm/api/src/{requests,types,signing}.rs`,
//! `rust/oprf/src/{lib,dleq}.rs` and `rust/marshalling/src/{lib,bytes}.rs` of
//! juicebox-systems/juicebox-sdk.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::juicebox as ours;

/// A newtype around bytes, as `serde(with = "bytes")` makes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of<const N: usize>;
        impl<const N: usize> Visitor<'_> for Of<N> {
            type Value = Bytes<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{N} bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes<N>, E> {
                bytes.try_into().map(Bytes).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        deserializer.deserialize_any(Of)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum SecretsRequest {
    Register1,
    Register2(Box<Register2Request>),
    Recover1,
    Recover2(Recover2Request),
    Recover3(Recover3Request),
    Delete,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Register2Request {
    version: Bytes<16>,
    oprf_private_key: Bytes<32>,
    oprf_signed_public_key: OprfSignedPublicKey,
    unlock_key_commitment: Bytes<32>,
    unlock_key_tag: Bytes<16>,
    encryption_key_scalar_share: Bytes<32>,
    encrypted_secret: Bytes<145>,
    encrypted_secret_commitment: Bytes<16>,
    policy: Policy,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OprfSignedPublicKey {
    public_key: Bytes<32>,
    verifying_key: Bytes<32>,
    signature: Bytes<64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Policy {
    num_guesses: u16,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Recover2Request {
    version: Bytes<16>,
    oprf_blinded_input: Bytes<32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Recover3Request {
    version: Bytes<16>,
    unlock_key_tag: Bytes<16>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum SecretsResponse {
    Register1(Register1Response),
    Register2(Register2Response),
    Recover1(Recover1Response),
    Recover2(Recover2Response),
    Recover3(Recover3Response),
    Delete(DeleteResponse),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Register1Response {
    Ok,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Register2Response {
    Ok,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Recover1Response {
    Ok { version: Bytes<16> },
    NotRegistered,
    NoGuesses,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Recover2Response {
    Ok {
        oprf_signed_public_key: OprfSignedPublicKey,
        oprf_blinded_result: Bytes<32>,
        oprf_proof: Proof,
        unlock_key_commitment: Bytes<32>,
        num_guesses: u16,
        guess_count: u16,
    },
    VersionMismatch,
    NotRegistered,
    NoGuesses,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Proof {
    c: Bytes<32>,
    beta_z: Bytes<32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Recover3Response {
    Ok {
        encryption_key_scalar_share: Bytes<32>,
        encrypted_secret: Bytes<145>,
        encrypted_secret_commitment: Bytes<16>,
    },
    VersionMismatch,
    NotRegistered,
    BadUnlockKeyTag {
        guesses_remaining: u16,
    },
    NoGuesses,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum DeleteResponse {
    Ok,
}

fn signed(ours: &ours::SignedPublicKey) -> OprfSignedPublicKey {
    OprfSignedPublicKey {
        public_key: Bytes(ours.public_key),
        verifying_key: Bytes(ours.verifying_key),
        signature: Bytes(ours.signature),
    }
}

impl From<&ours::Request> for SecretsRequest {
    fn from(request: &ours::Request) -> Self {
        match request {
            ours::Request::Register1 => Self::Register1,
            ours::Request::Register2(parts) => Self::Register2(Box::new(Register2Request {
                version: Bytes(parts.version.0),
                oprf_private_key: Bytes(*parts.oprf_private_key.expose()),
                oprf_signed_public_key: signed(&parts.oprf_signed_public_key),
                unlock_key_commitment: Bytes(parts.unlock_key_commitment),
                unlock_key_tag: Bytes(*parts.unlock_key_tag.expose()),
                encryption_key_scalar_share: Bytes(*parts.encryption_key_scalar_share.expose()),
                encrypted_secret: Bytes(parts.encrypted_secret),
                encrypted_secret_commitment: Bytes(parts.encrypted_secret_commitment),
                policy: Policy { num_guesses: parts.policy.num_guesses },
            })),
            ours::Request::Recover1 => Self::Recover1,
            ours::Request::Recover2(guess) => Self::Recover2(Recover2Request {
                version: Bytes(guess.version.0),
                oprf_blinded_input: Bytes(guess.oprf_blinded_input),
            }),
            ours::Request::Recover3(claim) => Self::Recover3(Recover3Request {
                version: Bytes(claim.version.0),
                unlock_key_tag: Bytes(*claim.unlock_key_tag.expose()),
            }),
            ours::Request::Delete => Self::Delete,
        }
    }
}

impl From<&ours::Response> for SecretsResponse {
    fn from(response: &ours::Response) -> Self {
        match response {
            ours::Response::Register1 => Self::Register1(Register1Response::Ok),
            ours::Response::Register2 => Self::Register2(Register2Response::Ok),
            ours::Response::Recover1(answer) => Self::Recover1(match answer {
                ours::Recover1::Ok { version } => Recover1Response::Ok { version: Bytes(version.0) },
                ours::Recover1::NotRegistered => Recover1Response::NotRegistered,
                ours::Recover1::NoGuesses => Recover1Response::NoGuesses,
            }),
            ours::Response::Recover2(answer) => Self::Recover2(match answer {
                ours::Recover2::Ok(answer) => Recover2Response::Ok {
                    oprf_signed_public_key: signed(&answer.oprf_signed_public_key),
                    oprf_blinded_result: Bytes(answer.oprf_blinded_result),
                    oprf_proof: Proof {
                        c: Bytes(answer.oprf_proof.c),
                        beta_z: Bytes(answer.oprf_proof.beta_z),
                    },
                    unlock_key_commitment: Bytes(answer.unlock_key_commitment),
                    num_guesses: answer.num_guesses,
                    guess_count: answer.guess_count,
                },
                ours::Recover2::VersionMismatch => Recover2Response::VersionMismatch,
                ours::Recover2::NotRegistered => Recover2Response::NotRegistered,
                ours::Recover2::NoGuesses => Recover2Response::NoGuesses,
            }),
            ours::Response::Recover3(answer) => Self::Recover3(match answer {
                ours::Recover3::Ok(answer) => Recover3Response::Ok {
                    encryption_key_scalar_share: Bytes(*answer.encryption_key_scalar_share.expose()),
                    encrypted_secret: Bytes(answer.encrypted_secret),
                    encrypted_secret_commitment: Bytes(answer.encrypted_secret_commitment),
                },
                ours::Recover3::VersionMismatch => Recover3Response::VersionMismatch,
                ours::Recover3::NotRegistered => Recover3Response::NotRegistered,
                ours::Recover3::BadUnlockKeyTag { guesses_remaining } => {
                    Recover3Response::BadUnlockKeyTag { guesses_remaining: *guesses_remaining }
                }
                ours::Recover3::NoGuesses => Recover3Response::NoGuesses,
            }),
            ours::Response::Delete => Self::Delete(DeleteResponse::Ok),
        }
    }
}

/// As `marshalling::to_vec`.
pub(super) fn to_vec(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::ser::into_writer(value, &mut bytes).expect("memory takes everything");
    bytes
}

/// As `marshalling::from_slice`.
pub(super) fn from_slice<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    ciborium::de::from_reader(bytes).expect("what Juicebox reads")
}
