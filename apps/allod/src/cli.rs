//! What can be typed.

pub(crate) mod backup;
pub(crate) mod courier;
pub(crate) mod genesis;
pub(crate) mod ledger;
pub(crate) mod share;
pub(crate) mod sync;
pub(crate) mod vault;
pub(crate) mod vouch;

use std::net::SocketAddr;
use std::path::PathBuf;

use allod_node::network::How;
use allod_wire::RealmId;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Where the guardians of a new local network begin to look for ports.
const PORT_BASE: u16 = 7801;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed; the message says why
  2  the command line is not right
  3  wrong PIN
  4  no guesses left: final
  5  too few guardians could be asked; try again later
  6  there is no identity here, or there is one already

Environment:
  ALLOD_HOME        the home folder, unless --home names one
  ALLOD_LOG         what to log, such as info or allod_node=debug
  ALLOD_LOG_FORMAT  json for one object a line
  NO_COLOR          print without colours";

/// Your identity, guarded by many, owned by you alone.
#[derive(Debug, Parser)]
#[command(name = "allod", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The folder that holds everything [default: $XDG_DATA_HOME/allod]
    #[arg(long, global = true, env = "ALLOD_HOME", value_name = "DIR", hide_env = true)]
    pub(crate) home: Option<PathBuf>,
    /// Print results as JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Work on this shared folder instead of your own vault
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) space: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a local network of five guardians and your node, and stay up
    #[command(after_help = "Examples:\n  allod up\n  allod --home /media/stick up --plain")]
    Up(Up),
    /// Create an identity and have it guarded
    #[command(after_help = "Examples:\n  \
        allod init\n  \
        allod init --card card.html\n  \
        allod init --guardian https://a.example --guardian https://b.example --guardian https://c.example\n  \
        allod init --pin-fd 3 3< pin.txt")]
    Init(Init),
    /// Show the identity, and how its guardians are
    #[command(after_help = "Examples:\n  allod status\n  allod --json status")]
    Status,
    /// Get everything back, with the card and the PIN
    #[command(after_help = "Examples:\n  \
        allod recover --card card.txt\n  \
        allod recover --words --guardian https://a.example\n  \
        allod recover --card - --pin-fd 3 < card.txt 3< pin.txt")]
    Recover(Recover),
    /// Print the recovery card again, or renew it when it was lost
    #[command(
        after_help = "Examples:\n  allod card\n  allod card --out card.html\n  allod card --renew --out card.txt"
    )]
    Card(Card),
    /// List, add and remove the devices that belong to the identity, and decide on new ones
    #[command(
        after_help = "Examples:\n  allod devices\n  allod devices add did:key:z6Mk… --name phone\n  allod devices remove 1f2e3d4c\n  allod devices object\n  allod devices accept --yes"
    )]
    Devices(Devices),
    /// Choose another PIN
    #[command(after_help = "Examples:\n  allod pin\n  allod pin --guesses 5\n  \
        allod pin --abandon --guardian https://a.example --guardian https://b.example --guardian https://c.example")]
    Pin(Pin),
    /// List, heal, replace and dismiss your guardians
    #[command(
        after_help = "Examples:\n  allod guardians list\n  allod guardians heal\n  allod guardians replace 2 https://new.example"
    )]
    Guardians(Guardians),
    /// Be a guardian for others
    #[command(
        after_help = "Examples:\n  allod guardian init --listen 0.0.0.0:7800\n  allod guardian run --config guardian.toml\n  \
        allod guardian health --config guardian.toml"
    )]
    Guardian(Guardian),
    /// Found a network of guardians together with other operators
    #[command(after_help = "Examples:\n  allod genesis operator ~/operator\n  \
        allod genesis entry --operator allod-operator:… --peers guardian.example:7900 \\\n    \
        --service https://guardian.example:7800 --operator-label Ada --jurisdiction DE > ada.entry\n  \
        allod genesis make ada.entry bob.entry carol.entry dan.entry --name village --out genesis\n  \
        allod genesis show genesis --config guardian.toml")]
    Genesis(genesis::Genesis),
    /// Keys that come from the identity, for programs you use already
    #[command(after_help = "Examples:\n  \
        allod key ssh --out ~/.ssh/id_allod\n  \
        allod key ssh --public\n  \
        allod key age --out key.txt\n  \
        allod key did")]
    Key(Key),
    /// Take files into your vault, encrypted, as a backup tool does
    #[command(
        after_help = "Examples:\n  allod put documents photos\n  allod put ~/work --to backup/laptop --exclude target/\n  \
        allod put /home --one-file-system --delete"
    )]
    Put(vault::Put),
    /// Bring files out of your vault
    #[command(
        after_help = "Examples:\n  allod get photos\n  allod get documents/letter.odt --to here\n  allod get notes.txt --to - | less"
    )]
    Get(vault::Get),
    /// List what is in your vault
    #[command(
        after_help = "Examples:\n  allod ls\n  allod ls -l photos\n  allod ls -R --snapshot latest documents"
    )]
    Ls(vault::List),
    /// Look at every byte of your vault, and mend what can be mended
    #[command(after_help = "Examples:\n  allod fsck\n  allod fsck --repair\n  allod --json fsck --quick")]
    Fsck(vault::Check),
    /// Remove files from your vault; snapshots keep what they have
    #[command(after_help = "Examples:\n  allod rm notes.txt\n  allod rm -r photos/2019")]
    Rm(vault::Remove),
    /// Keep your files as they are now under a name, to go back to
    #[command(after_help = "Examples:\n  allod snapshot\n  allod snapshot before-the-move")]
    Snapshot(vault::TakeSnapshot),
    /// Use your vault as a directory, with any program
    #[command(
        after_help = "Examples:\n  allod mount ~/vault\n  ls ~/vault/.snapshots\n  allod mount --end ~/vault"
    )]
    Mount(vault::Mount),
    /// List the snapshots, or the versions of a file that they have
    #[command(after_help = "Examples:\n  allod history\n  allod history documents/letter.odt")]
    History(vault::History),
    /// Bring out what a snapshot has, or put it back into the vault
    #[command(after_help = "Examples:\n  allod restore latest:documents/letter.odt\n  \
        allod restore 2026-11-21 --to then\n  allod restore before-the-move:photos --in-place\n  \
        allod restore --from-peers")]
    Restore(vault::Restore),
    /// Let snapshots go: those named, or those that no rule keeps
    #[command(after_help = "Examples:\n  allod forget before-the-move\n  \
        allod forget --keep-within 2d --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run")]
    Forget(vault::Forget),
    /// Make room of what neither your files nor a snapshot needs
    #[command(after_help = "Examples:\n  allod gc")]
    Gc,
    /// Say how your vault lies on the disk: in one file, or in parts, of which only some change
    #[command(
        after_help = "Examples:\n  allod image\n  allod image --in-parts && rsync -a ~/.allod/vault/image/ stick/image/\n  \
        allod image --in-one"
    )]
    Image(vault::Image),
    /// Write the state of your vault into the ledger, and be told when it was put back to an earlier one
    #[command(after_help = "Examples:\n  allod anchor\n  allod anchor --check")]
    Anchor(vault::Anchor),
    /// Share a folder with others, and let your other devices into your vault
    #[command(
        after_help = "Examples:\n  allod share make photos\n  allod share request --out me.request\n  \
        allod --space photos share add bob.request --out bob.grant\n  allod share accept bob.grant --from did:allod:z…\n  \
        allod --space photos share remove did:allod:z…"
    )]
    Share(share::Share),
    /// Have the same files on your devices, and in shared folders
    #[command(
        after_help = "Examples:\n  allod sync --listen 0.0.0.0:7820\n  allod sync --join laptop.example:7820\n  \
        allod sync --with laptop.example:7820\n  allod --space photos sync --with bob.example:7820\n  \
        allod sync --command 'ssh laptop allod sync --stdio'"
    )]
    Sync(sync::Sync),
    /// Have others keep your vault in parts, of which any few give it back
    #[command(after_help = "Examples:\n  allod backup add-peer https://friend.example:7810#pin\n  \
        allod backup add-peer --guardians\n  allod backup run\n  allod backup verify\n  allod backup restore\n  \
        allod --space photos backup run\n  \
        allod backup serve --listen 0.0.0.0:7810 --room 500G")]
    Backup(backup::Backup),
    /// Register, renew, transfer and look up names
    #[command(
        after_help = "Examples:\n  allod name register alice\n  allod name transfer alice --to did:allod:z…\n  allod name show alice"
    )]
    Name(ledger::Name),
    /// Make, transfer and look up titles to content of any size
    #[command(after_help = "Examples:\n  allod title make song.flac\n  allod title transfer 1f2e… --to bob")]
    Title(ledger::Title),
    /// Define, issue, transfer and destroy units of an asset
    #[command(after_help = "Examples:\n  allod asset define \"Village hours\" --supply 100000\n  \
        allod asset issue 1f2e… 500 --to alice\n  allod asset show 1f2e… --of alice")]
    Asset(ledger::Asset),
    /// Set something aside for somebody who is offline
    #[command(after_help = "Examples:\n  allod lock make --name alice --to bob --term 3d --release\n  \
        allod lock claim 1f2e… --release 9a8b…")]
    Lock(ledger::Lock),
    /// Sell and buy: the thing and its price change hands together
    #[command(
        after_help = "Examples:\n  allod offer make --name alice --price 1f2e…:20\n  allod offer accept 5d6c…"
    )]
    Offer(ledger::Offer),
    /// Prove who owns something, and check such proofs with no network
    #[command(after_help = "Examples:\n  allod own prove alice.proof --name alice\n  \
        allod own verify alice.proof\n  allod own verify song.proof --content song.flac --network net.key")]
    Own(ledger::Own),
    /// Show the network of guardians, and the key with which its proofs are checked
    #[command(after_help = "Examples:\n  allod network\n  allod network --out net.key")]
    Network(ledger::Network),
    /// Seal a file until a time, or for those whom a quorum of guardians lets in
    #[command(
        after_help = "Examples:\n  allod seal will.pdf --until 2030-01-01T00:00:00Z --out will.sealed\n  \
        allod seal diary.txt --to-quorum --opener bob --after 30d --out diary.sealed"
    )]
    Seal(ledger::Seal),
    /// Open a sealed file
    #[command(
        after_help = "Examples:\n  allod unseal will.sealed --out will.pdf\n  allod unseal diary.sealed --out -"
    )]
    Unseal(ledger::Unseal),
    /// Evaluate the guardians' oblivious function: they do not see what it is of
    #[command(
        after_help = "Examples:\n  allod evaluate \"correct horse\"\n  allod evaluate --file input.bin --key oprf"
    )]
    Evaluate(ledger::Evaluate),
    /// Run several guardians as separate processes, and disturb them
    #[command(after_help = "Examples:\n  \
        allod testnet --guardians 7 --threshold 4\n  \
        allod testnet --kill 2\n  \
        allod testnet --lie 3 --how bad-proof\n  \
        allod testnet --relay\n  \
        allod testnet --order 'partition 1,2 | rest for 10s'\n  \
        allod testnet --guardians 10 --chaos rough.chaos --export run.jsonl")]
    Testnet(Testnet),
    /// Stand in front of a guardian and change its answers
    #[command(hide = true)]
    TestnetLiar(TestnetLiar),
    /// Take a guardian's place among the others and vote twice
    #[command(hide = true)]
    TestnetEquivocator(TestnetEquivocator),
    /// People you write to: invite, accept, compare safety numbers
    #[command(after_help = "Examples:\n  allod contact invite --qr for-bob.svg\n  \
        allod contact accept for-bob.txt --name Alice --text \"Hello!\"\n  allod contact verify Alice --number \"12345 …\"")]
    Contact(courier::Contact),
    /// Write to somebody, or to a group; it arrives although nothing is connected
    #[command(
        after_help = "Examples:\n  allod send Alice \"On my way\"\n  allod send walkers --file map.pdf \"For tomorrow\"\n  \
        echo help | allod send Alice - --urgent"
    )]
    Send(courier::Send),
    /// List conversations, and what is new in them
    #[command(after_help = "Examples:\n  allod inbox\n  allod --json inbox --unread")]
    Inbox(courier::Inbox),
    /// Read what was written, and bring out files
    #[command(
        after_help = "Examples:\n  allod read\n  allod read Alice --all\n  allod read Alice --save ~/Downloads"
    )]
    Read(courier::Read),
    /// Groups: found one, let people in, put people out
    #[command(
        after_help = "Examples:\n  allod group create walkers --with Alice --with Bob\n  allod group add walkers Carol\n  \
        allod group remove walkers Bob"
    )]
    Group(courier::Group),
    /// What is carried, of your own and for others; and ways that take files
    #[command(
        after_help = "Examples:\n  allod carry\n  allod carry folder /media/stick\n  allod carry out today.parcel\n  \
        allod carry in today.parcel"
    )]
    Carry(courier::Carry),
    /// The links over which messages come and go
    #[command(
        after_help = "Examples:\n  allod links run\n  allod links dial /ip4/192.0.2.1/udp/4001/quic-v1\n  \
        allod links folder ~/Sync/courier\n  allod links serial /dev/ttyUSB0 --baud 57600"
    )]
    Links(courier::Links),
    /// Have people stand in for your recovery card, and stand in for theirs
    #[command(
        after_help = "Examples:\n  allod vouch deal --with Ann Ben Cy --need 2\n  allod vouch list\n\n\
        Who lost everything:\n  allod vouch ask --did did:allod:z… --out me.request\n  \
        allod vouch take ann.answer cy.answer --card card.txt\n  allod recover --card card.txt\n\n\
        Who keeps a piece:\n  allod vouch release me.request --out ann.answer"
    )]
    Vouch(vouch::Vouch),
    /// Print a shell's completions
    #[command(
        after_help = "Examples:\n  allod completions bash > ~/.local/share/bash-completion/completions/allod"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Print a line for each change instead of a live table
    #[arg(long)]
    pub(crate) plain: bool,
    /// Do not use the links over which messages come and go
    #[arg(long)]
    pub(crate) no_links: bool,
    /// The port that the first guardian of a new network tries; 0 for any
    #[arg(long, value_name = "PORT", default_value_t = PORT_BASE, hide = true)]
    pub(crate) port_base: u16,
}

