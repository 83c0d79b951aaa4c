//! What can be typed about a person's files.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::commands::vault::keep::{Count, Rules, Within};

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
pub(crate) struct Check {
    /// Mend what can be mended: the index from the segments, the rest from your backup
    #[arg(long)]
    pub(crate) repair: bool,
    /// Do not look at every object, only at what leads to them
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Image {
    /// Make it a folder of parts of 4 MiB: for tools that copy what changed, and disks that take
    /// no large files. Needs the room of the vault once more until it is done
    #[arg(long, conflicts_with = "in_one")]
    pub(crate) in_parts: bool,
    /// Make it one file again
    #[arg(long)]
    pub(crate) in_one: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Anchor {
    /// Only compare what the ledger has with the vault here
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) through: super::ledger::Through,
}

#[derive(Debug, Args)]
pub(crate) struct TakeSnapshot {
    /// What it is called [default: the time]. One with a name stays until it is
    /// forgotten by name
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// A path in the vault. Of a directory, the names in it count
    pub(crate) path: Option<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The snapshot: its name, the beginning of it, or `latest`; and what of it
    #[arg(value_name = "SNAPSHOT[:PATH]", required_unless_present = "from_peers")]
    pub(crate) what: Option<OsString>,
    /// Get the whole vault back from your backup peers, on a machine that has none: the same as
    /// `allod backup restore`
    #[arg(long, conflicts_with_all = ["what", "to", "in_place"])]
    pub(crate) from_peers: bool,
    /// A peer to ask, besides those that your guardians know of; once for each
    #[arg(long, value_name = "URL", requires = "from_peers")]
    pub(crate) from_peer: Vec<String>,
    /// The directory that it comes into, made if it is not there, or - to print a file
    /// [default: this one; for a whole snapshot, a new one with its name]
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Put it back into the vault, in the place of what is there now. That is kept in a
    /// snapshot first
    #[arg(long, conflicts_with = "to")]
    pub(crate) in_place: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// Snapshots that go: their names, or the beginnings
    #[arg(value_name = "SNAPSHOT", conflicts_with_all = ["keep_last", "keep_hourly", "keep_daily",
          "keep_weekly", "keep_monthly", "keep_yearly", "keep_within"])]
    pub(crate) names: Vec<String>,
    /// Keep the newest N. As with all rules: of the snapshots that have no name of their
    /// own; a number, or `unlimited`
    #[arg(long, value_name = "N")]
    keep_last: Option<Count>,
    /// Keep the newest of each of the last N hours that have one
    #[arg(long, value_name = "N")]
    keep_hourly: Option<Count>,
    /// Keep the newest of each of the last N days that have one
    #[arg(long, value_name = "N")]
    keep_daily: Option<Count>,
    /// Keep the newest of each of the last N weeks that have one, from Monday on
    #[arg(long, value_name = "N")]
    keep_weekly: Option<Count>,
    /// Keep the newest of each of the last N months that have one
    #[arg(long, value_name = "N")]
    keep_monthly: Option<Count>,
    /// Keep the newest of each of the last N years that have one
    #[arg(long, value_name = "N")]
    keep_yearly: Option<Count>,
    /// Keep all within this time before the newest, such as 2y5m7d3h
    #[arg(long, value_name = "TIME")]
    keep_within: Option<Within>,
    /// Only show what would stay and what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl Forget {
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
            within: self.keep_within,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Mount {
    /// An empty directory, made if it is not there. It shows the vault until Ctrl-C
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Let other users in, as far as owners and permissions allow [default: only you]
    #[arg(long)]
    pub(crate) all_users: bool,
    /// End the mount that is there, also one that a crash left
    #[arg(long, conflicts_with = "all_users")]
    pub(crate) end: bool,
}
