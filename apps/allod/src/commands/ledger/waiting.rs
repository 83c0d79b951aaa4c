//! What waits on the ledger because only the root signed it: shown, begun after a
//! recovery, objected to, and accepted.

use std::time::Duration;

use allod_did::{Kind, Operation};
use allod_node::person::ledger::{Anchored, Ledger, LedgerError, Waiting};
use allod_node::person::{Home, Person};
use allod_wire::Instant;
use serde_json::{Value, json};

use super::{open, time};
use crate::cli::ledger::Through;
use crate::failure::{Failure, Kind as Ending};
use crate::screen::Screen;

/// How long somebody who did not ask for it waits for what the ledger has.
const GLANCE: Duration = Duration::from_secs(5);

/// How long a recovery waits until its device is announced.
const BEGINNING: Duration = Duration::from_secs(30);

async fn ledger_of(home: &Home, screen: &Screen) -> Result<Ledger, Failure> {
    open(home, &Through { guardians: Vec::new() }, screen).await
}

/// What the ledger has of this identity. Nothing where it has none of it, or where
/// that cannot be told quickly.
pub(in super::super) async fn look(home: &Home, person: &Person, screen: &Screen) -> Option<Anchored> {
    let looking = async {
        let ledger = ledger_of(home, screen).await.ok()?;
        ledger.identity(&person.log.state().did()).await.ok()?
    };
    tokio::time::timeout(GLANCE, looking).await.ok()?
}

/// The change that waits, as text that begins on a new line, and as JSON.
pub(in super::super) fn shown(person: &Person, anchored: Option<&Anchored>) -> (String, Value) {
    let Some((anchored, waiting)) = anchored.and_then(|all| Some((all, all.waiting.as_ref()?))) else {
        return (String::new(), Value::Null);
    };
    let Waiting { operation, until } = waiting;
    let (until_text, id) = (time(*until), device_of(operation));
    let is_this = id == Some(person.device_id());
    let what = match is_this {
        true => "this device is to be admitted to the ledger".to_owned(),
        false => format!("signed by the root alone: it {}", waiting.in_words()),
    };
    let is_known = anchored.state.device(&person.device_id()).is_some();
    let next = match (is_this, is_known) {
        (_, true) => {
            "\n           `allod devices object` stops it, `allod devices accept` lets it through at once"
        }
        (true, false) => "\n           the first command for the ledger after that has it admitted",
        (false, false) => "",
    };
    let text = format!("\nwaiting    until {until_text}, {what}{next}");
    let json = json!({
        "change": waiting.in_words(),
        "device": id.map(|id| id.to_string()),
        "this": is_this,
        "until": until.0,
    });
    (text, json)
}

/// What waits, as a warning for whoever may object with this device; nothing where
/// that is not so.
pub(in super::super) fn warning(person: &Person, anchored: Option<&Anchored>) -> Option<String> {
    let anchored = anchored?;
    anchored.state.device(&person.device_id())?;
    let Waiting { until, .. } = anchored.waiting.as_ref()?;
    let what = anchored.waiting.as_ref()?.in_words();
    Some(format!(
        "a change to your identity that the root alone signed waits on the ledger: it {what}. If you did not ask for \
         it, somebody has your root: object before {} with: allod devices object",
        time(*until)
    ))
}

/// The device that an operation adds.
fn device_of(operation: &Operation) -> Option<allod_did::DeviceId> {
    match operation.kind() {
        Kind::AddDevice { device } => Some(device.id()),
        _ => None,
    }
}

