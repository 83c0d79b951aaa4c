//! What can be typed about backups to peers.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(subcommand)]
    pub(crate) command: BackupCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Have somebody keep a part of your backup: a friend's machine, or a guardian
    AddPeer {
        /// Where they are, with the pin of their certificate
        #[arg(value_name = "URL", required_unless_present = "guardians")]
        urls: Vec<String>,
        /// All of your guardians that give room for backups, too
        #[arg(long)]
        guardians: bool,
    },
    /// Have others keep what a peer kept, and the peer drop it
    RemovePeer {
        /// The peer
        url: String,
    },
    /// Trust a peer again that was caught: it gets what is new, and what it took counts as kept
    Forgive {
        /// The peer
        url: String,
    },
    /// Back up what is new, and make again what was lost
    Run {
        /// Divide packs so from now on, such as 5/8: any 5 of 8 parts give them back
        #[arg(long, value_name = "K/M")]
        code: Option<String>,
        /// Look at everything, and replace packs of which little is needed any more
        #[arg(long)]
        compact: bool,
        /// Go on although your peers have a newer backup, and replace it by this one
        #[arg(long)]
        take_over: bool,
    },
    /// Show how your backup stands
    Status,
    /// Audit your peers: have them show random parts of what they keep
    Verify {
        /// A random part of everything that each keeps, not of a sample
        #[arg(long, conflicts_with = "whole")]
        every: bool,
        /// Fetch and check everything that each keeps
        #[arg(long)]
        whole: bool,
    },
    /// Get your vault and shared folders back from your peers, on a machine that has none; with
    /// --space only that folder, by its name or number
    Restore {
        /// A peer to ask, besides those that your guardians know of; once for each
        #[arg(long = "from-peer", value_name = "URL")]
        from_peer: Vec<String>,
    },
    /// Keep parts of others' backups, for which you cannot tell what they are
    Serve {
        /// Where to listen
        #[arg(long, value_name = "ADDRESS")]
        listen: SocketAddr,
        /// The folder that holds what is kept [default: backups-of-others in the home folder]
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Room for all together, such as 500G
        #[arg(long, value_name = "SIZE", default_value = "16G")]
        room: String,
        /// Room for each
        #[arg(long, value_name = "SIZE", default_value = "1G")]
        quota: String,
        /// Whom to serve, by the account that `allod backup add-peer` tells them; once for each
        /// [default: anybody]
        #[arg(long, value_name = "ACCOUNT")]
        account: Vec<String>,
        /// Speak plain HTTP: on this machine, or behind a proxy that ends TLS
        #[arg(long)]
        no_tls: bool,
        /// End when standard input closes
        #[arg(long, hide = true)]
        until_stdin_closes: bool,
    },
}
