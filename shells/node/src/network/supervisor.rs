//! Running the guardians: it starts each, sees when one dies by itself, and does
//! as it is told. What somebody killed stays dead until it is started again.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::control::{self, Given};
use super::guarded::Guarded;
use super::setup::{self, Plan, guardian_folder};
use super::{Description, Member, NetworkError, Order};
use crate::person::Link;

/// How often children are looked after.
const LOOK: Duration = Duration::from_millis(200);

/// How often counters are asked for, in looks.
const LOOKS_A_COUNT: u32 = 5;

/// How long counters may take.
const COUNT: Duration = Duration::from_secs(2);

/// How a guardian is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// It runs, honest.
    Running,
    /// It runs, and a liar stands in front of it.
    Lying {
        /// The name of the [`How`](super::How).
        how: String,
    },
    /// It was stopped from running on.
    Paused,
    /// It was killed.
    Killed,
    /// It ended by itself.
    Stopped {
        /// How, in the system's words.
        why: String,
    },
}

/// What a guardian counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Registrations stored.
    pub registered: u64,
    /// Guesses spent.
    pub guesses: u64,
    /// Right unlock tags shown.
    pub recovered: u64,
}

/// One guardian of a running network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its number, from 1.
    pub guardian: usize,
    /// Where clients reach it.
    pub address: String,
    /// How it is.
    #[serde(flatten)]
    pub state: State,
    /// The process that listens at the address, if one does.
    pub pid: Option<u32>,
    /// What it counted.
    pub counters: Counters,
}

/// A running network. It ends in good order with [`Network::stop`]; when it is
/// dropped, its processes end by themselves.
#[derive(Debug)]
pub struct Network {
    description: Description,
    statuses: Vec<Status>,
    changes: mpsc::UnboundedReceiver<Status>,
    stop: oneshot::Sender<()>,
    supervising: JoinHandle<()>,
}

impl Network {
    /// Makes the network where there is none, and starts it.
    ///
    /// # Errors
    /// See [`NetworkError`].
    pub async fn start(plan: Plan) -> Result<Self, NetworkError> {
        let lock = setup::lock(&plan.folder)?;
        let known = Description::read(&plan.folder)?;
        let (guardians, threshold) = setup::size(&plan, known.as_ref())?;
        let configurations = setup::configurations(&plan, guardians)?;

        let mut starting = JoinSet::new();
        for (place, config) in configurations.into_iter().enumerate() {
            let (program, folder) = (plan.program.clone(), guardian_folder(&plan.folder, place + 1));
            starting.spawn(async move { Guarded::start(program, folder, config, place + 1).await });
        }
        let mut members = Vec::new();
        while let Some(started) = starting.join_next().await {
            match started {
                Ok(Ok(member)) => members.push(member),
                Ok(Err(error)) => return Err(error),
                Err(why) => return Err(NetworkError::Refused(why.to_string())),
            }
        }
        members.sort_unstable_by_key(|member| member.status.guardian);

        let listed = members
            .iter()
            .map(|member| Member { address: member.status.address.clone(), realm: member.realm.clone() });
        let description = Description { threshold, guardians: listed.collect() };
        if known.as_ref() != Some(&description) {
            description.write(&plan.folder)?;
        }
        let listener = control::listen(&plan.folder)?;
        let (orders, given) = mpsc::channel(16);
        let listening = tokio::spawn(control::serve(listener, orders));
        let statuses: Vec<Status> = members.iter().map(|member| member.status.clone()).collect();
        let (tell, changes) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let supervisor =
            Supervisor { folder: plan.folder, members, told: statuses.clone(), tell, _lock: lock };
        let supervising = tokio::spawn(async move {
            supervisor.run(given, stopped).await;
            listening.abort();
        });
        Ok(Self { description, statuses, changes, stop, supervising })
    }

    /// What the network is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How the guardians are, as far as changes were taken.
    pub fn statuses(&self) -> &[Status] {
        &self.statuses
    }

    /// Waits for the next change and takes it.
    pub async fn change(&mut self) -> Status {
        let Some(status) = self.changes.recv().await else { return std::future::pending().await };
        if let Some(known) = self.statuses.get_mut(status.guardian - 1) {
            known.clone_from(&status);
        }
        status
    }

    /// Ends all guardians in good order.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.supervising.await;
    }
}

struct Supervisor {
    folder: PathBuf,
    members: Vec<Guarded>,
    /// What was told of each last.
    told: Vec<Status>,
    tell: mpsc::UnboundedSender<Status>,
    _lock: File,
}

impl Supervisor {
    async fn run(mut self, mut orders: mpsc::Receiver<Given>, mut stopped: oneshot::Receiver<()>) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0_u32;
        let mut counting: JoinSet<(usize, Option<Counters>)> = JoinSet::new();
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                Some((order, reply)) = orders.recv() => {
                    let _ = reply.send(self.obey(order).await);
                }
                Some(counted) = counting.join_next() => {
                    if let Ok((place, Some(counters))) = counted
                        && let Some(member) = self.members.get_mut(place)
                    {
                        member.status.counters = counters;
                    }
                }
                _ = looks.tick() => {
                    for member in &mut self.members {
                        member.look().await;
                    }
                    count = count.wrapping_add(1);
                    if count.is_multiple_of(LOOKS_A_COUNT) && counting.is_empty() {
                        let up = |member: &&Guarded| matches!(member.status.state, State::Running | State::Lying { .. });
                        for member in self.members.iter().filter(up) {
                            let (place, link) = (member.status.guardian - 1, Arc::clone(&member.link));
                            counting.spawn(async move { (place, counters(&link).await) });
                        }
                    }
                }
            }
            self.tell();
        }
        control::close(&self.folder);
        let mut ending = JoinSet::new();
        for member in self.members {
            for process in member.processes {
                ending.spawn(process.end());
            }
        }
        ending.join_all().await;
    }

    fn tell(&mut self) {
        for (member, told) in self.members.iter().zip(&mut self.told) {
            if member.status != *told {
                told.clone_from(&member.status);
                // Whoever stopped watching needs no news.
                let _ = self.tell.send(told.clone());
            }
        }
    }

    async fn obey(&mut self, order: Order) -> Result<Status, String> {
        let (Order::Kill { guardian }
        | Order::Pause { guardian }
        | Order::Resume { guardian }
        | Order::Start { guardian }
        | Order::Lie { guardian, .. }) = order;
        let count = self.members.len();
        let member = guardian.checked_sub(1).and_then(|place| self.members.get_mut(place));
        let member = member
            .ok_or_else(|| format!("there is no guardian {guardian}; they are numbered 1 to {count}"))?;
        // What died a moment ago counts as dead.
        member.look().await;
        match order {
            Order::Kill { .. } => member.kill().await?,
            Order::Pause { .. } => member.pause()?,
            Order::Resume { .. } => member.resume()?,
            Order::Start { .. } => member.restart().await?,
            Order::Lie { how, .. } => member.lie(how.parse()?).await?,
        }
        Ok(member.status.clone())
    }
}

/// A guardian's counters, by its metrics.
async fn counters(link: &Link) -> Option<Counters> {
    let text = tokio::time::timeout(COUNT, link.metrics()).await.ok()?.ok()?;
    let value = |name: &str| {
        let name = format!("allod_guardian_{name}_total ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
    };
    Some(Counters {
        registered: value("registered"),
        guesses: value("guesses"),
        recovered: value("recovered"),
    })
}
