//! What can be typed about contacts who stand in for a lost card.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Vouch {
    #[command(subcommand)]
    pub(crate) command: VouchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VouchCommand {
    /// Give contacts a piece of your card each, so many of which give it back
    Deal {
        /// Contacts, each by their name here or the beginning of their DID
        #[arg(long = "with", value_name = "WHO", required = true, num_args = 1..)]
        people: Vec<String>,
        /// How many of them are needed
        #[arg(long, value_name = "K", value_parser = clap::value_parser!(u8).range(2..=16))]
        need: u8,
    },
    /// List who keeps pieces of your card, and whose pieces you keep
    List,
    /// Ask for the pieces of a card that is lost; this needs no identity
    Ask {
        /// Whose card it is
        #[arg(long)]
        did: String,
        /// Write the request to this file instead of printing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Draw it as a code to be scanned, as SVG
        #[arg(long, value_name = "FILE")]
        qr: Option<PathBuf>,
        /// Begin anew, with another code: answers that came so far are worth nothing then
        #[arg(long)]
        anew: bool,
    },
    /// Answer the request of somebody whose piece you keep, once they have read its code to you
    Release {
        /// The request's file, or - for standard input
        request: PathBuf,
        /// Write the answer to this file instead of printing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Draw it as a code to be scanned, as SVG
        #[arg(long, value_name = "FILE")]
        qr: Option<PathBuf>,
        /// The code that they read to you, with or without spaces
        #[arg(long, value_name = "CODE")]
        code: Option<String>,
        /// Do not ask again: you know by voice or face who read it
        #[arg(long, requires = "code")]
        yes: bool,
    },
    /// Take answers, and write the card when there are enough
    Take {
        /// The answers' files
        answers: Vec<PathBuf>,
        /// Where the card goes: a text file
        #[arg(long, value_name = "FILE")]
        card: Option<PathBuf>,
    },
}
