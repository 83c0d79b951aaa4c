//! What can be typed about messages.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Contact {
    #[command(subcommand)]
    pub(crate) command: ContactCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContactCommand {
    /// Make an invitation: whoever answers it first, and nobody else, can write to you
    Invite {
        /// Write it to this file instead of printing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Draw it as a code to be scanned, as SVG
        #[arg(long, value_name = "FILE")]
        qr: Option<PathBuf>,
        /// Let as many answer as like to; each asks, and you admit them
        #[arg(long)]
        many: bool,
        /// For how many days it is good
        #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=365))]
        days: u64,
    },
    /// Answer an invitation; one of another device of yours makes the two know each other
    Accept {
        /// The invitation's file, its text, or - for standard input
        invitation: String,
        /// What to call them [default: their DID]
        #[arg(long)]
        name: Option<String>,
        /// What to say first
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
    },
    /// List whom you know
    List,
    /// Show somebody: their devices, and the safety number that you and they compare
    Show {
        /// Their name here, or the beginning of their DID
        who: String,
    },
    /// Compare safety numbers: say the one that they read to you, and that it is theirs is kept
    Verify {
        /// Their name here, or the beginning of their DID
        who: String,
        /// The number that they read to you, with or without spaces
        #[arg(long, value_name = "NUMBER", conflicts_with = "undo")]
        number: Option<String>,
        /// Take it back
        #[arg(long)]
        undo: bool,
    },
    /// Call somebody something else
    Rename {
        /// Their name here, or the beginning of their DID
        who: String,
        /// What to call them
        name: String,
    },
    /// Admit somebody who asked: they see that what they wrote came
    Admit {
        /// Their DID, or the beginning of it
        who: String,
    },
    /// Drop what somebody writes from now on
    Block {
        /// Their name here, or the beginning of their DID
        who: String,
        /// Take what they write again
        #[arg(long)]
        undo: bool,
    },
    /// List invitations that can still be answered, or take one back
    Invitations {
        /// The beginning of the number of the one to take back
        #[arg(long, value_name = "NUMBER")]
        withdraw: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// A person or a group
    pub(crate) to: String,
    /// What to say; - reads it from standard input
    pub(crate) text: Option<String>,
    /// Send this file, of any size
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Have it carried before all else, by everybody
    #[arg(long)]
    pub(crate) urgent: bool,
    /// Ask carriers to keep it until it was delivered
    #[arg(long)]
    pub(crate) custody: bool,
    /// For how many days it is carried; one of a few steps
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=365))]
    pub(crate) days: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Inbox {
    /// Only conversations with something that was not read
    #[arg(long)]
    pub(crate) unread: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    /// A person or a group [default: whatever was not read]
    pub(crate) with: Option<String>,
    /// The whole conversation, not only what was not read
    #[arg(long, requires = "with")]
    pub(crate) all: bool,
    /// Bring the files that are shown out into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) save: Option<PathBuf>,
    /// Do not tell their authors that they were read
    #[arg(long)]
    pub(crate) quietly: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Group {
    #[command(subcommand)]
    pub(crate) command: GroupCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Found a group
    Create {
        /// What it is called
        name: String,
        /// People who are in it from the beginning
        #[arg(long = "with", value_name = "WHO")]
        people: Vec<String>,
    },
    /// Let people in; they read what is written from then on
    Add {
        /// The group
        group: String,
        /// People
        #[arg(required = true)]
        people: Vec<String>,
    },
    /// Put people out; they read nothing that is written after it was heard of
    Remove {
        /// The group
        group: String,
        /// People
        #[arg(required = true)]
        people: Vec<String>,
    },
    /// Let a member add and remove others
    Appoint {
        /// The group
        group: String,
        /// The member
        who: String,
    },
    /// Leave
    Leave {
        /// The group
        group: String,
    },
    /// Give it another name
    Rename {
        /// The group
        group: String,
        /// The name
        name: String,
    },
    /// List groups and their members
    List,
}

#[derive(Debug, Args)]
pub(crate) struct Carry {
    #[command(subcommand)]
    pub(crate) command: Option<CarryCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CarryCommand {
    /// Show what is carried, of one's own and for others, and what was refused
    Status,
    /// Write what is carried to a file, for any way that takes files
    Out {
        /// The file
        file: PathBuf,
        /// Also draw it, as codes to be filmed one after the other, into this folder
        #[arg(long, value_name = "DIR")]
        qr: Option<PathBuf>,
        /// Show it as codes on the screen, until Ctrl-C
        #[arg(long)]
        screen: bool,
        /// At most so many bytes, the most urgent first
        #[arg(long, value_name = "BYTES")]
        at_most: Option<u64>,
    },
    /// Take in what somebody wrote by `allod carry out`
    In {
        /// The file, or with --qr a folder of pictures of codes
        file: PathBuf,
        /// They are pictures of codes
        #[arg(long)]
        qr: bool,
    },
    /// Leave what is carried in a folder, and take what others left there: a stick, or one that is synced
    Folder {
        /// The folder
        folder: PathBuf,
    },
    /// Carry nothing of others any more that is here now
    Empty,
}

#[derive(Debug, Args)]
pub(crate) struct Links {
    #[command(subcommand)]
    pub(crate) command: Option<LinksCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LinksCommand {
    /// List the links that are used
    List,
    /// Use the links, and stay: messages come and go (`allod up` does this as well)
    Run {
        /// End when standard input ends
        #[arg(long, hide = true)]
        until_stdin_closes: bool,
    },
    /// Where this device listens on networks, as /ip4/0.0.0.0/udp/4001/quic-v1; none to listen anywhere
    Listen {
        /// Addresses
        addresses: Vec<String>,
    },
    /// Dial somebody at an address whenever there is no connection
    Dial {
        /// The address, as /ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3…
        address: String,
    },
    /// Look for others on the local network, and be found there
    Lan {
        /// Whether to
        #[arg(value_parser = ["on", "off"])]
        on: String,
    },
    /// Pass on bytes for others who cannot reach each other
    Relay {
        /// Whether to
        #[arg(value_parser = ["on", "off"])]
        on: String,
    },
    /// Take part in the directory of who is where
    Directory {
        /// Whether to
        #[arg(value_parser = ["on", "off"])]
        on: String,
    },
    /// Look into a folder now and then, as `allod carry folder` does once
    Folder {
        /// The folder
        folder: PathBuf,
    },
    /// Speak over a serial device with a radio modem that understands KISS
    Serial {
        /// The device
        device: PathBuf,
        /// Its speed
        #[arg(long, default_value_t = 115_200)]
        baud: u32,
        /// How many bits the radio sends in a second
        #[arg(long, value_name = "BITS", default_value_t = 5_470)]
        rate: u32,
        /// How many thousandths of the time it may send
        #[arg(long, value_name = "PER_MILLE", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
        duty: u32,
    },
    /// Exchange bundles with another program of the Bundle Protocol, by TCPCLv4 (RFC 9174)
    Tcpcl {
        /// Where to listen, or with --to whom to call
        address: std::net::SocketAddr,
        /// Call this address
        #[arg(long)]
        to: bool,
    },
    /// Say on the desktop that something came: not at all, without what it says, or with that
    Notify {
        /// How much of it
        #[arg(value_parser = ["off", "on", "text"])]
        what: String,
    },
    /// Use a link no longer
    Remove {
        /// Its number in the list
        number: usize,
    },
}
