//! `allod share`: letting devices and persons in, and leaving them out.

use std::fs;
use std::path::Path;

use allod_crypto::{CryptoRng, Secret};
use allod_did::{Did, Log};
use allod_disk::{Place, Vault, Zstd};
use allod_node::person::{Home, Person};
use allod_vault::files::{Access, Files};
use allod_vault::share::{Changed, GRANT_MAX, Grant, REQUEST_MAX, Request, Roster, RosterError, ShareError};
use allod_vault::{Ring, SpaceId};
use serde_json::json;

use super::meter::count;
use super::open::{VaultHome, place, reach, reach_or_make};
use super::spaces::{self, OWN_NAME, Space, check_name, free_name};
use crate::cli::share::{Share, ShareCommand};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(crate) fn run(home: &VaultHome, args: &Share, screen: &Screen) -> Result<(), Failure> {
    match &args.command {
        ShareCommand::Request { out } => request(home, out, screen),
        ShareCommand::Make { name } => make(home, name, screen),
        ShareCommand::Add { request, out } => add(home, request, out, screen),
        ShareCommand::Accept { grant, name, from } => {
            accept(home, grant, name.as_deref(), from.as_deref(), screen)
        }
        ShareCommand::List => list(home, screen),
        ShareCommand::Members => members(home, screen),
        ShareCommand::Remove { did } => remove(home, did, screen),
    }
}

impl From<RosterError> for Failure {
    fn from(why: RosterError) -> Self {
        match why {
            RosterError::Vault(why) => why.into(),
            RosterError::Share(why) => why.into(),
        }
    }
}

impl From<ShareError> for Failure {
    fn from(why: ShareError) -> Self {
        let failure = Self::new(Kind::Failed, why.to_string());
        match why {
            ShareError::NotADevice(_) => failure.next(
                "if the device was added lately, `allod status` and `allod devices` bring its person's log up to date",
            ),
            ShareError::NotForThisDevice => {
                failure.next("make a request on this device, and have it granted: `allod share request`")
            }
            _ => failure,
        }
    }
}

fn request(home: &Home, out: &Path, screen: &Screen) -> Result<(), Failure> {
    let person = load(home)?;
    let request = Request::new(&person.log, &person.device)?;
    write_new(out, &request.encode())?;
    let text = format!(
        "Wrote {}. Hand it to whoever is to let this device in; it tells who you are, and no secret.",
        out.display()
    );
    screen.result(&json!({ "did": request.did().to_string(), "file": out }), &text);
    Ok(())
}

fn make(home: &Home, name: &str, screen: &Screen) -> Result<(), Failure> {
    let (person, name) = (load(home)?, check_name(name)?);
    if spaces::all(home)?.iter().any(|space| space.name == name) {
        return Err(Failure::new(Kind::Failed, format!("there is a shared folder {name:?} already")));
    }
    let rng = &mut allod_node::entropy();
    let id = SpaceId(*Secret::random(rng).expose());
    let space = Space { id, name: name.into() };
    let mut files = unfinished(home).join(&space.root(&person), (id, Ring::new(rng)), rng)?;
    files.set_members(&person.log, &[], name.as_bytes(), &person.device, rng)?;
    keep(home, &person, &space)?;
    let text = format!(
        "Made the shared folder {name}. Use it as your vault: `allod --space {name} put PATH`; let others in: \
         `allod --space {name} share add REQUEST --out GRANT`."
    );
    screen.result(&json!({ "space": space.id.to_string(), "name": name }), &text);
    Ok(())
}

/// Where a folder is made, so that what stands under its number is whole. What a crash left there
/// goes.
fn unfinished(home: &Home) -> Place {
    let folder = home.path().join("vault/spaces/new");
    let _ = fs::remove_dir_all(&folder);
    Place::new(folder)
}

/// Puts what was made under its number.
fn keep(home: &Home, person: &Person, space: &Space) -> Result<(), Failure> {
    let failed = |why: std::io::Error| Failure::new(Kind::Failed, format!("the shared folder: {why}"));
    let new = home.path().join("vault/spaces/new");
    fs::rename(&new, space.folder(home)).map_err(failed)?;
    fs::File::open(home.path().join("vault/spaces")).and_then(|folder| folder.sync_all()).map_err(failed)?;
    space.keep_name(home, person)
}