/// Announces a device that was just recovered onto, where the ledger has the identity.
/// Says what came of it, as text that begins on a new line, and until when it waits.
pub(in super::super) async fn begin(
    home: &Home,
    person: &Person,
    screen: &Screen,
) -> (String, Option<Instant>) {
    let Some(anchored) = look(home, person, screen).await else { return (String::new(), None) };
    if anchored.state.device(&person.device_id()).is_some() {
        return (String::new(), None);
    }
    let beginning = async { ledger_of(home, screen).await.map(|ledger| ledger.telling(|_| {})) };
    let anchoring = async {
        let ledger = beginning.await.ok()?;
        Some(ledger.anchor(person).await)
    };
    match tokio::time::timeout(BEGINNING, anchoring).await {
        Ok(Some(Err(LedgerError::Waiting { until }))) => {
            let text = format!(
                "\nOn the ledger it can act from {} on, unless one of your other devices objects; there,\n\
                 `allod devices accept` admits it at once.",
                time(until)
            );
            (text, Some(until))
        }
        Ok(Some(Ok(()))) => (String::new(), None),
        _ => {
            let text = "\nThe ledger does not have this device yet: the first command for the ledger brings it there.";
            (text.to_owned(), None)
        }
    }
}

/// `allod devices object`.
pub(in super::super) async fn object(home: &Home, person: &Person, screen: &Screen) -> Result<(), Failure> {
    let ledger = ledger_of(home, screen).await?;
    let anchored = ledger.identity(&person.log.state().did()).await?;
    let waiting = anchored.and_then(|anchored| anchored.waiting);
    let asked = ledger.object(person).await?;
    let what = waiting.map_or_else(|| "changes the identity".to_owned(), |waiting| waiting.in_words());
    super::done(
        screen,
        &asked,
        json!({ "objected": what }),
        &format!(
            "Objected: the change that {what} does not come into effect on the ledger.\n\
             Whoever asked for it has your root, by your card and PIN or by a device of yours, and can ask again after\n\
             a while: look at `allod status` often, and object again. If it was not you, run `allod card --renew` and\n\
             `allod pin`, so that nobody else gets it with the old card or PIN. Who has the root already keeps it:\n\
             there is no command yet that replaces it.\n\
             If it was you after all: `allod devices accept`."
        ),
    );
    Ok(())
}

/// `allod devices accept`.
pub(in super::super) async fn accept(
    home: &Home,
    person: &mut Person,
    yes: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let ledger = ledger_of(home, screen).await?;
    let did = person.log.state().did();
    let anchored = ledger.identity(&did).await?.ok_or(LedgerError::NothingWaits)?;
    if anchored.state.device(&person.device_id()).is_none() {
        return Err(LedgerError::Stranger.into());
    }
    let known = anchored.state.sequence();
    let beyond: Vec<_> =
        person.log.operations().iter().filter(|operation| operation.sequence() > known).cloned().collect();
    if yes && beyond.is_empty() && anchored.waiting.is_some() {
        return Err(Failure::new(
            Ending::Usage,
            "nothing was accepted: this device has not seen the change yet",
        )
        .next("`allod devices accept` lists what there is to accept"));
    }
    if let Some(waiting) = &anchored.waiting
        && !beyond.iter().any(|operation| operation.hash() == waiting.operation.hash())
    {
        return Err(LedgerError::OtherWaits { until: waiting.until }.into());
    }
    if beyond.is_empty() {
        return Err(LedgerError::NothingWaits.into());
    }
    let changes: Vec<String> = beyond
        .iter()
        .map(|operation| Waiting { operation: operation.clone(), until: Instant(0) }.in_words())
        .collect();
    if !yes {
        return Err(Failure::new(
            Ending::Usage,
            "nothing was accepted yet; these changes are not on the ledger",
        )
        .with_details(changes.iter().map(|change| format!("it {change}")))
        .next(
            "if you made all of them yourself: `allod devices accept --yes`; if not: `allod devices object`",
        )
        .data(json!({ "changes": changes })));
    }
    person.approve_from(known.saturating_add(1));
    home.save(person)?;
    ledger.anchor(&*person).await?;
    screen.result(
        &json!({ "accepted": changes }),
        &format!("Accepted, and on the ledger now: it {}.", changes.join("; it ")),
    );
    Ok(())
}
