//! How devices are let into a space: requests, hellos, rosters and grants.

use std::sync::LazyLock;

use allod_crypto::aead::seal_once;
use allod_crypto::hash::tagged;
use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes, kem};
use allod_vault::share::{Grant, Hello, Request, Roster};
use allod_vault::{Ring, SpaceId};

use crate::fixture::made;
use crate::guardian::{fixture_log, stream};

/// The space of the fixtures.
pub const FIXTURE_SPACE: SpaceId = SpaceId([7; 32]);

/// The device of the one person, which founded the space.
pub fn fixture_device() -> SigningKey {
    SigningKey::from_seed(&Secret::from([2; 32]))
}

/// The keys of the space: one epoch.
pub fn fixture_ring() -> Ring {
    made(Ring::from_secrets(&SecretBytes::from([&[0; 4][..], &[5; 32]].concat())))
}

/// Who belongs to the space: the one person.
pub fn fixture_roster() -> Roster {
    let epochs = fixture_ring().commitments();
    made(Roster::found(FIXTURE_SPACE, b"photos", &fixture_log(), &epochs, &fixture_device()))
}

/// A device that wants in.
pub fn share_request(data: &[u8]) {
    if let Ok(request) = Request::decode(data) {
        assert_eq!(request.encode(), data);
        assert!(request.device().is_some());
        // Whoever asks without belonging to anybody who does gets nothing.
        let grant = Grant { ring: fixture_ring(), roster: fixture_roster() };
        let sealed = grant.seal(&request, &fixture_device(), &mut stream());
        assert!(sealed.is_err() || request.is_by(&fixture_device()));
    }
}

/// What a device says that the link showed to be the fixtures'.
pub fn share_hello(data: &[u8]) {
    if let Ok(hello) = Hello::decode(data, &fixture_device().verifying_key()) {
        assert_eq!(hello.encode(), data);
        assert_eq!(hello.did(), hello.log().state().did());
        let _ = (hello.joins(), hello.device_name());
    }
}

/// Who belongs to a space.
pub fn share_roster(data: &[u8]) {
    if let Ok(roster) = Roster::decode(data) {
        assert_eq!(roster.encode(), data);
        assert_eq!(roster.founder(), roster.members().first().map(|log| log.state().did()));
        let _ = (roster.stands_to(&fixture_roster()), fixture_roster().stands_to(&roster));
        let _ = allod_vault::share::Writers::of(&roster);
    }
}

/// A sealed grant.
pub fn share_grant(data: &[u8]) {
    open(data);
}

fn open(sealed: &[u8]) {
    if let Ok((grant, granter)) = Grant::open(sealed, &fixture_device()) {
        assert!(grant.roster.device(&granter.key).is_some());
        let epochs = grant.roster.epochs();
        assert!(grant.ring.commitments().iter().all(|epoch| epochs.contains(epoch)));
        let again = Ring::from_secrets(&grant.ring.secrets()).map(|ring| ring.numbers());
        assert_eq!(again, Ok(grant.ring.numbers()));
    }
}

/// A secret that was encapsulated for the device, and what carries it.
static SHARED: LazyLock<(Vec<u8>, Secret<32>)> = LazyLock::new(|| {
    let device = fixture_device();
    let secret = tagged("allod 2026 vault, key by which a device is let in", &[device.seed().expose()]);
    made(kem::encapsulate(&kem::public_key(&Secret::from(secret)), &mut stream()))
});

/// What is inside of a grant's seal, or, where the first byte is odd, the ring in a grant
/// that is sealed and signed as it should be: reaches what only a member could get wrong.
pub fn share_granted(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let (ciphertext, shared) = &*SHARED;
    let plain = match kind % 2 {
        0 => data.to_vec(),
        _ => fixture_granted(data, &fixture_roster().encode()),
    };
    let key = tagged("allod 2026 vault, sealing of a grant", &[shared.expose(), ciphertext]);
    open(&[&ciphertext[..], &seal_once(Secret::from(key), &plain)].concat());
}

/// What is inside of the seal of a grant by the fixtures' device for itself.
pub fn fixture_granted(ring: &[u8], roster: &[u8]) -> Vec<u8> {
    let (device, key) = (fixture_device(), fixture_device().verifying_key());
    let signed = tagged("allod 2026 vault, grant", &[&SHARED.0, &key.0, ring, roster]);
    let mut encoder = minicbor::Encoder::new(Vec::new());
    let written = encoder.array(4).and_then(|e| {
        e.bytes(ring)?.bytes(roster)?.bytes(&key.0)?.bytes(&device.sign(&signed).0)?;
        Ok(())
    });
    made(written);
    encoder.into_writer()
}
