//! Running the guardians: it starts each, passes orders on to it, and ends them
//! all. What somebody killed stays dead until it is started again.

use std::fs::File;
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::control::{self, Given, Orders};
use super::folders::guardian_folder;
use super::guarded::{Guarded, Setting, Task};
use super::links::{Rules, Wiring};
use super::setup::{self, Plan};
use super::{Description, Links, Member, NetworkError, News, Obeyed, Status};
use crate::guardian::Config;

/// A running network. It ends in good order with [`Network::stop`]; when it is
/// dropped, its processes end by themselves.
#[derive(Debug)]
pub struct Network {
    description: Description,
    links: Links,
    statuses: Vec<Status>,
    news: mpsc::UnboundedReceiver<News>,
    orders: Orders,
    stop: oneshot::Sender<()>,
    supervising: JoinHandle<()>,
}

impl Network {
    /// Makes the network where there is none, and starts it, its guardians
    /// connected directly.
    ///
    /// # Errors
    /// See [`NetworkError`].
    pub async fn start(plan: Plan) -> Result<Self, NetworkError> {
        Self::start_linked(plan, Links::Direct).await
    }

    /// The same with guardians connected as told.
    ///
    /// # Errors
    /// See [`NetworkError`].
    pub async fn start_linked(plan: Plan, links: Links) -> Result<Self, NetworkError> {
        let lock = setup::lock(&plan.folder)?;
        let known = Description::read(&plan.folder)?;
        let (guardians, threshold) = setup::size(&plan, known.as_ref())?;
        let configurations = setup::configurations(&plan, guardians, links)?;
        let rules = watch::Sender::new(Rules::default());
        let wiring = Wiring::lay(links, &plan.folder, &configurations, &rules.subscribe()).await?;

        let members = match start_all(&plan, &wiring, &configurations).await {
            Ok(members) => members,
            Err(error) => {
                wiring.take_away().await;
                return Err(error);
            }
        };
        let listed = members
            .iter()
            .map(|member| Member { address: member.status.address.clone(), realm: member.realm.clone() });
        let description = Description { threshold, guardians: listed.collect() };
        if known.as_ref() != Some(&description) {
            description.write(&plan.folder)?;
        }
        let listener = control::listen(&plan.folder)?;
        let (orders, given) = Orders::new();
        let listening = tokio::spawn(control::serve(listener, orders.clone()));
        let statuses: Vec<Status> = members.iter().map(|member| member.status.clone()).collect();
        let (tell, news) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();

        let (mut running, mut tasks) = (JoinSet::new(), Vec::new());
        for member in members {
            let (send, told) = mpsc::unbounded_channel();
            running.spawn(member.run(told, rules.subscribe(), tell.clone()));
            tasks.push(send);
        }
        let supervisor = Supervisor { folder: plan.folder, tasks, running, rules, wiring, tell, _lock: lock };
        let supervising = tokio::spawn(async move {
            supervisor.run(given, stopped).await;
            listening.abort();
        });
        Ok(Self { description, links, statuses, news, orders, stop, supervising })
    }

    /// What the network is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How its guardians are connected.
    pub fn links(&self) -> Links {
        self.links
    }

    /// How the guardians are, as far as changes were taken.
    pub fn statuses(&self) -> &[Status] {
        &self.statuses
    }

    /// Takes orders for the network.
    pub fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Waits for the next thing that happens and takes it.
    pub async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => self.take(news),
            None => std::future::pending().await,
        }
    }

    /// The next thing that has happened, if it has.
    pub fn old_news(&mut self) -> Option<News> {
        self.news.try_recv().ok().map(|news| self.take(news))
    }

    fn take(&mut self, news: News) -> News {
        if let News::Status(status) = &news
            && let Some(known) = self.statuses.get_mut(status.guardian - 1)
        {
            known.clone_from(status);
        }
        news
    }

    /// Waits for the next change of a guardian and takes it.
    pub async fn change(&mut self) -> Status {
        loop {
            if let News::Status(status) = self.news().await {
                return status;
            }
        }
    }

    /// Ends all guardians in good order.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.supervising.await;
    }
}

/// Starts all guardians at the same time.
async fn start_all(
    plan: &Plan,
    wiring: &Wiring,
    configurations: &[Config],
) -> Result<Vec<Guarded>, NetworkError> {
    let mut starting = JoinSet::new();
    for (place, config) in configurations.iter().enumerate() {
        let (guardian, folder) = (place + 1, guardian_folder(&plan.folder, place + 1));
        let (file, moved) = wiring.configuration(guardian, configurations)?;
        if moved.listen != config.listen {
            setup::as_written(&moved).write(&folder.join(file))?;
        }
        let (program, prefix) = (plan.program.clone(), wiring.prefix(guardian));
        let setting =
            Setting { guardian, program, prefix, folder, file, config: moved, public: config.listen };
        starting.spawn(Guarded::start(setting));
    }
    let mut members = Vec::new();
    while let Some(started) = starting.join_next().await {
        members.push(started.map_err(|why| NetworkError::Refused(why.to_string()))??);
    }
    members.sort_unstable_by_key(|member| member.status.guardian);
    Ok(members)
}

struct Supervisor {
    folder: PathBuf,
    /// The way to each guardian, in order of their numbers.
    tasks: Vec<mpsc::UnboundedSender<Task>>,
    running: JoinSet<()>,
    rules: watch::Sender<Rules>,
    wiring: Wiring,
    tell: mpsc::UnboundedSender<News>,
    _lock: File,
}

impl Supervisor {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Given>, mut stopped: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                Some(given) = orders.recv() => self.pass_on(given).await,
            }
        }
        control::close(&self.folder);
        self.tasks.clear();
        while self.running.join_next().await.is_some() {}
        self.wiring.take_away().await;
    }

    async fn pass_on(&self, given: Given) {
        let Given { order, origin, reply } = given;
        let began = Instant::now();
        let tell = self.tell.clone();
        let said = order.clone();
        let answer = move |result: Result<Vec<Status>, String>| {
            let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
            let answered = Instant::now();
            let obeyed = Obeyed { order: said, origin, given: began, answered, result: outcome };
            // Whoever stopped watching needs no news, and no answer.
            let _ = tell.send(News::Order(obeyed));
            let _ = reply.send(result);
        };
        let count = self.tasks.len();
        if let Some(guardian) = order.named().into_iter().find(|guardian| !(1..=count).contains(guardian)) {
            answer(Err(format!("there is no guardian {guardian}; they are numbered 1 to {count}")));
            return;
        }
        let Some(guardian) = order.addressee() else {
            answer(self.wiring.obey(&order, &self.rules).await.map(|()| Vec::new()));
            return;
        };
        let (back, done) = oneshot::channel();
        if let Some(task) = self.tasks.get(guardian - 1) {
            let _ = task.send((order, back));
        }
        tokio::spawn(async move {
            let ended = || Err("the network is ending".to_owned());
            answer(done.await.unwrap_or_else(|_| ended()).map(|status| vec![status]));
        });
    }
}
