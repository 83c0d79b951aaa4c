//! How sessions begin, go on and end, each at the end of a block.

use alloc::vec::Vec;

use allod_crypto::hash;
use allod_wire::{GuardianId, SessionId};

use super::ceremony::{Ceremony, Dealt, Member, Phase, old_sharing};
use super::outcome::{Made, make};
use super::spec::quorum;
use super::{Holder, Keys, SharedKey, Sharing, sharing, terms, word_to_wait_for};
use crate::Error;
use crate::beacon::Beacon;
use crate::committee::{Candidate, Limits, draw, seed};
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::guardian::active;

/// After a block's operations: sessions go on whose time has come, and new ones
/// begin.
pub(crate) fn advance<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    epoch_over: bool,
) -> Result<(), Stop> {
    let keys: Keys = draft.expect(&())?;
    let word = word_to_wait_for(draft, context)?;
    for name in keys.0 {
        let mut key: SharedKey = draft.expect(&name)?;
        let period = context.rules.reshare_epochs;
        let is_time = epoch_over && period != 0 && (context.epoch + 1).is_multiple_of(period);
        if is_time && !key.due {
            key.call(word);
        }
        match key.ceremony.take() {
            None if key.due && context.at >= key.not_before => {
                let seed = seed(draft)?;
                if seed.round >= key.word {
                    begin(draft, context, &mut key, &seed)?;
                }
            }
            None => {}
            Some(ceremony) => step(draft, context, &mut key, ceremony)?,
        }
        draft.put(&name, &key);
    }
    Ok(())
}

/// Begins a session, or puts it off if there are too few guardians.
fn begin<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    key: &mut SharedKey,
    seed: &Beacon,
) -> Result<(), Stop> {
    // Limits can leave a draw with too few though another would have enough, so
    // every attempt is another draw.
    key.sessions = key.sessions.saturating_add(1);
    let apart = holders_apart(draft, key)?;
    let guardians = active(draft)?;
    let suits = |id: &GuardianId, absent: &[GuardianId]| !apart.contains(id) && !absent.contains(id);
    let name = key.spec.name.clone();
    let name = name.as_str().as_bytes();
    let purpose = [&key.sessions.to_be_bytes(), name].concat();
    let limits = Limits { per_operator: key.spec.per_operator, per_jurisdiction: key.spec.per_jurisdiction };
    // Who was absent last time is passed over, unless there are too few others.
    let absent = core::mem::take(&mut key.absent);
    let mut drawn = Vec::new();
    for passed_over in [absent.as_slice(), &[]] {
        let candidates: Vec<Candidate<'_>> = guardians
            .iter()
            .filter(|(id, _)| suits(id, passed_over))
            .map(|(id, guardian)| (id, guardian))
            .collect();
        drawn = draw(seed, &purpose, &candidates, usize::from(key.spec.size), limits);
        if has_reserve(drawn.len(), key.spec.threshold) {
            break;
        }
    }
    if !suffices(drawn.len(), key.spec.threshold, key.generation) {
        key.not_before = context.at.plus_ms(context.rules.phase_ms);
        return Ok(());
    }
    let session = SessionId(hash::tagged(
        "allod/ledger/session",
        &[context.network.as_bytes(), &key.sessions.to_be_bytes(), name],
    ));
    let members = (1..)
        .zip(drawn)
        .map(|(index, guardian)| Member { index, guardian, key: None, ready: false })
        .collect();
    let mut ceremony = Ceremony {
        session,
        phase: Phase::Announcing,
        until: context.at,
        until_height: context.height,
        threshold: key.spec.threshold,
        members,
        dealt: Vec::new(),
        disqualified: Vec::new(),
        from: key.generation,
    };
    ceremony.enter(Phase::Announcing, context);
    key.ceremony = Some(ceremony);
    key.due = false;
    Ok(())
}

/// Whether `members` can keep a threshold though some of them fail.
fn has_reserve(members: usize, threshold: u16) -> bool {
    members > 0 && usize::from(threshold) <= quorum(members)
}

/// Whether a session can go on with `members`. A key that is new needs a reserve.
/// One that is handed on does not: guardians who do not answer now would not open
/// anything with the old shares either, and the old shares of one who was evicted
/// must come to nothing, however few are left.
fn suffices(members: usize, threshold: u16, from: Option<u32>) -> bool {
    match from {
        None => has_reserve(members, threshold),
        Some(_) => members >= usize::from(threshold),
    }
}

/// Those who hold, or are about to hold, the key that this one is apart from.
fn holders_apart<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    key: &SharedKey,
) -> Result<Vec<GuardianId>, Error> {
    let mut holders = Vec::new();
    for name in draft.expect::<Keys>(&())?.0 {
        let other: SharedKey = draft.expect(&name)?;
        let apart = key.spec.apart_from.as_ref() == Some(&name)
            || other.spec.apart_from.as_ref() == Some(&key.spec.name);
        if !apart {
            continue;
        }
        if let Some((_, sharing)) = sharing(draft, &other)? {
            holders.extend(sharing.holders.iter().map(|holder| holder.guardian));
        }
        if let Some(ceremony) = &other.ceremony {
            holders.extend(ceremony.members.iter().map(|member| member.guardian));
        }
    }
    Ok(holders)
}

