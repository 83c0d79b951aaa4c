//! `allod own`: proofs of who owns something, and checking them with no network.
//!
//! A proof says what was so at one height and time, and no more.

use std::io::Read;
use std::path::Path;

use allod_did::Did;
use allod_ledger::account::Account;
use allod_ledger::holding::{Balance, Title};
use allod_ledger::lock::Lock;
use allod_ledger::name::{Name, NameRecord};
use allod_ledger::record::{Identifier, Record};
use allod_ledger::{Error, NetworkKey, Proof, Shown};
use allod_node::person::Home;
use allod_node::person::ledger::{Ledger, Thing, Trust};
use allod_wire::{AssetId, LockId, TitleId, Wire};
use serde_json::{Value, json};

use super::files::{leave_alone, write};
use super::list::{self, remember};
use super::title::digest;
use super::{describe, id, open, parse_name, time};
use crate::cli::ledger::{Own, OwnCommand, Provable, Through};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(in super::super) async fn run(home: &Home, args: Own, screen: &Screen) -> Result<(), Failure> {
    match &args.command {
        OwnCommand::List => list::list(home, &args.through, screen).await,
        OwnCommand::Prove { file, what, qr, force, no_wait } => {
            let to = To { file, qr: qr.as_deref(), force: *force };
            prove(home, &args.through, &to, what, *no_wait, screen).await
        }
        OwnCommand::Verify { file, network, content } => {
            verify(home, file, network.as_deref(), content.as_deref(), screen)
        }
    }
}

/// Where a proof goes.
struct To<'a> {
    file: &'a Path,
    qr: Option<&'a Path>,
    force: bool,
}

async fn prove(
    home: &Home,
    through: &Through,
    to: &To<'_>,
    what: &Provable,
    no_wait: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let To { file, qr, force } = *to;
    for path in [file].into_iter().chain(qr) {
        leave_alone(path, force)?;
    }
    let ledger = open(home, through, screen).await?;
    let height = if no_wait { 0 } else { ledger.height().await? };
    let proof = if let Some(name) = &what.name {
        shown::<NameRecord>(&ledger, &parse_name(name)?, height).await?
    } else if let Some(title) = &what.title {
        shown::<Title>(&ledger, &id::<TitleId>(title)?, height).await?
    } else if let Some(asset) = &what.asset {
        let did = load(home)?.log.state().did();
        shown::<Balance>(&ledger, &(id::<AssetId>(asset)?, did), height).await?
    } else if let Some(lock) = &what.lock {
        shown::<Lock>(&ledger, &id::<LockId>(lock)?, height).await?
    } else {
        shown::<Account>(&ledger, &load(home)?.log.state().did(), height).await?
    };
    let bytes = allod_wire::encode(&proof);
    let statement = Statement::of(&proof, ledger.trust())?;
    statement.remember(home, ledger.trust(), screen);
    write(file, &bytes, force)?;
    let mut text = format!("{} bytes in {}.\n{}", bytes.len(), file.display(), statement.text);
    let mut has_qr = false;
    if let Some(picture) = qr {
        match crate::card::qr_svg(&bytes) {
            Some(svg) => {
                write(picture, svg.as_bytes(), force)?;
                has_qr = true;
            }
            None => text += "\nThe proof is too long for a QR code; hand on the file.",
        }
    }
    let mut value = statement.value;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("file".into(), json!(file));
        fields.insert("bytes".into(), json!(bytes.len()));
        fields.insert("qr".into(), json!(qr.filter(|_| has_qr)));
    }
    if file.as_os_str() == "-" && !screen.is_json() {
        return Ok(());
    }
    screen.result(&value, &text);
    Ok(())
}

async fn shown<R: Record>(ledger: &Ledger, id: &R::Id, height: u64) -> Result<Proof, Failure> {
    Ok(ledger.prove::<R>(id, height).await?.0)
}

