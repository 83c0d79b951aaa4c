//! Driving the client machines: their messages go out in parallel, their
//! computations onto a thread of their own, and their deadlines into a timer.

use std::sync::Arc;
use std::time::Duration;

use allod_crypto::SecretBytes;
use allod_crypto::password::Cost;
use allod_crypto::sign::{Signature, SigningKey};
use allod_guardian::account::AccountKeys;
use allod_guardian::client::{
    Configuration, Fault, Input, Output, Phase, Recover, RecoverError, RecoverEvent, Recovered, Register,
    RegisterError, RegisterEvent,
};
use allod_guardian::juicebox::secret::{Stretched, stretch};
use allod_guardian::juicebox::{Request, Response};
use allod_guardian::token;
use allod_wire::{Instant, RegistrationVersion};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::link::Link;
use super::tokens::Tokens;
use super::{Address, BadAddress};

/// What it takes to ask the guardians of one account.
#[derive(Clone, Debug)]
pub struct Access {
    configuration: Configuration,
    links: Vec<Arc<Link>>,
    keys: AccountKeys,
    binding: Option<Signature>,
    key: SigningKey,
    tokens: Tokens,
}

/// What was wrong with which guardian, in words for a person.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By the guardian's address.
    pub faults: Vec<(String, Fault)>,
}

/// A recovery under way.
#[derive(Debug)]
pub struct Recovering {
    /// Resolves as soon as t guardians have answered, or when it has failed.
    pub outcome: oneshot::Receiver<Result<Recovered, RecoverError>>,
    /// Resolves when no guardian is left with a spent guess that could be given
    /// back. A process that ends before it leaves slow guardians with one guess
    /// less.
    pub settled: JoinHandle<Report>,
}

/// How a registration ended.
#[derive(Debug)]
pub struct Registering {
    /// How many guardians hold their part, or why too few do.
    pub outcome: Result<usize, RegisterError>,
    /// Places in the configuration of those that do.
    pub stored: Vec<usize>,
    /// What was wrong with the others.
    pub report: Report,
}

type Arrived = (usize, Phase, Result<Response, Fault>);

impl Access {
    /// Access with one of the account's two keys.
    ///
    /// # Errors
    /// [`BadAddress`] where a guardian's address makes no sense.
    pub fn new(configuration: Configuration, keys: AccountKeys, key: SigningKey) -> Result<Self, BadAddress> {
        let links = configuration
            .guardians()
            .iter()
            .map(|guardian| guardian.address.parse::<Address>().map(|address| Arc::new(Link::new(address))))
            .collect::<Result<_, _>>()?;
        Ok(Self { configuration, links, keys, binding: None, key, tokens: Tokens::default() })
    }

    /// The same, with the card's agreement, so that descriptors may be written.
    pub fn bound(self, binding: Signature) -> Self {
        Self { binding: Some(binding), tokens: Tokens::default(), ..self }
    }

    /// The guardians asked.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The ways to them, in the configuration's order.
    pub fn links(&self) -> &[Arc<Link>] {
        &self.links
    }

    /// A token for a guardian, by its place in the configuration: good for some
    /// minutes yet.
    pub fn token(&self, guardian: usize) -> String {
        let realm = &self.configuration.guardians()[guardian].realm;
        let now = crate::now();
        let mint = || token::mint(&self.keys, self.binding.as_ref(), &self.key, realm, now);
        self.tokens.get(guardian, now, mint)
    }

    /// Asks one guardian.
    ///
    /// # Errors
    /// The guardian's [`Fault`].
    pub async fn ask(&self, guardian: usize, request: &Request) -> Result<Response, Fault> {
        self.links[guardian].ask(&self.token(guardian), request).await
    }

