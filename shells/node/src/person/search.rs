//! Finding guardians, and what they keep for a card.

use allod_guardian::card::Card;
use allod_guardian::client::{Configuration, Fault, Guardian};
use allod_guardian::descriptor::Descriptor;
use tokio::task::JoinSet;

use super::Address;
use super::drive::Report;
use super::error::PersonError;
use super::link::Link;

/// Asks the guardians at these addresses who they are.
///
/// # Errors
/// [`PersonError::NotMet`] naming each that could not be asked;
/// [`PersonError::Configuration`] where the set and threshold do not fit.
pub async fn meet(addresses: &[String], threshold: u8) -> Result<Configuration, PersonError> {
    let mut asked = JoinSet::new();
    for text in addresses {
        let address: Address = text.parse()?;
        if !address.is_protected() {
            return Err(PersonError::Unprotected(text.clone()));
        }
        asked.spawn(async move {
            let text = address.to_string();
            (text, Link::new(address).realm().await)
        });
    }
    let mut guardians = Vec::new();
    let mut report = Report::default();
    while let Some(Ok((address, realm))) = asked.join_next().await {
        match realm {
            Ok(realm) => guardians.push(Guardian { realm, address }),
            Err(fault) => report.faults.push((address, fault)),
        }
    }
    if report.faults.is_empty() {
        Ok(Configuration::new(guardians, threshold)?)
    } else {
        Err(PersonError::NotMet(report))
    }
}

/// What a card says, and where to begin looking.
#[derive(Debug)]
pub struct CardSource {
    /// The card.
    pub card: Card,
    /// Addresses of guardians that may keep its descriptor.
    pub addresses: Vec<String>,
}

/// What guardians showed for a card.
#[derive(Debug)]
pub(super) struct Found {
    /// The newest descriptor.
    pub(super) newest: Option<Descriptor>,
    /// Addresses of those that answered, whatever they keep.
    pub(super) answered: Vec<String>,
    /// What was wrong with the others, or with what they showed.
    pub(super) report: Report,
}

/// Finds the newest descriptor for a card. Guardians that it names are asked as
/// well, since they may keep a newer one than those that were asked first.
///
/// # Errors
/// [`PersonError::NoDescriptor`].
pub async fn find_descriptor(source: &CardSource) -> Result<Descriptor, PersonError> {
    let found = search(source).await?;
    found.newest.ok_or(PersonError::NoDescriptor(found.report))
}

/// Asks everybody that a card leads to.
pub(super) async fn search(source: &CardSource) -> Result<Found, PersonError> {
    let mut asked: Vec<String> = Vec::new();
    let mut found = Found { newest: None, answered: Vec::new(), report: Report::default() };
    let mut addresses = source.addresses.clone();
    loop {
        addresses.retain(|address| !asked.contains(address));
        if addresses.is_empty() {
            return Ok(found);
        }
        asked.extend(addresses.iter().cloned());
        let mut fetches = JoinSet::new();
        for text in addresses.drain(..) {
            let link = Link::new(text.parse()?);
            let locator = source.card.locator();
            fetches.spawn(async move { (text, link.descriptor(&locator).await) });
        }
        while let Some(Ok((address, shown))) = fetches.join_next().await {
            let shown = match shown {
                Ok(shown) => shown,
                Err(fault) => {
                    found.report.faults.push((address, fault));
                    continue;
                }
            };
            found.answered.push(address.clone());
            match shown.map(|shown| Descriptor::open(&source.card, &shown)) {
                None => found.report.faults.push((address, Fault::NotRegistered)),
                Some(Err(why)) => found.report.faults.push((address, Fault::Refused(why.to_string()))),
                Some(Ok(shown)) => {
                    if found.newest.as_ref().is_none_or(|newest| newest.sequence < shown.sequence) {
                        found.newest = Some(shown);
                    }
                }
            }
        }
        if let Some(newest) = &found.newest {
            let named = [Some(&newest.in_force), newest.coming.as_ref()].into_iter().flatten();
            let guardians = named.flat_map(|guarded| guarded.configuration.guardians());
            addresses.extend(guardians.map(|guardian| guardian.address.clone()));
            addresses.sort();
            addresses.dedup();
        }
    }
}
