//! What a person does: create an identity and have it guarded, look after the
//! guardians, and get everything back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use allod_crypto::password::Cost;
use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes};
use allod_did::{Did, Log, PublicKey, Root};
use allod_guardian::account::AccountKeys;
use allod_guardian::card::Card;
use allod_guardian::client::{
    BadConfiguration, Configuration, Fault, Guardian, Kit, KitError, Lie, Patience, Recover, RecoverError,
    Register, RegisterError,
};
use allod_guardian::descriptor::{Descriptor, owner_key};
use allod_guardian::juicebox::{Recover1, Request, Response};
use allod_wire::RegistrationVersion;
use tokio::task::JoinSet;

use super::drive::{Access, Registering, Report, stretch_aside};
use super::home::{Guarded, Home, Person};
use super::link::Link;
use super::{Address, BadAddress};
use crate::FileError;

/// What a PIN costs to stretch, at registration and at recovery alike.
const COST: Cost = Cost::JUICEBOX_STANDARD_2019;

/// How long a recovered person waits for slow guardians to be seen through.
const SETTLE: Duration = Duration::from_secs(30);

/// In front of the root in what is guarded, so that other things can be guarded
/// one day.
const ROOT_TAG: u8 = 1;

/// How many renewals of the card a device that was away looks ahead.
const GENERATIONS_AHEAD: u32 = 8;

/// Why something a person wanted did not happen.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// A file of the home folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The identity's file is not one.
    #[error("{path} is damaged; recover with the card, into an empty home", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// There is an identity already.
    #[error("there is an identity here already: {0}")]
    Exists(Did),
    /// A guardian's address makes no sense.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// A set of guardians does not work.
    #[error(transparent)]
    Configuration(#[from] BadConfiguration),
    /// Guardians could not be asked who they are.
    #[error("these guardians could not be reached: {}", list(.0))]
    NotMet(Report),
    /// Nothing to be dealt.
    #[error(transparent)]
    Kit(#[from] KitError),
    /// The PIN could not be stretched.
    #[error("the PIN could not be stretched")]
    Stretch,
    /// The registration did not come about.
    #[error("{error}")]
    Register {
        /// Why.
        error: RegisterError,
        /// What was wrong with which guardian.
        report: Report,
    },
    /// No guardian showed a descriptor for the card.
    #[error("none of the guardians asked keeps anything for this card{}", because(.0))]
    NoDescriptor(Report),
    /// The recovery failed.
    #[error("{error}")]
    Recover {
        /// Why.
        error: RecoverError,
        /// What was wrong with which guardian.
        report: Report,
    },
    /// What was recovered is not the root of the card's identity.
    #[error("what the guardians gave back is not the root of {0}; nothing was changed here")]
    OtherRoot(Did),
    /// The operation log refused a change.
    #[error("the identity's log refused: {0}")]
    Log(allod_did::Error),
    /// Two devices changed the identity without knowing of each other.
    #[error(
        "this device's log and the guardians' have grown apart, so one of them was changed without the other; \
         nothing was changed now. Remove this device's identity and recover with the card to follow the guardians'"
    )]
    Fork,
    /// Another device registered since, so this one cannot heal it.
    #[error(
        "another device holds the newest registration; do this there, or recover here with the card and the PIN"
    )]
    NoKit,
    /// Nothing is registered anywhere yet.
    #[error("the identity is not guarded yet")]
    NotGuarded,
    /// No guardian in the set has this address or number.
    #[error("{0} is none of your guardians")]
    NoSuchGuardian(String),
    /// The guardians did not take the descriptor.
    #[error("no guardian keeps the new descriptor: {}", list(.0))]
    NotDescribed(Report),
}

fn list(report: &Report) -> String {
    report.faults.iter().map(|(address, fault)| format!("{address} {fault}")).collect::<Vec<_>>().join("; ")
}

fn because(report: &Report) -> String {
    if report.faults.is_empty() { String::new() } else { format!(": {}", list(report)) }
}

impl From<allod_did::Error> for PersonError {
    fn from(error: allod_did::Error) -> Self {
        Self::Log(error)
    }
}

/// How far something has come, for whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The PIN is being stretched.
    Stretching,
    /// The PIN was stretched.
    Stretched,
    /// Guardians are asked to recover.
    Recovering,
    /// Slow guardians are seen through.
    Settling,
    /// Guardians are given their parts.
    Registering,
}

/// Asks the guardians at these addresses who they are.
///
/// # Errors
/// [`PersonError::NotMet`] naming each that could not be asked;
/// [`PersonError::Configuration`] where the set and threshold do not fit.
pub async fn meet(addresses: &[String], threshold: u8) -> Result<Configuration, PersonError> {
    let mut asked = JoinSet::new();
    for text in addresses {
        let address: Address = text.parse()?;
        asked.spawn(async move {
            let text = address.to_string();
            (text, Link::new(address).realm().await)
        });
    }
    let mut guardians = Vec::new();
    let mut report = Report::default();
    while let Some(Ok((address, realm))) = asked.join_next().await {
        match realm {
            Ok(realm) => guardians.push(Guardian { realm, address }),
            Err(fault) => report.faults.push((address, fault)),
        }
    }
    if report.faults.is_empty() {
        Ok(Configuration::new(guardians, threshold)?)
    } else {
        Err(PersonError::NotMet(report))
    }
}

