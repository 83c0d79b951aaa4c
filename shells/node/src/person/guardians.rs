//! Looking after the guardians: asking how they are, giving back what they lost,
//! exchanging one, and moving to a new card.

use std::sync::Arc;

use allod_guardian::client::{Configuration, Fault, Guardian, Lie, Patience, Register, RegisterError};
use allod_guardian::descriptor::Guarded;
use allod_guardian::juicebox::{Recover1, Request, Response};
use tokio::task::JoinSet;

use super::drive::{Registering, Report};
use super::error::PersonError;
use super::establish::quorum;
use super::home::{Home, Person, Retired};
use super::search::meet;

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
    /// It holds its part of the registration in force, and not yet that of a
    /// newer one, which waits until enough guardians are there.
    InForce,
    /// It holds nothing.
    Missing,
    /// It holds a part of a registration that is over.
    Other,
    /// Its guesses ran out: somebody who has the card used them up.
    NoGuesses,
    /// It could not be asked, or answered wrongly.
    Fault(Fault),
}

impl Check {
    /// Whether it holds what the card and the PIN open now.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Good | Self::InForce)
    }
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
        // A redealing has its registration's version, so only who is owed tells.
        let before = self.guarded.as_ref().filter(|_| !self.is_in_force()).map(|guarded| guarded.version);
        let mut checks: Vec<Option<Check>> = vec![None; access.links().len()];
        while let Some(Ok((i, answer))) = asked.join_next().await {
            checks[i] = Some(match answer {
                Ok(Response::Recover1(Recover1::Ok { version: held })) if held == version && took(i) => {
                    Check::Good
                }
                Ok(Response::Recover1(Recover1::Ok { version: held })) if Some(held) == before => {
                    Check::InForce
                }
                Ok(Response::Recover1(Recover1::Ok { .. })) => Check::Other,
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

    /// Looks after the guardians: follows other devices, gives guardians that
    /// lost their part, or missed a registration, their part again, tells them
    /// what they missed, and has deleted what is retired.
    ///
    /// One whose guesses ran out is left alone: giving it more would give them
    /// to whoever used them up. Nothing is replaced before enough guardians are
    /// there, and unless enough have told what other devices did.
    ///
    /// # Errors
    /// See [`PersonError`].
    pub async fn heal(&mut self, home: &Home) -> Result<Heal, PersonError> {
        if self.configuration().is_none() && !self.retired.is_empty() {
            // All were dismissed, but not all could be asked.
            self.retire(home).await?;
            return Ok(Heal::default());
        }
        let sure = self.refresh(home).await?;
        let checks = self.check().await?;
        let Some(kit) = self.kit.clone().filter(|_| sure) else {
            if sure && self.guarded.is_some() && !self.told {
                self.describe(home).await?;
            }
            if sure {
                self.retire(home).await?;
            }
            return Ok(Heal { healed: Vec::new(), checks });
        };
        let good = checks.iter().filter(|found| found.check == Check::Good).count();
        let lost: Vec<usize> = (0..checks.len())
            .filter(|i| matches!(checks[*i].check, Check::Missing | Check::Other | Check::InForce))
            .collect();
        let enough =
            if self.is_in_force() { 1 } else { quorum(kit.configuration()).saturating_sub(good).max(1) };
        let mut healed = Vec::new();
        if lost.len() >= enough {
            if self.guarded.is_some() && !self.told {
                self.describe(home).await?;
            }
            let access = self.access(kit.configuration().clone())?;
            let machine = Register::new(kit, &lost, enough, Patience::default(), crate::now());
            let registering = access.register(machine).await;
            healed =
                registering.stored.iter().filter_map(|i| Some(checks.get(*i)?.address.clone())).collect();
            // A guardian that just came back knows no descriptor.
            self.told &= registering.stored.is_empty();
            self.conclude(home, &registering).await?;
        } else if self.guarded.is_some() && !self.told {
            self.describe(home).await?;
        }
        self.retire(home).await?;
        Ok(Heal { healed, checks })
    }

    /// Exchanges a guardian: the same secret behind the same PIN is dealt anew
    /// to the new set, and deleted at the one that goes.
    ///
    /// # Errors
    /// See [`PersonError`]. Where registering stops halfway, [`Self::heal`]
    /// completes it.
    pub async fn replace(
        &mut self,
        home: &Home,
        replacement: &Replacement,
    ) -> Result<Registering, PersonError> {
        self.be_sure(home).await?;
        let kit = self.kit.clone().ok_or(PersonError::NoKit)?;
        let mut guardians = kit.configuration().guardians().to_vec();
        let gone = guardians
            .iter()
            .position(|guardian| guardian.address == replacement.old)
            .ok_or_else(|| PersonError::NoSuchGuardian(replacement.old.clone()))?;
        let comes = meet(std::slice::from_ref(&replacement.new), 1).await?;
        let old = std::mem::replace(&mut guardians[gone], comes.guardians()[0].clone());
        let configuration = Configuration::new(guardians, kit.configuration().threshold())?;
        self.retired.push(Retired { card_generation: self.card_generation, guardians: vec![old] });
        self.establish(home, kit.redeal(configuration, &mut crate::entropy())?).await
    }

    /// Renews the card: what is guarded moves to a new account, and the old
    /// card's is deleted, so that a lost card is of no use to its finder. What
    /// could not be deleted yet stands in [`Person::retired`].
    ///
    /// # Errors
    /// See [`PersonError`].
    pub async fn renew_card(&mut self, home: &Home) -> Result<Registering, PersonError> {
        self.be_sure(home).await?;
        let kit = self.kit.clone().ok_or(PersonError::NoKit)?;
        let before = self.clone();
        let configuration = kit.configuration().clone();
        let guardians = configuration.guardians().to_vec();
        self.retired.push(Retired { card_generation: self.card_generation, guardians });
        self.card_generation += 1;
        // At the new account nothing is in force yet. The old stays good until
        // something is.
        (self.guarded, self.coming, self.kit) = (None, None, None);
        let registering = self.establish(home, kit.redeal(configuration, &mut crate::entropy())?).await?;
        if let Err(RegisterError::TooFewReachable { .. }) = registering.outcome {
            *self = before;
            home.save(self)?;
        }
        Ok(registering)
    }

    /// Has every guardian delete what it holds of this identity. The report
    /// names those that could not be asked; they stand in [`Person::retired`].
    ///
    /// # Errors
    /// See [`PersonError`].
    pub async fn dismiss(&mut self, home: &Home) -> Result<Report, PersonError> {
        let Some(configuration) = self.configuration().cloned() else {
            // Dismissed before; those that could not be asked then are asked now.
            return self.retire(home).await;
        };
        self.be_sure(home).await?;
        let held = self.guarded.iter().flat_map(|guarded| guarded.configuration.guardians());
        let mut guardians: Vec<Guardian> = configuration.guardians().iter().chain(held).cloned().collect();
        guardians.sort();
        guardians.dedup();
        self.retired.push(Retired { card_generation: self.card_generation, guardians });
        (self.guarded, self.coming, self.kit) = (None, None, None);
        self.owed.clear();
        home.save(self)?;
        self.retire(home).await
    }

    /// Follows other devices, and refuses to go on where they may have done what
    /// could not be seen. Completes what stopped before, or finds out how far it
    /// came.
    pub(super) async fn be_sure(&mut self, home: &Home) -> Result<(), PersonError> {
        if !self.refresh(home).await? {
            return Err(PersonError::Unreached);
        }
        if self.guarded.is_some() && self.kit.is_some() && !self.is_in_force() {
            // What stopped is completed before anything new begins.
            self.heal(home).await?;
        }
        self.settle(home).await
    }
}