#[derive(Debug, Args)]
pub(crate) struct PinSource {
    /// Read the PIN's line from this file descriptor instead of the terminal
    #[arg(long, value_name = "N")]
    pub(crate) pin_fd: Option<i32>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// A guardian's address; once for each [default: the local network of `allod up`]
    #[arg(long = "guardian", value_name = "URL")]
    pub(crate) guardians: Vec<String>,
    /// How many guardians are needed to recover [default: one more than half]
    #[arg(long, value_name = "T")]
    pub(crate) threshold: Option<u8>,
    /// How many wrong PINs each guardian allows
    #[arg(long, value_name = "L", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) guesses: u16,
    /// What this device is called [default: the machine's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Where the recovery card goes: a .txt or .html file, or - for here
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) card: PathBuf,
    #[command(flatten)]
    pub(crate) pin: PinSource,
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// The card's file, or - to read it, or its code, from here
    #[arg(long, value_name = "FILE", conflicts_with = "words")]
    pub(crate) card: Option<PathBuf>,
    /// Type the card's 24 words
    #[arg(long)]
    pub(crate) words: bool,
    /// A guardian's address, where the card's are not known or out of date
    #[arg(long = "guardian", value_name = "URL")]
    pub(crate) guardians: Vec<String>,
    /// How many wrong PINs each guardian allows from now on [default: as before]
    #[arg(long, value_name = "L", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) guesses: Option<u16>,
    /// What this device is called [default: the machine's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    #[command(flatten)]
    pub(crate) pin: PinSource,
}

