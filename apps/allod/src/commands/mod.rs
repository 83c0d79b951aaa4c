//! One file for each thing that can be asked for.

mod card;
pub(crate) mod courier;
mod devices;
mod ending;
mod genesis;
mod guardian;
mod guardians;
mod init;
mod key;
pub(crate) mod ledger;
mod local;
mod pin;
mod recover;
mod status;
mod testnet;
mod up;
pub(crate) mod vault;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use allod_node::person::{Home, Person};
use clap::{CommandFactory, Parser};

use crate::cli::backup::{Backup, BackupCommand};
use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::screen::Screen;

/// How often a vault may come to be mounted between two looks.
const LOOKS: usize = 2;

/// Does what was asked for. With the exit code.
pub(crate) fn run(cli: Cli, screen: &Screen) -> Result<ExitCode, Failure> {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "allod", &mut script);
        let _ = std::io::stdout().write_all(&script);
        return Ok(ExitCode::SUCCESS);
    }
    log_to_stderr();
    let home = Home::new(home_path(cli.home)?);
    let space = cli.space.as_deref();
    let vault = match &cli.command {
        // What is lost is not here to be named.
        command if command.restores_from_peers() => vault::open::VaultHome::own(&home),
        _ => vault::open::VaultHome::choose(&home, space)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(crate::failure::Kind::Failed, format!("cannot start: {e}")))?;
    runtime.block_on(async {
        let mut command = cli.command;
        for _ in 0..LOOKS {
            if !vault::holder::is_done_by_holders(&command) {
                break;
            }
            if let Some(code) = vault::holder::hand_over(&vault, screen).await? {
                return Ok(code);
            }
            match do_with_vault(&vault, command, screen).await {
                // It was mounted since.
                Err(why) if why.is_because_mounted() => command = Cli::parse().command,
                done => return done.map(|()| ExitCode::SUCCESS),
            }
        }
        match command {
            Command::Up(args) => up::run(&home, &args, screen).await,
            Command::Init(args) => init::run(&home, args, screen).await,
            Command::Status => status::run(&home, screen).await,
            Command::Recover(args) => recover::run(&home, args, screen).await,
            Command::Card(args) => card::run(&home, &args, screen).await,
            Command::Pin(args) => pin::run(&home, &args, screen).await,
            Command::Devices(args) => devices::run(&home, args, screen).await,
            Command::Guardians(args) => guardians::run(&home, args, screen).await,
            Command::Guardian(args) => guardian::run(&home, args, screen).await,
            Command::Genesis(args) => genesis::run(args, screen),
            Command::Contact(args) => courier::contact::run(&home, args, screen),
            Command::Send(args) => courier::send::run(&home, &args, screen),
            Command::Inbox(args) => courier::inbox::run(&home, &args, screen),
            Command::Read(args) => courier::read::run(&home, &args, screen),
            Command::Group(args) => courier::group::run(&home, args, screen),
            Command::Carry(args) => courier::carry::run(&home, args, screen).await,
            Command::Vouch(args) => courier::vouch::run(&home, args, screen),
            Command::Links(args) => courier::links::run(&home, args, screen).await,
            Command::Key(args) => key::run(&home, &args, screen),
            Command::Put(args) => vault::put::run(&vault, &args, screen),
            Command::Image(args) => vault::image::run(&vault, &args, screen),
            Command::Mount(args) => vault::mount::run(&vault, &args, screen).await,
            Command::Restore(args) if args.from_peers => {
                vault::backup::restore::run(&home, space, args.from_peer, screen).await
            }
            Command::Backup(Backup { command: BackupCommand::Restore { from_peer } }) => {
                vault::backup::restore::run(&home, space, from_peer, screen).await
            }
            Command::Name(args) => ledger::name::run(&home, args, screen).await,
            Command::Title(args) => ledger::title::run(&home, args, screen).await,
            Command::Asset(args) => ledger::asset::run(&home, args, screen).await,
            Command::Lock(args) => ledger::lock::run(&home, args, screen).await,
            Command::Offer(args) => ledger::offer::run(&home, args, screen).await,
            Command::Own(args) => ledger::own::run(&home, args, screen).await,
            Command::Network(args) => ledger::network::run(&home, args, screen).await,
            Command::Seal(args) => ledger::seal::run(&home, args, screen).await,
            Command::Unseal(args) => ledger::unseal::run(&home, args, screen).await,
            Command::Evaluate(args) => ledger::evaluate::run(&home, args, screen).await,
            Command::Testnet(args) => testnet::run(&home, args, screen).await,
            Command::TestnetLiar(args) => testnet::lie(args, screen).await,
            Command::TestnetEquivocator(args) => testnet::equivocate(args, screen).await,
            Command::Completions { .. } => Ok(()),
            command => do_with_vault(&vault, command, screen).await,
        }
        .map(|()| ExitCode::SUCCESS)
    })
}

/// Does what is about a vault, which this process may have mounted.
pub(crate) async fn do_with_vault(
    vault: &vault::open::VaultHome,
    command: Command,
    screen: &Screen,
) -> Result<(), Failure> {
    match command {
        Command::Get(args) => vault::get::run(vault, &args, screen),
        Command::Ls(args) => vault::ls::run(vault, &args, screen),
        Command::Fsck(args) => vault::fsck::run(vault, &args, screen).await,
        Command::Rm(args) => vault::rm::run(vault, &args, screen),
        Command::History(args) => vault::history::run(vault, &args, screen),
        Command::Restore(args) => vault::restore::run(vault, &args, screen),
        Command::Forget(args) => vault::forget::run(vault, &args, screen),
        Command::Gc => vault::gc::run(vault, screen),
        Command::Snapshot(args) => vault::snapshot::run(vault, &args, screen),
        Command::Anchor(args) => vault::anchor::run(vault, &args, screen).await,
        Command::Share(args) => vault::share::run(vault, &args, screen),
        Command::Sync(args) => vault::sync::run(vault, args, screen).await,
        Command::Backup(args) => vault::backup::run(vault, args, screen).await,
        _ => unreachable!("all others are done elsewhere"),
    }
}

/// The identity, which must be there.
fn load(home: &Home) -> Result<Person, Failure> {
    home.load()?.ok_or_else(Failure::no_identity)
}

/// Holds the identity for a change; says so where that means waiting.
fn hold(home: &Home, screen: &Screen) -> Result<File, Failure> {
    if let Some(held) = home.try_lock()? {
        return Ok(held);
    }
    screen.note("waiting for another `allod` that is at work on this identity");
    Ok(home.lock()?)
}

/// What this machine is called, for want of a better name for the device.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(32).collect();
    if name.is_empty() { "this device".into() } else { name }
}

fn home_path(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given
        .or_else(|| from("XDG_DATA_HOME").filter(|path| path.is_absolute()).map(|path| path.join("allod")))
        .or_else(|| from("HOME").map(|path| path.join(".local/share/allod")))
        .ok_or_else(|| Failure::usage("no home folder is known; name one with --home"))
}

fn log_to_stderr() {
    // A mount that somebody else ended is not worth a warning.
    let filter = tracing_subscriber::EnvFilter::try_from_env("ALLOD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,fuser::mnt=error"));
    let ansi = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi);
    let _ = match std::env::var_os("ALLOD_LOG_FORMAT").is_some_and(|format| format == "json") {
        true => log.json().flatten_event(true).try_init(),
        false => log.try_init(),
    };
}
