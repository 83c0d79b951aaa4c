//! `allod network --guardians`: who guards, and what each of them stands to lose.

use allod_ledger::Chain;
use allod_ledger::committee::{Committee, Seat};
use allod_ledger::guardian::{Guardian, Standing};
use allod_node::person::ledger::{Ledger, LedgerError, Listed};
use allod_wire::Instant;
use serde_json::{Value, json};

use super::time;
use crate::failure::Failure;

/// The guardians that are on the ledger, as the network proves it.
pub(super) struct Proven {
    height: u64,
    at: Instant,
    epoch: u64,
    /// Who votes first, who waits or is gone last.
    guardians: Vec<(Part, Listed)>,
}

/// What part a guardian has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Votes,
    Follows,
    /// It was admitted, and has no place in this epoch.
    Seatless,
    Candidate,
    Left(Instant),
    Evicted(Instant),
}

impl Part {
    fn of(listed: &Listed, committee: &Committee) -> Self {
        let among = |seats: &[Seat]| seats.iter().any(|seat| seat.guardian == listed.guardian);
        match listed.record.standing {
            Standing::Candidate => Self::Candidate,
            Standing::Left { at } => Self::Left(at),
            Standing::Evicted { at, .. } => Self::Evicted(at),
            Standing::Active if among(&committee.members) => Self::Votes,
            Standing::Active if among(&committee.observers) => Self::Follows,
            Standing::Active => Self::Seatless,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Votes => "votes",
            Self::Follows => "follows",
            Self::Seatless => "admitted",
            Self::Candidate => "candidate",
            Self::Left(_) => "left",
            Self::Evicted(_) => "evicted",
        }
    }

    fn since(self) -> Option<Instant> {
        match self {
            Self::Left(at) | Self::Evicted(at) => Some(at),
            _ => None,
        }
    }
}

/// The guardians as of now.
pub(super) async fn prove(ledger: &Ledger) -> Result<Proven, Failure> {
    let (_, shown) = ledger.prove_now::<Chain>(&()).await?;
    let missing = |what: &str| LedgerError::Garbage(format!("there is no {what}"));
    let chain = shown.record.ok_or_else(|| missing("height"))?;
    let epoch = chain.height / ledger.rules().await?.epoch_heights.max(1);
    let (_, committee) = ledger.prove::<Committee>(&epoch, shown.height).await?;
    let committee = committee.record.ok_or_else(|| missing("committee"))?;
    let roster = ledger.roster(shown.height).await?;
    let mut guardians: Vec<_> =
        roster.into_iter().map(|listed| (Part::of(&listed, &committee), listed)).collect();
    guardians.sort_by_key(|(part, listed)| (*part, listed.guardian));
    Ok(Proven { height: shown.height, at: shown.at, epoch, guardians })
}

impl Proven {
    pub(super) fn to_json(&self) -> Value {
        let row = |(part, listed): &(Part, Listed)| {
            let Guardian { operator, terms, bond, .. } = &listed.record;
            json!({
                "guardian": listed.guardian.to_string(),
                "standing": part.word(),
                "since": part.since().map(|since| since.0),
                "operator_label": terms.operator,
                "jurisdiction": terms.jurisdiction,
                "operator": operator.to_string(),
                "bond": bond,
                "address": terms.service,
                "peers": terms.peers,
            })
        };
        json!({
            "height": self.height,
            "at": self.at.0,
            "epoch": self.epoch,
            "guardians": self.guardians.iter().map(row).collect::<Vec<_>>(),
        })
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for (part, listed) in &self.guardians {
            let Guardian { operator, terms, bond, .. } = &listed.record;
            let since = part.since().map(|since| format!(" since {}", time(since))).unwrap_or_default();
            text += &format!(
                "{:<11}{:?} under the law of {:?}, bond {bond}{since}\n           at {}\n           guardian {}\n           \
                 operator {}\n",
                part.word(),
                terms.operator,
                terms.jurisdiction,
                terms.service,
                listed.guardian,
                operator,
            );
        }
        format!(
            "{text}in epoch {}, at height {}, {}. Labels are the guardians' own words; nobody checked them.",
            self.epoch,
            self.height,
            time(self.at)
        )
    }
}
