//! One guardian of a network: its process, the liar's in front of it, and what
//! an order does to both.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::process::Process;
use super::{Counters, How, NetworkError, State, Status};
use crate::guardian::{Config, Tls};
use crate::person::Link;

/// Between two tries to start.
const PAUSE: Duration = Duration::from_millis(200);

/// For how long a start is tried again: a guardian that a crashed supervisor
/// left behind may not have ended yet.
const START_AGAIN: Duration = Duration::from_secs(12);

/// One guardian with its processes: its own, and a liar's behind it in the list.
pub(super) struct Guarded {
    program: PathBuf,
    folder: PathBuf,
    config: Config,
    pub(super) realm: String,
    pub(super) link: Arc<Link>,
    pub(super) status: Status,
    before_pause: State,
    pub(super) processes: Vec<Process>,
}

impl Guarded {
    pub(super) async fn start(
        program: PathBuf,
        folder: PathBuf,
        config: Config,
        guardian: usize,
    ) -> Result<Self, NetworkError> {
        let failed = |why: String| NetworkError::Start { number: guardian, why };
        let (process, said) = run_guardian(&program, &folder, "guardian.toml").await.map_err(failed)?;
        let (address, realm) = (word(&said, "address"), word(&said, "realm"));
        let link = address.parse().map_err(|e: crate::person::BadAddress| failed(e.to_string()))?;
        let status = Status {
            guardian,
            address,
            state: State::Running,
            pid: Some(process.pid),
            counters: Counters::default(),
        };
        Ok(Self {
            program,
            folder,
            config,
            realm,
            link: Arc::new(Link::new(link)),
            status,
            before_pause: State::Running,
            processes: vec![process],
        })
    }

    /// Notices processes that ended by themselves. A guardian without its liar,
    /// or a liar without its guardian, is of no use and ends too.
    pub(super) async fn look(&mut self) {
        let Some(ended) = self.processes.iter().position(Process::has_ended) else { return };
        let why = self.processes.remove(ended).epitaph().await;
        self.end_all().await;
        self.status.state = State::Stopped { why };
    }

    pub(super) async fn kill(&mut self) -> Result<(), String> {
        self.up()?;
        for process in self.processes.drain(..) {
            process.kill().await;
        }
        (self.status.state, self.status.pid) = (State::Killed, None);
        Ok(())
    }

    pub(super) fn pause(&mut self) -> Result<(), String> {
        self.up()?;
        if self.status.state == State::Paused {
            return Err(format!("guardian {} is paused already", self.status.guardian));
        }
        self.processes.iter().for_each(|process| process.signal(Signal::STOP));
        self.before_pause = std::mem::replace(&mut self.status.state, State::Paused);
        Ok(())
    }

    pub(super) fn resume(&mut self) -> Result<(), String> {
        if self.status.state != State::Paused {
            return Err(format!("guardian {} is not paused", self.status.guardian));
        }
        self.processes.iter().for_each(|process| process.signal(Signal::CONT));
        self.status.state = self.before_pause.clone();
        Ok(())
    }

    pub(super) async fn restart(&mut self) -> Result<(), String> {
        match self.status.state {
            State::Running => return Err(format!("guardian {} is running", self.status.guardian)),
            State::Paused => {
                return Err(format!("guardian {} is paused; resume it", self.status.guardian));
            }
            State::Lying { .. } | State::Killed | State::Stopped { .. } => {}
        }
        self.end_all().await;
        let (process, _) = self.run("guardian.toml").await?;
        self.up_with(State::Running, vec![process]);
        Ok(())
    }

    pub(super) async fn lie(&mut self, how: How) -> Result<(), String> {
        self.end_all().await;
        let hidden = self.folder.join("hidden.toml");
        let anywhere = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        let mut config = Config { listen: anywhere, tls: Tls::Off, ..self.config.clone() };
        config.state = "state".into();
        config.write(&hidden).map_err(|e| e.to_string())?;
        let (guardian, said) = self.run("hidden.toml").await?;
        let upstream = word(&said, "address");
        let arguments = [
            "--json".into(),
            "testnet-liar".into(),
            "--state".into(),
            self.config.state.clone().into_os_string(),
            "--listen".into(),
            self.config.listen.to_string().into(),
            "--upstream".into(),
            upstream.trim_start_matches("http://").into(),
            "--realm".into(),
            self.realm.clone().into(),
            "--how".into(),
            how.name().into(),
        ];
        let started = Process::start(&self.program, &arguments, &self.folder.join("log")).await;
        match started {
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

    async fn run(&mut self, config: &str) -> Result<(Process, Value), String> {
        let started = run_guardian(&self.program, &self.folder, config).await;
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
        self.status.pid = None;
    }

    fn up(&self) -> Result<(), String> {
        if self.processes.is_empty() {
            Err(format!("guardian {} is not running", self.status.guardian))
        } else {
            Ok(())
        }
    }
}

/// Starts a guardian, again and again for a while where it does not start.
async fn run_guardian(program: &Path, folder: &Path, config: &str) -> Result<(Process, Value), String> {
    let arguments: [OsString; 6] = [
        "--json".into(),
        "guardian".into(),
        "run".into(),
        "--until-stdin-closes".into(),
        "--config".into(),
        folder.join(config).into_os_string(),
    ];
    let since = Instant::now();
    loop {
        match Process::start(program, &arguments, &folder.join("log")).await {
            Err(_) if since.elapsed() < START_AGAIN => sleep(PAUSE).await,
            ended => return ended,
        }
    }
}

fn word(said: &Value, name: &str) -> String {
    said.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
