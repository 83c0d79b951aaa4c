//! A ledger as small as it can be: one key, its sessions, and every check of what
//! is public.

use alloc::collections::BTreeSet;

use allod_crypto::group::{Group, Ristretto255};
use allod_crypto::hash;
use allod_threshold::dealing::{Complaint, Dealing, EncryptionKey, Outcome, Terms, Verdict};
use allod_threshold::knowledge::Proof;
use allod_threshold::{Error, Point, PublicShares, in_group};

use super::*;

/// What everybody reads.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    /// The last block's time.
    pub(super) at: Instant,
    pub(super) group: GroupName,
    pub(super) sessions: u32,
    pub(super) ceremony: Option<Ceremony>,
    /// By generation.
    pub(super) sharings: Vec<Made>,
    /// Keys that were ever announced.
    pub(super) announced: BTreeSet<Vec<u8>>,
    /// What was refused.
    pub(super) refused: usize,
}

/// A session under way.
#[derive(Clone, Debug)]
pub(super) struct Ceremony {
    pub(super) id: SessionId,
    pub(super) phase: Phase,
    pub(super) threshold: u16,
    pub(super) members: Vec<Member>,
    pub(super) dealings: Vec<(u16, Vec<u8>)>,
    pub(super) disqualified: Vec<u16>,
    pub(super) from: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) index: u16,
    pub(super) who: usize,
    pub(super) key: Option<[u8; 32]>,
    pub(super) ready: bool,
}

/// A sharing that came into force.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) session: SessionId,
    pub(super) threshold: u16,
    pub(super) public_key: Vec<u8>,
    /// Index, who, encryption key, public share.
    pub(super) holders: Vec<(u16, usize, [u8; 32], Vec<u8>)>,
    pub(super) dealings: Vec<(u16, Vec<u8>)>,
    handed_on: Option<PublicPart>,
}

impl Ledger {
    pub(super) fn new(group: GroupName) -> Self {
        Self {
            at: Instant(0),
            group,
            sessions: 0,
            ceremony: None,
            sharings: Vec::new(),
            announced: BTreeSet::new(),
            refused: 0,
        }
    }

    /// The generation in force.
    pub(super) fn generation(&self) -> Option<u32> {
        self.sharings.len().checked_sub(1).map(|generation| generation as u32)
    }

    /// Begins a session; the dealings of the sharing in force are forgotten.
    pub(super) fn begin(&mut self, members: &[usize], threshold: u16) {
        assert!(self.ceremony.is_none());
        self.sessions += 1;
        if let Some(made) = self.sharings.last_mut() {
            made.dealings.clear();
        }
        let members = (1..).zip(members);
        self.ceremony = Some(Ceremony {
            id: SessionId(hash::tagged("model session", &[&self.sessions.to_be_bytes()])),
            phase: Phase::Announcing,
            threshold,
            members: members
                .map(|(index, who)| Member { index, who: *who, key: None, ready: false })
                .collect(),
            dealings: Vec::new(),
            disqualified: Vec::new(),
            from: self.sharings.len().checked_sub(1),
        });
    }

    /// What a guardian reads.
    pub(super) fn view(&self, who: usize) -> View {
        View {
            at: self.at,
            sessions: self.sessions,
            session: self.ceremony.as_ref().map(|ceremony| {
                let member = ceremony.members.iter().find(|member| member.who == who);
                let dealer = self.dealer(ceremony, who);
                Session {
                    id: ceremony.id,
                    phase: ceremony.phase,
                    index: member.map(|member| member.index),
                    announced: member.is_some_and(|member| member.key.is_some()),
                    ready: member.is_some_and(|member| member.ready),
                    dealer,
                    dealt: ceremony.dealings.iter().any(|(index, _)| Some(*index) == dealer)
                        || dealer.is_some_and(|dealer| ceremony.disqualified.contains(&dealer)),
                    from: ceremony.from.map(|generation| generation as u32),
                    terms: (ceremony.phase != Phase::Announcing).then(|| terms(ceremony)),
                    dealings: match ceremony.phase {
                        Phase::Verifying => ceremony.dealings.clone(),
                        Phase::Announcing | Phase::Dealing => Vec::new(),
                    },
                }
            }),
            sharing: self.sharings.last().map(|made| Sharing {
                generation: self.sharings.len() as u32 - 1,
                session: made.session,
                index: made.holders.iter().find(|holder| holder.1 == who).map(|holder| holder.0),
                terms: made.terms(),
                handed_on: made.handed_on.clone(),
                dealings: made.dealings.clone(),
            }),
        }
    }

