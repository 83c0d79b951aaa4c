//! Looking after the guardians: asking how they are, giving back what they lost,
//! exchanging one, and moving to a new card.

use std::sync::Arc;

use allod_guardian::client::{Configuration, Fault, Lie, Patience, Register, RegisterError};
use allod_guardian::juicebox::{Recover1, Request, Response};
use allod_guardian::realm::SealedDescriptor;
use allod_wire::RegistrationVersion;
use tokio::task::JoinSet;

use super::drive::{Access, Registering, Report};
use super::error::PersonError;
use super::home::{Guarded, Home, Person};
use super::search::meet;
use super::upkeep::quorum;

/// How one guardian is.
#[derive(Clone, Debug)]
pub struct GuardianCheck {
    /// Its address.
    pub address: String,
    /// What was found.
    pub check: Check,
}

/// What was found at a guardian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// It holds its part of the registration.
    Good,
    /// It holds nothing.
    Missing,
    /// It holds a part of another registration, such as the one before.
    Other(RegistrationVersion),
    /// Its guesses ran out: somebody who has the card used them up.
    NoGuesses,
    /// It could not be asked, or answered wrongly.
    Fault(Fault),
}

/// What healing did.
#[derive(Clone, Debug, Default)]
pub struct Heal {
    /// Addresses of guardians that were given their part again.
    pub healed: Vec<String>,
    /// What was found before.
    pub checks: Vec<GuardianCheck>,
}

/// A guardian to be exchanged for another.
#[derive(Debug)]
pub struct Replacement {
    /// The address of the one that goes.
    pub old: String,
    /// The address of the one that comes.
    pub new: String,
}

impl Person {
    /// Asks each guardian what it holds. Spends no guesses.
    ///
    /// # Errors
    /// [`PersonError::NotGuarded`], [`PersonError::Address`].
    pub async fn check(&self) -> Result<Vec<GuardianCheck>, PersonError> {
        let dealt = self.kit.as_ref().map(Guarded::by);
        let Guarded { configuration, version, .. } =
            dealt.or_else(|| self.guarded.clone()).ok_or(PersonError::NotGuarded)?;
        let access = Arc::new(self.access(configuration)?);
        let mut asked = JoinSet::new();
        for i in 0..access.links().len() {
            let access = Arc::clone(&access);
            asked.spawn(async move { (i, access.ask(i, &Request::Recover1).await) });
        }
        let took = |i: usize| {
            let realm = access.configuration().guardians()[i].realm;
            self.kit.is_none() || !self.owed.contains(&realm)
        };
        let mut checks: Vec<Option<Check>> = vec![None; access.links().len()];
        while let Some(Ok((i, answer))) = asked.join_next().await {
            checks[i] = Some(match answer {
                Ok(Response::Recover1(Recover1::Ok { version: held })) if held == version && took(i) => {
                    Check::Good
                }
                Ok(Response::Recover1(Recover1::Ok { version: held })) => Check::Other(held),
                Ok(Response::Recover1(Recover1::NotRegistered)) => Check::Missing,
                Ok(Response::Recover1(Recover1::NoGuesses)) => Check::NoGuesses,
                Ok(_) => Check::Fault(Fault::Lied(Lie::WrongMessage)),
                Err(fault) => Check::Fault(fault),
            });
        }
        Ok(access
            .links()
            .iter()
            .zip(checks)
            .map(|(link, check)| GuardianCheck {
                address: link.address().to_string(),
                check: check.unwrap_or(Check::Fault(Fault::Slow)),
            })
            .collect())
    }

    /// Gives guardians that lost their part, or missed a registration, their
    /// part again. One whose guesses ran out is left alone: giving it more would
    /// give them to whoever used them up. Nor is an earlier registration
    /// replaced before as many guardians are there as a registration needs.
    ///
    /// # Errors
    /// See [`PersonError`].
    pub async fn heal(&mut self, home: &Home) -> Result<Heal, PersonError> {
        let kit = self.kit.clone().ok_or(PersonError::NoKit)?;
        let checks = self.check().await?;
        let good = checks.iter().filter(|found| found.check == Check::Good).count();
        let lost: Vec<usize> = (0..checks.len())
            .filter(|i| matches!(checks[*i].check, Check::Missing | Check::Other(_)))
            .collect();
        let needed = quorum(kit.configuration()).saturating_sub(good).max(1);
        if lost.len() < needed {
            return Ok(Heal { healed: Vec::new(), checks });
        }
        let access = self.access(kit.configuration().clone())?;
        let registering =
            access.register(Register::new(kit, &lost, needed, Patience::default(), crate::now())).await;
        let healed =
            registering.stored.iter().filter_map(|i| Some(checks.get(*i)?.address.clone())).collect();
        self.conclude(home, &registering).await?;
        Ok(Heal { healed, checks })
    }

