//! Beginning on a device: with a new identity, or with one that comes back.

use std::time::Duration;

use allod_crypto::password::Cost;
use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes};
use allod_did::{Device, Log, PublicKey, Root};
use allod_guardian::client::{
    Configuration, Fault, Guardian, Keys, Kit, Patience, Recover, RecoverError, RegisterError,
};
use allod_guardian::descriptor::{Descriptor, Guarded};
use allod_wire::RegistrationVersion;

use super::drive::{Access, Registering, Report, stretch_aside};
use super::error::PersonError;
use super::home::{Home, Person, Retired};
use super::search::{CardSource, find_descriptor};

/// What a PIN costs to stretch, at registration and at recovery alike.
const COST: Cost = Cost::JUICEBOX_STANDARD_2019;

/// How long a recovered person waits for slow guardians to be seen through.
const SETTLE: Duration = Duration::from_secs(30);

/// In front of the root in what is guarded, so that other things can be guarded
/// one day.
const ROOT_TAG: u8 = 1;

/// Guesses that each guardian allows, where nobody said otherwise.
const GUESSES: u16 = 10;

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
        let mut person = Person {
            root,
            device,
            log,
            card_generation: 0,
            sequence: 0,
            kit: None,
            owed: Vec::new(),
            guarded: None,
            coming: None,
            told: false,
            retired: Vec::new(),
            approved: Vec::new(),
            backup_peers: Vec::new(),
        };
        let registering = person.guard(home, self.configuration, &self.pin, self.guesses, &progress).await?;
        Ok((person, registering))
    }
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
        guesses: Option<u16>,
        progress: impl Fn(Progress) + Clone + Send + 'static,
    ) -> Result<(Self, Report, Registering), PersonError> {
        let _lock = home.lock()?;
        if let Some(person) = home.load()? {
            return Err(PersonError::Exists(person.log.state().did()));
        }
        let device = SigningKey::from_seed(&Secret::random(&mut crate::entropy()));
        let key = PublicKey::Ed25519(device.verifying_key());
        // A name that the log would refuse is found before a guess is spent.
        Device::new(key, device_name, crate::now())?;
        let descriptor = find_descriptor(&source).await?;
        let card = source.card;
        let did = descriptor.log.state().did();
        progress(Progress::Recovering);
        let mut attempts = attempts(&descriptor).into_iter();
        let (asked, recovered, report) = loop {
            let Some((configuration, keys)) = attempts.next() else { return Err(PersonError::NotGuarded) };
            let access = Access::new(configuration.clone(), descriptor.account(&card), card.recover_key())?;
            let machine = Recover::new(configuration.clone(), keys, Patience::default(), crate::now());
            let tell = progress.clone();
            let stretching = move |on| tell(if on { Progress::Stretching } else { Progress::Stretched });
            let recovering = access.recover(machine, pin.clone(), did.as_bytes().to_vec(), COST, stretching);
            let outcome = recovering.outcome.await.unwrap_or(Err(RecoverError::Corrupt));
            progress(Progress::Settling);
            let report = match tokio::time::timeout(SETTLE, recovering.settled).await {
                Ok(Ok(report)) => report,
                _ => Report::default(),
            };
            match outcome {
                Ok(recovered) => break (configuration, recovered, report),
                // Too few hold this registration, and there is another.
                Err(RecoverError::TooFew { .. } | RecoverError::NotRegistered) if attempts.len() > 0 => {}
                Err(error) => return Err(PersonError::Recover { error, report }),
            }
        };
        let root = match recovered.secret.expose().split_first() {
            Some((&ROOT_TAG, rest)) => {
                rest.try_into().ok().map(|bytes: [u8; 32]| Root::from_bytes(Secret::from(bytes)))
            }
            _ => None,
        };
        let root = root.filter(|root| descriptor.log.is_root_of(root)).ok_or(PersonError::OtherRoot(did))?;

        let mut log = descriptor.log;
        let now = crate::now().max(log.state().at());
        match log.add_device(&root, key, device_name, now) {
            // A full log is no reason to lose what is back; it takes no more
            // devices, and this one acts with the root.
            Ok(_) | Err(allod_did::Error::LogFull { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        // The one that opened is the one in force, whatever the descriptor could
        // say before that was certain.
        let Descriptor { in_force, coming, card_generation, sequence, backup_peers, .. } = descriptor;
        let configuration = coming.as_ref().unwrap_or(&in_force).configuration.clone();
        let opened = |one: &Guarded| one.configuration == asked && one.version == recovered.version;
        let (guarded, other) = match coming {
            Some(coming) if opened(&coming) => (coming, Some(in_force)),
            coming => (in_force, coming),
        };
        // Those that hold a part of the other, told apart by how they answered.
        let stray = |address: &str| {
            report.faults.iter().any(|(accused, fault)| accused == address && *fault == Fault::OtherVersion)
        };
        let strays = asked.guardians().iter().filter(|guardian| stray(&guardian.address));
        let owed = strays.map(|guardian| guardian.realm).collect();
        let mut person = Self {
            root,
            device,
            log,
            card_generation,
            sequence,
            kit: None,
            owed,
            guarded: Some(guarded),
            coming: other,
            told: false,
            retired: Vec::new(),
            approved: Vec::new(),
            backup_peers,
        };
        person.retire_all_but(&configuration);
        // What is back stays back, whatever comes of registering it again.
        home.save(&person)?;
        let guesses = guesses.unwrap_or(recovered.num_guesses);
        let registering = person.guard(home, configuration, &pin, guesses, &progress).await?;
        Ok((person, report, registering))
    }

    /// Registers the root behind another PIN, with the guardians there are or
    /// with others, and as many guesses as before or others.
    ///
    /// # Errors
    /// See [`PersonError`]. Where too few guardians are there to begin, the PIN
    /// before counts on.
    pub async fn change_pin(
        &mut self,
        home: &Home,
        pin: &SecretBytes,
        guesses: Option<u16>,
        configuration: Option<Configuration>,
        progress: impl Fn(Progress),
    ) -> Result<Registering, PersonError> {
        self.be_sure(home).await?;
        let configuration =
            configuration.or_else(|| self.configuration().cloned()).ok_or(PersonError::NotGuarded)?;
        let guesses = guesses.or(self.kit.as_ref().map(Kit::num_guesses)).unwrap_or(GUESSES);
        self.retire_all_but(&configuration);
        self.guard(home, configuration, pin, guesses, &progress).await
    }

    /// Has other guardians guard from now on, without asking those before: they
    /// are gone. What they still hold is deleted if they come back.
    ///
    /// # Errors
    /// See [`PersonError`]. Where too few of the new are there to begin, nothing
    /// is changed.
    pub async fn abandon_guardians(
        &mut self,
        home: &Home,
        pin: &SecretBytes,
        guesses: Option<u16>,
        configuration: Configuration,
        progress: impl Fn(Progress),
    ) -> Result<Registering, PersonError> {
        let before = self.clone();
        let guesses = guesses.or(self.kit.as_ref().map(Kit::num_guesses)).unwrap_or(GUESSES);
        self.retire_all_but(&configuration);
        // Nothing is in force that could be announced to anybody.
        (self.guarded, self.coming, self.kit) = (None, None, None);
        let registering = self.guard(home, configuration, pin, guesses, &progress).await?;
        if let Err(RegisterError::TooFewReachable { .. }) = registering.outcome {
            *self = before;
            home.save(self)?;
        }
        Ok(registering)
    }

    /// Retires the guardians that this configuration does without.
    fn retire_all_but(&mut self, configuration: &Configuration) {
        let named = self.guarded.iter().chain(&self.coming).map(|guarded| &guarded.configuration);
        let named = named.chain(self.kit.as_ref().map(Kit::configuration));
        let mut gone: Vec<Guardian> = named.flat_map(Configuration::guardians).cloned().collect();
        gone.retain(|guardian| configuration.guardians().iter().all(|stays| stays.realm != guardian.realm));
        gone.sort();
        gone.dedup();
        if !gone.is_empty() {
            self.retired.push(Retired { card_generation: self.card_generation, guardians: gone });
        }
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
        let kit = Kit::deal(&secret, &stretched, version, guesses, configuration, &mut crate::entropy())?;
        progress(Progress::Registering);
        self.establish(home, kit).await
    }
}

/// The registrations to try, the likelier first: for each the guardians, and
/// whose keys may have signed. Two dealings to the same guardians are tried at
/// once; most guardians then decide.
fn attempts(descriptor: &Descriptor) -> Vec<(Configuration, Keys)> {
    let Descriptor { in_force, coming, .. } = descriptor;
    let key = in_force.verifying_key;
    match coming {
        None => vec![(in_force.configuration.clone(), Keys::Known { usable: vec![key], stale: vec![] })],
        Some(coming) if coming.configuration == in_force.configuration => {
            let keys = Keys::Known { usable: vec![key, coming.verifying_key], stale: vec![] };
            vec![(in_force.configuration.clone(), keys)]
        }
        Some(coming) => {
            let only = |one: &Guarded, other: &Guarded| {
                let (usable, stale) = (vec![one.verifying_key], vec![other.verifying_key]);
                (one.configuration.clone(), Keys::Known { usable, stale })
            };
            vec![only(coming, in_force), only(in_force, coming)]
        }
    }
}
