//! Commands while the vault is mounted: the process that has it open does them for the others.
//!
//! | | |
//! |---|---|
//! | *holder* | the process that mounted the vault, and so has it open; it listens on the socket `holder` in the vault's folder |
//! | *caller* | another `allod`, which finds the vault in use |
//!
//! 1. The holder greets with its version; a caller of another version goes no further.
//! 2. The caller hands over what was typed, where that was, its environment, and its standard input,
//!    output and error as they are.
//! 3. The holder does it, prints there, and answers with the exit code.
//!
//! Either looks first whether the other side belongs to the same user, or to root. Nothing listens on
//! a network. Whoever may connect could as well open the vault: nobody gets more than they have.
//! When the caller goes away, the work ends at the next place where it can.

mod hand_over;
mod message;
mod serve;

pub(in crate::commands) use hand_over::{ask, hand_over};
pub(super) use serve::Holder;

use crate::cli::Command;
use crate::cli::backup::{Backup, BackupCommand};
use crate::cli::share::{Share, ShareCommand};

/// Whether the holder of a vault does this for others.
pub(in crate::commands) fn is_done_by_holders(command: &Command) -> bool {
    match command {
        Command::Ls(_)
        | Command::Get(_)
        | Command::Fsck(_)
        | Command::Rm(_)
        | Command::Snapshot(_)
        | Command::History(_)
        | Command::Forget(_)
        | Command::Gc
        | Command::Anchor(_) => true,
        command @ Command::Restore(_) => !command.restores_from_peers(),
        Command::Backup(Backup { command }) => {
            !matches!(command, BackupCommand::Restore { .. } | BackupCommand::Serve { .. })
        }
        Command::Share(Share { command }) => {
            matches!(command, ShareCommand::Add { .. } | ShareCommand::Members | ShareCommand::Remove { .. })
        }
        Command::Sync(sync) => sync.with.is_some() || sync.command.is_some() || sync.answer,
        _ => false,
    }
}
