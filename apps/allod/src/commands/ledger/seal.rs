//! `allod seal`: a file that opens at a time, or for those whom its maker names.

use allod_guardian::sealed::{Encryptor, FileKey, Header, Policy};
use allod_ledger::beacon_message;
use allod_node::person::Home;
use allod_node::person::ledger::Trust;
use allod_wire::Instant;
use serde_json::{Value, json};

use super::files::{Source, Target};
use super::{identity, moment, open, time};
use crate::cli::ledger::Seal;
use crate::commands::load;
use crate::failure::Failure;
use crate::screen::Screen;

pub(in super::super) async fn run(home: &Home, args: Seal, screen: &Screen) -> Result<(), Failure> {
    let mut source = Source::open(&args.file, screen)?;
    let mut target = Target::create(&args.out, args.force, screen)?;
    let (header, key, mut value, text) = match &args.until {
        Some(until) => lock_until(home, &args, until, screen).await?,
        None => lock_to_quorum(home, &args, screen).await?,
    };
    let mut sealed = header.encode();
    let mut encryptor = Encryptor::new(&header, key, &mut allod_node::entropy(), &mut sealed);
    source.each(|content| {
        encryptor.write(content, &mut sealed);
        target.write(&mut sealed)
    })?;
    encryptor.finish(&mut sealed);
    target.write(&mut sealed)?;
    let size = target.finish()?;
    if args.out.as_os_str() == "-" {
        return Ok(());
    }
    if let Some(fields) = value.as_object_mut() {
        fields.insert("file".into(), json!(args.out));
        fields.insert("bytes".into(), json!(size));
    }
    screen.result(&value, &format!("{} is sealed. {text}", args.out.display()));
    Ok(())
}

type Locked = (Header, FileKey, Value, String);

/// What opens by itself. Nobody is asked where the network is known.
async fn lock_until(home: &Home, args: &Seal, until: &str, screen: &Screen) -> Result<Locked, Failure> {
    let trust = match Trust::load(home.path())? {
        Some(trust) => trust,
        None => open(home, &args.through, screen).await?.trust().clone(),
    };
    let now = allod_node::now();
    let wanted = moment(now, until)?;
    if wanted <= now {
        return Err(Failure::usage(format!("{} is over already", time(wanted))));
    }
    let round = trust.round_at(wanted);
    let at = trust.due(round);
    let key = allod_ledger::NetworkKey::decode(&trust.key)
        .map_err(|why| Failure::from(allod_node::person::ledger::LedgerError::from(why)))?;
    let message = beacon_message(&trust.network, round);
    let mut rng = allod_node::entropy();
    let (header, file_key) = Header::until(trust.network, round, at, key.public_key(), &message, &mut rng);
    let value = json!({ "network": trust.network.to_string(), "round": round, "opens": at.0 });
    let text = format!("Everybody can open it from {} on, and nobody before.", time(at));
    Ok((header, file_key, value, text))
}

/// What guardians open for those who are named.
async fn lock_to_quorum(home: &Home, args: &Seal, screen: &Screen) -> Result<Locked, Failure> {
    let ledger = open(home, &args.through, screen).await?;
    let mut openers = Vec::new();
    for opener in &args.openers {
        openers.push(identity(&ledger, opener).await?);
    }
    if openers.is_empty() {
        openers.push(load(home)?.log.state().did());
    }
    openers.sort_unstable();
    openers.dedup();
    let after = match &args.after {
        Some(after) => moment(allod_node::now(), after)?,
        None => Instant(0),
    };
    let holders = ledger.keyholders(&args.key, 0).await?;
    let wrong = |why: allod_guardian::sealed::Error| Failure::usage(why.to_string());
    let policy = Policy::new(openers, after).map_err(wrong)?;
    let names: Vec<_> = policy.openers().iter().map(ToString::to_string).collect();
    let network = ledger.trust().network;
    let (header, file_key) = Header::quorum(
        network,
        &args.key,
        holders.committee.shares().public_key(),
        policy,
        &mut allod_node::entropy(),
    )
    .map_err(wrong)?;
    let (threshold, count) = (holders.committee.threshold(), holders.guardians.len());
    let value = json!({
        "network": network.to_string(),
        "key": args.key,
        "openers": names,
        "after": args.after.as_ref().map(|_| after.0),
        "guardians": count,
        "threshold": threshold,
    });
    let mut text = format!("{threshold} of {count} guardians open it for {}", names.join(", "));
    if args.after.is_some() {
        text += &format!(", from {} on", time(after));
    }
    Ok((header, file_key, value, text + "."))
}
