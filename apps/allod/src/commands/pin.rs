//! `allod pin`: choosing another PIN.

use allod_node::person::{Home, meet};
use serde_json::json;

use super::{hold, load};
use crate::cli::Pin;
use crate::failure::Failure;
use crate::pin;
use crate::progress::Waiting;
use crate::screen::Screen;

pub(super) async fn run(home: &Home, args: &Pin, screen: &Screen) -> Result<(), Failure> {
    let _lock = hold(home, screen)?;
    let mut person = load(home)?;
    let waiting = Waiting::new(screen);
    let configuration = if args.guardians.is_empty() {
        None
    } else {
        waiting.say("meeting the guardians");
        let half = u8::try_from(args.guardians.len() / 2 + 1).unwrap_or(u8::MAX);
        let met = meet(&args.guardians, args.threshold.unwrap_or(half)).await;
        waiting.end();
        Some(met?)
    };
    let chosen = pin::choose(&args.pin, screen)?;
    waiting.say("asking what other devices changed");
    let changed = match configuration {
        Some(new) if args.abandon => {
            person.abandon_guardians(home, &chosen, args.guesses, new, waiting.teller()).await
        }
        configuration => {
            person.change_pin(home, &chosen, args.guesses, configuration, waiting.teller()).await
        }
    };
    waiting.end();
    let registering = changed?;
    if let Err(error) = &registering.outcome {
        return Err(Failure::registering(error, &registering.report).next(
            "the PIN before is still the one that counts; `allod guardians heal` goes on with the new one",
        ));
    }
    for (address, fault) in &registering.report.faults {
        screen.warn(&format!("{address} {fault}; `allod guardians heal` tells it of the new PIN later"));
    }
    screen.result(
        &json!({ "guardians": registering.stored.len() }),
        &format!("{} guardians know the new PIN only. The card stays the same.", registering.stored.len()),
    );
    Ok(())
}
