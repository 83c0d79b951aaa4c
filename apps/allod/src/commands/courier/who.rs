//! Whom somebody means who types a name.

use std::str::FromStr;

use allod_courier::group::GroupId;
use allod_courier::messenger::{Messenger, Whom};
use allod_did::Did;
use data_encoding::HEXLOWER;

use crate::failure::{Failure, Kind};

/// The least letters of a DID or of a group's number that name it.
const SHORTEST: usize = 4;

/// A person, by the name that they have here, their DID, or the beginning of that.
pub(super) fn person(messenger: &Messenger, typed: &str) -> Result<Did, Failure> {
    let own = messenger.did();
    let others = || messenger.people().filter(|(did, _)| **did != own);
    if let Ok(did) = Did::from_str(typed) {
        return match messenger.person(&did) {
            Some(_) => Ok(did),
            None => Err(nobody(typed)),
        };
    }
    let named: Vec<Did> = others().filter(|(_, person)| person.name() == typed).map(|(did, _)| *did).collect();
    let begun = || {
        let begins = |did: &&Did| {
            let text = did.to_string();
            typed.len() >= SHORTEST && (text.starts_with(typed) || text["did:allod:".len()..].starts_with(typed))
        };
        others().map(|(did, _)| did).filter(begins).copied().collect::<Vec<Did>>()
    };
    let found = if named.is_empty() { begun() } else { named };
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(nobody(typed)),
        several => Err(Failure::usage(format!("{typed:?} names {} people", several.len()))
            .with_details(several.iter().map(ToString::to_string))
            .next("name one by their DID")),
    }
}

/// A group, by its name, its number, or the beginning of that.
pub(super) fn group(messenger: &Messenger, typed: &str) -> Result<GroupId, Failure> {
    let all: Vec<_> = messenger.groups().collect();
    let mut found: Vec<GroupId> = all.iter().filter(|group| group.name == typed).map(|group| group.id).collect();
    if found.is_empty() && typed.len() >= SHORTEST {
        found = all.iter().map(|group| group.id).filter(|id| HEXLOWER.encode(&id.0).starts_with(typed)).collect();
    }
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Failure::new(Kind::Failed, format!("there is no group {typed:?} here"))
            .next("`allod group list` shows those that there are")),
        several => Err(Failure::usage(format!("{typed:?} names {} groups", several.len()))
            .with_details(several.iter().map(|id| HEXLOWER.encode(&id.0)))
            .next("name one by its number")),
    }
}

/// A person or a group.
pub(super) fn whom(messenger: &Messenger, typed: &str) -> Result<Whom, Failure> {
    match (person(messenger, typed), group(messenger, typed)) {
        (Ok(_), Ok(_)) => Err(Failure::usage(format!("{typed:?} is a person and a group"))
            .next("name the person by their DID, or the group by its number")),
        (Ok(did), _) => Ok(Whom::Person(did)),
        (_, Ok(group)) => Ok(Whom::Group(group)),
        (Err(why), _) => Err(why),
    }
}

/// What somebody is called here.
pub(super) fn name_of(messenger: &Messenger, did: &Did) -> String {
    if *did == messenger.did() {
        return "me".into();
    }
    messenger.person(did).map_or_else(|| did.to_string(), |person| person.name().to_owned())
}

fn nobody(typed: &str) -> Failure {
    Failure::new(Kind::Failed, format!("nobody is called {typed:?} here"))
        .next("`allod contact list` shows whom you know; `allod contact invite` lets somebody in")
}