    fn dealer(&self, ceremony: &Ceremony, who: usize) -> Option<u16> {
        match ceremony.from {
            Some(generation) => {
                let holders = &self.sharings[generation].holders;
                holders.iter().find(|holder| holder.1 == who).map(|holder| holder.0)
            }
            None => ceremony.members.iter().find(|member| member.who == who).map(|member| member.index),
        }
    }

    /// Takes what a guardian hands in, or refuses it.
    pub(super) fn post(&mut self, who: usize, post: &Post) -> bool {
        let taken = match post {
            Post::Announce { session, key } => self.announce(who, session, key),
            Post::Deal { session, dealing } => self.deal(who, session, dealing),
            Post::Complain { session, complaint } => self.complain(session, complaint),
            Post::Ready { session } => self.ready(who, session),
        };
        self.refused += usize::from(taken.is_none());
        taken.is_some()
    }

    fn in_phase(&mut self, session: &SessionId, phase: Phase) -> Option<&mut Ceremony> {
        self.ceremony.as_mut().filter(|ceremony| ceremony.id == *session && ceremony.phase == phase)
    }

    fn announce(&mut self, who: usize, session: &SessionId, bytes: &[u8]) -> Option<()> {
        let ceremony = self.in_phase(session, Phase::Announcing)?;
        let member = ceremony.members.iter_mut().find(|member| member.who == who && member.key.is_none())?;
        let key = EncryptionKey::decode(&bytes[..32]).expect("a key");
        let proof = Proof::<Ristretto255>::decode(&bytes[32..]).expect("a proof");
        let index = Index::new(member.index).expect("an index");
        key.verify_possession(session.as_bytes(), index, &proof).expect("it knows the secret");
        member.key = Some(*key.bytes());
        assert!(self.announced.insert(key.bytes().to_vec()), "a key in two sessions");
        Some(())
    }

    fn deal(&mut self, who: usize, session: &SessionId, dealing: &[u8]) -> Option<()> {
        let group = self.group;
        let ceremony = self.in_phase(session, Phase::Dealing)?.clone();
        let dealer = self.dealer(&ceremony, who)?;
        if ceremony.dealings.iter().any(|(index, _)| *index == dealer) {
            return None;
        }
        let constant = ceremony.from.map(|generation| {
            let holders = &self.sharings[generation].holders;
            holders.iter().find(|holder| holder.0 == dealer).expect("a holder").3.clone()
        });
        let terms = terms(&ceremony);
        in_group!(group, G => verify_dealing::<G>(&terms, dealer, dealing, constant.as_deref())).ok()?;
        let ceremony = self.in_phase(session, Phase::Dealing)?;
        ceremony.dealings.push((dealer, dealing.to_vec()));
        ceremony.dealings.sort();
        Some(())
    }

    fn complain(&mut self, session: &SessionId, complaint: &[u8]) -> Option<()> {
        let group = self.group;
        let ceremony = self.in_phase(session, Phase::Verifying)?;
        let terms = terms(ceremony);
        let complaint = Complaint::decode(complaint).ok()?;
        let accused = complaint.dealer().get();
        let place = ceremony.dealings.iter().position(|(index, _)| *index == accused)?;
        let dealing = &ceremony.dealings[place].1;
        let verdict = in_group!(group, G => judge::<G>(&terms, accused, dealing, &complaint)).ok()?;
        if verdict == Verdict::Refuted {
            return None;
        }
        ceremony.dealings.remove(place);
        ceremony.disqualified.push(accused);
        Some(())
    }

    fn ready(&mut self, who: usize, session: &SessionId) -> Option<()> {
        let ceremony = self.in_phase(session, Phase::Verifying)?;
        let member = ceremony.members.iter_mut().find(|member| member.who == who && !member.ready)?;
        member.ready = true;
        Some(())
    }

