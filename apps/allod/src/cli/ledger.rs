//! What can be typed about the ledger: names, titles, assets, what is set aside,
//! proofs, and what guardians do together with the keys that they hold.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which guardians are asked.
#[derive(Clone, Debug, Args)]
pub(crate) struct Through {
    /// A guardian to ask instead of your own; once for each
    #[arg(long = "guardian", value_name = "URL", global = true)]
    pub(crate) guardians: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    #[command(subcommand)]
    pub(crate) command: NameCommand,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NameCommand {
    /// Register a free name
    Register {
        /// 3 to 63 of a-z, 0-9 and single hyphens inside
        name: String,
        /// For how long
        #[arg(long, value_name = "DURATION", default_value = "1y")]
        term: String,
    },
    /// Hold a name for longer
    Renew {
        /// The name
        name: String,
        /// For how long from now
        #[arg(long, value_name = "DURATION", default_value = "1y")]
        term: String,
    },
    /// Give a name to somebody else
    Transfer {
        /// The name
        name: String,
        /// A DID, or a name whose owner is meant
        #[arg(long)]
        to: String,
    },
    /// Show who holds a name
    Show {
        /// The name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Title {
    #[command(subcommand)]
    pub(crate) command: TitleCommand,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TitleCommand {
    /// Make a title to a file's content, which stays with you
    Make {
        /// The file
        file: PathBuf,
        /// What people call it [default: the file's name]
        #[arg(long)]
        label: Option<String>,
    },
    /// Give a title to somebody else
    Transfer {
        /// The title's id
        title: String,
        /// A DID, or a name whose owner is meant
        #[arg(long)]
        to: String,
    },
    /// Show who holds a title
    Show {
        /// The title's id
        title: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Asset {
    #[command(subcommand)]
    pub(crate) command: AssetCommand,
    /// Act for the operator of a guardian, with its file or the folder that has it
    /// [default: for the identity in the home folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) operator: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AssetCommand {
    /// Define an asset of which you issue units
    Define {
        /// What people call it
        name: String,
        /// Units that there may ever be
        #[arg(long, value_name = "UNITS")]
        supply: u64,
        /// Decimal places that a unit is shown with
        #[arg(long, default_value_t = 0)]
        decimals: u8,
    },
    /// Issue units of an asset that you defined
    Issue {
        /// The asset's id
        asset: String,
        /// How many units
        amount: u64,
        /// A DID, or a name whose owner is meant [default: you]
        #[arg(long)]
        to: Option<String>,
    },
    /// Give units to somebody else
    Transfer {
        /// The asset's id
        asset: String,
        /// How many units
        amount: u64,
        /// A DID, or a name whose owner is meant
        #[arg(long)]
        to: String,
    },
    /// Destroy units that you hold
    Retire {
        /// The asset's id
        asset: String,
        /// How many units
        amount: u64,
    },
    /// Show an asset, and how much of it somebody holds
    Show {
        /// The asset's id [default: the network's first]
        asset: Option<String>,
        /// A DID, or a name whose owner is meant [default: you]
        #[arg(long)]
        of: Option<String>,
    },
}

/// Something that can be held.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct What {
    /// A name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A title, by its id
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Units of an asset, as ID:AMOUNT
    #[arg(long, value_name = "ID:AMOUNT")]
    pub(crate) units: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Lock {
    #[command(subcommand)]
    pub(crate) command: LockCommand,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LockCommand {
    /// Set something aside for one recipient, until a time
    Make {
        #[command(flatten)]
        what: What,
        /// A DID, or a name whose owner is meant
        #[arg(long)]
        to: String,
        /// For how long
        #[arg(long, value_name = "DURATION", default_value = "7d")]
        term: String,
        /// Have the recipient show a release, which is printed here, to claim it
        #[arg(long)]
        release: bool,
    },
    /// Take what was set aside for you
    Claim {
        /// The lock's id
        lock: String,
        /// The release, in hexadecimal
        #[arg(long, value_name = "HEX")]
        release: Option<String>,
    },
    /// Take back what was not claimed in time, or give back what was for you
    Undo {
        /// The lock's id
        lock: String,
    },
    /// Show a lock
    Show {
        /// The lock's id
        lock: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Offer {
    #[command(subcommand)]
    pub(crate) command: OfferCommand,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OfferCommand {
    /// Offer something for a price; it is set aside meanwhile
    Make {
        #[command(flatten)]
        what: What,
        /// The price, as ID:AMOUNT of an asset
        #[arg(long, value_name = "ID:AMOUNT")]
        price: String,
        /// The only one who may buy: a DID, or a name
        #[arg(long)]
        to: Option<String>,
        /// For how long
        #[arg(long, value_name = "DURATION", default_value = "30d")]
        term: String,
    },
    /// Buy what is offered
    Accept {
        /// The offer's id
        offer: String,
    },
    /// Take an offer back
    Withdraw {
        /// The offer's id
        offer: String,
    },
    /// Show an offer
    Show {
        /// The offer's id
        offer: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Own {
    #[command(subcommand)]
    pub(crate) command: OwnCommand,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OwnCommand {
    /// List what is yours, as the network proves it now: what this home folder came
    /// across, and no more
    List,
    /// Write a proof of who owns something, as one file
    Prove {
        /// Where to write the proof; `-` for standard output
        file: PathBuf,
        #[command(flatten)]
        what: Provable,
        /// Write a QR code beside it, as an SVG image, if the proof fits
        #[arg(long, value_name = "FILE")]
        qr: Option<PathBuf>,
        /// Write over files that are there
        #[arg(long)]
        force: bool,
        /// Take the newest that the guardians have signed, even if it is some
        /// seconds old
        #[arg(long)]
        no_wait: bool,
    },
    /// Check a proof, with no network
    Verify {
        /// The proof; `-` for standard input
        file: PathBuf,
        /// The network's key, from `allod network --out` [default: the one known here]
        #[arg(long, value_name = "FILE")]
        network: Option<PathBuf>,
        /// For a title: a file that must have the content it is about
        #[arg(long, value_name = "FILE")]
        content: Option<PathBuf>,
    },
}

/// Something about which the ledger can be made to swear.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Provable {
    /// Who holds a name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Who holds a title, by its id
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// How many units of an asset you hold
    #[arg(long, value_name = "ID")]
    pub(crate) asset: Option<String>,
    /// What is set aside by a lock
    #[arg(long, value_name = "ID")]
    pub(crate) lock: Option<String>,
    /// Your identity: its keys and devices
    #[arg(long)]
    pub(crate) identity: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Network {
    /// Write the network's key to a file, for those who check proofs
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// List the guardians and the candidates: who runs them, under whose law, their
    /// bonds, and whether they vote
    #[arg(long = "guardians", conflicts_with = "out")]
    pub(crate) roster: bool,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("lock").required(true).args(["until", "to_quorum"])))]
pub(crate) struct Seal {
    /// The file; `-` for standard input
    pub(crate) file: PathBuf,
    /// Until when nobody can open it, and everybody from then on: a time such as
    /// 2026-12-24T18:00:00Z, or a duration
    #[arg(long, value_name = "TIME|DURATION")]
    pub(crate) until: Option<String>,
    /// Have the guardians open it for those whom you name, and for nobody else
    #[arg(long)]
    pub(crate) to_quorum: bool,
    /// Who may open it: a DID, or a name; once for each [default: you]
    #[arg(long = "opener", value_name = "WHO", requires = "to_quorum")]
    pub(crate) openers: Vec<String>,
    /// Not before then
    #[arg(long, value_name = "TIME|DURATION", requires = "to_quorum")]
    pub(crate) after: Option<String>,
    /// The guardians' key to seal to
    #[arg(long, value_name = "NAME", default_value = "seal", requires = "to_quorum")]
    pub(crate) key: String,
    /// Where the sealed file goes; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Args)]
pub(crate) struct Unseal {
    /// The sealed file; `-` for standard input
    pub(crate) file: PathBuf,
    /// Where the content goes; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("input").required(true).args(["text", "file"])))]
pub(crate) struct Evaluate {
    /// The input
    pub(crate) text: Option<String>,
    /// A file whose content is the input, at most 65,535 bytes; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The guardians' key
    #[arg(long, value_name = "NAME", default_value = "oprf")]
    pub(crate) key: String,
    /// A second key, held by other guardians: the output is that of both keys
    /// added, so that it takes two committees to betray you
    #[arg(long, value_name = "NAME")]
    pub(crate) and: Option<String>,
    #[command(flatten)]
    pub(crate) through: Through,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The guardian: its address, its id, or its operator's label
    pub(crate) who: String,
    /// The first entry of its log that is read
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) from: u64,
    /// Hand in to the ledger what proves a lie: the guardian is evicted, and its
    /// bond destroyed
    #[arg(long)]
    pub(crate) accuse: bool,
    #[command(flatten)]
    pub(crate) through: Through,
}

/// Which guardian, and who answers for it.
#[derive(Debug, Args)]
pub(crate) struct Operate {
    /// The guardian's configuration file
    #[arg(long, value_name = "FILE", default_value = "guardian.toml")]
    pub(crate) config: PathBuf,
    /// The operator's file, or the folder that has it [default: the identity in
    /// the home folder answers for the guardian]
    #[arg(long, value_name = "FILE")]
    pub(crate) operator: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) through: Through,
}

/// What a guardian says of itself.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// Where other guardians reach it [default: where its chain listens]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) peers: Option<String>,
    /// Where people reach it [default: where it listens, with its pin]
    #[arg(long, value_name = "URL")]
    pub(crate) service: Option<String>,
    /// Who runs it, as others know them
    #[arg(long, value_name = "LABEL")]
    pub(crate) operator_label: String,
    /// Whose law it is under
    #[arg(long, value_name = "LABEL")]
    pub(crate) jurisdiction: String,
}

/// What is wanted of a shared key.
#[derive(Debug, Args)]
pub(crate) struct KeySpec {
    /// The key's name
    pub(crate) name: String,
    /// Its group
    #[arg(long, value_enum, default_value_t = Group::Ristretto255)]
    pub(crate) group: Group,
    /// How many guardians hold a share
    #[arg(long, value_name = "N")]
    pub(crate) size: u16,
    /// How many of them are needed
    #[arg(long, value_name = "T")]
    pub(crate) threshold: u16,
    /// Holders that one operator may run; 0 for any number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) per_operator: u16,
    /// Holders under one jurisdiction; 0 for any number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) per_jurisdiction: u16,
    /// A key none of whose holders may hold this one
    #[arg(long, value_name = "NAME")]
    pub(crate) apart_from: Option<String>,
}

/// The group of a shared key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// For oblivious functions and sealing
    Ristretto255,
    /// For signatures
    Bls12381G2,
    /// For oblivious functions whose output a circuit checks
    BabyJubJub,
}
