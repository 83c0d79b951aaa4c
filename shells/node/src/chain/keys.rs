//! This guardian's part in all keys that guardians hold together: what the
//! ledger says goes to each key's machine, records go to the disk, and what is to
//! be handed in to the ledger comes out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use allod_crypto::group::Bls12381G2;
use allod_guardian::keyholder::{self, Event, Input, Keyholder, Output, Phase, Post, View};
use allod_ledger::Chain;
use allod_ledger::shared_key::{
    self, Ceremony, Dealt, KeyName, Keys, SharedKey, Sharing, sharing_terms, terms,
};
use allod_threshold::bls::{Message, PartialSignature, SigningShare};
use allod_wire::{GuardianId, Instant, SessionId};

use super::ChainError;
use super::shares::Shares;
use super::store::At;

/// This guardian's shares.
#[derive(Debug)]
pub struct HeldKeys {
    me: GuardianId,
    version: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    shares: Shares,
    holders: BTreeMap<KeyName, Keyholder>,
}

impl HeldKeys {
    /// The shares of the guardian `me`.
    pub fn new(me: GuardianId, shares: Shares) -> Self {
        Self { me, version: AtomicU64::new(0), inner: Mutex::new(Inner { shares, holders: BTreeMap::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A machine is never left half-way by a panic: it has none on what it is
        // given, and what it decided is on disk before it counts.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what the ledger asks of this guardian, and gives what is to be handed
    /// in to it.
    ///
    /// # Errors
    /// [`ChainError`]; the share that could not be written is not used.
    pub fn follow(&self, ledger: &At, now: Instant) -> Result<Vec<Post>, ChainError> {
        let mut posts = Vec::new();
        let mut inner = self.lock();
        let Inner { shares, holders } = &mut *inner;
        for name in ledger.expect::<Keys>(&())?.0 {
            let key: SharedKey = ledger.expect(&name)?;
            if !holders.contains_key(&name) {
                let record = shares.get(name.as_str())?;
                holders.insert(name.clone(), Keyholder::new(name.as_str(), key.spec.group, record));
                self.version.fetch_add(1, Ordering::Release);
            }
            let Some(holder) = holders.get_mut(&name) else { continue };
            let view = view(ledger, &key, &self.me)?;
            holder.handle(now, &mut crate::entropy(), Input::Follow(view))?;
            while let Some(output) = holder.poll() {
                match output {
                    Output::Persist { id, record } => {
                        shares.put(name.as_str(), &record)?;
                        holder.handle(now, &mut crate::entropy(), Input::Persisted(id))?;
                        self.version.fetch_add(1, Ordering::Release);
                    }
                    Output::Post(post) => posts.push(post),
                    Output::Event(event) => tell(&name, &event),
                }
            }
        }
        Ok(posts)
    }

    /// This guardian's part of a signature by the network's key, if it holds a
    /// share of it.
    ///
    /// # Errors
    /// [`ChainError::Key`].
    pub fn sign(&self, message: &Message) -> Result<Option<PartialSignature>, ChainError> {
        let inner = self.lock();
        let Some(holder) = inner.holders.get(&KeyName::network()) else { return Ok(None) };
        let Some(share) = holder.share::<Bls12381G2>()? else { return Ok(None) };
        let share = SigningShare::new(share).map_err(keyholder::Inconsistent)?;
        Ok(Some(share.sign(message)))
    }

    /// Grows whenever a record was written, so that others see when to look again.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Shows each key's machine, in the order of their names.
    pub fn each(&self, mut show: impl FnMut(&Keyholder)) {
        self.lock().holders.values().for_each(&mut show);
    }

    /// Which generation of which keys is held.
    pub fn generations(&self) -> Vec<(String, Option<u32>)> {
        let inner = self.lock();
        inner.holders.iter().map(|(name, holder)| (name.to_string(), holder.generation())).collect()
    }
}

fn tell(key: &KeyName, event: &Event) {
    match event {
        Event::Holds { generation } => tracing::info!(%key, generation, "holds a share"),
        Event::Forgot { generation } => tracing::info!(%key, generation, "forgot a share"),
        Event::Lacks { generation } => {
            tracing::warn!(%key, generation, "could not compute its share; the others go on without it");
        }
        Event::Accused { dealer } => tracing::warn!(%key, dealer, "a dealer dealt wrong"),
    }
}

/// What the ledger says of a key, as far as the guardian `me` has a part in it.
fn view(ledger: &At, key: &SharedKey, me: &GuardianId) -> Result<View, ChainError> {
    let name = &key.spec.name;
    let sharing = |generation: u32| ledger.expect::<Sharing>(&(name.clone(), generation));
    let at = ledger.expect::<Chain>(&())?.at;
    let mut view = View { at, sessions: key.sessions, session: None, sharing: None };
    if let Some(ceremony) = &key.ceremony {
        let old = ceremony.from.map(sharing).transpose()?;
        view.session = Some(session(ledger, ceremony, old.as_ref(), me)?);
    }
    if let Some(generation) = key.generation {
        let made = sharing(generation)?;
        let handed_on = match generation.checked_sub(1) {
            Some(before) => {
                let before = sharing(before)?;
                let shares = before.holders.into_iter().map(|holder| (holder.index, holder.public_share));
                Some(keyholder::PublicPart {
                    threshold: before.threshold,
                    public_key: before.public_key,
                    shares: shares.collect(),
                })
            }
            None => None,
        };
        let index = made.holder(me).map(|holder| holder.index);
        // Only a holder has a use for the dealings.
        let wanted: &[u16] = if index.is_some() { &key.dealt } else { &[] };
        view.sharing = Some(keyholder::Sharing {
            generation,
            session: made.session,
            index,
            terms: sharing_terms(&made)?,
            handed_on,
            dealings: dealings(ledger, &made.session, wanted)?,
        });
    }
    Ok(view)
}

fn session(
    ledger: &At,
    ceremony: &Ceremony,
    old: Option<&Sharing>,
    me: &GuardianId,
) -> Result<keyholder::Session, ChainError> {
    let member = ceremony.member(me);
    let dealer = ceremony.dealer(me, old);
    let phase = match ceremony.phase {
        shared_key::Phase::Announcing => Phase::Announcing,
        shared_key::Phase::Dealing => Phase::Dealing,
        shared_key::Phase::Verifying => Phase::Verifying,
    };
    let wanted: &[u16] = if phase == Phase::Verifying && member.is_some() { &ceremony.dealt } else { &[] };
    Ok(keyholder::Session {
        id: ceremony.session,
        phase,
        index: member.map(|member| member.index),
        announced: member.is_some_and(|member| member.key.is_some()),
        ready: member.is_some_and(|member| member.ready),
        dealer,
        dealt: dealer.is_some_and(|dealer| ceremony.dealt.contains(&dealer)),
        from: ceremony.from,
        terms: if phase == Phase::Announcing { None } else { Some(terms(ceremony)?) },
        dealings: dealings(ledger, &ceremony.session, wanted)?,
    })
}

fn dealings(ledger: &At, session: &SessionId, dealers: &[u16]) -> Result<Vec<(u16, Vec<u8>)>, ChainError> {
    dealers.iter().map(|dealer| Ok((*dealer, ledger.expect::<Dealt>(&(*session, *dealer))?.0))).collect()
}
