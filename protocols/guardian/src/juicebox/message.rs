//! Requests, responses, and what they carry. Field names are Juicebox's.

use alloc::boxed::Box;
use alloc::vec::Vec;

use allod_crypto::{Secret, Zeroizing};
use allod_wire::{RegistrationVersion, limits};
use minicbor::Decoder;

use super::codec::{Item, Malformed, Out, decode, encode, fields, put_map, put_text, take_map, variants};

/// Bytes of an encrypted secret: one length byte, 128 bytes of padded secret,
/// and a 16-byte tag.
pub const ENCRYPTED_SECRET: usize = 145;

/// What a client asks of a realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Is the realm there, and would it take a registration?
    Register1,
    /// Take this registration, replacing any before it.
    Register2(Box<Register2Request>),
    /// Which registration is held?
    Recover1,
    /// Spend a guess: evaluate the OPRF on a blinded input.
    Recover2(Recover2Request),
    /// Hand out the encrypted share to whoever knows the unlock tag.
    Recover3(Recover3Request),
    /// Forget the registration.
    Delete,
}

/// What a realm answers. Each variant belongs to the request of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The realm is there.
    Register1,
    /// The registration is stored.
    Register2,
    /// See [`Recover1`].
    Recover1(Recover1),
    /// See [`Recover2`].
    Recover2(Recover2),
    /// See [`Recover3`].
    Recover3(Recover3),
    /// The registration is gone.
    Delete,
}

/// One realm's part of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register2Request {
    /// The same at all realms of a registration, new for each.
    pub version: RegistrationVersion,
    /// This realm's share of the OPRF key: a canonical ristretto255 scalar.
    pub oprf_private_key: Secret<32>,
    /// The share's public key, signed for this realm.
    pub oprf_signed_public_key: SignedPublicKey,
    /// Lets a client tell a right PIN from a wrong one.
    pub unlock_key_commitment: [u8; 32],
    /// What `Recover3` must show.
    pub unlock_key_tag: Secret<16>,
    /// This realm's share of the encryption key: a canonical scalar.
    pub encryption_key_scalar_share: Secret<32>,
    /// The secret, encrypted; the same at all realms.
    pub encrypted_secret: [u8; ENCRYPTED_SECRET],
    /// Binds share and encrypted secret to the unlock key.
    pub encrypted_secret_commitment: [u8; 16],
    /// How many guesses there are.
    pub policy: Policy,
}

/// A share's public key, with a signature by a key that the client made for
/// this registration alone and threw away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedPublicKey {
    /// The ristretto255 public key of the OPRF share.
    pub public_key: [u8; 32],
    /// The registration's Ed25519 key, the same at all realms.
    pub verifying_key: [u8; 32],
    /// Its signature on the realm's id and the public key.
    pub signature: [u8; 64],
}

/// How a secret may be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Guesses before the share is destroyed. At least 1.
    pub num_guesses: u16,
}

/// Answer to `Recover1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recover1 {
    /// A registration is held, with guesses left.
    Ok {
        /// Which.
        version: RegistrationVersion,
    },
    /// Nothing is registered.
    NotRegistered,
    /// The guesses ran out and the share is destroyed.
    NoGuesses,
}

/// Asks for a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover2Request {
    /// The registration meant.
    pub version: RegistrationVersion,
    /// A ristretto255 element.
    pub oprf_blinded_input: [u8; 32],
}

/// Answer to `Recover2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recover2 {
    /// The guess was spent and the OPRF evaluated.
    Ok(Box<Recover2Answer>),
    /// Another registration is held.
    VersionMismatch,
    /// Nothing is registered.
    NotRegistered,
    /// The guesses ran out and the share is destroyed.
    NoGuesses,
}

/// An evaluation with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover2Answer {
    /// The public key that the proof is for.
    pub oprf_signed_public_key: SignedPublicKey,
    /// The blinded input times the share.
    pub oprf_blinded_result: [u8; 32],
    /// Proof that it was this share.
    pub oprf_proof: Proof,
    /// As registered.
    pub unlock_key_commitment: [u8; 32],
    /// Guesses there were to begin with.
    pub num_guesses: u16,
    /// Guesses spent, this one included.
    pub guess_count: u16,
}

/// A Chaum-Pedersen proof in Juicebox's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The challenge, a canonical scalar.
    pub c: [u8; 32],
    /// The response, a canonical scalar.
    pub beta_z: [u8; 32],
}

/// Asks for the encrypted share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover3Request {
    /// The registration meant.
    pub version: RegistrationVersion,
    /// What only the right PIN yields.
    pub unlock_key_tag: Secret<16>,
}

/// Answer to `Recover3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recover3 {
    /// The tag was right; all guesses are given back.
    Ok(Box<Recover3Answer>),
    /// Another registration is held.
    VersionMismatch,
    /// Nothing is registered.
    NotRegistered,
    /// The tag was wrong.
    BadUnlockKeyTag {
        /// Guesses left.
        guesses_remaining: u16,
    },
    /// The guesses ran out and the share is destroyed.
    NoGuesses,
}

/// What the right tag opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover3Answer {
    /// This realm's share of the encryption key.
    pub encryption_key_scalar_share: Secret<32>,
    /// The secret, encrypted.
    pub encrypted_secret: [u8; ENCRYPTED_SECRET],
    /// Binds both to the unlock key.
    pub encrypted_secret_commitment: [u8; 16],
}

