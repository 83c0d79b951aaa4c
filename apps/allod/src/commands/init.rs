//! `allod init`: creating an identity.

use allod_node::network;
use allod_node::person::{Home, NewIdentity, meet};
use serde_json::json;

use super::machine_name;
use crate::cli::Init;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;
use crate::{card, pin};

pub(super) async fn run(home: &Home, args: Init, screen: &Screen) -> Result<(), Failure> {
    if let Some(person) = home.load()? {
        return Err(Failure::new(
            Kind::Identity,
            format!("there is an identity here already: {}", person.log.state().did()),
        )
        .next("choose another home with --home"));
    }
    card::check_target(&args.card)?;
    let local = args.guardians.is_empty();
    let (addresses, threshold) = if local {
        let network = network::Description::read(&home.network())?.ok_or_else(|| {
            Failure::new(Kind::TooFewGuardians, "there is no local network here, and no guardian was named")
                .next("start one with `allod up` in another terminal, or name guardians with --guardian URL")
        })?;
        (network.addresses(), args.threshold.unwrap_or(network.threshold))
    } else {
        let half = args.guardians.len() / 2 + 1;
        (args.guardians, args.threshold.unwrap_or(u8::try_from(half).unwrap_or(u8::MAX)))
    };
    let waiting = Waiting::new(screen);
    waiting.say("meeting the guardians");
    let met = meet(&addresses, threshold).await;
    waiting.end();
    let configuration = met?;
    let pin = pin::choose(&args.pin, screen)?;
    let device_name = args.device.unwrap_or_else(machine_name);

    let new = NewIdentity { configuration, device_name, pin, guesses: args.guesses };
    let created = new.create(home, waiting.teller()).await;
    waiting.end();
    let (person, registering) = created?;
    let did = person.log.state().did();
    let printed = card::Printed::of(&person);
    if let Err(error) = &registering.outcome {
        return Err(Failure::registering(error, &registering.report));
    }
    for (address, fault) in &registering.report.faults {
        screen.warn(&format!(
            "{address} {fault}; `allod up` or `allod guardians heal` gives it its part later"
        ));
    }
    let held = registering.stored.len();
    screen.note(&format!("Created {did}\nGuarded by {held} guardians, {threshold} of which recover it."));
    if local {
        screen.note(
            "These guardians all run on this machine: a demonstration. Losing this machine loses everything.\n\
             For real protection name guardians of others with --guardian.",
        );
    }
    printed.write(&args.card, screen)?;
    if screen.is_json() || args.card.as_os_str() != "-" {
        screen.result(
            &json!({
                "did": did.to_string(),
                "guardians": held,
                "threshold": threshold,
                "guesses": args.guesses,
                "card": printed.to_json(&args.card),
                "demonstration": local,
            }),
            &format!(
                "{did}\nThe recovery card is in {}. Print it, and keep it apart from this machine.",
                args.card.display()
            ),
        );
    }
    Ok(())
}