fn add(home: &VaultHome, request: &Path, out: &Path, screen: &Screen) -> Result<(), Failure> {
    let person = load(home)?;
    let request = Request::decode(&read(&screen.path(request), REQUEST_MAX)?)?;
    let is_own = request.did() == person.log.state().did();
    if home.space().is_none() && !is_own {
        return Err(Failure::usage(
            "that device is somebody else's, and your vault is not for others; nothing was granted",
        )
        .next("make a folder to share: `allod share make NAME`, then name it with --space"));
    }
    let rng = &mut allod_node::entropy();
    let grant = reach_or_make(home, screen)?.with(|vault| {
        let roster = welcome(vault, &person, request.log(), rng)?;
        Ok::<_, Failure>(Grant { ring: vault.ring().clone(), roster })
    })?;
    let sealed = grant.seal(&request, &person.device, rng)?;
    write_new(&screen.path(out), &sealed)?;
    let device = request.device().map_or("", |device| device.name()).to_owned();
    let text = format!(
        "Wrote {}: keys for the device {device:?} of {}, which nobody else can open. There: `allod share accept`.",
        out.display(),
        request.did()
    );
    screen.result(&json!({ "did": request.did().to_string(), "device": device, "file": out }), &text);
    Ok(())
}

/// The roster, with this person's newest log in it and that of somebody who is let in.
fn welcome(
    vault: &mut Vault,
    person: &Person,
    log: &Log,
    rng: &mut impl CryptoRng,
) -> Result<Roster, Failure> {
    let known = vault.roster()?;
    let leads = known.as_ref().is_none_or(|roster| roster.is_led_by(&person.device));
    if leads {
        let mut members: Vec<Log> = known.map_or_else(Vec::new, |roster| roster.members().to_vec());
        let did = log.state().did();
        match members.iter_mut().find(|member| member.state().did() == did) {
            Some(member) if log.extends(member) => *member = log.clone(),
            Some(_) => {}
            None => members.push(log.clone()),
        }
        vault.set_members(&person.log, &members, OWN_NAME.as_bytes(), &person.device, rng)?;
    }
    vault.roster()?.ok_or_else(|| ShareError::Malformed.into())
}

fn accept(
    home: &VaultHome,
    grant: &Path,
    name: Option<&str>,
    from: Option<&str>,
    screen: &Screen,
) -> Result<(), Failure> {
    let person = load(home)?;
    let (grant, by) = Grant::open(&read(grant, GRANT_MAX)?, &person.device)?;
    let founder = grant.roster.founder().ok_or(ShareError::Malformed)?;
    let is_own = founder == person.log.state().did() && grant.roster.name() == OWN_NAME.as_bytes();
    if !is_own && founder != person.log.state().did() {
        match from {
            Some(from) if founder.to_string() == from => {}
            Some(_) => {
                return Err(Failure::new(
                    Kind::Failed,
                    format!("the folder is {founder}'s; nothing was taken"),
                ));
            }
            None => {
                return Err(Failure::new(
                    Kind::Usage,
                    format!(
                        "the folder {:?} was made by {founder}, and granted by {}; nothing was taken yet",
                        String::from_utf8_lossy(grant.roster.name()),
                        by.did
                    ),
                )
                .next(format!("if that is who you expect, say so: --from {founder}")));
            }
        }
    }
    let rng = &mut allod_node::entropy();
    let id = grant.roster.space();
    if is_own {
        let own = VaultHome::own(home);
        let place = place(&own);
        if place.is_there() {
            return Err(Failure::new(
                Kind::Failed,
                "there is a vault here already, with other keys; nothing was taken",
            )
            .next(format!(
                "to have the one that was granted, move {} away and keep it",
                place.image().display()
            )));
        }
        joined(&place, &own.root(&person), &grant, rng)?;
        screen.result(
            &json!({ "space": id.to_string() }),
            "Joined your vault. It is empty until it syncs with a device that has it: `allod sync`.",
        );
        return Ok(());
    }
    if let Some(here) = spaces::all(home)?.into_iter().find(|space| space.id == id) {
        return Err(Failure::new(Kind::Failed, format!("this folder is here already, as {:?}", here.name)));
    }
    let wanted = match name {
        Some(name) => check_name(name)?.to_owned(),
        None => String::from_utf8_lossy(grant.roster.name()).into_owned(),
    };
    let wanted = if check_name(&wanted).is_ok() { wanted } else { "shared".into() };
    let space = Space { id, name: free_name(home, &wanted)? };
    joined(&unfinished(home), &space.root(&person), &grant, rng)?;
    keep(home, &person, &space)?;
    let text = format!(
        "Joined the shared folder {0}. It is empty until it syncs with a device that has it: `allod --space {0} sync`.",
        space.name
    );
    screen.result(&json!({ "space": id.to_string(), "name": space.name }), &text);
    Ok(())
}