/// An identity to be created.
#[derive(Debug)]
pub struct NewIdentity {
    /// Who guards it.
    pub configuration: Configuration,
    /// What this device is called.
    pub device_name: String,
    /// The PIN.
    pub pin: SecretBytes,
    /// Guesses that each guardian allows.
    pub guesses: u16,
}

impl NewIdentity {
    /// Creates the identity, keeps it, and has it guarded.
    ///
    /// It is on this device's disk before any guardian is asked for anything; if
    /// registering fails, it is complete here but not guarded, and
    /// [`Person::heal`] goes on with it.
    ///
    /// # Errors
    /// See [`PersonError`].
    pub async fn create(
        self,
        home: &Home,
        progress: impl Fn(Progress),
    ) -> Result<(Person, Registering), PersonError> {
        let _lock = home.lock()?;
        if let Some(person) = home.load()? {
            return Err(PersonError::Exists(person.log.state().did()));
        }
        let mut rng = crate::entropy();
        let root = Root::random(&mut rng);
        let device = SigningKey::from_seed(&Secret::random(&mut rng));
        let key = PublicKey::Ed25519(device.verifying_key());
        let log = Log::create(&root, key, &self.device_name, crate::now())?;
        let mut person =
            Person { root, device, log, card_generation: 0, sequence: 0, kit: None, guarded: None };
        let registering = person.guard(home, self.configuration, &self.pin, self.guesses, &progress).await?;
        Ok((person, registering))
    }
}

/// What a card says, and where to begin looking.
#[derive(Debug)]
pub struct CardSource {
    /// The card.
    pub card: Card,
    /// Addresses of guardians that may keep its descriptor.
    pub addresses: Vec<String>,
}

/// Finds the newest descriptor for a card. Guardians that it names are asked as
/// well, since they may keep a newer one than those that were asked first.
///
/// # Errors
/// [`PersonError::NoDescriptor`].
pub async fn find_descriptor(source: &CardSource) -> Result<Descriptor, PersonError> {
    let mut asked: Vec<String> = Vec::new();
    let mut report = Report::default();
    let mut newest: Option<Descriptor> = None;
    let mut addresses = source.addresses.clone();
    loop {
        addresses.retain(|address| !asked.contains(address));
        if addresses.is_empty() {
            return newest.ok_or(PersonError::NoDescriptor(report));
        }
        asked.extend(addresses.iter().cloned());
        let mut fetches = JoinSet::new();
        for text in addresses.drain(..) {
            let link = Link::new(text.parse()?);
            let locator = source.card.locator();
            fetches.spawn(async move { (text, link.descriptor(&locator).await) });
        }
        while let Some(Ok((address, found))) = fetches.join_next().await {
            match found {
                Ok(None) => report.faults.push((address, Fault::NotRegistered)),
                Err(fault) => report.faults.push((address, fault)),
                Ok(Some(shown)) => match Descriptor::open(&source.card, &shown) {
                    Ok(found) if newest.as_ref().is_none_or(|newest| newest.sequence < found.sequence) => {
                        newest = Some(found);
                    }
                    Ok(_) => {}
                    Err(why) => report.faults.push((address, Fault::Refused(why.to_string()))),
                },
            }
        }
        if let Some(newest) = &newest {
            addresses
                .extend(newest.configuration.guardians().iter().map(|guardian| guardian.address.clone()));
        }
    }
}

