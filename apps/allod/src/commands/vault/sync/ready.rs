//! What has to be known before a sync: who belongs to a vault, and whose changes are taken.

use std::collections::BTreeSet;
use std::time::Duration;

use allod_crypto::CryptoRng;
use allod_did::Kind;
use allod_did::PublicKey;
use allod_node::person::{Home, Person};
use allod_vault::files::Access;
use allod_vault::share::{Changed, Roster, ShareError};
use allod_vault::sync::Me;
use allod_vault::sync::batch::Device;

use crate::commands::vault::spaces::OWN_NAME;
use crate::failure::Failure;
use crate::screen::Screen;

/// How long guardians are asked for the person's newest log.
const ASKED: Duration = Duration::from_secs(10);

/// Takes over which devices the person added and removed elsewhere, as far as guardians can be asked.
pub(super) async fn follow(home: &Home, screen: &Screen) {
    // Whoever holds it follows, too.
    let Ok(Some(_held)) = home.try_lock() else { return };
    let Ok(Some(mut person)) = home.load() else { return };
    if !matches!(tokio::time::timeout(ASKED, person.refresh(home)).await, Ok(Ok(true))) {
        screen.warn(
            "too few guardians could be asked which devices you added and removed; going on with what is known here",
        );
    }
}

/// Has the vault know its members by their newest logs; the person's own alone has them from here.
pub(super) fn make_ready(
    vault: &mut impl Access,
    is_own: bool,
    person: &Person,
    rng: &mut impl CryptoRng,
) -> Result<(), Failure> {
    vault.with(|files| {
        let _: Changed = match files.roster()? {
            Some(_) => files.renew_members(std::slice::from_ref(&person.log), &person.device, rng)?,
            None if is_own => {
                files.set_members(&person.log, &[], OWN_NAME.as_bytes(), &person.device, rng)?
            }
            None => return Err(ShareError::Malformed.into()),
        };
        Ok(())
    })
}

/// This device, as it signs what it did.
pub(super) fn me(person: &Person) -> Me {
    let this = person.log.state().device(&person.device_id());
    Me { key: person.device.clone(), name: this.map_or("a device", |device| device.name()).into() }
}

/// Every device that a member ever had: one that was removed cannot connect, and what it did
/// before has to come along.
pub(super) struct Writers {
    known: BTreeSet<Device>,
    /// Somebody was a member once, whose devices no log of a member has. Members hand on what these did.
    had_others: bool,
}

impl Writers {
    pub(super) fn of(roster: Option<&Roster>) -> Self {
        let operations = roster.into_iter().flat_map(Roster::members).flat_map(|log| log.operations());
        let known = operations.filter_map(|operation| match operation.kind() {
            Kind::Genesis { device, .. } | Kind::AddDevice { device } => device_of(device.key()),
            _ => None,
        });
        Self { known: known.collect(), had_others: roster.is_some_and(Roster::has_removed) }
    }

    pub(super) fn may_write(&self, device: &Device) -> bool {
        self.had_others || self.known.contains(device)
    }
}

/// What a device is called, and whose it is.
pub(super) fn named(roster: Option<&Roster>, device: &Device) -> String {
    let found = roster.and_then(|roster| roster.device(&allod_crypto::sign::VerifyingKey(device.0)));
    match found {
        Some((did, device)) => format!("{:?} of {did}", device.name()),
        None => format!("{device}"),
    }
}

fn device_of(key: &PublicKey) -> Option<Device> {
    match key {
        PublicKey::Ed25519(key) => Some(Device(key.0)),
        _ => None,
    }
}
