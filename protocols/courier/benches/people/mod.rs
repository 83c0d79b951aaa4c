//! People with a device each, and bundles that are brought to whoever they are for.

use std::collections::BTreeMap;

use allod_courier::bundle::Bundle;
use allod_courier::contact::{Invitation, Own};
use allod_courier::group::{Action, GroupId};
use allod_courier::messenger::{Body, Messenger, Sending, Whom};
use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_did::{Log, PublicKey, Root};
use allod_wire::Instant;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;

const NOW: Instant = Instant(1_800_000_000_000);
const DAY: u64 = 24 * 3600 * 1000;

pub(crate) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Why something failed: there is nobody to fail.
type Failed = allod_courier::CourierError;

pub(crate) struct Person {
    messenger: Messenger,
}

impl Person {
    pub(crate) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let root = Root::from_bytes(Secret::random(&mut rng()));
        let key = SigningKey::from_seed(&Secret::random(&mut rng()));
        let log = Log::create(&root, PublicKey::Ed25519(key.verifying_key()), "phone", NOW)?;
        let own = Own::new(&log, &key)?;
        Ok(Self { messenger: Messenger::load(own, std::iter::empty())? })
    }

    pub(crate) fn invite(&mut self) -> Invitation {
        self.messenger.invite(Instant(NOW.0 + DAY), true, &mut rng())
    }

    pub(crate) fn accept(&mut self, invitation: &Invitation) -> Result<Vec<Bundle>, Failed> {
        self.messenger.accept(invitation, "friend", None, NOW, &mut rng())?;
        Ok(self.leave())
    }

    pub(crate) fn write(&mut self, to: Whom, text: &str) -> Result<Vec<Bundle>, Failed> {
        let body = Body::Text(text.to_owned());
        self.messenger.send(to, body, Sending::default(), NOW, &mut rng())?;
        Ok(self.leave())
    }

    pub(crate) fn whom(&self) -> Whom {
        Whom::Person(self.messenger.did())
    }

    pub(crate) fn found(&mut self) -> Result<GroupId, Failed> {
        self.messenger.found_group("walkers", &mut rng())
    }

    pub(crate) fn add(&mut self, group: GroupId, other: &Self) -> Result<Vec<Bundle>, Failed> {
        let action = Action::Add(other.messenger.did());
        self.messenger.change_group(group, action, NOW, &mut rng())?;
        Ok(self.leave())
    }

    fn leave(&mut self) -> Vec<Bundle> {
        let all: BTreeMap<u64, Bundle> =
            self.messenger.outgoing().map(|(number, bundle)| (number, bundle.clone())).collect();
        self.messenger.has_left(&all.keys().copied().collect::<Vec<_>>());
        all.into_values().collect()
    }
}

/// Brings bundles to whoever they are for, and what is answered, until nobody has anything to say. How
/// often something was opened.
pub(crate) fn bring(people: &mut [&mut Person], mut bundles: Vec<Bundle>) -> usize {
    let (mut waiting, mut opened) = (Vec::new(), 0);
    while !bundles.is_empty() {
        waiting.append(&mut bundles);
        for person in &mut *people {
            for bundle in &waiting {
                opened += usize::from(person.messenger.receive(bundle, NOW, &mut rng()).is_ok());
            }
            let _ = person.messenger.acknowledge(NOW, &mut rng());
            bundles.append(&mut person.leave());
        }
    }
    opened
}
