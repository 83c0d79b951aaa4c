//! A session: the phases in which a key is made or handed on.

use alloc::vec::Vec;

use allod_crypto::hash;
use allod_threshold::dealing::Verdict;
use allod_wire::{GuardianId, Instant, SessionId, Wire};
use minicbor::{Decode, Encode};

use super::outcome::{Made, judge, make, verify_announcement, verify_dealing};
use super::spec::quorum;
use super::{Holder, KeyName, Keys, SharedKey, Sharing, sharing, terms};
use crate::block::Context;
use crate::committee::{Candidate, Limits, draw, seed};
use crate::draft::{Draft, Stop, Values};
use crate::guardian::active;
use crate::record::Record;
use crate::{Error, Rejection};

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Phase {
    /// The members' encryption keys.
    #[n(0)]
    Announcing,
    /// The dealers' dealings.
    #[n(1)]
    Dealing,
    /// The members' complaints, or their word that they are ready.
    #[n(2)]
    Verifying,
}

/// One who is to hold a share.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Member {
    /// The share's index.
    #[n(0)]
    pub index: u16,
    /// Who.
    #[n(1)]
    pub guardian: GuardianId,
    /// The key to which this session's shares are encrypted.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub key: Option<[u8; 32]>,
    /// Whether it said that it is ready.
    #[n(3)]
    pub ready: bool,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ceremony {
    /// Its name.
    #[n(0)]
    pub session: SessionId,
    /// What it waits for.
    #[n(1)]
    pub phase: Phase,
    /// The phase lasts at least until this time,
    #[n(2)]
    pub until: Instant,
    /// and at least until this height, unless everybody has spoken.
    #[n(3)]
    pub until_height: u64,
    /// Shares that will give the key back.
    #[n(4)]
    pub threshold: u16,
    /// Who is to hold shares, by ascending index.
    #[n(5)]
    pub members: Vec<Member>,
    /// Indices of the dealers whose dealings are here and stand, ascending.
    #[n(6)]
    pub dealt: Vec<u16>,
    /// Indices of the dealers who were disqualified, ascending.
    #[n(7)]
    pub disqualified: Vec<u16>,
    /// The generation that is handed on; none where the key is new.
    #[n(8)]
    pub from: Option<u32>,
}

/// A dealing as it was posted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Dealt(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

impl Record for Dealt {
    type Id = (SessionId, u16);
    const KIND: &'static str = "dealing";
}

impl Wire for Dealt {
    const SIZE_MAX: usize = crate::operation::OPERATION_MAX;
}

impl Ceremony {
    /// Whether `guardian` is to hold a share.
    pub fn has(&self, guardian: &GuardianId) -> bool {
        self.member(guardian).is_some()
    }

    /// The member that is this guardian.
    pub fn member(&self, guardian: &GuardianId) -> Option<&Member> {
        self.members.iter().find(|member| member.guardian == *guardian)
    }

    fn member_mut(&mut self, guardian: &GuardianId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.guardian == *guardian)
    }

    /// The index under which `guardian` deals, if it is to deal. `old` is the
    /// sharing that is handed on.
    pub fn dealer(&self, guardian: &GuardianId, old: Option<&Sharing>) -> Option<u16> {
        match old {
            Some(sharing) => sharing.holder(guardian).map(|holder| holder.index),
            None => self.member(guardian).map(|member| member.index),
        }
    }

    /// Starts the next phase.
    fn enter(&mut self, phase: Phase, context: &Context) {
        self.phase = phase;
        self.until = context.at.plus_ms(context.rules.phase_ms);
        self.until_height = context.height.saturating_add(context.rules.phase_heights);
    }

    /// Whether nobody is left to wait for.
    fn is_complete(&self, old: Option<&Sharing>) -> bool {
        match self.phase {
            Phase::Announcing => self.members.iter().all(|member| member.key.is_some()),
            Phase::Dealing => {
                let dealers = old.map_or(self.members.len(), |sharing| sharing.holders.len());
                self.dealt.len() == dealers
            }
            Phase::Verifying => self.members.iter().all(|member| member.ready),
        }
    }
}

/// Finds the key whose session this is, which is in `phase`.
fn in_session<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    session: &SessionId,
    phase: Phase,
) -> Result<(SharedKey, Ceremony), Stop> {
    for name in draft.expect::<Keys>(&())?.0 {
        let mut key: SharedKey = draft.expect(&name)?;
        if let Some(ceremony) = key.ceremony.take_if(|ceremony| ceremony.session == *session) {
            if ceremony.phase != phase {
                return Err(Rejection::OtherPhase.into());
            }
            return Ok((key, ceremony));
        }
    }
    Err(Rejection::NoSession.into())
}

