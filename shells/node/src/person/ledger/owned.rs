//! What a person owns, or has under way, of all that their home folder came across: each
//! thing is asked for, and what is shown is what the network proves now.

use allod_did::Did;
use allod_ledger::asset::{asset_id, first_asset, title_id};
use allod_ledger::holding::{Asset, Balance, Holding, Title};
use allod_ledger::lock::{Lock, lock_id};
use allod_ledger::name::NameRecord;
use allod_ledger::offer::{Offer, offer_id};
use allod_ledger::record::Record;
use allod_ledger::{Action, Claim, Operation};
use allod_wire::{Instant, LockId, OfferId};

use super::{Belongings, Ledger, LedgerError, Thing};

/// What has a thing while nobody owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// A lock of the person's.
    Lock(LockId),
    /// An offer of the person's.
    Offer(OfferId),
}

/// How a thing is a person's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// They hold a name.
    Name {
        /// Until when.
        until: Instant,
        /// What has it meanwhile.
        aside: Option<Aside>,
    },
    /// They hold a title.
    Title {
        /// What the ledger has of it.
        title: Title,
        /// What has it meanwhile.
        aside: Option<Aside>,
    },
    /// They hold units, or issue them.
    Units {
        /// What the ledger has of the asset.
        asset: Asset,
        /// How many they hold.
        amount: u64,
    },
    /// They made a lock, or are its recipient.
    Lock(Lock),
    /// They made an offer, or are the only one who may buy.
    Offer(Offer),
}

/// Something that is a person's, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// What.
    pub thing: Thing,
    /// How.
    pub held: Held,
    /// Since when it is known in this home folder, by this device's clock; nothing where
    /// it is looked for in any case.
    pub known_since: Option<Instant>,
    /// The height as of which it was so.
    pub height: u64,
    /// The time of that.
    pub at: Instant,
}

/// What is a person's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Possessions {
    /// What they have.
    pub owned: Vec<Owned>,
    /// What was theirs, and is not any more: it is told once, and forgotten.
    pub gone: Vec<Thing>,
    /// The height as of which, or later, all of this was so.
    pub height: u64,
    /// The time of that.
    pub at: Instant,
}

/// What a proof says of a thing, and as of when.
struct Found {
    held: Option<Held>,
    height: u64,
    at: Instant,
}

impl Ledger {
    /// What of all that the home folder came across is this identity's now: what the
    /// ledger had when this was called is in it. What is not theirs any more is forgotten.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn owned(&self, did: &Did) -> Result<Possessions, LedgerError> {
        let belongings = self.belongings(did);
        let mut known: Vec<(Thing, Option<Instant>, bool)> = match &belongings {
            Some(belongings) => belongings
                .all()?
                .into_iter()
                .map(|known| (known.thing, Some(known.since), known.was_theirs))
                .collect(),
            None => Vec::new(),
        };
        // What others gave is looked for where it is known how.
        let first = Thing::Units(first_asset(&self.trust.network));
        if !known.iter().any(|(thing, ..)| *thing == first) {
            known.push((first, None, false));
        }
        // Locks and offers come first: they tell by what the rest is set aside.
        known.sort_by_key(|(thing, ..)| !matches!(thing, Thing::Lock(_) | Thing::Offer(_)));
        let (_, start) = self.prove_now::<allod_ledger::Chain>(&()).await?;
        let mut all = Possessions { height: start.height, at: start.at, ..Possessions::default() };
        for (thing, known_since, was_theirs) in known {
            let found = self.find_owned(did, &thing, &all).await?;
            match found.held {
                Some(held) => {
                    if let (Some(belongings), false) = (&belongings, was_theirs) {
                        belongings.remember(&thing, true)?;
                    }
                    let (height, at) = (found.height, found.at);
                    all.owned.push(Owned { thing, held, known_since, height, at });
                }
                None => {
                    if let Some(belongings) = &belongings {
                        belongings.forget(&thing)?;
                    }
                    if was_theirs {
                        all.gone.push(thing);
                    }
                }
            }
        }
        all.owned.sort_by(|one, other| one.thing.cmp(&other.thing));
        Ok(all)
    }

    async fn find_owned(&self, did: &Did, thing: &Thing, known: &Possessions) -> Result<Found, LedgerError> {
        let mine = |owner: &Option<Did>| owner.as_ref() == Some(did);
        match thing {
            Thing::Name(name) => {
                self.held::<NameRecord>(name, known.height, |held| {
                    let aside = held.aside.and_then(|id| known.by_id(did, id));
                    (mine(&held.owner) || aside.is_some()).then_some(Held::Name { until: held.until, aside })
                })
                .await
            }
            Thing::Title(id) => {
                self.held::<Title>(id, known.height, |title| {
                    // The ledger does not say by what a title is set aside.
                    let aside = match &title.owner {
                        None => known.by_what(did, &Holding::Title(*id)),
                        Some(_) => None,
                    };
                    (mine(&title.owner) || aside.is_some()).then_some(Held::Title { title, aside })
                })
                .await
            }
            Thing::Units(id) => {
                let (_, balance) = self.prove::<Balance>(&(*id, *did), known.height).await?;
                let amount = balance.record.unwrap_or_default().amount;
                self.held::<Asset>(id, known.height, |asset| {
                    (amount > 0 || mine(&asset.issuer)).then_some(Held::Units { asset, amount })
                })
                .await
            }
            Thing::Lock(id) => {
                self.held::<Lock>(id, known.height, |lock| {
                    (lock.owner == *did || lock.recipient == *did).then_some(Held::Lock(lock))
                })
                .await
            }
            Thing::Offer(id) => {
                self.held::<Offer>(id, known.height, |offer| {
                    (offer.seller == *did || mine(&offer.buyer)).then_some(Held::Offer(offer))
                })
                .await
            }
        }
    }

    async fn held<R: Record>(
        &self,
        id: &R::Id,
        height: u64,
        judge: impl FnOnce(R) -> Option<Held>,
    ) -> Result<Found, LedgerError> {
        let (_, shown) = self.prove::<R>(id, height).await?;
        Ok(Found { held: shown.record.and_then(judge), height: shown.height, at: shown.at })
    }

    /// What the home folder came across that concerns this identity; nothing where no
    /// home folder is kept.
    fn belongings(&self, did: &Did) -> Option<Belongings> {
        self.home.as_ref().map(|home| Belongings::of(home, &self.trust.network, did))
    }

    /// Remembers, before a lock or an offer is taken up or back, what it sets aside:
    /// afterwards nobody can say it any more.
    pub(super) async fn remember_aside(&self, did: &Did, action: &Action) {
        let Some(belongings) = self.belongings(did) else { return };
        // No decision depends on it: what is not so is found out when it is looked for.
        let what = match action {
            Action::Claim { lock, .. } | Action::Unlock { lock } => {
                self.record::<Lock>(lock).await.ok().flatten().map(|lock| lock.what)
            }
            Action::Accept { offer, .. } | Action::Withdraw { offer } => {
                self.record::<Offer>(offer).await.ok().flatten().map(|offer| offer.what)
            }
            _ => None,
        };
        if let Some(what) = what {
            self.tell_of(belongings.remember(&Thing::from(&what), false));
        }
    }

    /// Remembers what an identity's operation gave it or made, and forgets what it gave
    /// away or ended.
    pub(super) fn remember_outcome(&self, operation: &Operation) {
        let Claim::Device { did, .. } = &operation.body.claim else { return };
        let Some(belongings) = self.belongings(did) else { return };
        let (gained, lost) = changes(did, operation);
        for thing in gained {
            self.tell_of(belongings.remember(&thing, true));
        }
        for thing in lost {
            self.tell_of(belongings.forget(&thing));
        }
    }

    /// The operation went well whether or not it can be remembered.
    fn tell_of(&self, outcome: Result<(), crate::FileError>) {
        if let Err(why) = outcome {
            self.say(format!("`allod own list` will not have what this was about: {why}"));
        }
    }
}

