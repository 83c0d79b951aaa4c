//! `allod anchor`: the ledger remembers the newest state of a vault's image, so that whoever puts an
//! older image in its place is found out.
//!
//! The ledger has a number and a hash under a name that only this person can compute. It tells
//! nobody what it is about, and nothing of what is in the vault but how often this is done.

use allod_crypto::hash::tagged;
use allod_ledger::Action;
use allod_ledger::head::Head as Told;
use allod_node::person::Person;
use allod_node::person::ledger::Ledger;
use allod_vault::files::{Access, Head};
use serde_json::json;

use super::open::{VaultHome, VaultReach, reach};
use crate::cli::vault::Anchor;
use crate::commands::ledger::{ask, person_and_ledger, time};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(crate) async fn run(home: &VaultHome, args: &Anchor, screen: &Screen) -> Result<(), Failure> {
    let mut vault = reach(home, screen)?;
    let (person, ledger) = person_and_ledger(home, &args.through, screen).await?;
    let of = name_of(vault.with(|files| files.image_tag()), &person);
    let told = compare(&mut vault, &ledger, &person, of).await?;
    if args.check {
        let value = json!({ "number": told.map(|told| told.number), "known": true });
        let text = match told {
            Some(told) => format!(
                "The vault here has all that it had when it was written into the ledger on {}.",
                time(told.at)
            ),
            None => "The ledger has nothing of this vault yet: `allod anchor` writes it.".into(),
        };
        screen.result(&value, &text);
        return Ok(());
    }
    let head = vault.with(|files| files.head_to_tell())?;
    let asked =
        ask(&ledger, &person, Action::Tell { of, number: head.number, hash: head.hash }, screen).await?;
    vault.with(|files| files.head_was_told(&head))?;
    screen.result(
        &json!({ "number": head.number, "operation": asked.id.to_string(), "height": asked.height }),
        &format!("The ledger has the state of your vault now, at height {}.", asked.height),
    );
    Ok(())
}

/// What the ledger has of this image, if that is a state that the image knows of.
async fn compare(
    vault: &mut VaultReach,
    ledger: &Ledger,
    person: &Person,
    of: [u8; 32],
) -> Result<Option<Told>, Failure> {
    let (_, shown) = ledger.prove_now::<Told>(&(person.log.state().did(), of)).await?;
    let Some(told) = shown.record else { return Ok(None) };
    let head = Head { number: told.number, hash: told.hash };
    if !vault.with(|files| files.knows_head(&head))? {
        return Err(Failure::new(
            Kind::Failed,
            format!(
                "the vault here does not know of the state that was written into the ledger on {}: it was put back to an \
                 earlier state, or a copy of it is in use somewhere else",
                time(told.at)
            ),
        )
        .next("nothing was changed; bring back what is newer from another device (`allod sync`) or from your backup"));
    }
    vault.with(|files| files.head_was_told(&head))?;
    Ok(Some(told))
}

/// Under which name the ledger has this image's state.
fn name_of(image_tag: [u8; 32], person: &Person) -> [u8; 32] {
    let secret = person.root.derive::<32>("vault/anchor", 0);
    tagged("allod 2026 vault, name of a head on the ledger", &[secret.expose(), &image_tag])
}
