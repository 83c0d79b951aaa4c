//! What can be typed about how a network begins.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Genesis {
    #[command(subcommand)]
    pub(crate) command: GenesisCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GenesisCommand {
    /// Make the identity that answers for a guardian, or show it again, as a line
    /// of text. Its file stays with you, away from the guardian
    Operator {
        /// The folder that has the operator's file
        folder: PathBuf,
    },
    /// Enter this guardian, as a line of text for whoever collects; makes its key
    /// if it has none
    Entry(Entry),
    /// Make the genesis of a network out of its guardians' entries
    Make(Make),
    /// Show what a genesis says, and the id by which operators compare it
    Show {
        /// The genesis
        file: PathBuf,
        /// A guardian's configuration file: fails unless that guardian is in it
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Entry {
    /// The guardian's configuration file
    #[arg(long, value_name = "FILE", default_value = "guardian.toml")]
    pub(crate) config: PathBuf,
    /// The operator's identity: the line that `allod genesis operator` printed
    #[arg(long, value_name = "LINE")]
    pub(crate) operator: String,
    /// Where other guardians reach it
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) peers: String,
    /// Where people and other guardians reach it; the pin of its own certificate
    /// is put behind it
    #[arg(long, value_name = "URL")]
    pub(crate) service: String,
    /// Who runs it, as others know them
    #[arg(long, value_name = "LABEL")]
    pub(crate) operator_label: String,
    /// Whose law it is under
    #[arg(long, value_name = "LABEL")]
    pub(crate) jurisdiction: String,
}

#[derive(Debug, Args)]
pub(crate) struct Make {
    /// Files with entries, a line each; `-` for standard input
    #[arg(required = true, value_name = "ENTRIES")]
    pub(crate) entries: Vec<PathBuf>,
    /// What people call the network: 1 to 32 characters
    #[arg(long)]
    pub(crate) name: String,
    /// How many guardians can use the keys that they hold together [default: one
    /// more than half]
    #[arg(long, value_name = "T")]
    pub(crate) threshold: Option<u16>,
    /// How long things take
    #[arg(long, value_enum, default_value_t = Rules::Lasting)]
    pub(crate) rules: Rules,
    /// Where the genesis goes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// A network's rules. They are the same for its whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rules {
    /// For use: days to object and to renew
    Lasting,
    /// For trying out: seconds and minutes
    Trial,
}
