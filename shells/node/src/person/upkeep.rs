//! Telling the guardians what is in force, and following what other devices told
//! them.
//!
//! The descriptor is the one thing that all devices of a person and the card
//! agree by. So a new registration is announced in it *before* the first
//! guardian is given its part, and declared in force once as many hold theirs as
//! are needed: wherever this stops, the card finds its way. And a device looks at
//! the newest descriptor before it changes anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use allod_did::{Log, Root};
use allod_guardian::account::AccountKeys;
use allod_guardian::card::Card;
use allod_guardian::client::{Configuration, Fault, Guardian, Lie};
use allod_guardian::descriptor::{Descriptor, Guarded, owner_key};
use allod_guardian::juicebox::{Request, Response};
use allod_guardian::token;
use allod_wire::RealmId;
use tokio::task::JoinSet;

use super::drive::{Access, Report};
use super::error::PersonError;
use super::home::{Home, Person, Retired};
use super::link::Link;
use super::search::{CardSource, Found, search};

/// How many renewals of the card a device that was away looks ahead.
const GENERATIONS_AHEAD: u32 = 8;

impl Person {
    /// Access to guardians as the owner.
    ///
    /// # Errors
    /// [`PersonError::Address`].
    pub fn access(&self, configuration: Configuration) -> Result<Access, PersonError> {
        let binding = self.card().bind(&self.owner());
        Ok(Access::new(configuration, self.account(self.card_generation), self.owner())?.bound(binding))
    }

    fn account(&self, generation: u32) -> AccountKeys {
        Card::new(&self.root, &self.log.state().did(), generation).account(&owner_key(&self.root))
    }

    /// Has the guardians keep a new descriptor, and notes whether enough do. The
    /// report names those that do not.
    ///
    /// # Errors
    /// [`PersonError::Behind`] where a guardian keeps a newer one; see also
    /// [`PersonError`].
    pub(super) async fn describe(&mut self, home: &Home) -> Result<Report, PersonError> {
        let in_force = self.guarded.clone().ok_or(PersonError::NotGuarded)?;
        // Time as a number keeps two devices of one person apart.
        let sequence = (self.sequence + 1).max(crate::now().0);
        let descriptor = Descriptor {
            sequence,
            log: self.log.clone(),
            card_generation: self.card_generation,
            owner: self.owner().verifying_key(),
            in_force: in_force.clone(),
            coming: self.coming.clone(),
            backup_peers: self.backup_peers.clone(),
        };
        let card = self.card();
        let (keys, binding) = (self.account(self.card_generation), card.bind(&self.owner()));
        let sealed = Arc::new(descriptor.seal(&self.root, &card, &mut crate::entropy()));
        let coming = self.coming.iter().flat_map(|coming| coming.configuration.guardians());
        let mut guardians: BTreeMap<RealmId, &Guardian> = BTreeMap::new();
        for guardian in in_force.configuration.guardians().iter().chain(coming) {
            guardians.entry(guardian.realm).or_insert(guardian);
        }
        let mut puts = JoinSet::new();
        for guardian in guardians.into_values() {
            let link = Link::new(guardian.address.parse()?);
            let token = token::mint(&keys, Some(&binding), &self.owner(), &guardian.realm, crate::now());
            let (guardian, sealed) = (guardian.clone(), Arc::clone(&sealed));
            puts.spawn(async move {
                let kept = link.describe(&token, &sealed).await;
                (guardian, kept)
            });
        }
        let mut report = Report::default();
        let mut kept = 0;
        let mut behind = false;
        while let Some(Ok((guardian, outcome))) = puts.join_next().await {
            let counts = in_force.configuration.guardians().contains(&guardian);
            match outcome {
                Ok(()) => kept += usize::from(counts),
                // One that is still to take its part keeps no descriptor before.
                Err(_) if !counts => {}
                Err(fault) => {
                    behind |= matches!(&fault, Fault::Refused(why) if why.starts_with("409"));
                    report.faults.push((guardian.address, fault));
                }
            }
        }
        self.told = kept >= usize::from(in_force.configuration.threshold());
        if self.told {
            self.sequence = sequence;
        }
        home.save(self)?;
        if behind && !self.told { Err(PersonError::Behind) } else { Ok(report) }
    }

    /// Follows what another device of this person did: a longer log, another
    /// set of guardians, a newer registration, a renewed card. Tells whether
    /// enough guardians answered to be sure of having seen it.
    ///
    /// # Errors
    /// [`PersonError::Fork`] where both changed the log; see also
    /// [`PersonError`].
    pub async fn refresh(&mut self, home: &Home) -> Result<bool, PersonError> {
        let Some(guarded) = self.guarded.clone() else { return Ok(true) };
        let mut known: Vec<String> = self.known_guardians();
        known.extend(guarded.configuration.guardians().iter().map(|guardian| guardian.address.clone()));
        known.sort();
        known.dedup();
        let mut newest: Option<Descriptor> = None;
        let mut sure = true;
        for generation in self.card_generation..=self.card_generation + GENERATIONS_AHEAD {
            let card = Card::new(&self.root, &self.log.state().did(), generation);
            let Found { newest: found, answered, .. } =
                search(&CardSource { card, addresses: known.clone() }).await?;
            let ours = |address: &&String| {
                guarded.configuration.guardians().iter().any(|guardian| guardian.address == **address)
            };
            sure &= answered.iter().filter(ours).count() >= usize::from(guarded.configuration.threshold());
            match found {
                Some(found) => newest = Some(found),
                None if generation > self.card_generation => break,
                None => {}
            }
        }
        if let Some(newest) = newest {
            self.follow(newest)?;
            home.save(self)?;
        } else if sure {
            // Nobody keeps what this device thinks they do.
            self.told = false;
        }
        Ok(sure)
    }

