//! What stands in front of a sealed file: what it takes to open it.
//!
//! ```text
//! file     = prologue header payload
//! prologue = "ALSEAL", the header's length (two bytes, big endian)
//! header   = [version, network, lock]
//! lock     = [0, round, at, ciphertext] / [1, key, policy, ciphertext]
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use allod_crypto::{CryptoRng, Secret, SecretBytes, hash};
use allod_threshold::bls::{Message, PublicKey};
use allod_threshold::{Point, quorum, timelock};
use allod_wire::{Instant, NetworkId, Wire};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use super::payload::FileKey;
use super::policy::{Policy, key_name};
use super::{Error, is_for_sealing};

/// Bytes of the prologue, which tells how long the header is.
pub const PROLOGUE: usize = 8;

/// Bytes of the longest header.
pub const HEADER_MAX: usize = Header::SIZE_MAX;

const MAGIC: [u8; 6] = *b"ALSEAL";

/// The number in front tells the format.
const VERSION: u8 = 1;

/// What stands in front of a sealed file. Public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose guardians open it.
    pub network: NetworkId,
    /// What it takes.
    pub lock: Lock,
}

/// What it takes to open a file, with the file key in that form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// The guardians' signature for a round of the beacon.
    Until {
        /// Which round.
        round: u64,
        /// When that is due, for people to read. It decides nothing.
        at: Instant,
        /// The file key.
        ciphertext: timelock::Ciphertext,
    },
    /// The partial decryptions of t guardians, for those whom the policy names.
    Quorum {
        /// The name of the guardians' key.
        key: String,
        /// Who may open, and not before when.
        policy: Policy,
        /// The file key.
        ciphertext: quorum::Ciphertext<Ristretto255>,
    },
}

impl Header {
    /// Seals a fresh file key until a round of the beacon, which is due at `at`.
    /// `identity` is the message that the network's key will sign for the round.
    pub fn until(
        network: NetworkId,
        round: u64,
        at: Instant,
        network_key: &PublicKey,
        identity: &Message,
        rng: &mut impl CryptoRng,
    ) -> (Self, FileKey) {
        let file_key = Secret::random(rng);
        let payload = SecretBytes::from(file_key.expose().to_vec());
        let Ok(ciphertext) = timelock::encrypt(network_key, identity, &payload, rng) else {
            unreachable!("a key of 32 bytes is of legal length")
        };
        (Self { network, lock: Lock::Until { round, at, ciphertext } }, FileKey::new(file_key))
    }

    /// Seals a fresh file key to the guardians who hold `key`, whose public
    /// counterpart is `public_key`.
    ///
    /// # Errors
    /// [`Error::OtherPurpose`] for a key that is not for sealing.
    pub fn quorum(
        network: NetworkId,
        key: &str,
        public_key: &Point<Ristretto255>,
        policy: Policy,
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, FileKey), Error> {
        if !is_for_sealing(key) {
            return Err(Error::OtherPurpose);
        }
        let file_key = Secret::random(rng);
        let label = policy.label(&network, key);
        let ciphertext = quorum::encrypt(public_key, &label, &file_key, rng);
        let lock = Lock::Quorum { key: key.into(), policy, ciphertext };
        Ok((Self { network, lock }, FileKey::new(file_key)))
    }

    /// The prologue and the header: what a sealed file begins with.
    pub fn encode(&self) -> Vec<u8> {
        let header = allod_wire::encode(self);
        // At most HEADER_MAX, so it fits.
        let len = (header.len() as u16).to_be_bytes();
        [MAGIC.as_slice(), &len, &header].concat()
    }

    /// The length of the header that follows this prologue.
    ///
    /// # Errors
    /// [`Error::NotSealed`].
    pub fn len_after(prologue: &[u8; PROLOGUE]) -> Result<usize, Error> {
        let (magic, len) = prologue.split_at(MAGIC.len());
        let len = len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        if magic == MAGIC && len <= HEADER_MAX { Ok(len) } else { Err(Error::NotSealed) }
    }

    /// The header that these bytes, which follow the prologue, are.
    ///
    /// # Errors
    /// [`Error::Header`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        allod_wire::decode(bytes).map_err(Error::Header)
    }

    /// The hash that the payload is bound to.
    pub(super) fn digest(&self) -> [u8; 32] {
        hash::tagged("allod/sealed/header", &[&allod_wire::encode(self)])
    }
}

impl Wire for Header {
    const SIZE_MAX: usize = 1024;
}

impl<C> Encode<C> for Header {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(3)?.u8(VERSION)?.encode(self.network)?.array(4)?;
        match &self.lock {
            Lock::Until { round, at, ciphertext } => {
                e.u8(0)?.u64(*round)?.encode(at)?.bytes(&ciphertext.encode())?.ok()
            }
            Lock::Quorum { key, policy, ciphertext } => {
                e.u8(1)?.str(key)?;
                policy.encode(e, ctx)?;
                e.bytes(&ciphertext.encode())?.ok()
            }
        }
    }
}

impl<'b, C> Decode<'b, C> for Header {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        if d.array()? != Some(3) || d.u8()? != VERSION {
            return Err(DecodeError::message("not a sealed file's header"));
        }
        let network = d.decode()?;
        if d.array()? != Some(4) {
            return Err(DecodeError::message("not a lock"));
        }
        let lock = match d.u8()? {
            0 => {
                let (round, at) = (d.u64()?, d.decode()?);
                let ciphertext = timelock::Ciphertext::decode(d.bytes()?);
                let ciphertext = ciphertext.map_err(|_| DecodeError::message("not a ciphertext"))?;
                Lock::Until { round, at, ciphertext }
            }
            1 => {
                let key = key_name(d)?.into();
                let policy = Policy::decode(d, ctx)?;
                let ciphertext = quorum::Ciphertext::decode(d.bytes()?);
                let ciphertext = ciphertext.map_err(|_| DecodeError::message("not a ciphertext"))?;
                Lock::Quorum { key, policy, ciphertext }
            }
            _ => return Err(DecodeError::message("not a lock")),
        };
        Ok(Self { network, lock })
    }
}
