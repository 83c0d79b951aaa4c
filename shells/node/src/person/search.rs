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

/// Finds the newest descriptor for a card. Guardians that it names are asked as
/// well, since they may keep a newer one than those that were asked first.
///
/// # Errors
/// [`PersonError::NoDescriptor`].
pub async fn find_descriptor(source: &CardSource) -> Result<Descriptor, PersonError> {
    let mut asked: Vec<String> = Vec::new();
    let mut report = Report::default();
    let mut newest: Option<Descriptor> = None;
    let mut addresses = source.addresses.clone();
    loop {
        addresses.retain(|address| !asked.contains(address));
        if addresses.is_empty() {
            return newest.ok_or(PersonError::NoDescriptor(report));
        }
        asked.extend(addresses.iter().cloned());
        let mut fetches = JoinSet::new();
        for text in addresses.drain(..) {
            let link = Link::new(text.parse()?);
            let locator = source.card.locator();
            fetches.spawn(async move { (text, link.descriptor(&locator).await) });
        }
        while let Some(Ok((address, found))) = fetches.join_next().await {
            match found {
                Ok(None) => report.faults.push((address, Fault::NotRegistered)),
                // What stands in place of the descriptor of a card that was renewed.
                Ok(Some(shown)) if shown.sealed.is_empty() => {
                    report.faults.push((address, Fault::NotRegistered));
                }
                Err(fault) => report.faults.push((address, fault)),
                Ok(Some(shown)) => match Descriptor::open(&source.card, &shown) {
                    Ok(found) if newest.as_ref().is_none_or(|newest| newest.sequence < found.sequence) => {
                        newest = Some(found);
                    }
                    Ok(_) => {}
                    Err(why) => report.faults.push((address, Fault::Refused(why.to_string()))),
                },
            }
        }
        if let Some(newest) = &newest {
            addresses
                .extend(newest.configuration.guardians().iter().map(|guardian| guardian.address.clone()));
        }
    }
}
