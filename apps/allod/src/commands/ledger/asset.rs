//! `allod asset`: things of which there are many equal units.

use allod_did::Did;
use allod_ledger::Action;
use allod_ledger::asset::{asset_id, first_asset};
use allod_ledger::holding::{Asset as Record, Balance, Holding, Units};
use allod_node::person::Home;
use allod_node::person::ledger::{Author, Thing};
use serde_json::json;

use super::list::remember;
use super::operate::operator;
use super::{ask, done, id, identity, open, time};
use crate::cli::ledger::{Asset, AssetCommand};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(in super::super) async fn run(home: &Home, args: Asset, screen: &Screen) -> Result<(), Failure> {
    let operator = args.operator.as_deref().map(|path| operator(path, false)).transpose()?;
    if let AssetCommand::Show { asset, of } = &args.command {
        let default = operator.as_ref().map(|operator| Author::from(operator).did());
        return show(home, &args, asset.as_deref(), of.as_deref(), default, screen).await;
    }
    let person = if operator.is_none() { Some(load(home)?) } else { None };
    let author = match (&operator, &person) {
        (Some(operator), _) => Author::from(operator),
        (None, Some(person)) => Author::from(person),
        (None, None) => return Err(Failure::no_identity()),
    };
    let ledger = open(home, &args.through, screen).await?;
    match args.command {
        AssetCommand::Define { name, supply, decimals } => {
            let action = Action::DefineAsset { name: name.clone(), decimals, supply_max: supply };
            let asked = ask(&ledger, author, action, screen).await?;
            let asset = asset_id(&asked.id);
            let text = format!("The asset {name:?} is {asset}. You can issue {supply} units.");
            done(screen, &asked, json!({ "asset": asset.to_string(), "name": name }), &text);
        }
        AssetCommand::Issue { asset, amount, to } => {
            let to = match to {
                Some(to) => identity(&ledger, &to).await?,
                None => author.did(),
            };
            let units = Units { asset: id(&asset)?, amount };
            let asked = ask(&ledger, author, Action::Issue { units, to }, screen).await?;
            let text = format!("{amount} units were issued to {to}.");
            done(screen, &asked, json!({ "asset": asset, "amount": amount, "to": to.to_string() }), &text);
        }
        AssetCommand::Transfer { asset, amount, to } => {
            let to = identity(&ledger, &to).await?;
            let what = Holding::Units(Units { asset: id(&asset)?, amount });
            let asked = ask(&ledger, author, Action::Transfer { what, to }, screen).await?;
            let text = format!("{amount} units belong to {to} now.");
            done(screen, &asked, json!({ "asset": asset, "amount": amount, "to": to.to_string() }), &text);
        }
        AssetCommand::Retire { asset, amount } => {
            let what = Holding::Units(Units { asset: id(&asset)?, amount });
            let asked = ask(&ledger, author, Action::Retire { what }, screen).await?;
            let text = format!("{amount} units are destroyed.");
            done(screen, &asked, json!({ "asset": asset, "amount": amount }), &text);
        }
        AssetCommand::Show { .. } => {}
    }
    Ok(())
}

async fn show(
    home: &Home,
    args: &Asset,
    asset: Option<&str>,
    of: Option<&str>,
    default: Option<Did>,
    screen: &Screen,
) -> Result<(), Failure> {
    let ledger = open(home, &args.through, screen).await?;
    let asset = match asset {
        Some(asset) => id(asset)?,
        None => first_asset(&ledger.trust().network),
    };
    let (_, shown) = ledger.prove_now::<Record>(&asset).await?;
    let Some(record) = shown.record else {
        return Err(Failure::new(Kind::Failed, format!("there is no asset {asset}")));
    };
    let holder = match of {
        Some(of) => Some(identity(&ledger, of).await?),
        None => default.or(home.load()?.map(|person| person.log.state().did())),
    };
    let held = match holder {
        Some(did) => {
            let (_, balance) = ledger.prove::<Balance>(&(asset, did), shown.height).await?;
            Some((did, balance.record.unwrap_or_default().amount))
        }
        None => None,
    };
    let whose = held.filter(|(_, amount)| *amount > 0).map(|(did, _)| did).into_iter().chain(record.issuer);
    remember(home, &ledger.trust().network, &Thing::Units(asset), whose, screen);
    let mut text = format!(
        "{:?}  {asset}\n{} of {} units issued, {} destroyed",
        record.name, record.issued, record.supply_max, record.retired
    );
    if let Some((did, amount)) = held {
        text += &format!("\n{did} held {amount}");
    }
    text += &format!(", at height {}, {}.", shown.height, time(shown.at));
    screen.result(
        &json!({
            "asset": asset.to_string(),
            "name": record.name,
            "issuer": record.issuer.map(|did| did.to_string()),
            "decimals": record.decimals,
            "supply_max": record.supply_max,
            "issued": record.issued,
            "retired": record.retired,
            "holder": held.map(|(did, _)| did.to_string()),
            "amount": held.map(|(_, amount)| amount),
            "height": shown.height,
            "at": shown.at.0,
        }),
        &text,
    );
    Ok(())
}
