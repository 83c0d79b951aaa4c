//! Identifiers and times, in canonical CBOR and in text.

use std::fmt::Display;
use std::str::FromStr;

use allod_wire::{AccountId, Instant, Locator, RealmId, RegistrationVersion};
use minicbor::{Decode, Encode};

/// One of each, so that a single input reaches every decoder.
#[derive(Encode, Decode)]
struct All {
    #[n(0)]
    realm: RealmId,
    #[n(1)]
    account: AccountId,
    #[n(2)]
    locator: Locator,
    #[n(3)]
    version: RegistrationVersion,
    #[n(4)]
    at: Instant,
    #[n(5)]
    maybe: Option<Vec<RealmId>>,
}

impl allod_wire::Wire for All {
    const SIZE_MAX: usize = 1_024;
}

/// The canonical encoding of identifiers and times.
pub fn wire_ids(data: &[u8]) {
    if let Ok(all) = allod_wire::decode::<All>(data) {
        assert_eq!(allod_wire::encode(&all), data);
    }
}

/// The text of identifiers.
pub fn wire_id_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    one::<RealmId>(text);
    one::<AccountId>(text);
    one::<Locator>(text);
    one::<RegistrationVersion>(text);
}

fn one<T: FromStr + Display>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string(), text);
    }
}