fn store<V: Values + ?Sized>(draft: &mut Draft<'_, V>, mut key: SharedKey, ceremony: Ceremony) {
    key.ceremony = Some(ceremony);
    let name = key.spec.name.clone();
    draft.put(&name, &key);
}

/// [`crate::Action::Announce`].
pub(crate) fn announce<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    author: GuardianId,
    session: &SessionId,
    announcement: &[u8],
) -> Result<(), Stop> {
    let (key, mut ceremony) = in_session(draft, session, Phase::Announcing)?;
    let member = ceremony.member_mut(&author).ok_or(Rejection::NotMember)?;
    if member.key.is_some() {
        return Err(Rejection::NothingNew.into());
    }
    member.key = Some(verify_announcement(session, member.index, announcement)?);
    store(draft, key, ceremony);
    Ok(())
}

/// [`crate::Action::Deal`].
pub(crate) fn deal<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    author: GuardianId,
    session: &SessionId,
    dealing: &[u8],
) -> Result<(), Stop> {
    let (key, mut ceremony) = in_session(draft, session, Phase::Dealing)?;
    let old = old_sharing(draft, &key, &ceremony)?;
    let dealer = ceremony.dealer(&author, old.as_ref()).ok_or(Rejection::NotMember)?;
    let Err(place) = ceremony.dealt.binary_search(&dealer) else {
        return Err(Rejection::NothingNew.into());
    };
    let constant =
        old.as_ref().and_then(|sharing| sharing.holder(&author)).map(|holder| holder.public_share.as_slice());
    verify_dealing(key.spec.group, &terms(&ceremony)?, dealer, dealing, constant)?;
    ceremony.dealt.insert(place, dealer);
    draft.put(&(*session, dealer), &Dealt(dealing.to_vec()));
    store(draft, key, ceremony);
    Ok(())
}

/// [`crate::Action::Complain`].
pub(crate) fn complain<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    session: &SessionId,
    complaint: &[u8],
) -> Result<(), Stop> {
    let (key, mut ceremony) = in_session(draft, session, Phase::Verifying)?;
    let terms = terms(&ceremony)?;
    let accused =
        allod_threshold::dealing::Complaint::decode(complaint).map_err(Rejection::Dealing)?.dealer().get();
    let Ok(place) = ceremony.dealt.binary_search(&accused) else {
        return Err(Rejection::NothingNew.into());
    };
    let dealing: Dealt = draft.expect(&(*session, accused))?;
    match judge(key.spec.group, &terms, accused, &dealing.0, complaint)? {
        Verdict::Refuted => return Err(Rejection::ComplaintRefuted.into()),
        Verdict::Upheld => {
            ceremony.dealt.remove(place);
            ceremony.disqualified.push(accused);
            ceremony.disqualified.sort_unstable();
            draft.remove::<Dealt>(&(*session, accused));
        }
    }
    store(draft, key, ceremony);
    Ok(())
}

/// [`crate::Action::Ready`].
pub(crate) fn ready<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    author: GuardianId,
    session: &SessionId,
) -> Result<(), Stop> {
    let (key, mut ceremony) = in_session(draft, session, Phase::Verifying)?;
    let member = ceremony.member_mut(&author).ok_or(Rejection::NotMember)?;
    if member.ready {
        return Err(Rejection::NothingNew.into());
    }
    member.ready = true;
    store(draft, key, ceremony);
    Ok(())
}

/// After a block's operations: sessions go on whose time has come, and new ones
/// begin.
pub(crate) fn advance<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    epoch_over: bool,
) -> Result<(), Stop> {
    let keys: Keys = draft.expect(&())?;
    for name in keys.0 {
        let mut key: SharedKey = draft.expect(&name)?;
        let period = context.rules.reshare_epochs;
        if epoch_over && period != 0 && (context.epoch + 1).is_multiple_of(period) {
            key.due = true;
        }
        match key.ceremony.take() {
            None if (key.due || key.generation.is_none()) && context.at >= key.not_before => {
                begin(draft, context, &mut key)?;
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
    let seed = seed(draft)?;
    // Who was absent last time is passed over, unless there are too few others.
    let absent = core::mem::take(&mut key.absent);
    let mut drawn = Vec::new();
    for passed_over in [absent.as_slice(), &[]] {
        let candidates: Vec<Candidate<'_>> = guardians
            .iter()
            .filter(|(id, _)| suits(id, passed_over))
            .map(|(id, guardian)| (id, guardian))
            .collect();
        drawn = draw(&seed, &purpose, &candidates, usize::from(key.spec.size), limits);
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

/// The sharing that the session hands on.
fn old_sharing<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    key: &SharedKey,
    ceremony: &Ceremony,
) -> Result<Option<Sharing>, Error> {
    let name: &KeyName = &key.spec.name;
    ceremony.from.map(|generation| draft.expect(&(name.clone(), generation))).transpose()
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