#[derive(Debug, Args)]
pub(crate) struct Card {
    /// Make the old card useless and print a new one
    #[arg(long)]
    pub(crate) renew: bool,
    /// Where the card goes: a .txt or .html file, or - for here
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Pin {
    /// How many wrong PINs each guardian allows [default: as before]
    #[arg(long, value_name = "L", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) guesses: Option<u16>,
    /// Have other guardians guard from now on; once for each
    #[arg(long = "guardian", value_name = "URL")]
    pub(crate) guardians: Vec<String>,
    /// How many of those are needed [default: one more than half]
    #[arg(long, value_name = "T", requires = "guardians")]
    pub(crate) threshold: Option<u8>,
    /// Do not ask the guardians before, since they are gone for good
    #[arg(long, requires = "guardians")]
    pub(crate) abandon: bool,
    #[command(flatten)]
    pub(crate) pin: PinSource,
}

#[derive(Debug, Args)]
pub(crate) struct Devices {
    #[command(subcommand)]
    pub(crate) command: Option<DevicesCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DevicesCommand {
    /// List the devices
    List,
    /// Add a device by its public key
    Add {
        /// Its key, as did:key
        key: String,
        /// What it is called
        #[arg(long)]
        name: String,
    },
    /// Remove a device from the list: nobody accepts its own key any more. A
    /// device that was set up with `init` or `recover` keeps the root, though
    Remove {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Object to the change that waits on the ledger because only the root signed it,
    /// such as a device that somebody recovered onto
    Object,
    /// Sign for the changes that this device has not made, so that the ledger takes
    /// them at once
    Accept {
        /// Do it: what is listed without this may act for you from then on
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Guardians {
    #[command(subcommand)]
    pub(crate) command: Option<GuardiansCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuardiansCommand {
    /// List the guardians and how they are
    List,
    /// Give guardians that lost their part, or missed it, their part again
    Heal,
    /// Exchange one guardian for another
    Replace {
        /// The one that goes: its number in the list, or its address
        old: String,
        /// The address of the one that comes
        new: String,
    },
    /// Have all guardians delete what they hold: nothing can be recovered then
    Dismiss {
        /// Do it: losing this device will lose the identity
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Guardian {
    #[command(subcommand)]
    pub(crate) command: GuardianCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuardianCommand {
    /// Write a configuration file to begin with
    Init {
        /// Where the configuration goes
        #[arg(long, value_name = "FILE", default_value = "guardian.toml")]
        config: PathBuf,
        /// Where to listen
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7800")]
        listen: std::net::SocketAddr,
        /// Where the state goes [default: guardian-state beside the configuration]
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Speak plain HTTP: only for loopback, or behind a proxy with TLS
        #[arg(long)]
        no_tls: bool,
    },
    /// Read a guardian's log of answers, and hold it against the ledger and your receipts
    Audit(ledger::Audit),
    /// Bring an operator's identity to the ledger, and show how many units it has for a bond
    Operator {
        /// The operator's file, or the folder that has it or gets it
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        #[command(flatten)]
        through: ledger::Through,
    },
    /// Put up a bond and become a candidate, a guardian once the others admit it
    Join {
        /// The bond, in units of the network's first asset
        #[arg(long, value_name = "UNITS")]
        bond: u64,
        #[command(flatten)]
        terms: ledger::Terms,
        #[command(flatten)]
        operate: ledger::Operate,
    },
    /// Stop being a guardian of the network
    Leave(ledger::Operate),
    /// Put up more
    Bond {
        /// How much more
        amount: u64,
        #[command(flatten)]
        operate: ledger::Operate,
    },
    /// Take the bond back, some time after leaving
    Unbond(ledger::Operate),
    /// Say anew where the guardian is, and who runs it
    Restate {
        #[command(flatten)]
        terms: ledger::Terms,
        #[command(flatten)]
        operate: ledger::Operate,
    },
    /// Vote for a common key, or for another size, threshold or limit of one
    Approve {
        #[command(flatten)]
        approve: ledger::KeySpec,
        #[command(flatten)]
        operate: ledger::Operate,
    },
    /// Vote for a candidate to become a guardian; without one, list those who wait
    Admit {
        /// The candidate: its id, its address, or its operator's label
        #[arg(value_name = "ID|ADDRESS|LABEL")]
        who: Option<String>,
        #[command(flatten)]
        operate: ledger::Operate,
    },
    /// Ask the guardian that runs here how it is; exit code 0 when it serves people
    Health {
        /// The configuration file it was started with
        #[arg(long, value_name = "FILE", default_value = "guardian.toml")]
        config: PathBuf,
        /// End with code 1 also while its chain does not do its part
        #[arg(long)]
        ready: bool,
    },
    /// Run until stopped
    Run {
        /// The configuration file
        #[arg(long, value_name = "FILE", default_value = "guardian.toml")]
        config: PathBuf,
        /// End when standard input does, as for a process that watches over this one
        #[arg(long, hide = true)]
        until_stdin_closes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Key {
    /// Which kind
    pub(crate) kind: KeyKind,
    /// Print the public key instead of the private one
    #[arg(long)]
    pub(crate) public: bool,
    /// Which of the many keys of this kind
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) index: u32,
    /// Write it to a new file that only you can read
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    /// An Ed25519 key for OpenSSH
    Ssh,
    /// An X25519 identity for age
    Age,
    /// The identity's DID document, which is public
    Did,
}

#[derive(Debug, Args)]
pub(crate) struct Testnet {
    /// How many guardians [default: those in the folder, or 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) guardians: Option<u8>,
    /// How many of them are needed [default: as in the folder, or one more than half]
    #[arg(long, value_name = "T")]
    pub(crate) threshold: Option<u8>,
    /// The network's folder [default: network in the home folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Print a line for each change instead of a live table
    #[arg(long)]
    pub(crate) plain: bool,
    /// Kill guardian I of the running network at once, as a crash would
    #[arg(long, value_name = "I", group = "action")]
    pub(crate) kill: Option<u8>,
    /// Stop guardian I from running on, as an overloaded machine would
    #[arg(long, value_name = "I", group = "action")]
    pub(crate) pause: Option<u8>,
    /// Let guardian I run on
    #[arg(long, value_name = "I", group = "action")]
    pub(crate) resume: Option<u8>,
    /// Start guardian I again, honest
    #[arg(long, value_name = "I", group = "action")]
    pub(crate) start: Option<u8>,
    /// Put a liar in front of guardian I
    #[arg(long, value_name = "I", group = "action")]
    pub(crate) lie: Option<u8>,
    /// How it lies
    #[arg(long, value_name = "KIND", requires = "lie", default_value = "bad-proof",
          value_parser = PossibleValuesParser::new(How::ALL.map(How::name)))]
    pub(crate) how: String,
    /// Give the running network an order in the words of a script, such as
    /// `delay 4 200ms for 10s`
    #[arg(long, value_name = "ORDER", group = "action")]
    pub(crate) order: Option<String>,
    /// Carry out the disturbances that a script lists, or - for one from here;
    /// 0 is returned if all could be carried out
    #[arg(long, value_name = "SCRIPT", conflicts_with = "action")]
    pub(crate) chaos: Option<PathBuf>,
    /// Print what the script comes to and whether this machine can do it, and end
    #[arg(long, requires = "chaos")]
    pub(crate) check: bool,
    /// Write the run to a file as JSON lines
    #[arg(long, value_name = "FILE", conflicts_with_all = ["action", "check"])]
    pub(crate) export: Option<PathBuf>,
    /// Stand between the guardians, so that their connections can be parted,
    /// delayed and cut [default: if the script needs it]
    #[arg(long, conflicts_with_all = ["action", "namespaces"])]
    pub(crate) relay: bool,
    /// Give each guardian a network namespace and an address of its own, as root
    #[arg(long, conflicts_with = "action")]
    pub(crate) namespaces: bool,
    /// The port that the first guardian of a new network tries; 0 for any
    #[arg(long, value_name = "PORT", default_value_t = PORT_BASE, hide = true)]
    pub(crate) port_base: u16,
    /// Found the ledger of a new network with short epochs, for tests
    #[arg(long, hide = true)]
    pub(crate) brisk: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestnetEquivocator {
    /// The guardian's configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TestnetLiar {
    /// The guardian's state folder, with its certificate
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// The guardian's usual place
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// Where the guardian is meanwhile, without TLS
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) upstream: SocketAddr,
    /// The guardian's realm
    #[arg(long, value_name = "ID")]
    pub(crate) realm: RealmId,
    /// How it lies
    #[arg(long, value_name = "KIND")]
    pub(crate) how: How,
}

impl Command {
    /// Whether it gets a vault from backup peers.
    pub(crate) fn restores_from_peers(&self) -> bool {
        match self {
            Self::Restore(args) => args.from_peers,
            Self::Backup(args) => matches!(args.command, backup::BackupCommand::Restore { .. }),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_shell_gets_its_completions() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "allod", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("approve"), "{shell}");
        }
    }
}
