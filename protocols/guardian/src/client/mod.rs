//! The person's side of recovery: two machines that speak to all guardians at
//! once, [`Register`] and [`Recover`].
//!
//! A shell sends each [`Output::Send`] to the guardian it names and brings the
//! outcome back as an [`Input::Answer`]; it runs each [`Output::Compute`] off
//! its main thread; it calls `handle` with [`Input::Time`] at the `deadline()`.
//!
//! The machines never hold the PIN: they ask for it to be stretched.

mod configuration;
mod fault;
mod kit;
mod opening;
mod outcome;
mod peer;
mod recover;
mod register;

use alloc::collections::BTreeMap;

use allod_wire::RegistrationVersion;

pub use self::configuration::{BadConfiguration, Configuration, Guardian};
pub use self::fault::{Accused, Fault, Lie};
pub use self::kit::{Kit, KitError};
pub use self::outcome::{RecoverError, RecoverEvent, Recovered};
pub use self::peer::Keys;
pub use self::recover::Recover;
pub use self::register::{Register, RegisterError, RegisterEvent};
use crate::juicebox::secret::Stretched;
use crate::juicebox::{Request, Response};

/// Which of a protocol's phases a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// `Register1`, `Recover1`.
    First,
    /// `Register2`, `Recover2`.
    Second,
    /// `Recover3`.
    Third,
}

/// What happens to a client machine.
#[derive(Debug)]
pub enum Input {
    /// A guardian answered, or could not be asked.
    Answer {
        /// Which, by its place in the configuration.
        guardian: usize,
        /// To which of its requests.
        phase: Phase,
        /// What came of it.
        outcome: Result<Response, Fault>,
    },
    /// The PIN was stretched.
    Stretched(Stretched),
    /// Time passed.
    Time,
}

/// What a client machine wants done.
#[derive(Debug)]
pub enum Output<E> {
    /// Send a request to a guardian.
    Send {
        /// Which, by its place in the configuration.
        guardian: usize,
        /// To be given back with the answer.
        phase: Phase,
        /// What to send.
        request: Request,
    },
    /// Stretch the PIN for this registration.
    Compute(RegistrationVersion),
    /// Something happened that the person should learn.
    Event(E),
}

/// How long a client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For an answer, before a guardian counts as slow.
    pub answer_ms_max: u64,
    /// Before a last phase that got no answer is sent again.
    pub retry_ms: u64,
    /// How often a last phase is sent.
    pub tries_max: u8,
}

impl Default for Patience {
    fn default() -> Self {
        Self { answer_ms_max: 8_000, retry_ms: 1_000, tries_max: 3 }
    }
}

/// The key that most of `keys` share and how many do; the smallest such key
/// where several do.
fn most_common<K: Ord + Clone>(keys: impl Iterator<Item = K>) -> Option<(K, usize)> {
    let mut counts: BTreeMap<K, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count)
}

#[cfg(test)]
mod tests;
