//! What has to be known before a sync: who belongs to a vault, and whose changes are taken.

use std::time::Duration;

use allod_crypto::CryptoRng;
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

/// What a device is called, and whose it is.
pub(super) fn named(roster: Option<&Roster>, device: &Device) -> String {
    let found = roster.and_then(|roster| roster.device(&allod_crypto::sign::VerifyingKey(device.0)));
    match found {
        Some((did, device)) => format!("{:?} of {did}", device.name()),
        None => format!("{device}"),
    }
}
