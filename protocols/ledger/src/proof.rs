//! Proofs: what the ledger said at a height, checked with the network's one
//! public key and no connection.
//!
//! A proof shows one record, or that there was none, at one height and time. It
//! says nothing of any later time: what was owned then may have been handed on
//! since. Whoever needs to know that asks the ledger.

use alloc::string::String;
use alloc::vec::Vec;

use allod_wire::{Instant, NetworkId, Wire};
use minicbor::{Decode, Encode};

use crate::Error;
use crate::checkpoint::{Certificate, NetworkKey};
use crate::jellyfish::{Path, Root};
use crate::record::{Record, place_of};

/// Bytes of the longest record's identifier.
const ID_MAX: usize = 128;
/// Bytes of the longest kind's name.
const KIND_MAX: usize = 32;
/// Bytes of the longest record that is proven. Dealings are longer and are of
/// use to nobody offline.
const VALUE_MAX: usize = 48 * 1024;

/// What the ledger said.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Proof {
    /// The form of this proof: 1.
    #[n(0)]
    version: u8,
    /// What the guardians signed.
    #[n(1)]
    certificate: Certificate,
    /// The kind of the record.
    #[n(2)]
    kind: String,
    /// Which one of its kind.
    #[cbor(n(3), with = "minicbor::bytes")]
    id: Vec<u8>,
    /// The record, or nothing where there was none.
    #[cbor(n(4), with = "minicbor::bytes")]
    value: Option<Vec<u8>>,
    /// The way from the record to the root.
    #[n(5)]
    path: Path,
}

impl Wire for Proof {
    const SIZE_MAX: usize = 32 + Certificate::SIZE_MAX + KIND_MAX + ID_MAX + VALUE_MAX + Path::SIZE_MAX;
}

/// What a checked proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<R> {
    /// The height at which it was so.
    pub height: u64,
    /// The time of that height.
    pub at: Instant,
    /// The record, or nothing where there was none.
    pub record: Option<R>,
}

/// The form of proofs that this version writes and reads.
const VERSION: u8 = 1;

impl Proof {
    /// Puts a proof together about the record of this kind that `id` names (see
    /// [`Identifier::bytes`](crate::record::Identifier::bytes)). Whoever does can
    /// prove nothing wrong with it: it is [verified](Self::verify) like any other.
    pub fn of(certificate: Certificate, kind: &str, id: &[u8], value: Option<Vec<u8>>, path: Path) -> Self {
        Self { version: VERSION, certificate, kind: kind.into(), id: id.to_vec(), value, path }
    }

    /// The kind of the record that the proof is about. Not checked yet.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Which record of its kind. Not checked yet.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// What the guardians signed. Not checked yet.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whether the proof is about a record of kind `R`.
    pub fn is_about<R: Record>(&self) -> bool {
        self.kind == R::KIND
    }

    /// Checks everything: that the guardians of `network`, whose key this is,
    /// signed the checkpoint, and that the record, or its absence, is part of it.
    ///
    /// # Errors
    /// [`Error::OtherNetwork`], [`Error::CertificateRefused`],
    /// [`Error::PathRefused`]; [`Error::WrongSubject`] where the record is of
    /// another kind than `R` or has another form.
    pub fn verify<R: Record>(&self, network: &NetworkId, key: &NetworkKey) -> Result<Shown<R>, Error> {
        if self.version != VERSION || self.kind != R::KIND {
            return Err(Error::WrongSubject);
        }
        key.verify(network, &self.certificate)?;
        let checkpoint = &self.certificate.checkpoint;
        let root = Root(checkpoint.root);
        let place = place_of(&self.kind, &self.id);
        let record = match &self.value {
            Some(value) => {
                self.path.verify_inclusion(&root, &place, value).map_err(Error::PathRefused)?;
                Some(allod_wire::decode(value).map_err(|_| Error::WrongSubject)?)
            }
            None => {
                self.path.verify_exclusion(&root, &place).map_err(Error::PathRefused)?;
                None
            }
        };
        Ok(Shown { height: checkpoint.height, at: checkpoint.at, record })
    }
}
