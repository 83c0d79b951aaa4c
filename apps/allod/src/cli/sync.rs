//! What can be typed for `allod sync`.

use clap::{ArgGroup, Args};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("how").required(true))]
pub(crate) struct Sync {
    /// Sync with the device that listens there
    #[arg(long, value_name = "HOST:PORT", group = "how")]
    pub(crate) with: Option<String>,
    /// Sync over the standard input and output of this command, which a shell runs
    #[arg(long, value_name = "COMMAND", group = "how")]
    pub(crate) command: Option<String>,
    /// Take up your own vault from your other device that listens there
    #[arg(long, value_name = "HOST:PORT", group = "how")]
    pub(crate) join: Option<String>,
    /// Answer your other devices, and those of members of shared folders, until Ctrl-C
    #[arg(long, value_name = "ADDRESS", group = "how")]
    pub(crate) listen: Option<String>,
    /// Answer once on standard input and output
    #[arg(long, group = "how")]
    pub(crate) stdio: bool,
    /// Answer a device that another process met, which passes on what is said
    #[arg(long, group = "how", hide = true)]
    pub(crate) answer: bool,
}