/// How many guardians must take a registration: one more than the threshold,
/// where there are so many, so that the loss of one is no loss.
fn quorum(configuration: &Configuration) -> usize {
    (usize::from(configuration.threshold()) + 1).min(configuration.guardians().len())
}

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
    /// Recovers a person onto this device.
    ///
    /// Afterwards the device is part of the identity, and the secret is
    /// registered afresh, so that this device can look after it.
    ///
    /// # Errors
    /// See [`PersonError`]; [`PersonError::Recover`] tells what the PIN, and what
    /// the guardians were to blame for.
    pub async fn recover(
        home: &Home,
        source: CardSource,
        pin: SecretBytes,
        device_name: &str,
        guesses: u16,
        progress: impl Fn(Progress) + Clone + Send + 'static,
    ) -> Result<(Self, Report, Registering), PersonError> {
        let _lock = home.lock()?;
        if let Some(person) = home.load()? {
            return Err(PersonError::Exists(person.log.state().did()));
        }
        let descriptor = find_descriptor(&source).await?;
        let card = source.card;
        let did = descriptor.log.state().did();
        let access =
            Access::new(descriptor.configuration.clone(), descriptor.account(&card), card.recover_key())?;
        let machine = Recover::new(
            descriptor.configuration.clone(),
            Some(descriptor.verifying_key),
            Patience::default(),
            crate::now(),
        );
        progress(Progress::Recovering);
        let tell = progress.clone();
        let stretching = move |on| tell(if on { Progress::Stretching } else { Progress::Stretched });
        let recovering = access.recover(machine, pin.clone(), did.as_bytes().to_vec(), COST, stretching);
        let outcome = recovering.outcome.await.unwrap_or(Err(RecoverError::Corrupt));
        progress(Progress::Settling);
        let report = match tokio::time::timeout(SETTLE, recovering.settled).await {
            Ok(Ok(report)) => report,
            _ => Report::default(),
        };
        let recovered = outcome.map_err(|error| PersonError::Recover { error, report: report.clone() })?;
        let root = match recovered.secret.expose().split_first() {
            Some((&ROOT_TAG, rest)) => {
                rest.try_into().ok().map(|bytes: [u8; 32]| Root::from_bytes(Secret::from(bytes)))
            }
            _ => None,
        };
        let root = root.filter(|root| descriptor.log.is_root_of(root)).ok_or(PersonError::OtherRoot(did))?;

        let device = SigningKey::from_seed(&Secret::random(&mut crate::entropy()));
        let mut log = descriptor.log;
        let now = crate::now().max(log.state().at());
        log.add_device(&root, PublicKey::Ed25519(device.verifying_key()), device_name, now)?;
        let mut person = Self {
            root,
            device,
            log,
            card_generation: descriptor.card_generation,
            sequence: descriptor.sequence,
            kit: None,
            guarded: Some(Guarded {
                configuration: descriptor.configuration.clone(),
                version: descriptor.version,
                verifying_key: descriptor.verifying_key,
            }),
        };
        // What is back stays back, whatever comes of registering it again.
        home.save(&person)?;
        let registering = person.guard(home, descriptor.configuration, &pin, guesses, &progress).await?;
        Ok((person, report, registering))
    }

    /// Registers the root behind a PIN, as a new registration.
    async fn guard(
        &mut self,
        home: &Home,
        configuration: Configuration,
        pin: &SecretBytes,
        guesses: u16,
        progress: &impl Fn(Progress),
    ) -> Result<Registering, PersonError> {
        let version = RegistrationVersion(*Secret::random(&mut crate::entropy()).expose());
        let did = self.log.state().did();
        progress(Progress::Stretching);
        let stretched = stretch_aside(pin.clone(), version, did.as_bytes().to_vec(), COST)
            .await
            .ok()
            .flatten()
            .ok_or(PersonError::Stretch)?;
        progress(Progress::Stretched);
        let mut secret = Vec::with_capacity(33);
        secret.push(ROOT_TAG);
        secret.extend_from_slice(self.root.expose().expose());
        let secret = SecretBytes::from(secret);
        self.kit =
            Some(Kit::deal(&secret, &stretched, version, guesses, configuration, &mut crate::entropy())?);
        // Kept before it is registered, so that a crash can be gone on from.
        home.save(self)?;
        progress(Progress::Registering);
        let registering = self.register_everywhere().await?;
        self.conclude(home, &registering).await?;
        Ok(registering)
    }

    /// Tells the guardians which registration is in force: the kit's, if it came
    /// about, or still the one before.
    async fn conclude(&mut self, home: &Home, registering: &Registering) -> Result<(), PersonError> {
        if registering.outcome.is_ok() {
            self.guarded = self.kit.as_ref().map(Guarded::by);
        }
        if self.guarded.is_some() { self.describe(home).await } else { Ok(()) }
    }

    /// Gives every guardian its part.
    async fn register_everywhere(&self) -> Result<Registering, PersonError> {
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
        }
        home.save(self)?;
        Ok(true)
    }

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
        let mut checks: Vec<Option<Check>> = vec![None; access.links().len()];
        while let Some(Ok((i, answer))) = asked.join_next().await {
            checks[i] = Some(match answer {
                Ok(Response::Recover1(Recover1::Ok { version: held })) if held == version => Check::Good,
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

        self.kit = Some(kit.redeal(configuration, &mut crate::entropy())?);
        home.save(self)?;
        let registering = self.register_everywhere().await?;
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
        self.card_generation += 1;
        self.kit = Some(kit.redeal(configuration, &mut crate::entropy())?);
        let registering = self.register_everywhere().await?;
        if registering.outcome.is_ok() {
            self.conclude(home, &registering).await?;
            for guardian in 0..old.links().len() {
                let _ = old.ask(guardian, &Request::Delete).await;
                // Nothing is sealed for the old card any more.
                let empty =
                    allod_guardian::realm::SealedDescriptor { sequence: self.sequence, sealed: Vec::new() };
                let _ = old.links()[guardian].describe(&old.token(guardian), &empty).await;
            }
        } else {
            self.card_generation -= 1;
            self.kit = Some(kit);
        }
        Ok(registering)
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
