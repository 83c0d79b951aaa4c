//! `allod own list`: what a person owns and has under way, as far as their home folder
//! came across it, and each thing as the network proves it now.

use allod_did::Did;
use allod_ledger::holding::{Asset, Title};
use allod_ledger::lock::Lock;
use allod_ledger::offer::Offer;
use allod_node::person::Home;
use allod_node::person::ledger::{Aside, Belongings, Held, Ledger, Owned, Possessions, Thing};
use allod_wire::NetworkId;
use serde_json::{Value, json};

use super::{describe, person_and_ledger, time};
use crate::cli::ledger::Through;
use crate::failure::Failure;
use crate::screen::Screen;

/// What is printed below a list, since it cannot be complete.
const NOT_ALL: &str = "Shown is what this home folder came across. What others gave you appears once you looked it up,\n\
    with `show` of `allod name`, `title`, `asset`, `lock` and `offer`.";

pub(super) async fn list(home: &Home, through: &Through, screen: &Screen) -> Result<(), Failure> {
    let (person, ledger) = person_and_ledger(home, through, screen).await?;
    let did = person.log.state().did();
    let all = ledger.owned(&did).await?;
    screen.result(&to_json(&ledger, &did, &all), &to_text(&did, &all));
    Ok(())
}

/// Remembers what was looked up, where it is this person's: one of `whose`.
pub(super) fn remember(
    home: &Home,
    network: &NetworkId,
    thing: &Thing,
    whose: impl IntoIterator<Item = Did>,
    screen: &Screen,
) {
    // What was asked for was shown, whether or not it can be remembered.
    let Ok(Some(person)) = home.load() else { return };
    let did = person.log.state().did();
    if whose.into_iter().any(|one| one == did)
        && let Err(why) = Belongings::of(home.path(), network, &did).remember(thing, true)
    {
        screen.warn(&format!("`allod own list` will not have {thing}: {why}"));
    }
}

fn to_json(ledger: &Ledger, did: &Did, all: &Possessions) -> Value {
    let rows = |wanted: fn(&Thing) -> bool| -> Vec<Value> {
        all.owned.iter().filter(|owned| wanted(&owned.thing)).map(|owned| row(did, owned)).collect()
    };
    json!({
        "did": did.to_string(),
        "network": ledger.trust().network.to_string(),
        "names": rows(|thing| matches!(thing, Thing::Name(_))),
        "titles": rows(|thing| matches!(thing, Thing::Title(_))),
        "assets": rows(|thing| matches!(thing, Thing::Units(_))),
        "locks": rows(|thing| matches!(thing, Thing::Lock(_))),
        "offers": rows(|thing| matches!(thing, Thing::Offer(_))),
        "gone": all.gone.iter().map(Thing::to_string).collect::<Vec<_>>(),
        "height": all.height,
        "at": all.at.0,
    })
}

fn row(did: &Did, owned: &Owned) -> Value {
    let mut value = match (&owned.thing, &owned.held) {
        (Thing::Name(name), Held::Name { until, aside }) => {
            json!({ "name": name.as_str(), "until": until.0, "aside": aside_json(aside.as_ref()) })
        }
        (Thing::Title(id), Held::Title { title, aside }) => json!({
            "title": id.to_string(),
            "label": title.label,
            "size": title.size,
            "aside": aside_json(aside.as_ref()),
        }),
        (Thing::Units(id), Held::Units { asset, amount }) => json!({
            "asset": id.to_string(),
            "name": asset.name,
            "amount": amount,
            "decimals": asset.decimals,
            "issuer": asset.issuer.as_ref() == Some(did),
        }),
        (Thing::Lock(id), Held::Lock(lock)) => json!({
            "lock": id.to_string(),
            "what": describe(&lock.what),
            "owner": lock.owner.to_string(),
            "recipient": lock.recipient.to_string(),
            "expires": lock.expires.0,
            "release": lock.release.is_some(),
        }),
        (Thing::Offer(id), Held::Offer(offer)) => json!({
            "offer": id.to_string(),
            "what": describe(&offer.what),
            "seller": offer.seller.to_string(),
            "price": { "asset": offer.price.asset.to_string(), "amount": offer.price.amount },
            "buyer": offer.buyer.map(|did| did.to_string()),
            "expires": offer.expires.0,
        }),
        _ => json!({}),
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert("known_since".into(), json!(owned.known_since.map(|since| since.0)));
        fields.insert("height".into(), json!(owned.height));
        fields.insert("at".into(), json!(owned.at.0));
    }
    value
}

fn aside_json(aside: Option<&Aside>) -> Value {
    match aside {
        Some(Aside::Lock(id)) => json!({ "lock": id.to_string() }),
        Some(Aside::Offer(id)) => json!({ "offer": id.to_string() }),
        None => Value::Null,
    }
}

fn to_text(did: &Did, all: &Possessions) -> String {
    let mut text = String::new();
    for owned in &all.owned {
        let (kind, line) = line(did, owned, all);
        text += &format!("{kind:<9}{line}");
        if let Some(since) = owned.known_since {
            text += &format!("\n         known here since {}", time(since));
        }
        text.push('\n');
    }
    if all.owned.is_empty() {
        text += "Nothing that this home folder knows of is yours.\n";
    }
    for thing in &all.gone {
        text += &format!("gone     {thing} is not yours any more\n");
    }
    format!("{text}at height {}, {}, or later.\n\n{NOT_ALL}", all.height, time(all.at))
}

fn line(did: &Did, owned: &Owned, all: &Possessions) -> (&'static str, String) {
    match (&owned.thing, &owned.held) {
        (Thing::Name(name), Held::Name { until, aside }) => {
            let over = if *until < all.at { "; its time is over, `allod name renew` keeps it" } else { "" };
            ("name", format!("{name}, until {}{over}{}", time(*until), aside_text(aside.as_ref())))
        }
        (Thing::Title(id), Held::Title { title, aside }) => {
            let Title { label, size, .. } = title;
            ("title", format!("{label:?}, {size} bytes, {id}{}", aside_text(aside.as_ref())))
        }
        (Thing::Units(id), Held::Units { asset, amount }) => {
            let Asset { name, issued, supply_max, .. } = asset;
            let issuer = match asset.issuer.as_ref() == Some(did) {
                true => format!("; you issued {issued} of {supply_max}"),
                false => String::new(),
            };
            ("units", format!("{amount} {name:?}, {id}{issuer}"))
        }
        (Thing::Lock(id), Held::Lock(lock)) => {
            let Lock { what, owner, recipient, expires, .. } = lock;
            let (who, verb) = match owner == did {
                true => (format!("for {recipient}"), "set aside"),
                false => (format!("by {owner}"), "set aside for you"),
            };
            ("lock", format!("{id}\n         {} {verb} {who}, until {}", describe(what), time(*expires)))
        }
        (Thing::Offer(id), Held::Offer(offer)) => {
            let Offer { what, seller, price, expires, .. } = offer;
            let whose = if seller == did { "offered".into() } else { format!("offered to you by {seller}") };
            let price = format!("{} units of {}", price.amount, price.asset);
            (
                "offer",
                format!("{id}\n         {} {whose} for {price}, until {}", describe(what), time(*expires)),
            )
        }
        (thing, _) => ("", thing.to_string()),
    }
}

fn aside_text(aside: Option<&Aside>) -> String {
    match aside {
        Some(Aside::Lock(id)) => format!("\n         set aside by your lock {id}"),
        Some(Aside::Offer(id)) => format!("\n         set aside by your offer {id}"),
        None => String::new(),
    }
}
