//! `allod network`: which network of guardians this is, and who they are.

use allod_ledger::Chain;
use allod_ledger::committee::Committee;
use allod_node::person::Home;
use data_encoding::HEXLOWER;
use serde_json::json;

use super::files::{leave_alone, write};
use super::{open, roster, time};
use crate::cli::ledger::Network;
use crate::failure::Failure;
use crate::screen::Screen;

pub(in super::super) async fn run(home: &Home, args: Network, screen: &Screen) -> Result<(), Failure> {
    if let Some(file) = &args.out {
        leave_alone(file, args.force)?;
    }
    let ledger = open(home, &args.through, screen).await?;
    if args.roster {
        let proven = roster::prove(&ledger).await?;
        screen.result(&proven.to_json(), &proven.to_text());
        return Ok(());
    }
    let trust = ledger.trust();
    let fingerprint = HEXLOWER.encode(&ledger.key()?.fingerprint(&trust.network));
    if let Some(file) = &args.out {
        write(file, &allod_wire::encode(trust), args.force)?;
    }
    let certificate = ledger.certificate().await?;
    let chain: Chain = ledger.expect(&()).await?;
    let rules = ledger.rules().await?;
    let epoch = chain.height / rules.epoch_heights.max(1);
    let committee: Option<Committee> = ledger.record(&epoch).await?;
    let voters = committee.map_or(0, |committee| committee.members.len());
    let signed = certificate.checkpoint;
    let spoken = fingerprint.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    screen.result(
        &json!({
            "network": trust.network.to_string(),
            "name": trust.name,
            "fingerprint": fingerprint,
            "height": chain.height,
            "epoch": epoch,
            "guardians": voters,
            "signed_height": signed.height,
            "signed_at": signed.at.0,
            "key_file": args.out,
        }),
        &format!(
            "network      {} ({})\nfingerprint  {spoken}\nguardians    {voters} vote in epoch {epoch}\n\
             height       {}, signed up to {}, {}",
            trust.name,
            trust.network,
            chain.height,
            signed.height,
            time(signed.at),
        ),
    );
    Ok(())
}
