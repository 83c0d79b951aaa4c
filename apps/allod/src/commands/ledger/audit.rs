//! `allod guardian audit`: reading what a guardian answered, and holding it
//! against the ledger and against what this person was given.

use allod_guardian::answering::{Evidence, Finding};
use allod_ledger::Action;
use allod_ledger::evidence::Evidence as Proof;
use allod_node::person::Home;
use allod_node::person::ledger::{Audited, Receipts};
use serde_json::json;

use super::open;
use super::who::find;
use crate::cli::ledger::Audit;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(in super::super) async fn run(home: &Home, args: Audit, screen: &Screen) -> Result<(), Failure> {
    let ledger = open(home, &args.through, screen).await?;
    let listed = find(&ledger, 0, &args.who, "guardian", |_| true).await?;
    let receipts = Receipts::of(home.path());
    let waiting = Waiting::new(screen);
    waiting.say("reading the guardian's log");
    let audited = ledger.audit(&listed, args.from, receipts.from(&listed.guardian)?).await;
    waiting.end();
    let audited = audited?.map_err(|why| Failure::usage(why.to_string()))?;
    if let Some(last) = &audited.last {
        receipts.keep(last)?;
    }
    let address = &listed.record.terms.service;
    let mut value = json!({
        "guardian": listed.guardian.to_string(),
        "address": address,
        "entries": audited.entries,
        "begins": audited.begins,
        "joined": audited.joined,
        "end": audited.end,
        "receipts": audited.receipts,
        "receipts_of_deleted": audited.deleted,
        "findings": [],
    });
    if audited.findings.is_empty() {
        let text = match audited.end {
            None => format!("{address}: its log ends before entry {}; there is nothing to read.", args.from),
            Some(_) => format!(
                "{address}: {} entries read, {} receipts found, nothing wrong.{}",
                audited.entries,
                audited.receipts,
                rest(&audited, args.from)
            ),
        };
        screen.result(&value, &text);
        return Ok(());
    }
    let findings: Vec<_> = audited.findings.iter().map(ToString::to_string).collect();
    let evidence = audited.findings.iter().find_map(|finding| match finding {
        Finding::Lied(evidence) => Some(evidence),
        _ => None,
    });
    let mut next = "tell others who rely on this guardian, and keep your receipts".to_owned();
    let mut accused = None;
    match evidence {
        Some(evidence) if args.accuse => {
            let action = Action::Accuse { evidence: proof(evidence) };
            let asked = ledger.ask_unsigned(action).await?;
            accused = Some(asked.height);
            next = format!("the ledger has evicted it, at height {}", asked.height);
        }
        Some(_) => next = "its lie can be proven: say --accuse to hand that in to the ledger".into(),
        None => {}
    }
    if let Some(fields) = value.as_object_mut() {
        fields.insert("findings".into(), json!(findings));
        fields.insert("provable".into(), json!(evidence.is_some()));
        fields.insert("accused".into(), json!(accused));
    }
    let failure =
        Failure::new(Kind::Failed, format!("{} is wrong in the log of {address}", count(findings.len())));
    Err(failure.with_details(findings).data(value).next(next))
}

/// What could not be read, because the guardian does not keep it any more.
fn rest(audited: &Audited, from: u64) -> String {
    let begins = audited.begins;
    if begins <= from.max(1) {
        return String::new();
    }
    let joined = match audited.joined {
        true => "which follows the entry that you kept",
        false => "and nobody can check any more what came before",
    };
    let deleted = match audited.deleted {
        0 => String::new(),
        deleted => format!(", of which you have {deleted} receipts"),
    };
    format!("\nIt was checked from entry {begins} on, {joined}; older entries are not kept{deleted}.")
}

fn count(findings: usize) -> String {
    if findings == 1 { "one thing".into() } else { format!("{findings} things") }
}

fn proof(evidence: &Evidence) -> Proof {
    match evidence {
        Evidence::False(answer) => Proof::FalseAnswer { answer: answer.encode() },
        Evidence::Fork(first, second) => Proof::Fork { first: first.encode(), second: second.encode() },
    }
}