impl Possessions {
    /// The lock or offer of this identity with this id.
    fn by_id(&self, did: &Did, id: [u8; 32]) -> Option<Aside> {
        self.asides(did).map(|(aside, _)| aside).find(|aside| match aside {
            Aside::Lock(lock) => *lock == LockId(id),
            Aside::Offer(offer) => *offer == OfferId(id),
        })
    }

    /// The lock or offer of this identity that sets this aside.
    fn by_what(&self, did: &Did, what: &Holding) -> Option<Aside> {
        self.asides(did).find(|(_, set_aside)| *set_aside == what).map(|(aside, _)| aside)
    }

    fn asides<'a>(&'a self, did: &'a Did) -> impl Iterator<Item = (Aside, &'a Holding)> {
        self.owned.iter().filter_map(move |owned| match (&owned.thing, &owned.held) {
            (Thing::Lock(id), Held::Lock(lock)) if lock.owner == *did => Some((Aside::Lock(*id), &lock.what)),
            (Thing::Offer(id), Held::Offer(offer)) if offer.seller == *did => {
                Some((Aside::Offer(*id), &offer.what))
            }
            _ => None,
        })
    }
}

/// What an operation that came about gave its author or made, and what it took.
fn changes(did: &Did, operation: &Operation) -> (Vec<Thing>, Vec<Thing>) {
    let by = operation.id();
    match &operation.body.action {
        Action::RegisterName { name, .. } | Action::RenewName { name, .. } => {
            (vec![Thing::Name(name.clone())], vec![])
        }
        Action::DefineAsset { .. } => (vec![Thing::Units(asset_id(&by))], vec![]),
        Action::Issue { units, .. } => (vec![Thing::Units(units.asset)], vec![]),
        Action::Entitle { content, .. } => (vec![Thing::Title(title_id(did, content))], vec![]),
        // Of units some may be left.
        Action::Retire { what: Holding::Units(units) }
        | Action::Transfer { what: Holding::Units(units), .. } => (vec![Thing::Units(units.asset)], vec![]),
        Action::Transfer { what, to } if to == did => (vec![Thing::from(what)], vec![]),
        Action::Retire { what } | Action::Transfer { what, .. } => (vec![], vec![Thing::from(what)]),
        Action::Lock { what, .. } => (vec![Thing::from(what), Thing::Lock(lock_id(&by))], vec![]),
        Action::Offer { what, price, .. } => {
            let offer = Thing::Offer(offer_id(&by));
            (vec![Thing::from(what), Thing::Units(price.asset), offer], vec![])
        }
        Action::Claim { lock, .. } | Action::Unlock { lock } => (vec![], vec![Thing::Lock(*lock)]),
        Action::Accept { offer, price } => (vec![Thing::Units(price.asset)], vec![Thing::Offer(*offer)]),
        Action::Withdraw { offer } => (vec![], vec![Thing::Offer(*offer)]),
        _ => (vec![], vec![]),
    }
}