/// Moves a session on if its phase is over.
fn step<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    key: &mut SharedKey,
    mut ceremony: Ceremony,
) -> Result<(), Stop> {
    let old = old_sharing(draft, key, &ceremony)?;
    let late = context.at >= ceremony.until && context.height >= ceremony.until_height;
    if !late && !ceremony.is_complete(old.as_ref()) {
        key.ceremony = Some(ceremony);
        return Ok(());
    }
    match ceremony.phase {
        Phase::Announcing => {
            key.absent.extend(
                ceremony.members.iter().filter(|member| member.key.is_none()).map(|member| member.guardian),
            );
            ceremony.members.retain(|member| member.key.is_some());
            if !suffices(ceremony.members.len(), ceremony.threshold, ceremony.from) {
                key.ceremony = Some(ceremony);
                return put_off(draft, context, key);
            }
            ceremony.enter(Phase::Dealing, context);
            key.ceremony = Some(ceremony);
        }
        Phase::Dealing => {
            ceremony.enter(Phase::Verifying, context);
            key.ceremony = Some(ceremony);
        }
        Phase::Verifying => {
            key.absent
                .extend(ceremony.members.iter().filter(|member| !member.ready).map(|member| member.guardian));
            match finish(draft, key, &ceremony, old.as_ref())? {
                Some(made) => switch(draft, context, key, ceremony, made)?,
                None => {
                    key.ceremony = Some(ceremony);
                    put_off(draft, context, key)?;
                }
            }
        }
    }
    Ok(())
}

/// What comes of the qualified dealings, if they and the ready members suffice.
fn finish<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    key: &SharedKey,
    ceremony: &Ceremony,
    old: Option<&Sharing>,
) -> Result<Option<Made>, Stop> {
    let ready = ceremony.members.iter().filter(|member| member.ready).count();
    let needed = old.map_or(ceremony.threshold, |sharing| sharing.threshold);
    let few = quorum(ceremony.members.len()).max(usize::from(ceremony.threshold));
    if ready < few || ceremony.dealt.len() < usize::from(needed) {
        return Ok(None);
    }
    let mut dealings = Vec::with_capacity(ceremony.dealt.len());
    for dealer in &ceremony.dealt {
        let dealt: Dealt = draft.expect(&(ceremony.session, *dealer))?;
        dealings.push((*dealer, dealt.0));
    }
    Ok(make(key.spec.group, &terms(ceremony)?, &dealings, old).ok())
}

/// Puts the new sharing in force.
fn switch<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    key: &mut SharedKey,
    ceremony: Ceremony,
    made: Made,
) -> Result<(), Stop> {
    drop_dealings(draft, key)?;
    let generation = ceremony.from.map_or(0, |generation| generation.saturating_add(1));
    let holders = ceremony
        .members
        .iter()
        .zip(made.public_shares)
        .map(|(member, public_share)| Holder {
            index: member.index,
            guardian: member.guardian,
            public_share,
            // Who announced no key is no member any more.
            key: member.key.unwrap_or_default(),
        })
        .collect();
    let sharing = Sharing {
        public_key: made.public_key,
        threshold: ceremony.threshold,
        holders,
        session: ceremony.session,
        dealers: made.dealers,
        since: context.height,
    };
    draft.put(&(key.spec.name.clone(), generation), &sharing);
    key.generation = Some(generation);
    key.dealt = ceremony.dealt;
    Ok(())
}

/// Gives a session up, and lets the next one wait a while.
fn put_off<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    key: &mut SharedKey,
) -> Result<(), Stop> {
    key.not_before = context.at.plus_ms(context.rules.phase_ms);
    give_up(draft, key)
}

/// Gives a session up. The sharing in force stays so.
pub(super) fn give_up<V: Values + ?Sized>(draft: &mut Draft<'_, V>, key: &mut SharedKey) -> Result<(), Stop> {
    if let Some(ceremony) = key.ceremony.take() {
        for dealer in ceremony.dealt {
            draft.remove::<Dealt>(&(ceremony.session, dealer));
        }
    }
    key.due = true;
    Ok(())
}

/// Forgets the dealings that made the sharing that was in force until now. As long
/// as it is, a holder who comes late can still open them: without it too few might
/// be left to hand the key on.
fn drop_dealings<V: Values + ?Sized>(draft: &mut Draft<'_, V>, key: &mut SharedKey) -> Result<(), Stop> {
    if let Some((_, sharing)) = sharing(draft, key)? {
        for dealer in core::mem::take(&mut key.dealt) {
            draft.remove::<Dealt>(&(sharing.session, dealer));
        }
    }
    Ok(())
}
