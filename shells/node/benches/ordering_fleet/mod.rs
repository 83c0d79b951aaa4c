//! Guardians as processes of this program, told by lines what to do.
//!
//! Orders go to a process's input, one answer to each comes from its output:
//! - `ready`: answers when it has links to all others and blocks follow;
//! - `height`: the last final height;
//! - `latencies <count>`: milliseconds until each of so many operations was final;
//! - `load <milliseconds>`: submits operations for so long, as many as are taken.
#![allow(dead_code, reason = "one of the programs only wants the peer")]

mod ours;
mod peer;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The variable that says that a process is a guardian, and which.
const SEAT: &str = "ALLOD_BENCH_SEAT";

/// What a guardian runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// The ordering of this project.
    Ours {
        /// How long a leader waits for operations.
        idle_ms: u64,
    },
    /// The engine alone.
    Peer,
}

/// One guardian's place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seat {
    kind: Kind,
    index: usize,
    addresses: Vec<SocketAddr>,
    folder: PathBuf,
}

/// The place of this process, if it is a guardian.
pub(crate) fn seat() -> Option<Seat> {
    let text = std::env::var(SEAT).ok()?;
    Some(serde_json::from_str(&text).expect("a seat"))
}

/// Runs one guardian until its input ends.
pub(crate) fn run(seat: Seat) {
    match seat.kind {
        Kind::Ours { idle_ms } => ours::run(&seat, idle_ms),
        Kind::Peer => peer::run(&seat),
    }
}

/// Answers orders until there are no more.
fn answer(mut to: impl FnMut(&str, u64) -> String) {
    for line in std::io::stdin().lines() {
        let line = line.expect("an order");
        let (order, number) = line.split_once(' ').unwrap_or((&line, "0"));
        println!("{}", to(order, number.parse().expect("a number")));
    }
}

/// Guardians that run until the value is dropped.
pub(crate) struct Fleet {
    guardians: Vec<Guardian>,
    _state: tempfile::TempDir,
}

struct Guardian {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Fleet {
    /// Starts guardians and waits until they order.
    pub(crate) fn start(kind: Kind, size: usize) -> Self {
        let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
        std::fs::create_dir_all(disk).expect("the build folder");
        let state = tempfile::tempdir_in(disk).expect("a folder for the guardians' state");
        let listeners: Vec<TcpListener> =
            (0..size).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let addresses: Vec<SocketAddr> =
            listeners.iter().map(|listener| listener.local_addr().expect("its address")).collect();
        drop(listeners);
        let guardians = (0..size)
            .map(|index| {
                let folder = state.path().join(format!("guardian-{index}"));
                Guardian::start(&Seat { kind, index, addresses: addresses.clone(), folder })
            })
            .collect();
        let mut fleet = Self { guardians, _state: state };
        for guardian in &mut fleet.guardians {
            guardian.ask("ready");
        }
        fleet
    }

    /// The last final height of the first guardian.
    pub(crate) fn height(&mut self) -> u64 {
        self.guardians[0].ask("height").parse().expect("a height")
    }

    /// Milliseconds until each of `count` operations was final.
    pub(crate) fn latencies(&mut self, count: usize) -> Vec<f64> {
        let answer = self.guardians[0].ask(&format!("latencies {count}"));
        serde_json::from_str(&answer).expect("times")
    }

    /// Final operations a second while each guardian gets as many as it takes.
    pub(crate) fn operations(&mut self, time: Duration) -> f64 {
        let order = format!("load {}", time.as_millis());
        for guardian in &mut self.guardians {
            guardian.tell(&order);
        }
        let rates: Vec<f64> =
            self.guardians.iter_mut().map(|guardian| guardian.hear().parse().expect("a rate")).collect();
        rates[0]
    }
}

impl Guardian {
    fn start(seat: &Seat) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program's path"))
            .env(SEAT, serde_json::to_string(seat).expect("a seat"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let orders = process.stdin.take().expect("its input");
        let answers = BufReader::new(process.stdout.take().expect("its output"));
        Self { process, orders, answers }
    }

    fn tell(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("a guardian that listens");
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).expect("a guardian that answers");
        assert!(read > 0, "a guardian ended");
        line.trim().to_owned()
    }

    fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.hear()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for guardian in &mut self.guardians {
            let _ = guardian.process.kill();
            let _ = guardian.process.wait();
        }
    }
}
