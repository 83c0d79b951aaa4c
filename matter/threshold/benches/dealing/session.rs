//! One session laid out beforehand, and what one honest node does in it.

use std::hint::black_box;

use allod_crypto::group::{Group, SecretScalar};
use allod_threshold::dealing::{Complaint, Dealing, EncryptionSecret, Opened, Outcome, Terms, Verdict, lie};
use allod_threshold::shamir::{self, Share};
use allod_threshold::{Index, Point, PublicShares};
use getrandom::SysRng;
use rand_core::UnwrapErr;

/// Whether a key is made or passed on to the same committee.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Fresh,
    PassedOn,
}

/// What is wrong with the faulty dealers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Silent,
    Malformed,
    WrongProof,
    WrongConstant,
    WrongShare,
}

impl Fault {
    /// All that a dealer can do wrong.
    pub(crate) fn of(kind: Kind) -> Vec<Self> {
        let mut faults = vec![Self::Silent, Self::Malformed, Self::WrongProof, Self::WrongShare];
        if kind == Kind::PassedOn {
            faults.push(Self::WrongConstant);
        }
        faults
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "honest",
            Self::Silent => "silent",
            Self::Malformed => "with a malformed dealing",
            Self::WrongProof => "with a wrong proof",
            Self::WrongConstant => "with something else than their share",
            Self::WrongShare => "with a wrong share for one receiver each",
        }
    }
}

/// A session as the last of its nodes sees it: the faulty dealers are the first.
pub(crate) struct Session<G: Group> {
    terms: Terms,
    me: Index,
    secret: EncryptionSecret,
    /// The key that is passed on, and the node's share of it.
    old: Option<(PublicShares<G>, Share<G>)>,
    published: Vec<(Index, Vec<u8>)>,
    complaints: Vec<Vec<u8>>,
}

fn system() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

impl<G: Group> Session<G> {
    pub(crate) fn new(kind: Kind, n: u16, threshold: u16, fault: Fault) -> Self {
        let rng = &mut system();
        let secrets = Index::first(n).map(|i| (i, EncryptionSecret::random(rng))).collect::<Vec<_>>();
        let keys = secrets.iter().map(|(i, secret)| (*i, *secret.key())).collect();
        let terms = Terms::new([7; 32], threshold, keys).expect("in range");
        let key = SecretScalar::<G>::random(rng);
        let shares = shamir::split(&key, threshold, n, rng).expect("in range");
        let faulty = if fault == Fault::None { 0 } else { n - threshold };

        let mut published = Vec::new();
        let mut complaints = Vec::new();
        for share in &shares {
            let dealer = share.index;
            let honest = || match kind {
                Kind::Fresh => Dealing::<G>::deal_fresh(&terms, dealer, &mut system()),
                Kind::PassedOn => Dealing::deal_share(&terms, share, &mut system()),
            };
            let mut bytes = honest().expect("dealt").encode();
            if dealer.get() <= faulty {
                match fault {
                    Fault::None => {}
                    Fault::Silent => continue,
                    Fault::Malformed => bytes.truncate(bytes.len() - 1),
                    Fault::WrongProof => bytes[40] ^= 1,
                    Fault::WrongConstant => {
                        bytes = Dealing::<G>::deal_fresh(&terms, dealer, rng).expect("dealt").encode();
                    }
                    Fault::WrongShare => {
                        let (victim, secret) = &secrets[usize::from(n - dealer.get())];
                        let dealing =
                            lie::wrong_share(&terms, dealer, &share.value, *victim, rng).expect("dealt");
                        let Ok(Opened::Complaint(complaint)) = dealing.open(&terms, *victim, secret, rng)
                        else {
                            panic!("the share is wrong")
                        };
                        complaints.push(complaint.encode());
                        bytes = dealing.encode();
                    }
                }
            }
            published.push((dealer, bytes));
        }

        let point = |scalar: &SecretScalar<G>| Point::new(scalar.mul_generator()).expect("not zero");
        let public = shares.iter().map(|share| (share.index, point(&share.value)));
        let public = PublicShares::new(threshold, point(&key), public).expect("in range");
        let (me, secret) = secrets.last().expect("somebody").clone();
        let own = shares.last().expect("somebody").clone();
        let old = (kind == Kind::PassedOn).then_some((public, own));
        Self { terms, me, secret, old, published, complaints }
    }

    /// Everything that the node does.
    pub(crate) fn node(&self) {
        let Self { terms, me, .. } = self;
        let rng = &mut system();
        let own = match &self.old {
            None => Dealing::<G>::deal_fresh(terms, *me, rng),
            Some((_, share)) => Dealing::deal_share(terms, share, rng),
        };
        black_box(own.expect("dealt").encode());

        let mut dealings = Vec::new();
        let mut opened = Vec::new();
        for (dealer, bytes) in &self.published {
            let expected = self.old.as_ref().map(|(public, _)| public.get(*dealer).expect("a holder"));
            let verified = Dealing::<G>::decode(*dealer, black_box(bytes))
                .and_then(|dealing| dealing.verify(terms, expected).map(|()| dealing));
            let Ok(dealing) = verified else { continue };
            match dealing.open(terms, *me, &self.secret, rng).expect("a receiver") {
                Opened::Share(share) => opened.push((*dealer, share.value)),
                Opened::Complaint(complaint) => drop(black_box(complaint.encode())),
            }
            dealings.push(dealing);
        }

        for bytes in &self.complaints {
            let complaint = Complaint::decode(black_box(bytes)).expect("well formed");
            let accused = dealings.iter().position(|dealing| dealing.dealer() == complaint.dealer());
            let accused = accused.expect("it was published");
            let verdict = complaint.judge(terms, &dealings[accused]).expect("a good proof");
            assert!(verdict == Verdict::Upheld, "the share is wrong");
            dealings.remove(accused);
        }

        let outcome = match &self.old {
            None => Outcome::fresh(terms, &dealings, terms.threshold()),
            Some((public, _)) => Outcome::reshared(terms, &dealings, public),
        };
        let outcome = outcome.expect("enough are honest");
        let opened = opened.iter().map(|(dealer, share)| (*dealer, share));
        black_box(outcome.combine(*me, opened).expect("it fits"));
    }

    /// Bytes in one dealing.
    pub(crate) fn dealing_len(&self) -> usize {
        self.published.last().map_or(0, |(_, bytes)| bytes.len())
    }
}
