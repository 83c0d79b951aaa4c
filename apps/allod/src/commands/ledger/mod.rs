//! What a person does with the ledger. Each file is a command; here is what they
//! share: the way to the ledger, and how people write identities, times and
//! things that can be held.

mod aside;
pub(super) mod asset;
pub(super) mod audit;
pub(super) mod evaluate;
mod files;
mod list;
pub(super) mod lock;
pub(super) mod name;
pub(super) mod network;
pub(super) mod offer;
pub(super) mod operate;
pub(super) mod own;
mod roster;
pub(super) mod seal;
pub(super) mod title;
pub(super) mod unseal;
pub(super) mod waiting;
mod who;

use std::sync::Arc;
use std::time::Duration;

use allod_did::Did;
use allod_ledger::holding::{Holding, Units};
use allod_ledger::name::{Name, NameRecord};
use allod_node::person::ledger::{Asked, Author, Ledger, LedgerError, Trust};
use allod_node::person::{Address, Awaited, Home, Link, Person};
use allod_wire::Instant;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::load;
use crate::cli::ledger::{Through, What};
use crate::failure::{Failure, Kind};
use crate::progress::{Waiting, show_awaited};
use crate::screen::Screen;

/// The way to the ledger, through the guardians that were named, or the person's
/// own, or those of the local network. The network's key is kept from the first
/// time on.
pub(super) async fn open(home: &Home, through: &Through, screen: &Screen) -> Result<Ledger, Failure> {
    let mut addresses: Vec<String> = through.guardians.clone();
    if addresses.is_empty()
        && let Some(person) = home.load()?
    {
        addresses = person.known_guardians();
    }
    if addresses.is_empty()
        && let Some(local) = allod_node::network::Description::read(&home.network())?
    {
        addresses = local.addresses();
    }
    let awaited = Awaited::default();
    show_awaited(awaited.clone(), screen);
    let links = addresses
        .iter()
        .map(|address| Ok(Arc::new(Link::new(address.parse::<Address>()?).among(&awaited))))
        .collect::<Result<Vec<_>, allod_node::person::BadAddress>>()
        .map_err(|why| Failure::usage(why.to_string()))?;
    if links.is_empty() {
        return Err(Failure::from(LedgerError::NoGuardian));
    }
    let trust = match Trust::load(home.path())? {
        Some(trust) => trust,
        None => {
            let trust = Trust::meet(&links).await?;
            trust.save(home.path())?;
            screen
                .note(&format!("met the network {:?} for the first time; its key is kept here", trust.name));
            trust
        }
    };
    let screen = screen.clone();
    Ok(Ledger::new(links, trust).keeping(home.path()).telling(move |text| screen.warn(text)))
}

/// Has the ledger do something, and shows that it takes a moment.
pub(super) async fn ask<'a>(
    ledger: &Ledger,
    author: impl Into<Author<'a>>,
    action: allod_ledger::Action,
    screen: &Screen,
) -> Result<Asked, Failure> {
    let waiting = Waiting::new(screen);
    waiting.say("waiting for the ledger");
    let asked = ledger.ask(author, action.clone()).await;
    waiting.end();
    match asked {
        Ok(asked) => Ok(asked),
        Err(why) => Err(aside::explain(ledger, &action, why).await),
    }
}

/// What is printed when the ledger did something.
fn done(screen: &Screen, asked: &Asked, more: Value, text: &str) {
    let mut value = json!({ "operation": asked.id.to_string(), "height": asked.height });
    if let (Some(all), Value::Object(more)) = (value.as_object_mut(), more) {
        all.extend(more);
    }
    screen.result(&value, text);
}

/// A DID, or the owner of a name as the ledger has it now.
async fn identity(ledger: &Ledger, text: &str) -> Result<Did, Failure> {
    if let Ok(did) = text.parse::<Did>() {
        return Ok(did);
    }
    let name = self::parse_name(text)?;
    let (_, shown) = ledger.prove_now::<NameRecord>(&name).await?;
    shown.record.and_then(|held| held.owner).ok_or_else(|| {
        Failure::new(Kind::Failed, format!("nobody holds the name {text:?}"))
            .next("write the DID instead: did:allod:z…")
    })
}

fn parse_name(text: &str) -> Result<Name, Failure> {
    Name::new(text).map_err(|why| Failure::usage(format!("{text:?}: {why}")))
}

/// An id in hexadecimal, of whatever kind the context asks for.
fn id<T: std::str::FromStr>(text: &str) -> Result<T, Failure>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|why: T::Err| Failure::usage(format!("{text:?}: {why}")))
}

/// Units as `ID:AMOUNT`.
fn units(text: &str) -> Result<Units, Failure> {
    let (asset, amount) = text.split_once(':').ok_or_else(|| {
        Failure::usage(format!("{text:?}: an asset's id, a colon and a number are expected"))
    })?;
    let amount =
        amount.parse().map_err(|_| Failure::usage(format!("{amount:?} is not a number of units")))?;
    Ok(Units { asset: id(asset)?, amount })
}

