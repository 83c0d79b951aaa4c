//! One guardian of a network: its process, the liar's in front of it, and what
//! an order does to both. Each is looked after by a task of its own, so that
//! orders to several take no turns.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::count::{self, Count};
use super::links::Rules;
use super::process::Process;
use super::setup::as_written;
use super::{Counters, Disturbance, How, NetworkError, News, Order, Standing, State, Status};
use crate::guardian::{Config, Tls};
use crate::person::Link;

/// Between two tries to start.
const PAUSE: Duration = Duration::from_millis(200);

/// For how long a start is tried again: a guardian that a crashed supervisor
/// left behind may not have ended yet.
const START_AGAIN: Duration = Duration::from_secs(12);

/// How often processes are looked after.
const LOOK: Duration = Duration::from_millis(200);

/// How often counters are asked for, in looks.
const LOOKS_A_COUNT: u32 = 5;

/// How a guardian is run.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) guardian: usize,
    pub(super) program: PathBuf,
    /// What is put before the program.
    pub(super) prefix: Vec<OsString>,
    pub(super) folder: PathBuf,
    /// The name of its configuration file, and what that says.
    pub(super) file: &'static str,
    pub(super) config: Config,
    /// Where clients reach it, which is not where it listens behind a relay.
    pub(super) public: SocketAddr,
}

/// An order to one guardian, with the way back.
pub(super) type Task = (Order, oneshot::Sender<Result<Status, String>>);

/// One guardian with its processes: its own, and a liar's behind it in the list.
pub(super) struct Guarded {
    setting: Setting,
    pub(super) realm: String,
    link: Arc<Link>,
    pub(super) status: Status,
    before_pause: State,
    skew_ms: i64,
    processes: Vec<Process>,
    counting: JoinSet<Option<Count>>,
}

impl Guarded {
    pub(super) async fn start(setting: Setting) -> Result<Self, NetworkError> {
        let guardian = setting.guardian;
        let failed = |why: String| NetworkError::Start { number: guardian, why };
        let (process, said) = setting.run(setting.file, 0).await.map_err(failed)?;
        let (address, realm) = (word(&said, "address"), word(&said, "realm"));
        let link = address.parse().map_err(|e: crate::person::BadAddress| failed(e.to_string()))?;
        let address = address.replacen(&setting.config.listen.to_string(), &setting.public.to_string(), 1);
        let status = Status {
            guardian,
            address,
            state: State::Running,
            pid: Some(process.pid),
            counters: Counters::default(),
            standing: Standing::default(),
            disturbance: Disturbance::default(),
        };
        Ok(Self {
            setting,
            realm,
            link: Arc::new(Link::new(link)),
            status,
            before_pause: State::Running,
            skew_ms: 0,
            processes: vec![process],
            counting: JoinSet::new(),
        })
    }

    /// Looks after the guardian and does what it is told, until there is nobody
    /// to tell it anything. Then it ends in good order.
    pub(super) async fn run(
        mut self,
        mut tasks: mpsc::UnboundedReceiver<Task>,
        mut rules: watch::Receiver<Rules>,
        tell: mpsc::UnboundedSender<News>,
    ) {
        let mut told = self.status.clone();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked = 0_u32;
        loop {
            let mut reply = None;
            tokio::select! {
                task = tasks.recv() => {
                    let Some((order, back)) = task else { break };
                    let result = self.obey(order).await;
                    reply = Some((back, result));
                }
                Some(counted) = self.counting.join_next() => {
                    match counted {
                        Ok(Some(count)) => {
                            (self.status.counters, self.status.standing) = (count.counters, count.standing);
                        }
                        // What it said before need not be true any more.
                        _ => self.status.standing = Standing::default(),
                    }
                }
                Ok(()) = rules.changed() => {
                    let (rules, guardian) = (rules.borrow_and_update(), self.status.guardian);
                    self.status.disturbance.group = rules.group_of(guardian);
                    self.status.disturbance.delay_ms = rules.delay_of(guardian);
                }
                _ = looks.tick() => {
                    self.look().await;
                    looked = looked.wrapping_add(1);
                    let up = matches!(self.status.state, State::Running | State::Lying { .. });
                    if looked.is_multiple_of(LOOKS_A_COUNT) && up && self.counting.is_empty() {
                        let link = Arc::clone(&self.link);
                        self.counting.spawn(async move { count::ask(&link).await });
                    }
                }
            }
            if self.status != told {
                told.clone_from(&self.status);
                // Whoever stopped watching needs no news.
                let _ = tell.send(News::Status(told.clone()));
            }
            if let Some((back, result)) = reply {
                let _ = back.send(result.map(|()| self.status.clone()));
            }
        }
        self.end_all().await;
    }

