//! The guardian's side of opening at a quorum.
//!
//! Nothing is stored: a guardian that helped has given nothing away that helping
//! again would add to.

use alloc::collections::BTreeMap;
use alloc::string::String;

use allod_crypto::CryptoRng;
use allod_crypto::group::{DecodeError, Ristretto255};
use allod_crypto::sign::SigningKey;
use allod_did::{Did, State};
use allod_threshold::quorum::DecryptionShare;
use allod_threshold::{Error, GroupName, Part, Point};
use allod_wire::{GuardianId, Instant, NetworkId};

use super::error::Refusal;
use super::is_for_sealing;
use super::reply::Reply;
use super::request::Request;
use crate::keyholder::{Inconsistent, Keyholder};
use crate::realm::{Buckets, Rate, TooMany};

/// How far a request's time may be from the guardian's, in milliseconds.
pub const FRESH_MS: u64 = 5 * 60 * 1000;

/// How far the guardian's ledger may be behind its clock, in milliseconds. One that
/// is further may not know that a device was removed.
pub const BEHIND_MS: u64 = 10 * 60 * 1000;

/// What a guardian allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For everybody together.
    pub overall: Rate,
    /// For one identity.
    pub identity: Rate,
}

impl Default for Limits {
    /// A person who opens a folder of files at once.
    fn default() -> Self {
        Self { overall: Rate { burst: 1_000, per_second: 200 }, identity: Rate { burst: 60, per_second: 1 } }
    }
}

/// One guardian's help with opening files.
#[derive(Debug)]
pub struct Opening {
    network: NetworkId,
    key: SigningKey,
    identities: Buckets<Did>,
    overall: Buckets<()>,
    held: BTreeMap<String, Option<Held>>,
}

#[derive(Debug)]
struct Held {
    generation: u32,
    public_key: Point<Ristretto255>,
    share: DecryptionShare<Ristretto255>,
}

impl Opening {
    /// The help of the guardian with this signing key. It holds no share yet.
    pub fn new(network: NetworkId, key: SigningKey, limits: Limits) -> Self {
        Self {
            network,
            key,
            identities: Buckets::new(limits.identity),
            overall: Buckets::new(limits.overall),
            held: BTreeMap::new(),
        }
    }

    /// The guardian in whose name this replies.
    pub fn guardian(&self) -> GuardianId {
        GuardianId(self.key.verifying_key().0)
    }

    /// Takes over what a keyholder holds now of the key with this public
    /// counterpart. To be called for every keyholder at the beginning, and whenever
    /// it reported that a share is held or forgotten, before the next request. Keys
    /// that are not for sealing are passed over.
    ///
    /// # Errors
    /// [`Inconsistent`] where the keyholder's record is of another group, or the
    /// public key is none. The share that was held is forgotten then too.
    pub fn follow(&mut self, keyholder: &Keyholder, public_key: &[u8]) -> Result<(), Inconsistent> {
        let name = keyholder.key();
        if !is_for_sealing(name) || keyholder.group() != GroupName::Ristretto255 {
            return Ok(());
        }
        let generation = keyholder.generation();
        let held = self.held.entry(name.into()).or_default();
        if held.as_ref().map(|held| held.generation) == generation {
            return Ok(());
        }
        *held = None;
        if let (Some(generation), Some(share)) = (generation, keyholder.share::<Ristretto255>()?) {
            let malformed = |reason: DecodeError| Error::Malformed { part: Part::PublicKey, reason };
            let public_key = Point::decode(public_key).map_err(malformed)?;
            *held = Some(Held { generation, public_key, share: DecryptionShare::new(share)? });
        }
        Ok(())
    }

    /// Forgets a key that the network gave up.
    pub fn forget(&mut self, key: &str) {
        self.held.remove(key);
    }

    /// Replies to a request. `identity` is what the ledger says of the identity that
    /// asks, `ledger` the time of the ledger's last block, `now` this guardian's.
    pub fn reply(
        &mut self,
        now: Instant,
        rng: &mut impl CryptoRng,
        request: &Request,
        identity: Option<&State>,
        ledger: Instant,
    ) -> Reply {
        match self.help(now, rng, request, identity, ledger) {
            Ok(reply) => reply,
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    fn help(
        &mut self,
        now: Instant,
        rng: &mut impl CryptoRng,
        request: &Request,
        identity: Option<&State>,
        ledger: Instant,
    ) -> Result<Reply, Refusal> {
        let ask = &request.ask;
        if ask.network != self.network {
            return Err(Refusal::OtherNetwork);
        }
        let held = self.held.get(&ask.key).ok_or(Refusal::UnknownKey)?.as_ref().ok_or(Refusal::NoShare)?;
        if now.ms_since(ledger) > BEHIND_MS {
            return Err(Refusal::Behind { at: ledger });
        }
        if !ask.policy.names(&ask.did) {
            return Err(Refusal::NotOpener);
        }
        let identity = identity.filter(|state| state.did() == ask.did).ok_or(Refusal::UnknownIdentity)?;
        let device = identity.device(&ask.device).ok_or(Refusal::NotADevice)?;
        let message = ask.message();
        device.key().verify(&message, &request.signature).map_err(|_| Refusal::NotSigned)?;
        if now.ms_since(ask.at).max(ask.at.ms_since(now)) > FRESH_MS {
            return Err(Refusal::NotFresh { now });
        }
        let after = ask.policy.after();
        if ledger < after {
            return Err(Refusal::TooEarly { after, now: ledger });
        }
        // Only now, so that nobody uses up another's allowance.
        let refused = |TooMany { retry_in_ms }| Refusal::TooMany { retry_in_ms };
        self.identities.check(now, &ask.did).map_err(refused)?;
        self.overall.admit(now, &()).map_err(refused)?;
        self.identities.take(&ask.did);

        let label = ask.policy.label(&ask.network, &ask.key);
        let partial = held
            .share
            .decrypt(&held.public_key, &label, &ask.ciphertext, rng)
            .map_err(|_| Refusal::NotSealedSo)?;
        Reply::helped(&message, &ask.reply_key, &self.key, held.generation, &partial, rng)
    }
}
