//! What can be typed about a person's files.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Put {
    /// Files and directories. What did not change since the last time is not read again
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The directory in the vault that they come into, made if it is not there
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) to: OsString,
    /// Leave out what matches, in the words of a .gitignore; once for each. Files
    /// named .allodignore say the same for the directory that they are in
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Leave out what git ignores, too
    #[arg(long)]
    pub(crate) gitignore: bool,
    /// Remove from the vault what is gone outside; snapshots keep what they have
    #[arg(long)]
    pub(crate) delete: bool,
    /// Go into no directory where another file system is mounted
    #[arg(short = 'x', long)]
    pub(crate) one_file_system: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Paths in the vault; / is all that there is
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,
    /// The directory that they come into, made if it is not there, or - to print a file.
    /// Nothing is written over
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// A path in the vault
    #[arg(default_value = "/")]
    pub(crate) path: OsString,
    /// Show permissions, names, owner, group, size and time
    #[arg(short, long)]
    pub(crate) long: bool,
    /// Show all below, too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
    /// List a snapshot instead: its name, the beginning of it, or `latest`
    #[arg(long, value_name = "NAME")]
    pub(crate) snapshot: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Paths in the vault
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,
    /// Remove directories with all that is in them
    #[arg(short, long)]
    pub(crate) recursive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TakeSnapshot {
    /// What it is called [default: the time]. One with a name stays until it is
    /// forgotten by name
    pub(crate) name: Option<String>,
}
