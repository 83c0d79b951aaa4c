//! How the guardians of a running network are, and what happens to them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Order;

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

/// Where a guardian stands in the chain, as far as it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The height of the last final block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// The epoch it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Guardians that it hears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<u64>,
    /// How old its last block is by its clock, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_age_s: Option<u64>,
    /// Whether its chain does its part, as readiness says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
}

/// What is done to a guardian's connections and its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disturbance {
    /// The group of the partition that it is in, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<usize>,
    /// How long what it sends and is sent is delayed, in milliseconds; of
    /// several delays the longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How much its clock is ahead, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_ms: Option<i64>,
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
    /// Where it stands in the chain.
    #[serde(flatten)]
    pub standing: Standing,
    /// What is done to its connections and its clock.
    #[serde(flatten)]
    pub disturbance: Disturbance,
}

impl Status {
    /// Whether another status tells the same but for counters and standing,
    /// which change all the time.
    pub fn is_like(&self, other: &Self) -> bool {
        let Self { guardian, address, state, pid, disturbance, .. } = self;
        (guardian, address, state, pid, disturbance)
            == (&other.guardian, &other.address, &other.state, &other.pid, &other.disturbance)
    }

    /// Whether another status differs in no more than where a chain that goes on
    /// stands: each second brings other heights.
    pub fn is_worth_no_line_after(&self, before: &Self) -> bool {
        self.is_like(before)
            && self.counters == before.counters
            && (self.standing.ready.is_none() || self.standing.ready == before.standing.ready)
    }
}

/// Something that happened in a running network.
#[derive(Clone, Debug)]
pub enum News {
    /// A guardian is otherwise than before.
    Status(Status),
    /// An order was carried out or refused.
    Order(Obeyed),
}

/// An order with what came of it.
#[derive(Clone, Debug)]
pub struct Obeyed {
    /// The order.
    pub order: Order,
    /// Whose it was.
    pub origin: Origin,
    /// When it was given.
    pub given: Instant,
    /// When it was carried out or refused.
    pub answered: Instant,
    /// Why it was refused, if it was.
    pub result: Result<(), String>,
}

/// Whose order it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Somebody's, at the network's socket.
    Hand,
    /// A script's.
    Script {
        /// The line.
        line: usize,
        /// When it was to be given, in milliseconds from the start.
        planned_ms: u64,
        /// Whether it undoes what the line did before.
        undoes: bool,
    },
}

impl Obeyed {
    /// As JSON: times in milliseconds from `began`.
    pub fn to_json(&self, began: Instant) -> Value {
        let mut value = json!({
            "at_ms": ms_between(began, self.given),
            "event": "order",
            "order": self.order.to_string(),
            "do": self.order,
            "took_ms": ms_between(self.given, self.answered),
            "result": "done",
        });
        match self.origin {
            Origin::Hand => value["by"] = "hand".into(),
            Origin::Script { line, planned_ms, undoes } => {
                value["by"] = "script".into();
                value["line"] = line.into();
                value["planned_ms"] = planned_ms.into();
                value["undoes"] = undoes.into();
            }
        }
        if let Err(why) = &self.result {
            value["result"] = "refused".into();
            value["why"] = why.as_str().into();
        }
        value
    }
}

/// Milliseconds from one moment to a later one.
pub(super) fn ms_between(earlier: Instant, later: Instant) -> u64 {
    u64::try_from(later.saturating_duration_since(earlier).as_millis()).unwrap_or(u64::MAX)
}
