//! The guardian's messages, records and tokens, and the person's cards, kits and
//! descriptors.

use std::collections::BTreeMap;
use std::convert::Infallible;

use allod_crypto::sign::SigningKey;
use allod_crypto::{CryptoRng, Secret, SecretBytes, aead, hash};
use allod_did::{Log, Root};
use allod_guardian::account::Permit;
use allod_guardian::card::{Card, Code};
use allod_guardian::client::Kit;
use allod_guardian::descriptor::Descriptor;
use allod_guardian::juicebox::{Request, Response};
use allod_guardian::realm::{Record, SealedDescriptor};
use allod_guardian::token::{TenantKey, Tenants, authenticate};
use allod_wire::{Instant, RealmId};
use data_encoding::BASE64URL_NOPAD;
use rand_core::{TryCryptoRng, TryRng};

/// The key of the tenant `hs`.
pub const FIXTURE_KEY: &[u8; 32] = b"the shared key of the tenant hs.";

/// The realm that tokens are for.
pub fn fixture_realm() -> RealmId {
    RealmId([7; 16])
}

/// The root behind [`fixture_card`].
pub fn fixture_root() -> Root {
    Root::from_bytes(Secret::from([1; 32]))
}

/// The card that descriptors are sealed for.
pub fn fixture_card() -> Card {
    Card::new(&fixture_root(), &fixture_log().state().did(), 0)
}

/// A request to a realm.
pub fn juicebox_request(data: &[u8]) {
    if let Ok(request) = Request::decode(data) {
        assert_eq!(*request.encode(), data);
    }
}

/// A realm's response.
pub fn juicebox_response(data: &[u8]) {
    if let Ok(response) = Response::decode(data) {
        assert_eq!(*response.encode(), data);
    }
}

/// A guardian's stored record.
pub fn record(data: &[u8]) {
    if let Ok(record) = allod_wire::decode::<Record>(data) {
        assert_eq!(allod_wire::encode(&record), data);
        if let Record::Registered(registration) = record {
            assert!(registration.guesses_left() <= registration.parts.policy.num_guesses);
        }
    }
}

/// An owner's kit.
pub fn kit(data: &[u8]) {
    if let Ok(kit) = allod_wire::decode::<Kit>(data) {
        assert_eq!(allod_wire::encode(&kit), data);
        let guardians = kit.configuration().guardians().len();
        assert!((0..guardians).all(|guardian| kit.request(guardian).is_some()));
        assert!(kit.request(guardians).is_none());
        let _ = (kit.version(), kit.verifying_key(), kit.num_guesses());
        let _ = kit.redeal(kit.configuration().clone(), &mut stream());
    }
}

/// What is inside of a descriptor's seal.
pub fn descriptor(data: &[u8]) {
    open(data);
}

/// What is inside of a descriptor's signature: reaches what only the identity's
/// own root could get wrong.
pub fn descriptor_signed(data: &[u8]) {
    let signed = hash::tagged("allod 2026 descriptor", &[data]);
    let signature = fixture_root().signing_key().sign(&signed);
    let mut encoder = minicbor::Encoder::new(Vec::new());
    let encoded = encoder.array(2).and_then(|e| e.bytes(data)).and_then(|e| e.bytes(&signature.0));
    assert!(encoded.is_ok());
    open(&encoder.into_writer());
}

fn open(plain: &[u8]) {
    let root = fixture_root();
    let card = fixture_card();
    let sealed = aead::seal(&card.descriptor_key(), card.locator().as_bytes(), plain, &mut stream());
    for sequence in [0, 1, 7] {
        let shown = SealedDescriptor { sequence, sealed: sealed.clone() };
        if let Ok(descriptor) = Descriptor::open(&card, &shown) {
            assert_eq!(descriptor.sequence, sequence);
            let named = [Some(&descriptor.in_force), descriptor.coming.as_ref()];
            for guarded in named.into_iter().flatten() {
                assert!(guarded.configuration.check().is_ok());
            }
            let again = descriptor.seal(&root, &card, &mut stream());
            assert_eq!(Descriptor::open(&card, &again).as_ref(), Ok(&descriptor));
        }
    }
}

/// The log of the fixtures' identity.
pub fn fixture_log() -> Log {
    let key = SigningKey::from_seed(&Secret::from([2; 32])).verifying_key().into();
    match Log::create(&fixture_root(), key, "phone", Instant::from_secs(100)) {
        Ok(log) => log,
        Err(error) => panic!("the fixture is a log: {error}"),
    }
}

/// A descriptor as a guardian shows it: eight bytes of number, then the sealed
/// bytes. Nobody but the card's owner can make one that opens.
pub fn sealed_descriptor(data: &[u8]) {
    let Some((sequence, sealed)) = data.split_first_chunk() else { return };
    let shown = SealedDescriptor { sequence: u64::from_be_bytes(*sequence), sealed: sealed.to_vec() };
    if let Ok(descriptor) = Descriptor::open(&fixture_card(), &shown) {
        assert_eq!(descriptor.sequence, shown.sequence);
    }
}

/// A card's words.
pub fn card_words(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(card) = Card::from_words(text) {
        let plain: Vec<String> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
        assert_eq!(*card.words(), plain.join(" "));
    }
}

/// A card's code.
pub fn card_code(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(code) = Code::from_text(text) {
        let plain: String =
            text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        assert_eq!(*code.to_text(), plain);
        assert_eq!(code.card.did_prefix(), &code.did.prefix());
    }
}

/// A token as it comes.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    judge(text);
}

/// A header and claims, apart by a line break, under the right signature of a
/// tenant: reaches what a tenant could get wrong.
pub fn token_signed(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (Some(header), Some(claims)) = (parts.next(), parts.next()) else { return };
    let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims));
    let signature = hash::hmac_sha256(FIXTURE_KEY, signed.as_bytes());
    judge(&format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)));
}

fn judge(token: &str) {
    let tenants: Tenants = BTreeMap::from([
        (("hs".into(), 1), TenantKey::Hs256(SecretBytes::from(FIXTURE_KEY.to_vec()))),
        (("ed".into(), 1), TenantKey::EdDsa(SigningKey::from_seed(&Secret::from([3; 32])).verifying_key())),
    ]);
    // 2026-01-01.
    let now = Instant::from_secs(1_767_225_600);
    if let Ok(caller) = authenticate(token, &fixture_realm(), &tenants, now) {
        assert!(authenticate(token, &RealmId([8; 16]), &tenants, now).is_err(), "for two realms");
        let much_later = now.plus_ms(3 * 24 * 60 * 60 * 1000);
        assert!(authenticate(token, &fixture_realm(), &tenants, much_later).is_err(), "for ever");
        assert!(caller.locator.is_none() || caller.tenant == "self");
        assert!(caller.permit == Permit::Own || caller.tenant == "self");
    }
}

/// Randomness from its beginning.
pub fn stream() -> impl CryptoRng {
    Stream(0)
}

/// Bytes that are the same in every run: an input always does the same, and
/// nothing here is secret.
struct Stream(u64);

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|wide| wide as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for block in bytes.chunks_mut(32) {
            self.0 += 1;
            block.copy_from_slice(&hash::blake3(&self.0.to_le_bytes())[..block.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Stream {}
