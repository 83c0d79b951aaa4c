//! Between this project's types and the engine's.

use std::net::{Ipv4Addr, SocketAddr};

use allod_crypto::CryptoRng;
use allod_crypto::Zeroizing;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use commonware_codec::{Buf, DecodeExt, Encode, EncodeSize, Error, Read, Write};
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex::scheme::ed25519;
use commonware_consensus::simplex::types::{Finalization, Proposal};
use commonware_consensus::types::{Epoch, Height, Round, View};
use commonware_consensus::{BoundedBlock, Heightable, marshal};
use commonware_cryptography::Digestible;
use commonware_cryptography::blake3::Digest;
use commonware_cryptography::certificate::{Attestation, Scheme as _};
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_p2p::Ingress;
use commonware_parallel::Sequential;
use commonware_runtime::BufMut;
use commonware_utils::Hostname;
use commonware_utils::iter::NonEmpty;
use commonware_utils::ordered::Set;

use super::super::evidence::namespace;
use super::super::{Address, Block, BlockDigest, COMMITTEE_MAX, Certificate, Committee, Member, Vote};

/// Ed25519 votes, each of which can be held against its signer.
pub(super) type Scheme = ed25519::Scheme;

/// Where final blocks come from.
pub(super) type Marshal = marshal::core::Mailbox<Scheme, Standard<Block>>;

/// A certificate, as the engine has it.
pub(super) type EngineCertificate = Finalization<Scheme, Digest>;

/// The size of a block's length.
const LENGTH: usize = 4;

/// Where a peer is dialled. Whence it calls does not count.
pub(super) fn address(address: &Address) -> commonware_p2p::Address {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    match address {
        Address::Socket(address) => (*address).into(),
        Address::Name { host, port } => match Hostname::new(host.clone()) {
            Ok(host) => {
                let ingress = Ingress::Dns { host, port: *port };
                commonware_p2p::Address::Asymmetric { ingress, egress: nowhere }
            }
            Err(_) => nowhere.into(),
        },
    }
}

impl Write for Block {
    fn write(&self, buffer: &mut impl BufMut) {
        let bytes = allod_wire::encode(self);
        buffer.put_u32(bytes.len() as u32);
        buffer.put_slice(&bytes);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        LENGTH + self.size()
    }
}

impl Read for Block {
    type Cfg = ();

    fn read_cfg(buffer: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let length = u32::read_cfg(buffer, &())? as usize;
        if length > <Self as allod_wire::Wire>::SIZE_MAX {
            return Err(Error::InvalidLength(length));
        }
        if buffer.remaining() < length {
            return Err(Error::EndOfBuffer);
        }
        let bytes = buffer.copy_to_bytes(length);
        allod_wire::decode(&bytes).map_err(|_| Error::Invalid("block", "not a canonical block"))
    }
}

impl Digestible for Block {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        Digest(Block::digest(self).0)
    }
}

impl Heightable for Block {
    fn height(&self) -> Height {
        Height::new(self.header().height)
    }
}

impl commonware_consensus::Block for Block {
    fn parent(&self) -> Digest {
        Digest(self.header().parent.0)
    }
}

impl BoundedBlock for Block {
    fn max_encode_size((): &()) -> usize {
        LENGTH + <Self as allod_wire::Wire>::SIZE_MAX
    }
}

impl From<Digest> for BlockDigest {
    fn from(digest: Digest) -> Self {
        Self(digest.0)
    }
}

/// The engine's form of a signing key.
pub(super) fn private_key(key: &SigningKey) -> PrivateKey {
    let seed = key.seed();
    let bytes = Zeroizing::new(seed.expose().to_vec());
    match PrivateKey::decode(commonware_codec::Copying(&bytes)) {
        Ok(key) => key,
        Err(_) => unreachable!("any 32 bytes are a seed"),
    }
}

/// The engine's form of a public key; `None` where the bytes are no point.
pub(super) fn public_key(key: &VerifyingKey) -> Option<PublicKey> {
    PublicKey::decode(commonware_codec::Copying(&key.0)).ok()
}

/// This project's form of a public key.
pub(super) fn verifying_key(key: &PublicKey) -> VerifyingKey {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(key.as_ref());
    VerifyingKey(bytes)
}

/// A committee's members and observers, checked, in the engine's order.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    pub(super) members: Vec<(PublicKey, Member)>,
    pub(super) observers: Vec<(PublicKey, Member)>,
}

