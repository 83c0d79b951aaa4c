//! Folders that are shared: each is a vault of its own, below the person's.
//!
//! `vault/spaces/ID/image` is the vault, and `label` beside it what this person calls it, sealed.

use std::fs;
use std::path::PathBuf;

use allod_crypto::Secret;
use allod_crypto::aead::SyntheticKey;
use allod_crypto::hash::tagged;
use allod_node::person::{Home, Person};
use allod_vault::SpaceId;
use allod_vault::share::SPACE_NAME_MAX;
use data_encoding::HEXLOWER;

use super::path::readable;
use crate::commands::load;
use crate::failure::{Failure, Kind};

/// What the roster of a person's own vault calls it, so that no shared folder is called that.
pub(crate) const OWN_NAME: &str = "vault";

/// A folder that is shared, as this person has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) id: SpaceId,
    /// What this person calls it.
    pub(crate) name: String,
}

impl Space {
    /// The key that opens its image here.
    pub(crate) fn root(&self, person: &Person) -> Secret<32> {
        root_of(person, &self.id)
    }

    /// Where it lies.
    pub(crate) fn folder(&self, home: &Home) -> PathBuf {
        folder_of(home, &self.id)
    }

    /// Keeps what it is called.
    pub(crate) fn keep_name(&self, home: &Home, person: &Person) -> Result<(), Failure> {
        let path = self.folder(home).join("label");
        let sealed = key_of(person).seal(&self.id.0, self.name.as_bytes());
        fs::write(&path, sealed)
            .map_err(|why| Failure::new(Kind::Failed, format!("{}: {why}", path.display())))
    }
}

/// The key that opens the image of a space.
pub(crate) fn root_of(person: &Person, id: &SpaceId) -> Secret<32> {
    person.root.derive(&format!("vault/space/{id}"), 0)
}

/// Where a space lies.
pub(crate) fn folder_of(home: &Home, id: &SpaceId) -> PathBuf {
    home.path().join("vault/spaces").join(id.to_string())
}

/// All that are here, in the order of their names.
pub(crate) fn all(home: &Home) -> Result<Vec<Space>, Failure> {
    let key = key_of(&load(home)?);
    let mut found = Vec::new();
    let folders = fs::read_dir(home.path().join("vault/spaces")).into_iter().flatten().flatten();
    for folder in folders {
        let name = folder.file_name();
        let Some(id) = name.to_str().and_then(|name| HEXLOWER.decode(name.as_bytes()).ok()) else { continue };
        let Ok(id) = <[u8; 32]>::try_from(id) else { continue };
        let id = SpaceId(id);
        if !folder.path().join("image").exists() {
            continue;
        }
        // Without its label it is called by its number.
        let label =
            fs::read(folder.path().join("label")).ok().and_then(|sealed| key.open(&id.0, &sealed).ok());
        let name = label.map_or_else(|| id.to_string(), |label| readable(label.expose()));
        found.push(Space { id, name });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The one with this name, or of which the number begins so.
pub(crate) fn named(home: &Home, name: &str) -> Result<Space, Failure> {
    let all = all(home)?;
    if let Some(space) = all.iter().find(|space| space.name == name) {
        return Ok(space.clone());
    }
    let mut matching = all.iter().filter(|space| name.len() >= 4 && space.id.to_string().starts_with(name));
    match (matching.next(), matching.next()) {
        (Some(space), None) => Ok(space.clone()),
        _ => Err(Failure::new(Kind::Failed, format!("there is no shared folder {name:?} here"))
            .next("`allod share list` lists them")),
    }
}

/// A name that none here has, like this one.
pub(crate) fn free_name(home: &Home, wanted: &str) -> Result<String, Failure> {
    let taken: Vec<String> = all(home)?.into_iter().map(|space| space.name).collect();
    let mut name = wanted.to_owned();
    let mut number = 2;
    while taken.contains(&name) {
        name = format!("{wanted}-{number}");
        number += 1;
    }
    Ok(name)
}

/// A name that a shared folder may have.
pub(crate) fn check_name(name: &str) -> Result<&str, Failure> {
    let is_wrong = name.is_empty() || name.len() > SPACE_NAME_MAX - 16 || name.starts_with(['.', '-']);
    if is_wrong || name.contains('/') || name.contains(char::is_control) {
        return Err(Failure::usage(
            "a shared folder's name is short, has no `/`, and begins with neither `.` nor `-`",
        ));
    }
    if name == OWN_NAME {
        return Err(Failure::usage(format!("{name:?} is your own vault; choose another name")));
    }
    Ok(name)
}

fn key_of(person: &Person) -> SyntheticKey {
    let root = person.root.derive::<32>("vault/labels", 0);
    SyntheticKey::new(&Secret::from(tagged("allod 2026 vault, what spaces are called", &[root.expose()])))
}
