//! `allod evaluate`: a function that guardians evaluate together and that none of
//! them could alone. They see neither input nor output.

use std::io::Read;

use allod_guardian::answering::{self, KEY_PREFIX};
use allod_node::person::Home;
use allod_node::person::ledger::{Evaluated, LedgerError, Receipts};
use data_encoding::HEXLOWER;
use serde_json::json;

use super::person_and_ledger;
use crate::cli::ledger::Evaluate;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// Bytes of the longest input (RFC 9497, section 2.1).
const INPUT_MAX: usize = 65_535;

pub(in super::super) async fn run(home: &Home, args: Evaluate, screen: &Screen) -> Result<(), Failure> {
    let input = input(&args)?;
    let (person, ledger) = person_and_ledger(home, &args.through, screen).await?;
    let waiting = Waiting::new(screen);
    waiting.say("asking the guardians");
    let evaluation = ledger.evaluate(&person, &args.key, args.and.as_deref(), &input).await;
    waiting.end();
    let evaluation = match evaluation {
        // One that is there, and in another group.
        Err(LedgerError::NoSuchKey(name)) if !is_for_evaluating(&name) => {
            return Err(for_something_else(&name));
        }
        evaluation => evaluation?,
    };
    let receipts = Receipts::of(home.path());
    for receipt in &evaluation.receipts {
        receipts.keep(receipt)?;
    }
    let faults: Vec<_> = evaluation.faults.iter().map(ToString::to_string).collect();
    let liars: Vec<_> =
        evaluation.faults.iter().filter(|fault| fault.is_a_lie()).map(ToString::to_string).collect();
    for liar in &liars {
        screen.warn(liar);
    }
    let output = match evaluation.evaluated {
        Evaluated::Output(output) => HEXLOWER.encode(output.expose()),
        Evaluated::TooFew { key, missing, threshold, registered } => {
            if !is_for_evaluating(&key) {
                return Err(for_something_else(&key).with_details(faults));
            }
            let failure = Failure::new(
                Kind::TooFewGuardians,
                format!(
                    "too few holders of the key {key} answered: {missing} more of {threshold} are needed"
                ),
            );
            let next = if registered < usize::from(threshold) {
                "guardians answer only those who are registered with them: `allod guardians replace`, or `allod init` \
                 with guardians of this network"
            } else {
                "try again later"
            };
            return Err(failure.with_details(faults).next(next));
        }
    };
    screen.result(
        &json!({
            "output": output,
            "key": args.key,
            "and": args.and,
            "receipts": evaluation.receipts.len(),
            "liars": liars,
            "faults": faults,
        }),
        &output,
    );
    Ok(())
}

/// Whether a key is for evaluating, as far as its name tells.
fn is_for_evaluating(key: &str) -> bool {
    // No name: all of the answers were there, and nothing came of them.
    key.is_empty() || answering::is_for_evaluating(key)
}

fn for_something_else(key: &str) -> Failure {
    let text = format!(
        "the key {key:?} is not for evaluating: {KEY_PREFIX:?} is, and keys whose name begins with {KEY_PREFIX:?} and a slash"
    );
    Failure::usage(text).next(format!("leave --key out, or name one such as {KEY_PREFIX:?}"))
}

fn input(args: &Evaluate) -> Result<Vec<u8>, Failure> {
    let input = match (&args.text, &args.file) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(file)) => {
            let failed = |e: std::io::Error| Failure::new(Kind::Failed, format!("{}: {e}", file.display()));
            let most = INPUT_MAX as u64 + 1;
            let mut bytes = Vec::new();
            if file.as_os_str() == "-" {
                std::io::stdin().take(most).read_to_end(&mut bytes).map_err(failed)?;
            } else {
                std::fs::File::open(file)
                    .map_err(failed)?
                    .take(most)
                    .read_to_end(&mut bytes)
                    .map_err(failed)?;
            }
            bytes
        }
        (None, None) => return Err(Failure::usage("an input is needed")),
    };
    if input.len() > INPUT_MAX {
        return Err(Failure::usage(format!(
            "an input has at most {INPUT_MAX} bytes; evaluate the hash of a file"
        )));
    }
    Ok(input)
}
