//! What can be typed about folders that are shared.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Share {
    #[command(subcommand)]
    pub(crate) command: ShareCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShareCommand {
    /// Write down who this device is, for somebody who is to let it in; there is no secret in it
    Request {
        /// The file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Make a folder that can be shared
    Make {
        /// What it is called
        name: String,
    },
    /// Let a device in: of a person for the folder that --space names, of your own for your vault
    Add {
        /// What the device wrote by `allod share request`
        request: PathBuf,
        /// Where the keys for that device go
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take keys that were granted to this device: a folder of somebody else's, or your own vault
    Accept {
        /// What came from `allod share add`
        grant: PathBuf,
        /// What the folder is called here [default: as there]
        #[arg(long)]
        name: Option<String>,
        /// Trust this person to say who the members are; without it, whoever granted is shown first
        #[arg(long, value_name = "DID")]
        from: Option<String>,
    },
    /// List the shared folders that are here
    List,
    /// List who may read and change a shared folder, or your own vault
    Members,
    /// Let a person read nothing that comes from now on
    Remove {
        /// Their DID, or the beginning of it
        did: String,
    },
}
