//! The reference: the same rules over plain maps, with people, names and
//! everything else by small numbers.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::Parameters;

/// Something that can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    Units { asset: usize, amount: u64 },
    Name(usize),
    Title { maker: usize, content: u8 },
}

/// What somebody tries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Define { supply: u64 },
    Issue { asset: usize, amount: u64, to: usize },
    Retire(Thing),
    Entitle(u8),
    Transfer(Thing, usize),
    Commit(usize),
    Register { name: usize, ms: u64 },
    Renew { name: usize, ms: u64 },
    Lock { what: Thing, to: usize, ms: u64 },
    Claim(usize),
    Unlock(usize),
    Offer { what: Thing, price: u64, buyer: Option<usize>, ms: u64 },
    Accept { offer: usize, price: u64 },
    Withdraw(usize),
    Join { guardian: usize, bond: u64 },
    Bond { guardian: usize, amount: u64 },
    Leave(usize),
    Unbond(usize),
    Accuse(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Asset {
    pub(super) issuer: Option<usize>,
    pub(super) supply: u64,
    pub(super) issued: u64,
    pub(super) retired: u64,
}

/// Set aside by a lock or an offer, each by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aside {
    Lock(usize),
    Offer(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) owner: Option<usize>,
    pub(super) until: u64,
    pub(super) aside: Option<Aside>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Lock {
    pub(super) what: Thing,
    pub(super) owner: usize,
    pub(super) to: usize,
    pub(super) expires: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) what: Thing,
    pub(super) seller: usize,
    pub(super) price: u64,
    pub(super) buyer: Option<usize>,
    pub(super) expires: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Active,
    Left(u64),
    Evicted,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Guardian {
    pub(super) operator: usize,
    pub(super) bond: u64,
    pub(super) standing: Standing,
}

pub(super) struct Model {
    pub(super) rules: Parameters,
    pub(super) at: u64,
    pub(super) height: u64,
    pub(super) assets: Vec<Asset>,
    /// Units of an asset by its holder.
    pub(super) held: BTreeMap<(usize, usize), u64>,
    /// Owners by maker and content.
    pub(super) titles: BTreeMap<(usize, u8), Option<usize>>,
    pub(super) names: BTreeMap<usize, Name>,
    /// Height and time by name and who announced it.
    pub(super) announced: BTreeMap<(usize, usize), (u64, u64)>,
    /// All that were made; none where they have ended.
    pub(super) locks: Vec<Option<Lock>>,
    pub(super) offers: Vec<Option<Offer>>,
    pub(super) guardians: BTreeMap<usize, Guardian>,
    /// Who votes in this epoch.
    pub(super) voting: BTreeSet<usize>,
}

impl Model {
    fn held_mut(&mut self, asset: usize, person: usize) -> &mut u64 {
        self.held.entry((asset, person)).or_default()
    }

    /// Takes a thing from who has it; none if they cannot give it.
    fn take(&mut self, what: Thing, from: usize, aside: Option<Aside>) -> Option<()> {
        let at = self.at;
        match what {
            Thing::Units { asset, amount } => {
                let held = self.held_mut(asset, from);
                *held = held.checked_sub(amount).filter(|_| amount > 0)?;
            }
            Thing::Name(number) => {
                let name = self.names.get_mut(&number).filter(|name| name.owner == Some(from))?;
                if at > name.until {
                    return None;
                }
                (name.owner, name.aside) = (None, aside);
            }
            Thing::Title { maker, content } => {
                *self.titles.get_mut(&(maker, content)).filter(|owner| **owner == Some(from))? = None;
            }
        }
        Some(())
    }

    fn give(&mut self, what: Thing, to: usize, aside: Option<Aside>) {
        match what {
            Thing::Units { asset, amount } => *self.held_mut(asset, to) += amount,
            Thing::Name(number) => {
                if let Some(name) = self.names.get_mut(&number).filter(|name| name.aside == aside) {
                    (name.owner, name.aside) = (Some(to), None);
                }
            }
            Thing::Title { maker, content } => drop(self.titles.insert((maker, content), Some(to))),
        }
    }

    fn ends_well(&self, ms: u64) -> bool {
        (1..=self.rules.lock_max_ms).contains(&ms)
    }

    fn active(&self) -> BTreeSet<usize> {
        let active = self.guardians.iter().filter(|(_, guardian)| guardian.standing == Standing::Active);
        active.map(|(number, _)| *number).collect()
    }

    /// What comes after a block's operations.
    pub(super) fn end_block(&mut self) {
        if (self.height + 1).is_multiple_of(self.rules.epoch_heights) {
            let active = self.active();
            if !active.is_empty() {
                self.voting = active;
            }
        }
    }

    /// Does what `who` tries; none if it is refused.
    pub(super) fn try_step(&mut self, who: usize, step: Step) -> Option<()> {
        let at = self.at;
        match step {
            Step::Define { supply } => {
                (supply > 0).then_some(())?;
                self.assets.push(Asset { issuer: Some(who), supply, issued: 0, retired: 0 });
            }
            Step::Issue { asset, amount, to } => {
                let of = self.assets.get_mut(asset).filter(|of| of.issuer == Some(who) && amount > 0)?;
                of.issued = of.issued.checked_add(amount).filter(|issued| *issued <= of.supply)?;
                *self.held_mut(asset, to) += amount;
            }
            Step::Retire(what) => {
                self.take(what, who, None)?;
                match what {
                    Thing::Units { asset, amount } => self.assets[asset].retired += amount,
                    Thing::Name(number) => drop(self.names.remove(&number)),
                    Thing::Title { .. } => {}
                }
            }
            Step::Entitle(content) => {
                (!self.titles.contains_key(&(who, content))).then_some(())?;
                self.titles.insert((who, content), Some(who));
            }
            Step::Transfer(what, to) => {
                self.take(what, who, None)?;
                self.give(what, to, None);
            }
            Step::Commit(name) => {
                let good = |(_, made): &(u64, u64)| at - made <= self.rules.name_commit_ms;
                if self.announced.get(&(name, who)).is_some_and(good) {
                    return None;
                }
                self.announced.insert((name, who), (self.height, at));
            }
            Step::Register { name, ms } => {
                let (height, made) = *self.announced.get(&(name, who))?;
                let free =
                    self.names.get(&name).is_none_or(|held| at > held.until + self.rules.name_grace_ms);
                let good = at - made <= self.rules.name_commit_ms
                    && self.height >= height + self.rules.name_age_heights
                    && (1..=self.rules.name_term_max_ms).contains(&ms);
                (free && good).then_some(())?;
                self.announced.remove(&(name, who));
                self.names.insert(name, Name { owner: Some(who), until: at + ms, aside: None });
            }
            Step::Renew { name, ms } => {
                let (grace, longest) = (self.rules.name_grace_ms, self.rules.name_term_max_ms);
                let held = self.names.get_mut(&name).filter(|held| held.owner == Some(who))?;
                let good = at <= held.until + grace && at + ms > held.until && (1..=longest).contains(&ms);
                good.then_some(())?;
                held.until = at + ms;
            }
            Step::Lock { what, to, ms } => {
                self.ends_well(ms).then_some(())?;
                self.take(what, who, Some(Aside::Lock(self.locks.len())))?;
                self.locks.push(Some(Lock { what, owner: who, to, expires: at + ms }));
            }
            Step::Claim(number) => {
                let lock = (*self.locks.get(number)?).filter(|lock| lock.to == who && at <= lock.expires)?;
                self.locks[number] = None;
                self.give(lock.what, who, Some(Aside::Lock(number)));
            }
            Step::Unlock(number) => {
                let may = |lock: &Lock| lock.to == who || lock.owner == who && at > lock.expires;
                let lock = (*self.locks.get(number)?).filter(may)?;
                self.locks[number] = None;
                self.give(lock.what, lock.owner, Some(Aside::Lock(number)));
            }
            Step::Offer { what, price, buyer, ms } => {
                (self.ends_well(ms) && price > 0).then_some(())?;
                self.take(what, who, Some(Aside::Offer(self.offers.len())))?;
                self.offers.push(Some(Offer { what, seller: who, price, buyer, expires: at + ms }));
            }
            Step::Accept { offer: number, price } => {
                let offer = (*self.offers.get(number)?).filter(|offer| {
                    offer.buyer.is_none_or(|buyer| buyer == who)
                        && at <= offer.expires
                        && offer.price == price
                })?;
                let aside = Some(Aside::Offer(number));
                if let Thing::Name(name) = offer.what {
                    self.names.get(&name).filter(|name| name.aside == aside && at <= name.until)?;
                }
                let price = Thing::Units { asset: 0, amount: price };
                self.take(price, who, None)?;
                self.give(price, offer.seller, None);
                self.offers[number] = None;
                self.give(offer.what, who, aside);
            }
            Step::Withdraw(number) => {
                let offer = (*self.offers.get(number)?).filter(|offer| offer.seller == who)?;
                self.offers[number] = None;
                self.give(offer.what, who, Some(Aside::Offer(number)));
            }
            Step::Join { guardian, bond } => {
                (bond >= self.rules.bond_min && !self.guardians.contains_key(&guardian)).then_some(())?;
                self.take(Thing::Units { asset: 0, amount: bond }, who, None)?;
                let standing = Standing::Active;
                self.guardians.insert(guardian, Guardian { operator: who, bond, standing });
            }
            Step::Bond { guardian, amount } => {
                let of = self.guardians.get(&guardian)?;
                (of.operator == who && of.standing == Standing::Active).then_some(())?;
                self.take(Thing::Units { asset: 0, amount }, who, None)?;
                self.guardians.get_mut(&guardian)?.bond += amount;
            }
            Step::Leave(guardian) => {
                let others = self.active().len() > 1;
                let of = self.guardians.get_mut(&guardian).filter(|of| of.operator == who)?;
                (of.standing == Standing::Active && others).then_some(())?;
                of.standing = Standing::Left(at);
            }
            Step::Unbond(guardian) => {
                let of = self.guardians.get_mut(&guardian).filter(|of| of.operator == who)?;
                let Standing::Left(left) = of.standing else { return None };
                let over = at >= left + self.rules.unbond_ms && !self.voting.contains(&guardian);
                (over && of.bond > 0).then_some(())?;
                let bond = core::mem::take(&mut of.bond);
                *self.held_mut(0, who) += bond;
            }
            Step::Accuse(guardian) => {
                let of = self.guardians.get_mut(&guardian)?;
                (of.standing != Standing::Evicted).then_some(())?;
                of.standing = Standing::Evicted;
                self.assets[0].retired += core::mem::take(&mut of.bond);
            }
        }
        Some(())
    }

    /// Units of an asset that somebody holds, that are set aside, or that are
    /// bonded.
    pub(super) fn in_the_world(&self, asset: usize) -> u64 {
        let of = |what: &Thing| match what {
            Thing::Units { asset: of, amount } if *of == asset => *amount,
            _ => 0,
        };
        let held: u64 = self.held.iter().filter(|((of, _), _)| *of == asset).map(|(_, units)| units).sum();
        let locked: u64 = self.locks.iter().flatten().map(|lock| of(&lock.what)).sum();
        let offered: u64 = self.offers.iter().flatten().map(|offer| of(&offer.what)).sum();
        let bonds: u64 = self.guardians.values().map(|guardian| guardian.bond).sum();
        held + locked + offered + if asset == 0 { bonds } else { 0 }
    }
}