    /// The phase's time is over.
    pub(super) fn advance(&mut self) {
        let Some(mut ceremony) = self.ceremony.take() else { return };
        match ceremony.phase {
            Phase::Announcing => {
                ceremony.members.retain(|member| member.key.is_some());
                if usize::from(ceremony.threshold) > quorum(ceremony.members.len()) {
                    return;
                }
                ceremony.phase = Phase::Dealing;
                self.ceremony = Some(ceremony);
            }
            Phase::Dealing => {
                ceremony.phase = Phase::Verifying;
                self.ceremony = Some(ceremony);
            }
            Phase::Verifying => self.finish(ceremony),
        }
    }

    fn finish(&mut self, ceremony: Ceremony) {
        let old = ceremony.from.map(|generation| &self.sharings[generation]);
        let ready = ceremony.members.iter().filter(|member| member.ready).count();
        let needed = old.map_or(ceremony.threshold, |old| old.threshold);
        if ready < quorum(ceremony.members.len()) || ceremony.dealings.len() < usize::from(needed) {
            return;
        }
        let handed_on = old.map(Made::public_part);
        let terms = terms(&ceremony);
        let (public_key, public_shares) =
            in_group!(self.group, G => make::<G>(&terms, &ceremony.dealings, handed_on.as_ref()))
                .expect("the dealings were verified");
        let holders = ceremony.members.iter().zip(public_shares).map(|(member, public_share)| {
            (member.index, member.who, member.key.expect("announced"), public_share)
        });
        self.sharings.push(Made {
            session: ceremony.id,
            threshold: ceremony.threshold,
            public_key,
            holders: holders.collect(),
            dealings: ceremony.dealings.clone(),
            handed_on,
        });
    }
}

impl Made {
    fn public_part(&self) -> PublicPart {
        let shares = self.holders.iter().map(|holder| (holder.0, holder.3.clone()));
        PublicPart {
            threshold: self.threshold,
            public_key: self.public_key.clone(),
            shares: shares.collect(),
        }
    }

    fn terms(&self) -> Terms {
        make_terms(&self.session, self.threshold, self.holders.iter().map(|holder| (holder.0, holder.2)))
    }
}

pub(super) fn quorum(members: usize) -> usize {
    members - members.saturating_sub(1) / 3
}

pub(super) fn terms(ceremony: &Ceremony) -> Terms {
    let keys = ceremony.members.iter().map(|member| (member.index, member.key.expect("announced")));
    make_terms(&ceremony.id, ceremony.threshold, keys)
}

fn make_terms(session: &SessionId, threshold: u16, keys: impl Iterator<Item = (u16, [u8; 32])>) -> Terms {
    let receivers = keys.map(|(index, key)| {
        (Index::new(index).expect("an index"), EncryptionKey::decode(&key).expect("a key"))
    });
    Terms::new(*session.as_bytes(), threshold, receivers.collect()).expect("terms")
}

fn verify_dealing<G: Group>(
    terms: &Terms,
    dealer: u16,
    dealing: &[u8],
    constant: Option<&[u8]>,
) -> Result<(), Error> {
    let constant = constant.map(|bytes| Point::<G>::decode(bytes).expect("a point"));
    Dealing::<G>::decode(Index::new(dealer)?, dealing)?.verify(terms, constant.as_ref())
}

fn judge<G: Group>(
    terms: &Terms,
    accused: u16,
    dealing: &[u8],
    complaint: &Complaint,
) -> Result<Verdict, Error> {
    complaint.judge(terms, &Dealing::<G>::decode(Index::new(accused)?, dealing)?)
}

type Public = (Vec<u8>, Vec<Vec<u8>>);

fn make<G: Group>(
    terms: &Terms,
    dealings: &[(u16, Vec<u8>)],
    handed_on: Option<&PublicPart>,
) -> Result<Public, Error> {
    let decode = |(dealer, bytes): &(u16, Vec<u8>)| Dealing::<G>::decode(Index::new(*dealer)?, bytes);
    let dealings = dealings.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
    let outcome = match handed_on {
        Some(old) => {
            let shares = old.shares.iter().map(|(index, share)| (*index, share.as_slice()));
            let old = PublicShares::decode(old.threshold, &old.public_key, shares)?;
            Outcome::reshared(terms, &dealings, &old)?
        }
        None => Outcome::fresh(terms, &dealings, terms.threshold())?,
    };
    let public = outcome.public();
    let shares = public.iter().map(|(_, share)| share.bytes().as_ref().to_vec()).collect();
    Ok((public.public_key().bytes().as_ref().to_vec(), shares))
}
