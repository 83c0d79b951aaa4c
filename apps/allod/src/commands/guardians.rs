//! `allod guardians`: who guards the identity.

use allod_node::person::{Check, GuardianCheck, Home, Person, Replacement};
use anstyle::AnsiColor;
use serde_json::{Value, json};

use super::{hold, load};
use crate::cli::{Guardians, GuardiansCommand};
use crate::failure::Failure;
use crate::progress::Waiting;
use crate::screen::Screen;

pub(super) async fn run(home: &Home, args: Guardians, screen: &Screen) -> Result<(), Failure> {
    let _lock = hold(home, screen)?;
    let mut person = load(home)?;
    let waiting = Waiting::new(screen);
    match args.command.unwrap_or(GuardiansCommand::List) {
        GuardiansCommand::List => {
            waiting.say("asking the guardians");
            let checks = person.check().await;
            waiting.end();
            show(&checks?, screen);
        }
        GuardiansCommand::Heal => {
            waiting.say("asking the guardians what they hold");
            let healed = person.heal(home).await;
            waiting.end();
            let healed = healed?;
            let checks = person.check().await?;
            if !screen.is_json() {
                for address in &healed.healed {
                    screen.note(&format!("{address} has its part again"));
                }
            }
            show(&checks, screen);
        }
        GuardiansCommand::Replace { old, new } => {
            let old = address_of(&person, &old)?;
            waiting.say("dealing anew to the new set of guardians");
            let replaced = person.replace(home, &Replacement { old, new }).await;
            waiting.end();
            let registering = replaced?;
            if let Err(error) = &registering.outcome {
                return Err(Failure::registering(error, &registering.report));
            }
            screen.note("The card you have still works. Print a new one (`allod card`) so that it lists the new guardian.");
            show(&person.check().await?, screen);
        }
        GuardiansCommand::Dismiss { yes: false } => {
            return Err(Failure::usage("dismissing all guardians leaves the identity on this device alone")
                .next("say --yes if that is what you want"));
        }
        GuardiansCommand::Dismiss { yes: true } => {
            waiting.say("having the guardians delete what they hold");
            let report = person.dismiss(home).await;
            waiting.end();
            let report = report?;
            let faults: Vec<_> =
                report.faults.iter().map(|(address, fault)| format!("{address} {fault}")).collect();
            for fault in &faults {
                screen.warn(&format!("{fault}; what it holds stays there, and is too little alone"));
            }
            screen.result(
                &json!({ "faults": faults }),
                "The guardians hold nothing of this identity any more.",
            );
        }
    }
    Ok(())
}

/// A guardian by its number in the list or its address.
fn address_of(person: &Person, text: &str) -> Result<String, Failure> {
    let known = person.known_guardians();
    let by_number = text.parse::<usize>().ok().and_then(|number| known.get(number.checked_sub(1)?));
    by_number.or_else(|| known.iter().find(|address| *address == text)).cloned().ok_or_else(|| {
        Failure::usage(format!("{text} is none of your guardians"))
            .next("`allod guardians list` numbers them")
    })
}

/// A word for what was found, and whether it needs somebody's attention.
pub(super) fn word(check: &Check) -> (String, AnsiColor) {
    match check {
        Check::Good => ("holds its part".into(), AnsiColor::Green),
        Check::Missing => {
            ("holds nothing; `allod guardians heal` gives it its part".into(), AnsiColor::Yellow)
        }
        Check::InForce => ("holds its part; a newer one waits for more guardians".into(), AnsiColor::Green),
        Check::Other => (
            "holds an earlier registration; `allod guardians heal` brings it up to date".into(),
            AnsiColor::Yellow,
        ),
        Check::NoGuesses => (
            "its guesses were used up: somebody has your card. `allod card --renew` makes it useless".into(),
            AnsiColor::Red,
        ),
        Check::Fault(fault) => (fault.to_string(), AnsiColor::Yellow),
    }
}

pub(super) fn to_json(checks: &[GuardianCheck]) -> Value {
    checks
        .iter()
        .enumerate()
        .map(|(i, found)| {
            json!({
                "number": i + 1,
                "address": found.address,
                "good": found.check.holds(),
                "found": word(&found.check).0,
            })
        })
        .collect()
}

pub(super) fn to_text(checks: &[GuardianCheck], screen: &Screen) -> String {
    let lines: Vec<String> = checks
        .iter()
        .enumerate()
        .map(|(i, found)| {
            let (text, colour) = word(&found.check);
            let dot = screen.paint(if found.check.holds() { "●" } else { "○" }, colour);
            format!("{:>3} {dot} {}  {text}", i + 1, found.address)
        })
        .collect();
    lines.join("\n")
}

fn show(checks: &[GuardianCheck], screen: &Screen) {
    screen.result(&json!({ "guardians": to_json(checks) }), &to_text(checks, screen));
}