impl Request {
    /// The body to send. At most [`limits::REALM_REQUEST_MAX`] bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(self)
    }

    /// Reads a body that a client sent.
    ///
    /// # Errors
    /// [`Malformed`] for anything but the one encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        decode(bytes, limits::REALM_REQUEST_MAX)
    }

    /// The message's name, for counting and for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Register1 => "register1",
            Self::Register2(_) => "register2",
            Self::Recover1 => "recover1",
            Self::Recover2(_) => "recover2",
            Self::Recover3(_) => "recover3",
            Self::Delete => "delete",
        }
    }
}

impl Response {
    /// The body to send.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(self)
    }

    /// Reads a body that a realm sent.
    ///
    /// # Errors
    /// [`Malformed`] for anything but the one encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        decode(bytes, limits::REALM_RESPONSE_MAX)
    }
}

fields!(Register2Request {
    version,
    oprf_private_key,
    oprf_signed_public_key,
    unlock_key_commitment,
    unlock_key_tag,
    encryption_key_scalar_share,
    encrypted_secret,
    encrypted_secret_commitment,
    policy,
});
fields!(SignedPublicKey { public_key, verifying_key, signature });
fields!(Policy { num_guesses });
fields!(Recover2Request { version, oprf_blinded_input });
fields!(Recover2Answer {
    oprf_signed_public_key,
    oprf_blinded_result,
    oprf_proof,
    unlock_key_commitment,
    num_guesses,
    guess_count,
});
fields!(Proof { c, beta_z });
fields!(Recover3Request { version, unlock_key_tag });
fields!(Recover3Answer { encryption_key_scalar_share, encrypted_secret, encrypted_secret_commitment });

variants!(Request { Register1, Recover1, Delete; Register2, Recover2, Recover3 });
variants!(Recover2 { VersionMismatch, NotRegistered, NoGuesses; Ok });

impl<T: Item> Item for Box<T> {
    fn put(&self, out: &mut Out) {
        (**self).put(out);
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        T::take(from).map(Self::new)
    }
}

/// What answers with nothing to say consist of: the text `Ok`.
struct Bare;

impl Item for Bare {
    fn put(&self, out: &mut Out) {
        put_text(out, "Ok");
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        if from.str()? == "Ok" { Ok(Self) } else { Err(Malformed) }
    }
}

/// `{ name: value }`, the shape of a variant with one named field.
struct Version {
    version: RegistrationVersion,
}

fields!(Version { version });

struct Remaining {
    guesses_remaining: u16,
}

fields!(Remaining { guesses_remaining });

/// Writes `{ tag: content }`.
fn put_tagged(out: &mut Out, tag: &str, content: &impl Item) {
    put_map(out, 1);
    put_text(out, tag);
    content.put(out);
}

impl Item for Response {
    fn put(&self, out: &mut Out) {
        match self {
            Self::Register1 => put_tagged(out, "Register1", &Bare),
            Self::Register2 => put_tagged(out, "Register2", &Bare),
            Self::Recover1(answer) => put_tagged(out, "Recover1", answer),
            Self::Recover2(answer) => put_tagged(out, "Recover2", answer),
            Self::Recover3(answer) => put_tagged(out, "Recover3", answer),
            Self::Delete => put_tagged(out, "Delete", &Bare),
        }
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        take_map(from, 1)?;
        match from.str()? {
            "Register1" => Bare::take(from).map(|_| Self::Register1),
            "Register2" => Bare::take(from).map(|_| Self::Register2),
            "Recover1" => Item::take(from).map(Self::Recover1),
            "Recover2" => Item::take(from).map(Self::Recover2),
            "Recover3" => Item::take(from).map(Self::Recover3),
            "Delete" => Bare::take(from).map(|_| Self::Delete),
            _ => Err(Malformed),
        }
    }
}

impl Item for Recover1 {
    fn put(&self, out: &mut Out) {
        match self {
            Self::Ok { version } => put_tagged(out, "Ok", &Version { version: *version }),
            Self::NotRegistered => put_text(out, "NotRegistered"),
            Self::NoGuesses => put_text(out, "NoGuesses"),
        }
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        if from.datatype()? == minicbor::data::Type::String {
            return match from.str()? {
                "NotRegistered" => Ok(Self::NotRegistered),
                "NoGuesses" => Ok(Self::NoGuesses),
                _ => Err(Malformed),
            };
        }
        take_map(from, 1)?;
        match from.str()? {
            "Ok" => Version::take(from).map(|Version { version }| Self::Ok { version }),
            _ => Err(Malformed),
        }
    }
}

impl Item for Recover3 {
    fn put(&self, out: &mut Out) {
        match self {
            Self::Ok(answer) => put_tagged(out, "Ok", answer),
            Self::VersionMismatch => put_text(out, "VersionMismatch"),
            Self::NotRegistered => put_text(out, "NotRegistered"),
            Self::BadUnlockKeyTag { guesses_remaining } => {
                put_tagged(out, "BadUnlockKeyTag", &Remaining { guesses_remaining: *guesses_remaining });
            }
            Self::NoGuesses => put_text(out, "NoGuesses"),
        }
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        if from.datatype()? == minicbor::data::Type::String {
            return match from.str()? {
                "VersionMismatch" => Ok(Self::VersionMismatch),
                "NotRegistered" => Ok(Self::NotRegistered),
                "NoGuesses" => Ok(Self::NoGuesses),
                _ => Err(Malformed),
            };
        }
        take_map(from, 1)?;
        match from.str()? {
            "Ok" => Item::take(from).map(Self::Ok),
            "BadUnlockKeyTag" => Remaining::take(from)
                .map(|Remaining { guesses_remaining }| Self::BadUnlockKeyTag { guesses_remaining }),
            _ => Err(Malformed),
        }
    }
}
