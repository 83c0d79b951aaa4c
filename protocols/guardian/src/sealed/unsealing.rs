//! The opener's side.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use allod_crypto::sign::SigningKey;
use allod_crypto::{CryptoRng, Secret, Zeroizing, kem};
use allod_did::{Did, PublicKey};
use allod_threshold::quorum::{PartialDecryption, combine};
use allod_threshold::{Index, bls, timelock};
use allod_wire::{GuardianId, Instant};

use super::error::{Error, Fault};
use super::header::{Header, Lock};
use super::payload::FileKey;
use super::reply::Reply;
use super::request::{Ask, Request};
use crate::answering::Committee;

/// The key of a file that was sealed until a round of the beacon, from the
/// network's signature for that round. `identity` is the message that was signed.
///
/// # Errors
/// [`Error::OtherLock`], [`Error::SignatureRefused`]; [`Error::HeaderChanged`] when
/// the right signature does not open it.
pub fn open_until(
    header: &Header,
    network_key: &bls::PublicKey,
    identity: &bls::Message,
    signature: &bls::Signature,
) -> Result<FileKey, Error> {
    let Lock::Until { ciphertext, .. } = &header.lock else { return Err(Error::OtherLock) };
    network_key.verify(identity, signature).map_err(|_| Error::SignatureRefused)?;
    let key = timelock::decrypt(signature, ciphertext).map_err(|_| Error::HeaderChanged)?;
    let key = Zeroizing::new(<[u8; 32]>::try_from(key.expose()).map_err(|_| Error::HeaderChanged)?);
    Ok(FileKey::new(Secret::from(*key)))
}

/// The opening of a file at a quorum.
#[derive(Debug)]
pub struct Unsealing {
    request: Request,
    /// What the device signed.
    message: [u8; 32],
    label: Vec<u8>,
    committee: Committee,
    /// Of the request's reply key.
    secret: Secret<32>,
    good: BTreeMap<Index, PartialDecryption<Ristretto255>>,
}

impl Unsealing {
    /// Asks the holders of the file's key, in the name of `did`, with one of its
    /// devices.
    ///
    /// # Errors
    /// [`Error::OtherLock`]; [`Error::OtherKey`] where the committee holds another
    /// key; [`Error::HeaderChanged`] where every honest guardian would refuse.
    pub fn new(
        header: &Header,
        committee: Committee,
        did: Did,
        device: &SigningKey,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Error> {
        let Lock::Quorum { key, policy, ciphertext } = &header.lock else { return Err(Error::OtherLock) };
        if committee.key() != key || *committee.network() != header.network {
            return Err(Error::OtherKey);
        }
        let label = policy.label(&header.network, key);
        ciphertext.verify(committee.shares().public_key(), &label).map_err(|_| Error::HeaderChanged)?;
        let secret = Secret::random(rng);
        let ask = Ask {
            network: header.network,
            key: key.clone(),
            policy: policy.clone(),
            ciphertext: ciphertext.clone(),
            did,
            device: PublicKey::from(device.verifying_key()).device_id(),
            at: now,
            reply_key: kem::public_key(&secret),
        };
        let request = ask.sign(device);
        Ok(Self { message: request.ask.message(), request, label, committee, secret, good: BTreeMap::new() })
    }

    /// What to send to any of the committee's members, and to more of them than its
    /// threshold where time matters. Good for a few minutes.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Whom to ask.
    pub fn committee(&self) -> &Committee {
        &self.committee
    }

    /// Takes what a guardian replied, if it is right.
    ///
    /// # Errors
    /// [`Fault`], of that guardian. The opening is as it was.
    pub fn accept(&mut self, from: &GuardianId, reply: &Reply) -> Result<(), Fault> {
        let (encapsulated, sealed) = match reply {
            Reply::Helped { encapsulated, sealed } => (encapsulated, sealed),
            Reply::Refused(refusal) => return Err(Fault::Refused(*refusal)),
        };
        let index = self.committee.index(from).ok_or(Fault::NotAsked)?;
        let (generation, partial) = Reply::open(encapsulated, sealed, &self.message, &self.secret, from)?;
        if generation != self.committee.generation() {
            return Err(Fault::OtherGeneration { given: generation });
        }
        let partial = PartialDecryption::decode(&partial).map_err(|_| Fault::Lied)?;
        let verified = partial.verify(self.committee.shares(), &self.label, &self.request.ask.ciphertext);
        if partial.index() != index || verified.is_err() {
            return Err(Fault::Lied);
        }
        self.good.insert(index, partial);
        Ok(())
    }

    /// How many good replies are needed yet.
    pub fn missing(&self) -> usize {
        usize::from(self.committee.threshold()).saturating_sub(self.good.len())
    }

    /// The file key, once nothing is missing.
    pub fn file_key(&self) -> Option<FileKey> {
        let partials = self.good.values().cloned().collect::<Vec<_>>();
        combine(self.committee.shares(), &self.label, &self.request.ask.ciphertext, &partials)
            .ok()
            .map(FileKey::new)
    }
}