/// Checks a proof. Nothing is asked of anybody.
fn verify(
    home: &Home,
    file: &Path,
    network: Option<&Path>,
    content: Option<&Path>,
    screen: &Screen,
) -> Result<(), Failure> {
    let bytes = read(file)?;
    let trust = match network {
        Some(path) => allod_wire::decode(&read(path)?)
            .map_err(|why| Failure::usage(format!("{} is no network's key: {why}", path.display())))?,
        None => Trust::load(home.path())?.ok_or_else(|| {
            Failure::new(Kind::Failed, "no network's key is known here").next(
                "get it from somebody you trust (`allod network --out FILE`), and name it with --network",
            )
        })?,
    };
    let proof: Proof = allod_wire::decode(&bytes)
        .map_err(|why| Failure::new(Kind::Failed, format!("{} is no proof: {why}", file.display())))?;
    let mut statement = Statement::of(&proof, &trust)?;
    statement.remember(home, &trust, screen);
    if let Some(content) = content {
        let wanted = statement.content.ok_or_else(|| {
            Failure::new(Kind::Failed, "the proof is not about a title, so no file belongs to it")
        })?;
        if digest(content)?.0 != wanted {
            return Err(Failure::new(
                Kind::Failed,
                format!(
                    "the proof is good, but it is about another content than that of {}",
                    content.display()
                ),
            ));
        }
        statement.text += &format!("\nThe content of {} is the one meant.", content.display());
    }
    screen.result(&statement.value, &statement.text);
    Ok(())
}

/// What a good proof says, and never more than that.
struct Statement {
    value: Value,
    text: String,
    /// The hash of the content that a title is about.
    content: Option<[u8; 32]>,
    /// What it is about, where that can be somebody's, and whose it was.
    thing: Option<(Thing, Vec<Did>)>,
}

impl Statement {
    fn about(self, thing: Thing, whose: impl IntoIterator<Item = Did>) -> Self {
        Self { thing: Some((thing, whose.into_iter().collect())), ..self }
    }

    /// Remembers what it is about, where that was this person's.
    fn remember(&self, home: &Home, trust: &Trust, screen: &Screen) {
        if let Some((thing, whose)) = &self.thing {
            remember(home, &trust.network, thing, whose.iter().copied(), screen);
        }
    }

