//! `allod card`: printing the recovery card again, or renewing it.

use allod_node::person::{Home, Person};
use serde_json::json;

use super::{hold, load};
use crate::card::{self, Printed};
use crate::cli::Card;
use crate::failure::Failure;
use crate::progress::Waiting;
use crate::screen::Screen;

pub(super) async fn run(home: &Home, args: &Card, screen: &Screen) -> Result<(), Failure> {
    card::check_target(&args.out)?;
    let _lock = hold(home, screen)?;
    let mut person = load(home)?;
    if args.renew {
        let waiting = Waiting::new(screen);
        waiting.say("moving what is guarded to a new account");
        let renewed = person.renew_card(home).await;
        waiting.end();
        let registering = renewed?;
        if let Err(error) = &registering.outcome {
            return Err(Failure::registering(error, &registering.report)
                .next("the old card is still good; try again when more guardians are back"));
        }
        tell_retired(&person, screen);
    }
    let printed = Printed::of(&person);
    printed.write(&args.out, screen)?;
    if screen.is_json() || args.out.as_os_str() != "-" {
        screen.result(
            &json!({ "card": printed.to_json(&args.out), "renewed": args.renew }),
            &format!("The recovery card is in {}.", args.out.display()),
        );
    }
    Ok(())
}

/// Whether the old card is of no use yet.
fn tell_retired(person: &Person, screen: &Screen) {
    let left: usize = person.retired.iter().map(|retired| retired.guardians.len()).sum();
    if left == 0 {
        screen.note("The old card is of no use any more.");
    } else {
        screen.warn(&format!(
            "not every guardian has confirmed yet that it deleted what the old card opens ({left} to go); `allod up` \
             or `allod guardians heal` asks again. The old card works until fewer of them are left than are needed"
        ));
    }
}