    /// Takes over what a descriptor says that this device does not know.
    fn follow(&mut self, newest: Descriptor) -> Result<(), PersonError> {
        if newest.log.extends(&self.log) {
            self.log = newest.log;
        } else if self.log.extends(&newest.log) {
            self.told = false;
        } else {
            return Err(PersonError::Fork);
        }
        if newest.sequence < self.sequence {
            self.told = false;
        }
        if newest.sequence <= self.sequence {
            return Ok(());
        }
        self.sequence = newest.sequence;
        self.backup_peers = newest.backup_peers;
        let ours = self.kit.as_ref().map(Guarded::by);
        let named = ours.as_ref() == Some(&newest.in_force) || ours == newest.coming;
        let waits = self.guarded.as_ref() == Some(&newest.in_force) && newest.coming.is_none();
        let moved = newest.card_generation != self.card_generation;
        if moved || !(named || waits) {
            // Another device registered since.
            self.kit = None;
            self.owed.clear();
        }
        self.card_generation = newest.card_generation;
        self.guarded = Some(newest.in_force);
        self.coming =
            if self.is_in_force() { None } else { self.kit.as_ref().map(Guarded::by).or(newest.coming) };
        Ok(())
    }

    /// Changes the identity's log and tells the guardians.
    ///
    /// # Errors
    /// [`PersonError::Log`] for a change that the log refuses; see also
    /// [`PersonError`]. The change is kept here even where no guardian could be
    /// told; [`Person::heal`] tells them later.
    pub async fn change_log<T>(
        &mut self,
        home: &Home,
        change: impl FnOnce(&mut Log, &Root) -> Result<T, allod_did::Error>,
    ) -> Result<T, PersonError> {
        let next = self.log.state().sequence().saturating_add(1);
        let changed = change(&mut self.log, &self.root)?;
        self.approve_from(next);
        self.told = false;
        home.save(self)?;
        if self.guarded.is_some() {
            let report = self.describe(home).await?;
            if !self.told {
                return Err(PersonError::NotDescribed(report));
            }
        }
        Ok(changed)
    }

    /// Notes where backups of the vault are kept, and tells the guardians, so that whoever
    /// recovers finds them.
    ///
    /// # Errors
    /// [`PersonError::NotDescribed`]: it is kept here even where no guardian could be told, and
    /// [`Person::heal`] tells them later; see also [`PersonError`].
    pub async fn set_backup_peers(&mut self, home: &Home, peers: Vec<String>) -> Result<(), PersonError> {
        if self.backup_peers == peers {
            return Ok(());
        }
        if self.guarded.is_some() {
            // What other devices said is not undone.
            self.refresh(home).await?;
        }
        self.backup_peers = peers;
        self.told = false;
        home.save(self)?;
        if self.guarded.is_some() {
            let report = self.describe(home).await?;
            if !self.told {
                return Err(PersonError::NotDescribed(report));
            }
        }
        Ok(())
    }

    /// Has guardians delete what is retired, once what takes its place is in
    /// force. The report names those that could not be asked; they are asked
    /// again each time the guardians are looked after.
    pub(super) async fn retire(&mut self, home: &Home) -> Result<Report, PersonError> {
        let mut report = Report::default();
        // In force is this device's registration, another device's, or, where all
        // were dismissed, none.
        let settled = self.kit.is_none() || self.is_in_force();
        if self.retired.is_empty() || !settled || (self.guarded.is_some() && !self.told) {
            return Ok(report);
        }
        let serving: Vec<RealmId> = self
            .configuration()
            .map(|configuration| configuration.guardians().iter().map(|guardian| guardian.realm).collect())
            .unwrap_or_default();
        let mut deletions = JoinSet::new();
        for Retired { card_generation, guardians } in std::mem::take(&mut self.retired) {
            let (keys, current) = (self.account(card_generation), card_generation == self.card_generation);
            let binding = Card::new(&self.root, &self.log.state().did(), card_generation).bind(&self.owner());
            // A guardian that came back holds what is in force.
            for guardian in guardians.into_iter().filter(|one| !(current && serving.contains(&one.realm))) {
                let link = Link::new(guardian.address.parse()?);
                let token = token::mint(&keys, Some(&binding), &self.owner(), &guardian.realm, crate::now());
                deletions.spawn(async move {
                    let deleted = link.ask(&token, &Request::Delete).await;
                    (card_generation, guardian, deleted)
                });
            }
        }
        while let Some(Ok((card_generation, guardian, deleted))) = deletions.join_next().await {
            if let Ok(Response::Delete) = deleted {
                continue;
            }
            let fault = deleted.err().unwrap_or(Fault::Lied(Lie::WrongMessage));
            report.faults.push((guardian.address.clone(), fault));
            match self.retired.iter_mut().find(|retired| retired.card_generation == card_generation) {
                Some(retired) => retired.guardians.push(guardian),
                None => self.retired.push(Retired { card_generation, guardians: vec![guardian] }),
            }
        }
        home.save(self)?;
        Ok(report)
    }
}
