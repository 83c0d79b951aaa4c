//! A session: what its members post while a key is made or handed on.

use alloc::vec::Vec;

use allod_threshold::dealing::Verdict;
use allod_wire::{GuardianId, Instant, SessionId, Wire};
use minicbor::{Decode, Encode};

use super::outcome::{judge, verify_announcement, verify_dealing};
use super::{KeyName, Keys, SharedKey, Sharing, terms};
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
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
    pub(super) fn enter(&mut self, phase: Phase, context: &Context) {
        self.phase = phase;
        self.until = context.at.plus_ms(context.rules.phase_ms);
        self.until_height = context.height.saturating_add(context.rules.phase_heights);
    }

    /// Whether nobody is left to wait for.
    pub(super) fn is_complete(&self, old: Option<&Sharing>) -> bool {
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

/// The sharing that the session hands on.
pub(super) fn old_sharing<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    key: &SharedKey,
    ceremony: &Ceremony,
) -> Result<Option<Sharing>, Error> {
    let name: &KeyName = &key.spec.name;
    ceremony.from.map(|generation| draft.expect(&(name.clone(), generation))).transpose()
}