    /// Checks a proof and says what it shows.
    fn of(proof: &Proof, trust: &Trust) -> Result<Self, Failure> {
        let key = NetworkKey::decode(&trust.key).map_err(refused)?;
        let id = proof.id();
        if proof.is_about::<NameRecord>() {
            let name = String::from_utf8_lossy(id).into_owned();
            // A name that is none was never on the ledger: the file was changed.
            let name = Name::new(&name).map_err(|_| refused(Error::WrongSubject))?;
            let shown = checked::<NameRecord>(proof, trust, &key, &name)?;
            let owner = shown.record.and_then(|held| held.owner);
            let text = match (&shown.record, owner) {
                (Some(held), Some(owner)) => {
                    format!("The name {name} was owned by {owner} (held until {})", time(held.until))
                }
                (Some(_), None) => format!("The name {name} was set aside by a lock or an offer"),
                (None, _) => format!("The name {name} was free"),
            };
            let value = json!({ "name": name.as_str(), "owner": owner.map(|did| did.to_string()) });
            return Ok(Self::at(&shown, value, text, trust).about(Thing::Name(name), owner));
        }
        if proof.is_about::<Title>() {
            let title = TitleId(fixed(id)?);
            let shown = checked::<Title>(proof, trust, &key, &title)?;
            let Some(record) = &shown.record else {
                let text = format!("There was no title {title}");
                return Ok(Self::at(
                    &shown,
                    json!({ "title": title.to_string(), "owner": null }),
                    text,
                    trust,
                ));
            };
            let owner = record.owner.map(|did| did.to_string());
            let text = match &owner {
                Some(owner) => format!("The title {:?} ({title}) was owned by {owner}", record.label),
                None => format!("The title {:?} ({title}) was set aside or destroyed", record.label),
            };
            let value = json!({ "title": title.to_string(), "label": record.label, "owner": owner });
            let content = Some(record.content);
            let statement = Self::at(&shown, value, text, trust).about(Thing::Title(title), record.owner);
            return Ok(Self { content, ..statement });
        }
        if proof.is_about::<Balance>() {
            let (asset, did) = id.split_at_checked(32).ok_or_else(|| refused(Error::WrongSubject))?;
            let (asset, did) = (AssetId(fixed(asset)?), Did(fixed(did)?));
            let shown = checked::<Balance>(proof, trust, &key, &(asset, did))?;
            let amount = shown.record.unwrap_or_default().amount;
            let text = format!("{amount} units of {asset} were owned by {did}");
            let value = json!({ "asset": asset.to_string(), "owner": did.to_string(), "amount": amount });
            let whose = (amount > 0).then_some(did);
            return Ok(Self::at(&shown, value, text, trust).about(Thing::Units(asset), whose));
        }
        if proof.is_about::<Lock>() {
            let lock = LockId(fixed(id)?);
            let shown = checked::<Lock>(proof, trust, &key, &lock)?;
            let (value, text) = match &shown.record {
                Some(record) => (
                    json!({
                        "lock": lock.to_string(),
                        "what": describe(&record.what),
                        "recipient": record.recipient.to_string(),
                        "expires": record.expires.0,
                    }),
                    format!(
                        "{} was set aside by {} for {} until {}; before then nobody else can have it",
                        describe(&record.what),
                        record.owner,
                        record.recipient,
                        time(record.expires)
                    ),
                ),
                None => (json!({ "lock": lock.to_string() }), format!("There was no lock {lock}")),
            };
            let whose = shown.record.iter().flat_map(|record| [record.owner, record.recipient]);
            return Ok(Self::at(&shown, value, text, trust).about(Thing::Lock(lock), whose));
        }
        if proof.is_about::<Account>() {
            let did = Did(fixed(id)?);
            let shown = checked::<Account>(proof, trust, &key, &did)?;
            let devices = shown.record.as_ref().map_or(0, |account| account.state.devices().len());
            let text = match &shown.record {
                Some(account) => format!(
                    "The identity {did} had {devices} devices and {} operations in its log",
                    account.state.sequence() + 1
                ),
                None => format!("The identity {did} was not on the ledger"),
            };
            let value = json!({ "did": did.to_string(), "devices": devices });
            return Ok(Self::at(&shown, value, text, trust));
        }
        let kind: String = proof.kind().chars().filter(|c| !c.is_control()).collect();
        Err(Failure::new(Kind::Failed, format!("this version does not know proofs about a {kind}")))
    }

    /// Adds height and time to what was shown.
    fn at<R>(shown: &Shown<R>, mut value: Value, text: String, trust: &Trust) -> Self {
        if let Some(fields) = value.as_object_mut() {
            fields.insert("network".into(), json!(trust.network.to_string()));
            fields.insert("height".into(), json!(shown.height));
            fields.insert("at".into(), json!(shown.at.0));
        }
        let text = format!("{text},\nat height {}, {}.", shown.height, time(shown.at));
        Self { value, text, content: None, thing: None }
    }
}

fn checked<R: Record>(
    proof: &Proof,
    trust: &Trust,
    key: &NetworkKey,
    id: &R::Id,
) -> Result<Shown<R>, Failure> {
    // What is printed is what was proven, not what the file calls it.
    if id.bytes() != proof.id() {
        return Err(refused(Error::WrongSubject));
    }
    proof.verify::<R>(&trust.network, key).map_err(refused)
}

fn refused(why: Error) -> Failure {
    Failure::new(Kind::Failed, format!("the proof is not good: {why}")).next("believe nothing that it says")
}

fn fixed(bytes: &[u8]) -> Result<[u8; 32], Failure> {
    bytes.try_into().map_err(|_| refused(Error::WrongSubject))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| Failure::new(Kind::Failed, format!("{}: {e}", file.display()));
    let mut bytes = Vec::new();
    let most = Proof::SIZE_MAX as u64 + 1;
    if file.as_os_str() == "-" {
        std::io::stdin().take(most).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        std::fs::File::open(file).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    }
    Ok(bytes)
}
