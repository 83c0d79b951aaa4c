//! Bringing a registration about: announced, dealt, declared in force.
//!
//! What stops on the way is completed by [`Person::heal`], or settled by whoever
//! finds it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use allod_guardian::client::{Configuration, Kit, Patience, Register, RegisterError};
use allod_guardian::descriptor::Guarded;
use allod_guardian::juicebox::{Recover1, Request, Response};
use allod_wire::{RealmId, RegistrationVersion};
use tokio::task::JoinSet;

use super::drive::{Access, Registering};
use super::error::PersonError;
use super::home::{Home, Person};

/// How many guardians must be there before a registration is begun: one more
/// than the threshold, so that the loss of one on the way is no loss, but not
/// all of them, so that one that is gone for good does not stop it.
pub(super) fn quorum(configuration: &Configuration) -> usize {
    let (threshold, size) = (usize::from(configuration.threshold()), configuration.guardians().len());
    if size > threshold + 1 { threshold + 1 } else { threshold }
}

/// Registers, and begins with those that hold no part of what is in force: then
/// never are so many parts of a third registration around that neither what is in
/// force nor the new one has enough.
async fn register_behind_first(access: &Access, kit: Kit, behind: &[usize], needed: usize) -> Registering {
    let all = 0..kit.configuration().guardians().len();
    let rest: Vec<usize> = all.filter(|place| !behind.contains(place)).collect();
    let register = |places: &[usize], needed: usize| {
        access.register(Register::new(kit.clone(), places, needed, Patience::default(), crate::now()))
    };
    if behind.is_empty() {
        return register(&rest, needed).await;
    }
    let first = register(behind, 1).await;
    let second = register(&rest, needed.saturating_sub(first.stored.len()).max(1)).await;
    let mut report = first.report;
    report.faults.extend(second.report.faults);
    let mut stored = [first.stored, second.stored].concat();
    stored.sort_unstable();
    let outcome = match second.outcome {
        Ok(_) => Ok(stored.len()),
        Err(RegisterError::TooFewReachable { reached, .. }) if stored.is_empty() => {
            Err(RegisterError::TooFewReachable { needed, reached })
        }
        Err(_) => Err(RegisterError::Interrupted { needed, stored: stored.len() }),
    };
    Registering { outcome, stored, report }
}

impl Person {
    /// Registers a new dealing: announces it, gives every guardian its part, and
    /// declares it in force once enough have theirs. Where too few are there to
    /// begin, this device's dealing before stays; where it had none, the new one
    /// waits for [`Person::heal`].
    pub(super) async fn establish(&mut self, home: &Home, kit: Kit) -> Result<Registering, PersonError> {
        let before = (self.kit.clone(), self.owed.clone(), self.coming.clone());
        let behind = self.behind(kit.configuration()).await?;
        let needed = quorum(kit.configuration());
        self.owed = kit.configuration().guardians().iter().map(|guardian| guardian.realm).collect();
        self.coming = Some(Guarded::by(&kit));
        self.kit = Some(kit.clone());
        self.told = false;
        home.save(self)?;

        let announced = if self.guarded.is_some() { Some(self.describe(home).await?) } else { None };
        let registering = if self.guarded.is_some() && !self.told {
            let report = announced.unwrap_or_default();
            let reached = kit.configuration().guardians().len().saturating_sub(report.faults.len());
            let outcome = Err(RegisterError::TooFewReachable { needed, reached: reached.min(needed - 1) });
            Registering { outcome, stored: Vec::new(), report }
        } else {
            let access = self.access(kit.configuration().clone())?;
            register_behind_first(&access, kit, &behind, needed).await
        };
        if matches!(registering.outcome, Err(RegisterError::TooFewReachable { .. })) && before.0.is_some() {
            // Nothing was changed anywhere, so the dealing before stays good.
            (self.kit, self.owed, self.coming) = before;
            self.told = false;
            home.save(self)?;
            return Ok(registering);
        }
        self.conclude(home, &registering).await?;
        Ok(registering)
    }

    /// What guardians say they hold, by realm, of those that a registration which
    /// stopped halfway may have reached.
    async fn held(
        &self,
        configuration: &Configuration,
    ) -> Result<BTreeMap<RealmId, Option<RegistrationVersion>>, PersonError> {
        let access = Arc::new(self.access(configuration.clone())?);
        let mut asked = JoinSet::new();
        for (place, guardian) in configuration.guardians().iter().enumerate() {
            let (access, realm) = (Arc::clone(&access), guardian.realm);
            asked.spawn(async move {
                let patience = Duration::from_millis(Patience::default().answer_ms_max);
                let answer = access.ask(place, &Request::Recover1);
                (realm, tokio::time::timeout(patience, answer).await)
            });
        }
        let mut held = BTreeMap::new();
        while let Some(Ok((realm, answer))) = asked.join_next().await {
            match answer {
                Ok(Ok(Response::Recover1(Recover1::Ok { version }))) => held.insert(realm, Some(version)),
                Ok(Ok(Response::Recover1(_))) => held.insert(realm, None),
                _ => None,
            };
        }
        Ok(held)
    }

    /// Where a registration stopped halfway: the places of those guardians that
    /// hold no part of the one in force.
    async fn behind(&self, configuration: &Configuration) -> Result<Vec<usize>, PersonError> {
        let (Some(in_force), Some(coming)) = (&self.guarded, &self.coming) else { return Ok(Vec::new()) };
        let held = self.held(configuration).await?;
        // Two dealings of one registration are told apart by who is owed: with a
        // kit, by those that took it; in a recovery, by those that did not fit.
        let redealt = in_force.version == coming.version;
        let holds_other = |realm| {
            held.get(realm).is_some_and(|version| match version {
                Some(version) if *version == in_force.version => {
                    redealt && self.kit.is_some() != self.owed.contains(realm)
                }
                _ => true,
            })
        };
        let places = configuration.guardians().iter().enumerate();
        Ok(places.filter(|(_, guardian)| holds_other(&guardian.realm)).map(|(place, _)| place).collect())
    }

    /// Takes a registration that stopped for the one in force, where it turns out
    /// that enough guardians took it without anybody having heard.
    pub(super) async fn settle(&mut self, home: &Home) -> Result<(), PersonError> {
        let (Some(in_force), Some(coming)) = (&self.guarded, &self.coming) else { return Ok(()) };
        if in_force.version == coming.version {
            // Dealings of one registration cannot be told apart by asking.
            return Ok(());
        }
        let held = self.held(&coming.configuration).await?;
        let took = held.values().filter(|version| **version == Some(coming.version)).count();
        if took >= usize::from(coming.configuration.threshold()) {
            // The other stays named, since some hold it still.
            std::mem::swap(&mut self.guarded, &mut self.coming);
            self.told = false;
            home.save(self)?;
        }
        Ok(())
    }

    /// Notes who took the kit's part, and declares it in force if enough did.
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
            let holders = guardians.len() - self.owed.len();
            if holders >= usize::from(kit.configuration().threshold()) && !self.is_in_force() {
                self.guarded = Some(Guarded::by(kit));
                self.coming = None;
                self.told = false;
            }
        }
        home.save(self)?;
        if self.guarded.is_some() && !self.told {
            self.describe(home).await?;
        }
        self.retire(home).await?;
        Ok(())
    }
}
