//! How a command ends when it does not end well.

use std::fmt;

use allod_guardian::client::{Fault, RecoverError, RegisterError};
use allod_node::FileError;
use allod_node::guardian::GuardianError;
use allod_node::person::ledger::LedgerError;
use allod_node::person::{PersonError, Report};
use serde_json::{Value, json};

mod backup;
mod courier;
mod refusal;
mod vault;

/// What happened, what was kept safe, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    details: Vec<String>,
    next: Option<String>,
    data: Value,
    is_mounted: bool,
}

/// What the exit code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Failed = 1,
    Usage = 2,
    WrongPin = 3,
    OutOfGuesses = 4,
    TooFewGuardians = 5,
    Identity = 6,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            details: Vec::new(),
            next: None,
            data: json!({}),
            is_mounted: false,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn no_identity() -> Self {
        Self::new(Kind::Identity, "there is no identity here")
            .next("create one with `allod init`, or get yours back with `allod recover`")
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Because a mount has the vault open.
    pub(crate) fn because_mounted(self) -> Self {
        Self { is_mounted: true, ..self }
    }

    /// Whether it is because a mount has the vault open, so that its holder can be asked.
    pub(crate) fn is_because_mounted(&self) -> bool {
        self.is_mounted
    }

    pub(crate) fn code(&self) -> u8 {
        self.kind as u8
    }

    pub(crate) fn details(&self) -> &[String] {
        &self.details
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.next.as_deref()
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut value = json!({ "error": self.message, "exit_code": self.code(), "details": self.details, "next": self.next });
        if let (Some(all), Some(data)) = (value.as_object_mut(), self.data.as_object()) {
            all.extend(data.clone());
        }
        value
    }

    fn report(mut self, report: &Report) -> Self {
        self.details.extend(report.faults.iter().map(|(address, fault)| format!("{address} {fault}")));
        self
    }

    /// What else there is to say, a line each.
    pub(crate) fn with_details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    pub(crate) fn data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<PersonError> for Failure {
    fn from(error: PersonError) -> Self {
        let message = error.to_string();
        match error {
            PersonError::Recover { error, report } => recover(&error, message).report(&report),
            PersonError::Register { error, report } => register(&error).report(&report),
            PersonError::NoDescriptor(report) => {
                let silent = report.faults.iter().all(|(_, fault)| !matches!(fault, Fault::NotRegistered));
                let kind = if silent { Kind::TooFewGuardians } else { Kind::Failed };
                Self::new(kind, "none of the guardians asked keeps anything for this card")
                    .next("name one of your guardians with --guardian; check that the card is the newest you printed")
                    .report(&report)
            }
            PersonError::NotMet(report) => {
                Self::new(Kind::TooFewGuardians, "some guardians could not be reached; nothing was changed")
                    .next("check the addresses, or leave those guardians out")
                    .report(&report)
            }
            PersonError::NotDescribed(report) => Self::new(
                Kind::TooFewGuardians,
                "no guardian could be told; the change is kept on this device",
            )
            .next("run `allod guardians heal` when guardians are back")
            .report(&report),
            PersonError::Exists(_) => Self::new(Kind::Identity, message)
                .next("choose another home with --home, or move this one's `person` folder away"),
            PersonError::Address(_)
            | PersonError::Unprotected(_)
            | PersonError::Configuration(_)
            | PersonError::NoSuchGuardian(_) => Self::usage(message),
            PersonError::Unreached => Self::new(Kind::TooFewGuardians, message)
                .next(
                    "try again when more guardians are back; `allod guardians list` shows how they are. If they are gone \
                     for good: `allod pin --abandon --guardian URL…`",
                ),
            _ => Self::new(Kind::Failed, message),
        }
    }
}

fn recover(error: &RecoverError, message: String) -> Failure {
    match error {
        RecoverError::WrongPin { guesses_left } => {
            let failure = Failure::new(Kind::WrongPin, message).data(json!({ "guesses_left": guesses_left }));
            if *guesses_left == 0 { failure } else { failure.next("try again; each try counts, on every guardian") }
        }
        RecoverError::OutOfGuesses { .. } => Failure::new(Kind::OutOfGuesses, message)
            .data(json!({ "guesses_left": 0 }))
            .next(
                "a device that still has the identity can have it guarded anew (`allod pin`, then `allod card --renew`); without one, it is lost",
            ),
        RecoverError::TooFew { guesses_left, .. } => Failure::new(Kind::TooFewGuardians, message)
            .data(json!({ "guesses_left": guesses_left }))
            .next("this says nothing about the PIN; try again when more guardians are back, not before"),
        RecoverError::NotRegistered => Failure::new(Kind::Failed, message)
            .next("if you printed a newer card, use that one"),
        RecoverError::Corrupt => Failure::new(Kind::Failed, message),
    }
}

fn register(error: &RegisterError) -> Failure {
    let failure = Failure::new(Kind::TooFewGuardians, error.to_string());
    failure.next("your identity is complete on this device, but not guarded yet: run `allod guardians heal`")
}

impl Failure {
    /// A registration that did not come about.
    pub(crate) fn registering(error: &RegisterError, report: &Report) -> Self {
        register(error).report(report)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let (kind, next) = match &error {
            LedgerError::Unreachable(_) | LedgerError::NoKey | LedgerError::NotCertified { .. } => {
                (Kind::TooFewGuardians, "nothing was changed; try again later")
            }
            LedgerError::NoGuardian => {
                (Kind::Failed, "start a local network with `allod up`, or name a guardian with --guardian")
            }
            LedgerError::Pending { until, .. } | LedgerError::Declined { until, .. } => {
                let (kind, first) = match &error {
                    LedgerError::Declined { why, .. } => (Kind::Failed, refusal::next(why)),
                    _ => (Kind::TooFewGuardians, None),
                };
                let until_text = crate::commands::ledger::time(*until);
                let first = first.map_or_else(String::new, |first| format!("{first}. "));
                let next = format!(
                    "{first}It may still happen until {until_text}: ask for the same again, and until then the same \
                     operation is sent again, never a second one"
                );
                let data = json!({ "may_happen_until": until.0 });
                return Self::new(kind, refusal::readable(&error.to_string())).next(next).data(data);
            }
            LedgerError::Waiting { until } => {
                let text = crate::commands::ledger::time(*until);
                let message = format!("{error}, until {text}");
                return Self::new(Kind::TooFewGuardians, message)
                    .next(format!(
                        "try again at {text}; `allod devices accept` on a device that you had before admits this one at \
                         once. What needs no ledger works meanwhile"
                    ))
                    .data(json!({ "waits_until": until.0 }));
            }
            LedgerError::OtherWaits { until } => {
                let text = crate::commands::ledger::time(*until);
                return Self::new(Kind::TooFewGuardians, error.to_string())
                    .next(format!(
                        "look at it with `allod devices` on a device that you had before; nothing else can be changed \
                         from here before {text}"
                    ))
                    .data(json!({ "waits_until": until.0 }));
            }
            LedgerError::Objected { until } => {
                let text = crate::commands::ledger::time(*until);
                return Self::new(Kind::Failed, error.to_string())
                    .next(format!(
                        "if that was a mistake, run `allod devices accept` on that device; without it, this one \
                         can ask again from {text} on"
                    ))
                    .data(json!({ "objected_until": until.0 }));
            }
            LedgerError::Stranger => (
                Kind::Identity,
                "nothing was changed; do it on a device that was there before, or see `allod devices`",
            ),
            LedgerError::NothingWaits => {
                (Kind::Failed, "nothing was changed; `allod devices` shows who may act")
            }
            LedgerError::Unclear(_) => {
                (Kind::Failed, "look what came of it before you ask for the same thing again")
            }
            LedgerError::Apart { network, device } => {
                let (network, device) =
                    (crate::commands::ledger::time(*network), crate::commands::ledger::time(*device));
                let message = format!(
                    "the network's time and this device's clock are hours apart: the guardians signed last at {network}, \
                     and here it is {device}"
                );
                return Self::new(Kind::Failed, message)
                    .next("nothing was changed; set the clock, or wait until the guardians sign again");
            }
            LedgerError::TooMuchWork { .. } => (
                Kind::Failed,
                "nothing was changed; have yourself registered with a guardian of this network, which vouches for you",
            ),
            LedgerError::TooSilent { silent, .. } => {
                let named = silent.iter().map(|(address, fault)| format!("{address} {fault}"));
                return Self::new(Kind::TooFewGuardians, error.to_string()).with_details(named).next(
                    "try again when they are back, or take the network's key as a file from somebody you trust: \
                     `allod own verify --network FILE` needs no guardian",
                );
            }
            LedgerError::Disagree { .. } => {
                (Kind::Failed, "some of these guardians are of another network, or lie; name others")
            }
            LedgerError::Proof(_) | LedgerError::Garbage(_) => (
                Kind::Failed,
                "no guardian that was asked sends what can be believed; name others with --guardian",
            ),
            LedgerError::NoSuchKey(_) => {
                (Kind::Failed, "nothing was changed; if the network is new, try again in a minute")
            }
            LedgerError::Refused(why) => {
                let failure = Self::new(Kind::Failed, refusal::readable(&error.to_string()));
                return match refusal::next(why) {
                    Some(next) => failure.next(next),
                    None => failure,
                };
            }
            LedgerError::File(_) => return Self::new(Kind::Failed, error.to_string()),
        };
        Self::new(kind, error.to_string()).next(next)
    }
}

impl From<GuardianError> for Failure {
    fn from(error: GuardianError) -> Self {
        Self::new(Kind::Failed, error.to_string())
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::new(Kind::Failed, error.to_string())
    }
}