impl Roster {
    /// Checks a committee. Observers beyond [`COMMITTEE_MAX`] are left out: they
    /// have no vote, and the others go on without them.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(committee: &Committee) -> Result<Self, String> {
        if !(1..=COMMITTEE_MAX).contains(&committee.members.len()) {
            return Err(format!("it has {} members, not 1 to {COMMITTEE_MAX}", committee.members.len()));
        }
        let members = sorted(&committee.members)?;
        let mut observers = sorted(&committee.observers)?;
        observers.retain(|(key, _)| members.binary_search_by(|(member, _)| member.cmp(key)).is_err());
        observers.truncate(COMMITTEE_MAX);
        Ok(Self { members, observers })
    }

    /// Peers that are no committee.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn contacts(contacts: &[Member]) -> Result<Self, String> {
        Ok(Self { members: sorted(contacts)?, observers: Vec::new() })
    }

    /// The members' keys.
    pub(super) fn keys(&self) -> Set<PublicKey> {
        Set::from_iter_dedup(self.members.iter().map(|(key, _)| key.clone()))
    }
}

fn sorted(members: &[Member]) -> Result<Vec<(PublicKey, Member)>, String> {
    let mut keyed = Vec::with_capacity(members.len());
    for member in members {
        let key = public_key(&member.key).ok_or_else(|| format!("{:?} is no key", member.key))?;
        keyed.push((key, member.clone()));
    }
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    match keyed.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(twice) => Err(format!("{:?} is in it twice", twice[0].1.key)),
        None => Ok(keyed),
    }
}

/// What checks the votes of a committee, and signs where `key` is a member's
/// that may vote.
pub(super) fn scheme(network: &[u8; 32], members: Set<PublicKey>, key: Option<&PrivateKey>) -> Scheme {
    let namespace = namespace(network);
    key.and_then(|key| Scheme::signer(&namespace, members.clone(), key.clone()))
        .unwrap_or_else(|| Scheme::verifier(&namespace, members))
}

/// This project's form of a certificate; `None` where a signature is not even
/// of the right form, which the engine lets in none of its own.
pub(super) fn certificate(scheme: &Scheme, finalization: &EngineCertificate) -> Option<Certificate> {
    let signers = finalization.certificate.signers.iter();
    let signatures = finalization.certificate.signatures.iter();
    let mut votes = Vec::new();
    for (signer, signature) in signers.zip(signatures) {
        let key = scheme.participants().get(signer.get() as usize)?;
        votes.push(Vote { key: verifying_key(key), signature: signature_bytes(signature.get()?)? });
    }
    let proposal = &finalization.proposal;
    Some(Certificate {
        epoch: proposal.round.epoch().get(),
        view: proposal.round.view().get(),
        parent: proposal.parent.get(),
        block: proposal.payload.into(),
        votes,
    })
}

/// A signature's bytes.
pub(super) fn signature_bytes(signature: &commonware_cryptography::ed25519::Signature) -> Option<Signature> {
    signature.encode().as_ref().try_into().ok().map(Signature)
}

/// The engine's form of a certificate, where its votes are the committee's, are
/// enough, and are right.
pub(super) fn finalization(
    rng: &mut impl CryptoRng,
    scheme: &Scheme,
    certificate: &Certificate,
) -> Option<EngineCertificate> {
    let mut attestations: Vec<Attestation<Scheme>> = Vec::new();
    for vote in &certificate.votes {
        let signer = scheme.participants().position(&public_key(&vote.key)?)?;
        let signature =
            commonware_cryptography::ed25519::Signature::decode(commonware_codec::Copying(&vote.signature.0))
                .ok()?;
        attestations.push(Attestation {
            signer: commonware_utils::Participant::new(u32::try_from(signer).ok()?),
            signature: signature.into(),
        });
    }
    let attestations: NonEmpty<_> = NonEmpty::try_new(attestations.into_iter())?;
    let assembled = scheme.assemble(attestations, &Sequential).ok()?;
    let round = Round::new(Epoch::new(certificate.epoch), View::new(certificate.view));
    let proposal = Proposal::new(round, View::new(certificate.parent), Digest(certificate.block.0));
    let finalization = Finalization { proposal, certificate: assembled };
    finalization.verify(rng, scheme, &Sequential).then_some(finalization)
}
