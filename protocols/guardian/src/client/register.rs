//! Registration, the client's side.
//!
//! Roles: this client with its [`Kit`]; the guardians it names.
//!
//! Flow: `Register1` to each target → once every one has answered, failed or
//! been too slow, and enough are there → `Register2` to those that are → done
//! when each has answered. A guardian that was not reached can be given the
//! same part later, from the same kit.
//!
//! It never gives one guardian another's part, and never begins to replace an
//! older registration unless enough guardians are there to complete the new.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use allod_wire::Instant;

use super::{Accused, Fault, Input, Kit, Lie, Output, Patience, Phase};
use crate::juicebox::{Request, Response};

/// What a person learns of a registration.
#[derive(Debug, PartialEq, Eq)]
pub enum RegisterEvent {
    /// Enough guardians hold their part.
    Registered {
        /// How many do.
        stored: usize,
    },
    /// Too few do.
    Failed(RegisterError),
}

/// Why a registration did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// Too few guardians were there to begin; nothing was changed.
    TooFewReachable {
        /// How many are needed.
        needed: usize,
        /// How many were there.
        reached: usize,
    },
    /// Some were lost halfway. Registering again from the same kit completes it.
    Interrupted {
        /// How many are needed.
        needed: usize,
        /// How many hold their part.
        stored: usize,
    },
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewReachable { needed, reached } => {
                write!(f, "{needed} guardians are needed, and {reached} were there; nothing was changed")
            }
            Self::Interrupted { needed, stored } => write!(
                f,
                "{needed} guardians must hold their part, and {stored} do so far; run it again to complete it"
            ),
        }
    }
}

impl core::error::Error for RegisterError {}

/// One registration.
#[derive(Debug)]
pub struct Register {
    kit: Kit,
    patience: Patience,
    needed: usize,
    targets: Vec<Target>,
    second: bool,
    finished: bool,
    outputs: VecDeque<Output<RegisterEvent>>,
}

#[derive(Debug)]
struct Target {
    guardian: usize,
    awaiting: Option<(Phase, Instant)>,
    there: bool,
    stored: bool,
    fault: Option<Fault>,
}

impl Register {
    /// Begins: `Register1` goes to each of `guardians` (places in the kit's
    /// configuration). `needed` of them must take their part.
    pub fn new(kit: Kit, guardians: &[usize], needed: usize, patience: Patience, now: Instant) -> Self {
        let targets = guardians
            .iter()
            .filter(|guardian| **guardian < kit.configuration().guardians().len())
            .map(|&guardian| Target { guardian, awaiting: None, there: false, stored: false, fault: None })
            .collect();
        let mut register =
            Self { kit, patience, needed, targets, second: false, finished: false, outputs: VecDeque::new() };
        let due = now.plus_ms(patience.answer_ms_max);
        for target in &mut register.targets {
            target.awaiting = Some((Phase::First, due));
            register.outputs.push_back(Output::Send {
                guardian: target.guardian,
                phase: Phase::First,
                request: Request::Register1,
            });
        }
        register.advance(now);
        register
    }

    /// Takes in what happened. Drain [`poll`](Self::poll) afterwards.
    ///
    /// # Errors
    /// [`Accused`] names the guardian whose answer was of no use.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Accused> {
        let mut accused = Ok(());
        match input {
            Input::Answer { guardian, phase, outcome } => {
                let awaited = |target: &&mut Target| {
                    target.guardian == guardian
                        && target.awaiting.is_some_and(|(awaited, _)| awaited == phase)
                };
                let Some(target) = self.targets.iter_mut().find(awaited) else { return Ok(()) };
                target.awaiting = None;
                match (phase, outcome) {
                    (Phase::First, Ok(Response::Register1)) => target.there = true,
                    (Phase::Second, Ok(Response::Register2)) => target.stored = true,
                    (_, outcome) => {
                        let fault = outcome.err().unwrap_or(Fault::Lied(Lie::WrongMessage));
                        target.fault = Some(fault.clone());
                        accused = Err(Accused { guardian, fault });
                    }
                }
            }
            Input::Time => {
                for target in &mut self.targets {
                    if target.awaiting.is_some_and(|(_, due)| due <= now) {
                        target.awaiting = None;
                        target.fault = Some(Fault::Slow);
                    }
                }
            }
            // The kit was dealt with the stretched PIN already.
            Input::Stretched(_) => {}
        }
        self.advance(now);
        accused
    }

    /// The next thing to do, in order.
    pub fn poll(&mut self) -> Option<Output<RegisterEvent>> {
        self.outputs.pop_front()
    }

    /// When to call `handle` with [`Input::Time`], if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        self.targets.iter().filter_map(|target| target.awaiting.map(|(_, due)| due)).min()
    }

    /// What was wrong with which guardian, by place in the configuration.
    pub fn faults(&self) -> impl Iterator<Item = (usize, &Fault)> {
        self.targets.iter().filter_map(|target| target.fault.as_ref().map(|fault| (target.guardian, fault)))
    }

    /// The guardians that hold their part, by place in the configuration.
    pub fn stored(&self) -> impl Iterator<Item = usize> {
        self.targets.iter().filter(|target| target.stored).map(|target| target.guardian)
    }

    fn advance(&mut self, now: Instant) {
        if self.finished || self.targets.iter().any(|target| target.awaiting.is_some()) {
            return;
        }
        let reached = self.targets.iter().filter(|target| target.there).count();
        if !self.second && reached >= self.needed {
            self.second = true;
            let due = now.plus_ms(self.patience.answer_ms_max);
            for target in self.targets.iter_mut().filter(|target| target.there) {
                let Some(request) = self.kit.request(target.guardian) else { continue };
                target.awaiting = Some((Phase::Second, due));
                self.outputs.push_back(Output::Send {
                    guardian: target.guardian,
                    phase: Phase::Second,
                    request,
                });
            }
            if self.targets.iter().any(|target| target.awaiting.is_some()) {
                return;
            }
        }
        self.finished = true;
        let stored = self.targets.iter().filter(|target| target.stored).count();
        let needed = self.needed;
        let event = if !self.second {
            RegisterEvent::Failed(RegisterError::TooFewReachable { needed, reached })
        } else if stored < needed {
            RegisterEvent::Failed(RegisterError::Interrupted { needed, stored })
        } else {
            RegisterEvent::Registered { stored }
        };
        self.outputs.push_back(Output::Event(event));
    }
}
