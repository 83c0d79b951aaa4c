//! Telling the guardians what is in force, and following what other devices told
//! them.

use std::sync::Arc;

use allod_did::{Log, Root};
use allod_guardian::account::AccountKeys;
use allod_guardian::card::Card;
use allod_guardian::client::{Configuration, Fault, Kit, Patience, Register};
use allod_guardian::descriptor::{Descriptor, owner_key};
use allod_wire::RealmId;
use tokio::task::JoinSet;

use super::drive::{Access, Registering, Report};
use super::error::PersonError;
use super::home::{Guarded, Home, Person};
use super::search::{CardSource, find_descriptor};

/// How many renewals of the card a device that was away looks ahead.
const GENERATIONS_AHEAD: u32 = 8;

/// How many guardians must take a registration: one more than the threshold,
/// where there are so many, so that the loss of one is no loss.
pub(super) fn quorum(configuration: &Configuration) -> usize {
    (usize::from(configuration.threshold()) + 1).min(configuration.guardians().len())
}

impl Person {
    /// Keeps a dealing that no guardian took yet.
    pub(super) fn dealt(&mut self, kit: Kit) {
        self.owed = kit.configuration().guardians().iter().map(|guardian| guardian.realm).collect();
        self.kit = Some(kit);
    }

    /// Tells the guardians which registration is in force: the kit's, if as many
    /// took it as are needed to recover, or still the one before.
    pub(super) async fn conclude(
        &mut self,
        home: &Home,
        registering: &Registering,
    ) -> Result<(), PersonError> {
        if let Some(kit) = &self.kit {
            let guardians = kit.configuration().guardians();
            let took = registering.stored.iter().filter_map(|place| guardians.get(*place));
            let took: Vec<RealmId> = took.map(|guardian| guardian.realm).collect();
            self.owed.retain(|realm| !took.contains(realm));
            if guardians.len() - self.owed.len() >= usize::from(kit.configuration().threshold()) {
                self.guarded = Some(Guarded::by(kit));
            }
        }
        if self.guarded.is_some() { self.describe(home).await } else { home.save(self) }
    }

    /// Gives every guardian its part.
    pub(super) async fn register_everywhere(&self) -> Result<Registering, PersonError> {
        let kit = self.kit.as_ref().ok_or(PersonError::NoKit)?;
        let all: Vec<usize> = (0..kit.configuration().guardians().len()).collect();
        let access = self.access(kit.configuration().clone())?;
        let machine =
            Register::new(kit.clone(), &all, quorum(kit.configuration()), Patience::default(), crate::now());
        Ok(access.register(machine).await)
    }

    /// Access to guardians as the owner.
    ///
    /// # Errors
    /// [`PersonError::Address`].
    pub fn access(&self, configuration: Configuration) -> Result<Access, PersonError> {
        Ok(Access::new(configuration, self.account(), self.owner())?)
    }

    fn account(&self) -> AccountKeys {
        self.card().account(&owner_key(&self.root))
    }

    /// Has the guardians keep a new descriptor. One that keeps it is enough.
    async fn describe(&mut self, home: &Home) -> Result<(), PersonError> {
        let guarded = self.guarded.clone().ok_or(PersonError::NotGuarded)?;
        // Time as a number keeps two devices of one person apart.
        self.sequence = (self.sequence + 1).max(crate::now().0);
        let descriptor = Descriptor {
            sequence: self.sequence,
            log: self.log.clone(),
            card_generation: self.card_generation,
            owner: self.owner().verifying_key(),
            configuration: guarded.configuration.clone(),
            version: guarded.version,
            verifying_key: guarded.verifying_key,
        };
        let sealed = Arc::new(descriptor.seal(&self.root, &self.card(), &mut crate::entropy()));
        let access = self.access(guarded.configuration)?;
        let mut puts = JoinSet::new();
        for (i, link) in access.links().iter().enumerate() {
            let (link, token, sealed) = (Arc::clone(link), access.token(i), Arc::clone(&sealed));
            puts.spawn(async move { (link.address().to_string(), link.describe(&token, &sealed).await) });
        }
        let mut report = Report::default();
        let mut kept = 0;
        while let Some(Ok((address, outcome))) = puts.join_next().await {
            match outcome {
                Ok(()) => kept += 1,
                Err(fault) => report.faults.push((address, fault)),
            }
        }
        home.save(self)?;
        if kept > 0 { Ok(()) } else { Err(PersonError::NotDescribed(report)) }
    }

    /// Follows what another device of this person did: a longer log, another
    /// set of guardians, a newer registration, a renewed card. Tells whether the
    /// guardians could be asked at all.
    ///
    /// # Errors
    /// [`PersonError::Fork`] where both changed; see also [`PersonError`].
    pub async fn refresh(&mut self, home: &Home, known: &[String]) -> Result<bool, PersonError> {
        let mut newest: Option<Descriptor> = None;
        for generation in self.card_generation..=self.card_generation + GENERATIONS_AHEAD {
            let card = Card::new(&self.root, &self.log.state().did(), generation);
            match find_descriptor(&CardSource { card, addresses: known.to_vec() }).await {
                Ok(found) => newest = Some(found),
                Err(PersonError::NoDescriptor(report)) => {
                    let silent = report
                        .faults
                        .iter()
                        .all(|(_, fault)| matches!(fault, Fault::Unreachable(_) | Fault::Slow));
                    if silent {
                        return Ok(false);
                    }
                    if generation > self.card_generation {
                        break;
                    }
                }
                Err(other) => return Err(other),
            }
        }
        let Some(newest) = newest.filter(|newest| newest.sequence > self.sequence) else { return Ok(true) };
        if newest.log.extends(&self.log) {
            self.log = newest.log;
        } else if !self.log.extends(&newest.log) {
            return Err(PersonError::Fork);
        }
        self.sequence = newest.sequence;
        self.card_generation = newest.card_generation;
        self.guarded = Some(Guarded {
            configuration: newest.configuration.clone(),
            version: newest.version,
            verifying_key: newest.verifying_key,
        });
        let ours = self.kit.as_ref().is_some_and(|kit| {
            kit.version() == newest.version && kit.verifying_key() == newest.verifying_key
        });
        if !ours {
            self.kit = None;
            self.owed.clear();
        }
        home.save(self)?;
        Ok(true)
    }

    /// Changes the identity's log and tells the guardians.
    ///
    /// # Errors
    /// [`PersonError::Log`] for a change that the log refuses; see also
    /// [`PersonError`]. The change is kept here even where no guardian could be
    /// told.
    pub async fn change_log<T>(
        &mut self,
        home: &Home,
        change: impl FnOnce(&mut Log, &Root) -> Result<T, allod_did::Error>,
    ) -> Result<T, PersonError> {
        let changed = change(&mut self.log, &self.root)?;
        home.save(self)?;
        if self.guarded.is_some() {
            self.describe(home).await?;
        }
        Ok(changed)
    }
}
