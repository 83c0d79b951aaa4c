//! Keeping parts of others' backups.

use allod_node::guardian::Tls;
use allod_node::person::Home;
use allod_node::storage::{self, StorageConfig};
use serde_json::json;

use super::super::meter::count;
use super::{parse_size, shelf, size};
use crate::cli::backup::BackupCommand;
use crate::commands::ending::Ending;
use crate::failure::Failure;
use crate::screen::Screen;

pub(super) async fn run(home: &Home, command: BackupCommand, screen: &Screen) -> Result<(), Failure> {
    let BackupCommand::Serve { listen, state, room, quota, account, no_tls, until_stdin_closes } = command
    else {
        return Ok(());
    };
    let config = StorageConfig {
        account_bytes_max: parse_size(&quota)?,
        bytes_max: parse_size(&room)?,
        accounts: (!account.is_empty()).then_some(account),
        ..StorageConfig::default()
    };
    let mut ending = Ending::new(until_stdin_closes)?;
    let tls = if no_tls { Tls::Off } else { Tls::SelfSigned };
    let state = state.unwrap_or_else(|| shelf(home));
    let running = storage::run(listen, &state, &tls, config.clone()).await?;
    let (accounts, used) = running.shelf().total();
    let whom = match &config.accounts {
        None => "anybody".to_owned(),
        Some(listed) => count(listed.len() as u64, "account", "accounts"),
    };
    screen.result(
        &json!({ "address": running.address(), "accounts": accounts, "used": used }),
        &format!(
            "Keeping backups for {whom} at {}: {} of {} are used, by {}",
            running.address(),
            size(used),
            size(config.bytes_max),
            count(accounts as u64, "account", "accounts")
        ),
    );
    ending.wait().await;
    running.stop().await;
    Ok(())
}
