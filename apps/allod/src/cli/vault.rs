//! What can be typed about a person's files.

use std::ffi::OsString;

use clap::Args;

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
