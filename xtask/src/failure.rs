//! How a task ends when it does not end well.

use std::fmt;
use std::process::ExitCode;

/// Why a task stopped. Each text says what to do about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line was wrong: exit code 2.
    Usage(String),
    /// The machine lacks something and it could not be installed: exit code 1.
    Missing(String),
    /// A program that was started failed: exit code 1.
    Command {
        /// The command as one can type it.
        command: String,
        /// How it ended.
        ended: String,
    },
    /// The checkout or the output of a program could not be read: exit code 1.
    Unreadable {
        /// The file or the program.
        what: String,
        /// What went wrong with it.
        why: String,
    },
    /// The work was done and its result is a failure: exit code 1.
    Result(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Missing(text) | Self::Result(text) => f.write_str(text),
            Self::Command { command, ended } => write!(f, "`{command}` {ended}"),
            Self::Unreadable { what, why } => write!(f, "cannot read {what}: {why}"),
        }
    }
}