fn joined(
    place: &Place,
    root: &Secret<32>,
    grant: &Grant,
    rng: &mut impl CryptoRng,
) -> Result<Files<allod_disk::FileBlocks, Zstd>, Failure> {
    let mut files = place.join(root, (grant.roster.space(), grant.ring.clone()), rng)?;
    files.join_roster(&grant.roster)?;
    Ok(files)
}

fn list(home: &Home, screen: &Screen) -> Result<(), Failure> {
    let all = spaces::all(home)?;
    let rows: Vec<_> =
        all.iter().map(|space| json!({ "name": space.name, "space": space.id.to_string() })).collect();
    let lines: Vec<&str> = all.iter().map(|space| &space.name[..]).collect();
    let text = if lines.is_empty() { "There is no shared folder here.".into() } else { lines.join("\n") };
    screen.result(&json!({ "spaces": rows }), &text);
    Ok(())
}

fn members(home: &VaultHome, screen: &Screen) -> Result<(), Failure> {
    let known = reach_or_make(home, screen)?.with(|vault| {
        let roster = vault.roster()?;
        Ok::<_, Failure>(roster.map(|roster| (roster, vault.ring().epochs())))
    })?;
    let Some((roster, epochs)) = known else {
        screen.result(&json!({ "members": [] }), "Nobody but this device.");
        return Ok(());
    };
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for (place, log) in roster.members().iter().enumerate() {
        let state = log.state();
        let devices: Vec<&str> = state.devices().iter().map(|device| device.name()).collect();
        rows.push(json!({ "did": state.did().to_string(), "founder": place == 0, "devices": devices }));
        let founder = if place == 0 { ", who made it" } else { "" };
        lines.push(format!("{}{founder}: {}", state.did(), devices.join(", ")));
    }
    screen.result(&json!({ "members": rows, "epochs": epochs }), &lines.join("\n"));
    Ok(())
}

fn remove(home: &VaultHome, typed: &str, screen: &Screen) -> Result<(), Failure> {
    let person = load(home)?;
    if home.space().is_none() {
        return Err(Failure::usage("name the shared folder with --space")
            .next("to remove a device of your own: `allod devices remove`, then `allod sync`"));
    }
    let mut vault = reach(home, screen)?;
    let roster = vault.with(|vault| vault.roster())?.ok_or(ShareError::Malformed)?;
    let is_meant = |did: &Did| did.to_string().starts_with(typed) && typed.len() > "did:allod:z".len();
    let (left, stay): (Vec<&Log>, Vec<&Log>) =
        roster.members().iter().skip(1).partition(|log| is_meant(&log.state().did()));
    let [gone] = left[..] else {
        return Err(Failure::usage(format!(
            "{} that begins with {typed:?}",
            count(left.len() as u64, "member", "members")
        )));
    };
    let stay: Vec<Log> = stay.into_iter().cloned().collect();
    let rng = &mut allod_node::entropy();
    let changed =
        vault.with(|vault| vault.set_members(&person.log, &stay, roster.name(), &person.device, rng))?;
    let epoch = changed == Changed::Epoch;
    let text = format!(
        "Removed {}. They keep what they had, and read nothing that is stored from now on. Others learn of it when \
         they sync with you.",
        gone.state().did()
    );
    screen.result(&json!({ "removed": gone.state().did().to_string(), "new_keys": epoch }), &text);
    Ok(())
}

fn read(path: &Path, size_max: usize) -> Result<Vec<u8>, Failure> {
    let failed = |why: std::io::Error| Failure::new(Kind::Failed, format!("{}: {why}", path.display()));
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > size_max as u64 {
        return Err(ShareError::Malformed.into());
    }
    fs::read(path).map_err(failed)
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let done = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    done.map_err(|why| Failure::new(Kind::Failed, format!("{}: {why}", path.display())))
}