    async fn obey(&mut self, order: Order) -> Result<(), String> {
        // What died a moment ago counts as dead.
        self.look().await;
        // What was counted before says nothing about what is now.
        self.counting = JoinSet::new();
        match order {
            Order::Kill { .. } => self.kill().await,
            Order::Pause { .. } => self.pause(),
            Order::Resume { .. } => self.resume(),
            Order::Start { .. } => self.restart().await,
            Order::Lie { how, .. } => self.lie(how.parse()?).await,
            Order::Skew { skew_ms, .. } => self.skew(skew_ms).await,
            other => Err(format!("`{other}` is nothing that one guardian does")),
        }
    }

    /// Notices processes that ended by themselves. A guardian without its liar,
    /// or a liar without its guardian, is of no use and ends too.
    async fn look(&mut self) {
        let Some(ended) = self.processes.iter().position(Process::has_ended) else { return };
        let why = self.processes.remove(ended).epitaph().await;
        self.end_all().await;
        self.status.state = State::Stopped { why };
    }

    async fn kill(&mut self) -> Result<(), String> {
        self.up()?;
        for process in self.processes.drain(..) {
            process.kill().await;
        }
        (self.status.state, self.status.pid) = (State::Killed, None);
        self.status.standing = Standing::default();
        Ok(())
    }

    fn pause(&mut self) -> Result<(), String> {
        self.up()?;
        if self.status.state == State::Paused {
            return Err(format!("guardian {} is paused already", self.status.guardian));
        }
        self.processes.iter().for_each(|process| process.signal(Signal::STOP));
        self.before_pause = std::mem::replace(&mut self.status.state, State::Paused);
        self.status.standing = Standing::default();
        Ok(())
    }

    fn resume(&mut self) -> Result<(), String> {
        if self.status.state != State::Paused {
            return Err(format!("guardian {} is not paused", self.status.guardian));
        }
        self.processes.iter().for_each(|process| process.signal(Signal::CONT));
        self.status.state = self.before_pause.clone();
        Ok(())
    }

    async fn restart(&mut self) -> Result<(), String> {
        match self.status.state {
            State::Running => return Err(format!("guardian {} is running", self.status.guardian)),
            State::Paused => {
                return Err(format!("guardian {} is paused; resume it", self.status.guardian));
            }
            State::Lying { .. } | State::Killed | State::Stopped { .. } => {}
        }
        self.be_honest().await
    }

    async fn be_honest(&mut self) -> Result<(), String> {
        self.end_all().await;
        let (process, _) = self.start_guardian(self.setting.file).await?;
        self.up_with(State::Running, vec![process]);
        Ok(())
    }

    async fn skew(&mut self, skew_ms: i64) -> Result<(), String> {
        if self.status.state == State::Paused {
            return Err(format!("guardian {} is paused; resume it", self.status.guardian));
        }
        self.skew_ms = skew_ms;
        self.status.disturbance.skew_ms = (skew_ms != 0).then_some(skew_ms);
        match self.status.state.clone() {
            State::Running => self.be_honest().await,
            State::Lying { how } => self.lie(how.parse()?).await,
            State::Paused | State::Killed | State::Stopped { .. } => Ok(()),
        }
    }