    /// Recovers. `info` salts the PIN, as it did when it was registered.
    /// `stretching` is told when the PIN's stretching begins and ends.
    pub fn recover(
        self,
        machine: Recover,
        pin: SecretBytes,
        info: Vec<u8>,
        cost: Cost,
        mut stretching: impl FnMut(bool) + Send + 'static,
    ) -> Recovering {
        let (reply, outcome) = oneshot::channel();
        let settled = tokio::spawn(async move {
            let mut machine = machine;
            let mut reply = Some(reply);
            let mut under_way = JoinSet::new();
            let mut stretched: Option<oneshot::Receiver<Option<Stretched>>> = None;
            loop {
                let mut settled = false;
                while let Some(output) = machine.poll() {
                    match output {
                        Output::Send { guardian, phase, request } => {
                            self.spawn(&mut under_way, guardian, phase, request);
                        }
                        Output::Compute(version) => {
                            stretching(true);
                            stretched = Some(stretch_aside(pin.clone(), version, info.clone(), cost));
                        }
                        Output::Event(RecoverEvent::Recovered(recovered)) => {
                            answer(&mut reply, Ok(recovered))
                        }
                        Output::Event(RecoverEvent::Failed(error)) => answer(&mut reply, Err(error)),
                        Output::Event(RecoverEvent::Settled) => settled = true,
                    }
                }
                if settled {
                    return self.report(machine.faults());
                }
                let input = tokio::select! {
                    Some(Ok((guardian, phase, outcome))) = under_way.join_next() => {
                        Input::Answer { guardian, phase, outcome }
                    }
                    done = arrival(&mut stretched) => {
                        stretched = None;
                        stretching(false);
                        match done {
                            Some(done) => Input::Stretched(done),
                            // Only a cost that Argon2 refuses ends here.
                            None => return self.report(machine.faults()),
                        }
                    }
                    () = until(machine.deadline()) => Input::Time,
                };
                if let Err(accused) = machine.handle(crate::now(), &mut crate::entropy(), input) {
                    tracing::debug!(%accused);
                }
            }
        });
        Recovering { outcome, settled }
    }

    /// Registers.
    pub async fn register(&self, mut machine: Register) -> Registering {
        let mut under_way = JoinSet::new();
        loop {
            let mut ended = None;
            while let Some(output) = machine.poll() {
                match output {
                    Output::Send { guardian, phase, request } => {
                        self.spawn(&mut under_way, guardian, phase, request);
                    }
                    // A registration's PIN is stretched before it is dealt.
                    Output::Compute(_) => {}
                    Output::Event(RegisterEvent::Registered { stored }) => ended = Some(Ok(stored)),
                    Output::Event(RegisterEvent::Failed(error)) => ended = Some(Err(error)),
                }
            }
            if let Some(outcome) = ended {
                let stored = machine.stored().collect();
                return Registering { outcome, stored, report: self.report(machine.faults()) };
            }
            let input = tokio::select! {
                Some(Ok((guardian, phase, outcome))) = under_way.join_next() => {
                    Input::Answer { guardian, phase, outcome }
                }
                () = until(machine.deadline()) => Input::Time,
            };
            if let Err(accused) = machine.handle(crate::now(), input) {
                tracing::debug!(%accused);
            }
        }
    }

    fn spawn(&self, under_way: &mut JoinSet<Arrived>, guardian: usize, phase: Phase, request: Request) {
        let link = Arc::clone(&self.links[guardian]);
        let token = self.token(guardian);
        under_way.spawn(async move { (guardian, phase, link.ask(&token, &request).await) });
    }

    fn report<'a>(&self, faults: impl Iterator<Item = (usize, &'a Fault)>) -> Report {
        let address = |guardian: usize| self.configuration.guardians()[guardian].address.clone();
        Report { faults: faults.map(|(guardian, fault)| (address(guardian), fault.clone())).collect() }
    }
}

fn answer(
    reply: &mut Option<oneshot::Sender<Result<Recovered, RecoverError>>>,
    outcome: Result<Recovered, RecoverError>,
) {
    // Whoever stopped waiting does not need it.
    if let Some(reply) = reply.take() {
        let _ = reply.send(outcome);
    }
}

/// Stretches a PIN on a thread of its own.
pub(super) fn stretch_aside(
    pin: SecretBytes,
    version: RegistrationVersion,
    info: Vec<u8>,
    cost: Cost,
) -> oneshot::Receiver<Option<Stretched>> {
    let (done, stretched) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let _ = done.send(stretch(&pin, &version, &info, cost).ok());
    });
    stretched
}

/// What a computation gave; never, where none is under way.
async fn arrival(stretched: &mut Option<oneshot::Receiver<Option<Stretched>>>) -> Option<Stretched> {
    match stretched {
        Some(receiver) => receiver.await.ok().flatten(),
        None => std::future::pending().await,
    }
}

/// Sleeps until an instant; for ever, where there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => {
            tokio::time::sleep(Duration::from_millis(deadline.ms_since(crate::now()))).await;
        }
        None => std::future::pending().await,
    }
}