/// What was named as held.
fn holding(what: &What) -> Result<Holding, Failure> {
    match (&what.name, &what.title, &what.units) {
        (Some(name), _, _) => Ok(Holding::Name(parse_name(name)?)),
        (_, Some(title), _) => Ok(Holding::Title(id(title)?)),
        (_, _, Some(text)) => Ok(Holding::Units(units(text)?)),
        _ => Err(Failure::usage("name what is meant")),
    }
}

/// What is held, in people's words.
fn describe(what: &Holding) -> String {
    match what {
        Holding::Name(name) => format!("the name {name}"),
        Holding::Units(units) => format!("{} units of {}", units.amount, units.asset),
        Holding::Title(title) => format!("the title {title}"),
    }
}

/// A duration such as `3d`, `1y` or `2h 30m`, from a time of the ledger.
fn after(at: Instant, term: &str) -> Result<Instant, Failure> {
    let wrong = || Failure::usage(format!("{term:?}: a duration such as 3d, 12h or 1y is expected"));
    let span: jiff::Span = term.parse().map_err(|_| wrong())?;
    // A year and a month are of no fixed length; here they are 365 and 30 days.
    let days = i64::from(span.get_years()) * 365
        + i64::from(span.get_months()) * 30
        + i64::from(span.get_weeks()) * 7
        + i64::from(span.get_days());
    let rest =
        span.years(0).months(0).weeks(0).days(0).total(jiff::Unit::Millisecond).map_err(|_| wrong())?;
    let days = Duration::from_secs(u64::try_from(days).map_err(|_| wrong())?.saturating_mul(86_400));
    if rest < 0.0 || (days.is_zero() && rest == 0.0) {
        return Err(wrong());
    }
    let whole = u64::try_from(days.as_millis()).map_err(|_| wrong())?;
    Ok(at.plus_ms(whole.saturating_add(rest as u64)))
}

/// A duration from now, or a time such as `2026-12-24T18:00:00Z`; a day alone
/// begins at midnight in UTC.
fn moment(now: Instant, text: &str) -> Result<Instant, Failure> {
    let day = || format!("{text}T00:00:00Z").parse::<Timestamp>().ok();
    let stamp = text.parse::<Timestamp>().ok().or_else(day);
    match stamp.map(|stamp| u64::try_from(stamp.as_millisecond())) {
        Some(Ok(ms)) => Ok(Instant(ms)),
        Some(Err(_)) => Err(Failure::usage(format!("{text:?}: that was before 1970"))),
        None => after(now, text).map_err(|_| {
            Failure::usage(format!(
                "{text:?}: a time such as 2026-12-24T18:00:00Z, or a duration such as 3d, is expected"
            ))
        }),
    }
}

/// A time as people and programs read it.
pub(crate) fn time(at: Instant) -> String {
    let known = i64::try_from(at.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    known.map_or_else(|| format!("{} ms", at.0), |time| format!("{time:.0}"))
}

/// The time now, as the network proves it and this device's clock has it.
async fn now(ledger: &Ledger) -> Result<Instant, Failure> {
    Ok(ledger.standing().await?.now)
}

/// The person, and the way to the ledger.
pub(super) async fn person_and_ledger(
    home: &Home,
    through: &Through,
    screen: &Screen,
) -> Result<(Person, Ledger), Failure> {
    let person = load(home)?;
    Ok((person, open(home, through, screen).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let start = Instant(1_000);
        assert_eq!(after(start, "3d").unwrap(), start.plus_ms(3 * 86_400_000));
        assert_eq!(after(start, "1y").unwrap(), start.plus_ms(365 * 86_400_000));
        assert_eq!(after(start, "2h 30m").unwrap(), start.plus_ms(9_000_000));
        assert_eq!(after(start, "90s").unwrap(), start.plus_ms(90_000));
        for wrong in ["", "0d", "soon", "-3d", "3"] {
            assert!(after(start, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn moments_are_times_and_durations() {
        let now = Instant(1_000);
        assert_eq!(moment(now, "1970-01-02T00:00:00Z").unwrap(), Instant(86_400_000));
        assert_eq!(moment(now, "1970-01-02").unwrap(), Instant(86_400_000));
        assert_eq!(moment(now, "1970-01-02T01:00:00+01:00").unwrap(), Instant(86_400_000));
        assert_eq!(moment(now, "20s").unwrap(), now.plus_ms(20_000));
        for wrong in ["1969-12-31", "2026-13-01", "tomorrow", ""] {
            assert!(moment(now, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(time(Instant(1_795_250_000_123)), "2026-11-21T08:33:20Z");
    }
}