    async fn lie(&mut self, how: How) -> Result<(), String> {
        self.end_all().await;
        if how == How::Equivocate {
            return self.equivocate().await;
        }
        let setting = &self.setting;
        let hidden = setting.folder.join("hidden.toml");
        let anywhere = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        let config = Config { listen: anywhere, tls: Tls::Off, ..setting.config.clone() };
        as_written(&config).write(&hidden).map_err(|e| e.to_string())?;
        let (guardian, said) = self.start_guardian("hidden.toml").await?;
        let upstream = word(&said, "address");
        let config = &self.setting.config;
        let arguments = [
            "--json".into(),
            "testnet-liar".into(),
            "--state".into(),
            config.state.clone().into_os_string(),
            "--listen".into(),
            config.listen.to_string().into(),
            "--upstream".into(),
            upstream.trim_start_matches("http://").into(),
            "--realm".into(),
            self.realm.clone().into(),
            "--how".into(),
            how.name().into(),
        ];
        match self.setting.launch(arguments, 0).await {
            Ok((liar, _)) => {
                self.up_with(State::Lying { how: how.name().into() }, vec![guardian, liar]);
                Ok(())
            }
            Err(why) => {
                guardian.end().await;
                self.status.state = State::Stopped { why: why.clone() };
                Err(why)
            }
        }
    }

    /// Starts one that votes twice in the guardian's place.
    async fn equivocate(&mut self) -> Result<(), String> {
        let config = self.setting.folder.join(self.setting.file).into_os_string();
        let arguments = ["--json".into(), "testnet-equivocator".into(), "--config".into(), config];
        match self.setting.launch(arguments, self.skew_ms).await {
            Ok((process, _)) => {
                self.up_with(State::Lying { how: How::Equivocate.name().into() }, vec![process]);
                Ok(())
            }
            Err(why) => {
                self.status.state = State::Stopped { why: why.clone() };
                Err(why)
            }
        }
    }

    async fn start_guardian(&mut self, file: &str) -> Result<(Process, Value), String> {
        let started = self.setting.run(file, self.skew_ms).await;
        if let Err(why) = &started {
            self.status.state = State::Stopped { why: why.clone() };
        }
        started
    }

    fn up_with(&mut self, state: State, processes: Vec<Process>) {
        self.status.pid = processes.last().map(|process| process.pid);
        (self.status.state, self.status.counters) = (state, Counters::default());
        self.processes = processes;
    }

    async fn end_all(&mut self) {
        for process in self.processes.drain(..) {
            process.end().await;
        }
        (self.status.pid, self.status.standing) = (None, Standing::default());
    }

    fn up(&self) -> Result<(), String> {
        if self.processes.is_empty() {
            Err(format!("guardian {} is not running", self.status.guardian))
        } else {
            Ok(())
        }
    }
}

impl Setting {
    /// Starts a guardian, again and again for a while where it does not start.
    async fn run(&self, file: &str, skew_ms: i64) -> Result<(Process, Value), String> {
        let since = Instant::now();
        loop {
            let arguments: [OsString; 6] = [
                "--json".into(),
                "guardian".into(),
                "run".into(),
                "--until-stdin-closes".into(),
                "--config".into(),
                self.folder.join(file).into_os_string(),
            ];
            match self.launch(arguments, skew_ms).await {
                Err(_) if since.elapsed() < START_AGAIN => sleep(PAUSE).await,
                ended => return ended,
            }
        }
    }

    async fn launch(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
        skew_ms: i64,
    ) -> Result<(Process, Value), String> {
        let mut command = self.prefix.clone();
        command.push(self.program.clone().into());
        command.extend(arguments);
        Process::start(&command, &self.folder.join("log"), skew_ms).await
    }
}

fn word(said: &Value, name: &str) -> String {
    said.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