    /// Exchanges a guardian: the same secret behind the same PIN is dealt anew
    /// to the new set, and deleted at the one that goes, if it can be reached.
    ///
    /// # Errors
    /// See [`PersonError`]. Where registering stops halfway, the new set is kept
    /// and [`Self::heal`] completes it.
    pub async fn replace(
        &mut self,
        home: &Home,
        replacement: &Replacement,
    ) -> Result<Registering, PersonError> {
        let kit = self.kit.clone().ok_or(PersonError::NoKit)?;
        let old_configuration = kit.configuration().clone();
        let gone = old_configuration
            .guardians()
            .iter()
            .position(|guardian| guardian.address == replacement.old)
            .ok_or_else(|| PersonError::NoSuchGuardian(replacement.old.clone()))?;
        let comes = meet(std::slice::from_ref(&replacement.new), 1).await?;
        let mut guardians = old_configuration.guardians().to_vec();
        guardians[gone] = comes.guardians()[0].clone();
        let configuration = Configuration::new(guardians, old_configuration.threshold())?;

        let owed = self.owed.clone();
        self.dealt(kit.redeal(configuration, &mut crate::entropy())?);
        home.save(self)?;
        let registering = self.register_everywhere().await?;
        if let Err(RegisterError::TooFewReachable { .. }) = registering.outcome {
            // Nothing was changed anywhere, so the dealing before stays good.
            (self.kit, self.owed) = (Some(kit), owed);
            home.save(self)?;
            return Ok(registering);
        }
        self.conclude(home, &registering).await?;
        if registering.outcome.is_ok() {
            // What the old one still holds fits no share of the new dealing.
            let _ = self.access(old_configuration)?.ask(gone, &Request::Delete).await;
        }
        Ok(registering)
    }

    /// Renews the card: what is guarded moves to a new account, and the old
    /// card's is deleted, so that a lost card is of no use to its finder.
    ///
    /// # Errors
    /// See [`PersonError`].
    pub async fn renew_card(&mut self, home: &Home) -> Result<Registering, PersonError> {
        let kit = self.kit.clone().ok_or(PersonError::NoKit)?;
        let configuration = kit.configuration().clone();
        let old = self.access(configuration.clone())?;
        let owed = self.owed.clone();
        self.card_generation += 1;
        self.dealt(kit.redeal(configuration, &mut crate::entropy())?);
        let registering = self.register_everywhere().await?;
        if registering.outcome.is_ok() {
            self.conclude(home, &registering).await?;
            // Nothing is registered or sealed for the old card any more.
            self.erase(&old).await;
        } else {
            self.card_generation -= 1;
            (self.kit, self.owed) = (Some(kit), owed);
        }
        Ok(registering)
    }

    /// Has every guardian delete what it holds of this identity. The report
    /// names those that could not be asked.
    ///
    /// # Errors
    /// [`PersonError::NotGuarded`], [`PersonError::File`].
    pub async fn dismiss(&mut self, home: &Home) -> Result<Report, PersonError> {
        let configuration = self.configuration().cloned().ok_or(PersonError::NotGuarded)?;
        let access = self.access(configuration)?;
        self.sequence = (self.sequence + 1).max(crate::now().0);
        (self.guarded, self.kit) = (None, None);
        self.owed.clear();
        home.save(self)?;
        Ok(self.erase(&access).await)
    }

    /// Has the guardians of an account delete its registration, and keep an empty
    /// descriptor in place of the last.
    async fn erase(&self, access: &Access) -> Report {
        let mut report = Report::default();
        for (guardian, link) in access.links().iter().enumerate() {
            let empty = SealedDescriptor { sequence: self.sequence, sealed: Vec::new() };
            let deleted = access.ask(guardian, &Request::Delete).await.map(drop);
            let described = link.describe(&access.token(guardian), &empty).await;
            if let Err(fault) = deleted.and(described) {
                report.faults.push((link.address().to_string(), fault));
            }
        }
        report
    }
}
