//! `allod genesis`: operators who found a network together.

use std::fs;
use std::io::Read;
use std::path::Path;

use allod_did::Did;
use allod_ledger::Genesis;
use allod_ledger::guardian::Terms;
use allod_node::chain::entry::{Entry, Identity};
use allod_node::chain::founding::{genesis, lasting_rules, local_rules};
use allod_node::chain::operator::Operator;
use allod_node::chain::{ChainError, guardian_key, read_genesis};
use allod_node::guardian::{self, Config};
use allod_wire::GuardianId;
use serde_json::json;

use super::ledger::time;
use crate::cli::genesis::{Entry as EntryArgs, Genesis as Args, GenesisCommand, Make, Rules};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(super) fn run(args: Args, screen: &Screen) -> Result<(), Failure> {
    match args.command {
        GenesisCommand::Operator { folder } => {
            let operator = Operator::load(&folder, allod_node::now()).map_err(failed)?;
            let identity = operator.identity().map_err(failed)?;
            let did = identity.did();
            screen.note(&format!(
                "The operator is {did}. Keep {} to yourself, away from the guardian; give the guardian this line:",
                folder.join("operator").display()
            ));
            let line = identity.to_string();
            screen.result(&json!({ "did": did.to_string(), "operator": line }), &line);
            Ok(())
        }
        GenesisCommand::Entry(args) => enter(&args, screen),
        GenesisCommand::Make(args) => make(&args, screen),
        GenesisCommand::Show { file, config } => {
            let genesis = read_genesis(&file).map_err(failed)?;
            allod_ledger::begin(&genesis).map_err(unfit)?;
            if let Some(config) = config {
                find(&genesis, &config)?;
            }
            show(&genesis, screen);
            Ok(())
        }
    }
}

/// Prints a guardian's entry.
fn enter(args: &EntryArgs, screen: &Screen) -> Result<(), Failure> {
    let config = Config::read(&args.config)?;
    let wrong = |why: &dyn std::fmt::Display| Failure::usage(why.to_string());
    let operator: Identity = args.operator.parse().map_err(|why| wrong(&why))?;
    let service = match guardian::own_pin(&config)? {
        Some(pin) if !args.service.contains('#') => format!("{}#{pin}", args.service),
        Some(pin) if !args.service.ends_with(&format!("#{pin}")) => {
            return Err(wrong(&format!("the pin of this guardian's certificate is {pin}")));
        }
        _ => args.service.clone(),
    };
    let terms = Terms {
        peers: args.peers.clone(),
        service,
        operator: args.operator_label.clone(),
        jurisdiction: args.jurisdiction.clone(),
    };
    let key = guardian_key(&config.state.join("chain")).map_err(failed)?;
    let entry = Entry::sign(&key, terms, &operator).map_err(|why| wrong(&why))?;
    let line = entry.to_string();
    screen.result(&json!({ "guardian": entry.guardian().to_string(), "entry": line }), &line);
    Ok(())
}

/// Makes a genesis out of entries.
fn make(args: &Make, screen: &Screen) -> Result<(), Failure> {
    if args.out.exists() {
        return Err(Failure::usage(format!("{} is there already", args.out.display()))
            .next("a network is founded once; name another file for another network"));
    }
    let mut places = Vec::new();
    for file in &args.entries {
        let text = read(file)?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let at = |why: allod_node::chain::entry::BadEntry| {
                Failure::new(Kind::Failed, format!("{}: {why}", file.display()))
            };
            places.push(line.parse::<Entry>().map_err(at)?.place().map_err(at)?);
        }
    }
    if places.is_empty() {
        return Err(Failure::usage("there are no entries in these files"));
    }
    // Everybody who has the same entries puts them in the same order.
    places.sort_by_key(|place| place.guardian);
    if let Some(pair) = places.windows(2).find(|pair| pair[0].guardian == pair[1].guardian) {
        return Err(Failure::new(
            Kind::Failed,
            format!("the guardian {} was entered twice", pair[0].guardian),
        ));
    }
    let mut operators: Vec<Did> = places.iter().map(|place| place.operator).collect();
    operators.sort_unstable();
    if let Some(pair) = operators.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::new(Kind::Failed, format!("{} entered two guardians", pair[0]))
            .next("make another operator's identity for each, with `allod genesis operator`"));
    }
    let half = u16::try_from(places.len() / 2 + 1).unwrap_or(u16::MAX);
    let rules = match args.rules {
        Rules::Lasting => lasting_rules(),
        Rules::Trial => local_rules(),
    };
    let genesis = genesis(&args.name, allod_node::now(), rules, &places, args.threshold.unwrap_or(half));
    allod_ledger::begin(&genesis).map_err(unfit)?;
    allod_node::write_public(&args.out, &allod_wire::encode(&genesis))?;
    show(&genesis, screen);
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |why: std::io::Error| Failure::new(Kind::Failed, format!("{}: {why}", file.display()));
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    fs::read_to_string(file).map_err(failed)
}

/// Fails unless the guardian of this configuration is among the first.
fn find(genesis: &Genesis, config: &Path) -> Result<(), Failure> {
    let config = Config::read(config)?;
    let key = guardian_key(&config.state.join("chain")).map_err(failed)?;
    let me = GuardianId(key.verifying_key().0);
    let founder = genesis.founders.iter().find(|founder| founder.guardian == me).ok_or_else(|| {
        Failure::new(Kind::Failed, format!("this guardian, {me}, is not in the genesis")).next(
            "it can join later, with `allod guardian join`; or have the genesis made again with its entry",
        )
    })?;
    let pin = guardian::own_pin(&config)?;
    match (pin, founder.terms.service.split_once('#')) {
        (Some(pin), Some((_, said))) if pin != said => Err(Failure::new(
            Kind::Failed,
            format!("this guardian's certificate has the pin {pin}, and the genesis says {said}"),
        )),
        _ => Ok(()),
    }
}

fn show(genesis: &Genesis, screen: &Screen) {
    let (network, began) = (genesis.network().to_string(), time(genesis.at));
    let mut text = format!("network    {network}\nname       {}\nfrom       {began}", genesis.name);
    for key in &genesis.keys {
        text += &format!("\nkey        {}: {} of {}", key.name, key.threshold, key.size);
    }
    for founder in &genesis.founders {
        let terms = &founder.terms;
        text += &format!(
            "\nguardian   {}\n           peers {}, service {}\n           {:?}, {:?}, operator {}",
            founder.guardian,
            terms.peers,
            terms.service,
            terms.operator,
            terms.jurisdiction,
            founder.operator,
        );
    }
    let guardian = |founder: &allod_ledger::Founder| {
        let terms = &founder.terms;
        json!({
            "guardian": founder.guardian.to_string(),
            "operator": founder.operator.to_string(),
            "peers": terms.peers,
            "service": terms.service,
            "operator_label": terms.operator,
            "jurisdiction": terms.jurisdiction,
            "bond": founder.bond,
        })
    };
    let key = |key: &allod_ledger::shared_key::KeySpec| json!({ "key": key.name.to_string(), "threshold": key.threshold, "size": key.size });
    screen.result(
        &json!({
            "network": network,
            "name": genesis.name,
            "at": genesis.at.0,
            "keys": genesis.keys.iter().map(key).collect::<Vec<_>>(),
            "guardians": genesis.founders.iter().map(guardian).collect::<Vec<_>>(),
        }),
        &text,
    );
}

fn failed(why: ChainError) -> Failure {
    Failure::new(Kind::Failed, why.to_string())
}

fn unfit(why: allod_ledger::Error) -> Failure {
    Failure::new(Kind::Failed, why.to_string())
}
