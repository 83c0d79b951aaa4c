//! What a running network can be told, and how it is written in words: the
//! words of a chaos script.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::chaos::Ms;

/// What a running network can be told. Guardians are meant by their numbers,
/// which begin at 1. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Order {
    /// Kill a guardian at once, as a crash would.
    Kill {
        /// Which.
        guardian: usize,
    },
    /// Stop a guardian from running on.
    Pause {
        /// Which.
        guardian: usize,
    },
    /// Let a paused guardian run on.
    Resume {
        /// Which.
        guardian: usize,
    },
    /// Start a guardian again, honest.
    Start {
        /// Which.
        guardian: usize,
    },
    /// Put a liar in front of a guardian.
    Lie {
        /// Which.
        guardian: usize,
        /// The name of a [`How`](super::How).
        how: String,
    },
    /// Put a guardian's clock wrong, for which it is started again. One that
    /// does not run has it from its next start.
    Skew {
        /// Which.
        guardian: usize,
        /// How much its clock is ahead; behind, where it is negative.
        skew_ms: i64,
    },
    /// Keep groups apart: what one sends another waits or is lost. A place in
    /// no group reaches all. It takes the place of the partition before.
    Partition {
        /// The groups.
        groups: Vec<Vec<Place>>,
    },
    /// End the partition.
    Heal,
    /// Delay what a guardian sends and is sent, each way.
    Delay {
        /// Which.
        guardian: usize,
        /// How long; no longer where it is 0.
        delay_ms: u64,
        /// How much longer or shorter it may be, by chance.
        jitter_ms: u64,
    },
    /// Delay what one place sends another.
    DelayLink {
        /// Who sends.
        from: Place,
        /// Who is sent something.
        to: Place,
        /// How long; no longer where it is 0.
        delay_ms: u64,
        /// How much longer or shorter it may be, by chance.
        jitter_ms: u64,
    },
    /// Reset all connections of a guardian.
    Cut {
        /// Which.
        guardian: usize,
    },
}

impl Order {
    /// The guardian that alone carries the order out; none where connections
    /// are meant.
    pub fn addressee(&self) -> Option<usize> {
        match *self {
            Self::Kill { guardian }
            | Self::Pause { guardian }
            | Self::Resume { guardian }
            | Self::Start { guardian }
            | Self::Lie { guardian, .. }
            | Self::Skew { guardian, .. } => Some(guardian),
            Self::Partition { .. }
            | Self::Heal
            | Self::Delay { .. }
            | Self::DelayLink { .. }
            | Self::Cut { .. } => None,
        }
    }

    /// All guardians that the order names.
    pub(super) fn named(&self) -> Vec<usize> {
        let number = |place: &Place| match place {
            Place::Guardian(number) => Some(*number),
            Place::Outside => None,
        };
        match self {
            Self::Partition { groups } => groups.iter().flatten().filter_map(number).collect(),
            Self::DelayLink { from, to, .. } => [from, to].into_iter().filter_map(number).collect(),
            Self::Delay { guardian, .. } | Self::Cut { guardian } => vec![*guardian],
            Self::Heal => Vec::new(),
            other => other.addressee().into_iter().collect(),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jitter = |f: &mut fmt::Formatter<'_>, ms: u64| match ms {
            0 => Ok(()),
            ms => write!(f, " jitter {}", Ms(ms)),
        };
        match self {
            Self::Kill { guardian } => write!(f, "kill {guardian}"),
            Self::Pause { guardian } => write!(f, "pause {guardian}"),
            Self::Resume { guardian } => write!(f, "resume {guardian}"),
            Self::Start { guardian } => write!(f, "start {guardian}"),
            Self::Lie { guardian, how } => write!(f, "lie {guardian} {how}"),
            Self::Skew { guardian, skew_ms } => {
                let sign = match skew_ms {
                    0 => "",
                    1.. => "+",
                    _ => "-",
                };
                write!(f, "skew {guardian} {sign}{}", Ms(skew_ms.unsigned_abs()))
            }
            Self::Partition { groups } => {
                let group =
                    |places: &Vec<Place>| places.iter().map(Place::to_string).collect::<Vec<_>>().join(",");
                write!(f, "partition {}", groups.iter().map(group).collect::<Vec<_>>().join(" | "))
            }
            Self::Heal => f.write_str("heal"),
            Self::Delay { guardian, delay_ms, jitter_ms } => {
                write!(f, "delay {guardian} {}", Ms(*delay_ms))?;
                jitter(f, *jitter_ms)
            }
            Self::DelayLink { from, to, delay_ms, jitter_ms } => {
                write!(f, "delay {from} -> {to} {}", Ms(*delay_ms))?;
                jitter(f, *jitter_ms)
            }
            Self::Cut { guardian } => write!(f, "cut {guardian}"),
        }
    }
}

/// Where something is sent from or to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Place {
    /// Whatever is no guardian of the network: people's devices, on this machine.
    Outside,
    /// A guardian, by its number.
    Guardian(usize),
}

impl Place {
    /// The outside, and so many guardians.
    pub(super) fn all(guardians: usize) -> impl Iterator<Item = Self> + Clone {
        std::iter::once(Self::Outside).chain((1..=guardians).map(Self::Guardian))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside => f.write_str("outside"),
            Self::Guardian(number) => write!(f, "{number}"),
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "outside" => Ok(Self::Outside),
            number => number
                .parse()
                .map(Self::Guardian)
                .map_err(|_| format!("{text:?} is neither a guardian's number nor `outside`")),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
