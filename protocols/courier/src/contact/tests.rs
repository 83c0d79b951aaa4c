//! Tests: invitations and greetings, and those who change or forge them.

use alloc::string::ToString;

use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, kem};
use allod_did::{Log, PublicKey, Root};
use allod_wire::Instant;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;

use super::*;
use crate::CourierError;
use crate::ratchet::Token;

const NOW: Instant = Instant(1_800_000_000_000);
const LATER: Instant = Instant(NOW.0 + 1000);

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

struct Person {
    root: Root,
    log: Log,
    device: SigningKey,
}

impl Person {
    fn new() -> Self {
        let root = Root::from_bytes(Secret::random(&mut rng()));
        let device = SigningKey::from_seed(&Secret::random(&mut rng()));
        let log = Log::create(&root, PublicKey::Ed25519(device.verifying_key()), "laptop", NOW).unwrap();
        Self { root, log, device }
    }

    fn own(&self) -> Own {
        Own::new(&self.log, &self.device).unwrap()
    }
}

fn invite(person: &Person) -> (Invitation, InvitationSecret) {
    let secret = InvitationSecret::random(&mut rng());
    (Invitation::new(&person.own(), &secret, LATER, true), secret)
}

#[test]
fn an_invitation_and_one_greeting_make_a_session() {
    let (alice, bob) = (Person::new(), Person::new());
    let (invitation, secret) = invite(&bob);
    let bytes = invitation.encode();
    assert!(bytes.len() < 2953, "{} bytes fit into a QR code", bytes.len());
    let invitation = Invitation::decode(&bytes).unwrap();
    assert_eq!(invitation.identity().did(), bob.log.state().did());
    let (mut a, greeting) = greet(&alice.own(), &invitation, b"hello", LATER, &mut rng()).unwrap();
    assert!(greeting.len() <= GREETING_OVERHEAD_MAX);
    let secret = InvitationSecret::from_bytes(Secret::from(*secret.expose()));
    let Greeted { identity, ratchet: mut b, plain, .. } =
        welcome(&bob.own(), &invitation, &secret, &greeting, LATER).unwrap();
    assert_eq!(plain.expose(), b"hello");
    assert_eq!(identity, *alice.own().identity());
    let answer = b.seal(b"who are you?", &mut rng()).unwrap();
    assert_eq!(a.open(&answer, NOW).unwrap().plain.expose(), b"who are you?");
}

#[test]
fn who_greets_is_not_readable_on_the_way() {
    let (alice, bob) = (Person::new(), Person::new());
    let (invitation, _) = invite(&bob);
    let (_, greeting) = greet(&alice.own(), &invitation, b"hello", NOW, &mut rng()).unwrap();
    let identity = alice.own().identity().encode();
    for part in identity.windows(16) {
        assert!(!greeting.windows(16).any(|window| window == part));
    }
}

#[test]
fn the_size_of_a_greeting_does_not_tell_how_long_a_log_is() {
    let (mut alice, bob) = (Person::new(), Person::new());
    let (invitation, secret) = invite(&bob);
    let mut sizes = alloc::vec::Vec::new();
    for number in 1_u64..40 {
        let (_, greeting) = greet(&alice.own(), &invitation, b"hello", NOW, &mut rng()).unwrap();
        let greeted = welcome(&bob.own(), &invitation, &secret, &greeting, NOW).unwrap();
        assert_eq!(greeted.identity, *alice.own().identity());
        assert!(greeting.len() <= GREETING_OVERHEAD_MAX + 5);
        sizes.push(greeting.len());
        let key = PublicKey::Ed25519(SigningKey::from_seed(&Secret::random(&mut rng())).verifying_key());
        alice.log.add_device(&alice.root, key, "phone", Instant(NOW.0 + number)).unwrap();
    }
    // Up to four devices look alike.
    assert!(sizes[..4].iter().all(|size| *size == sizes[0]), "{sizes:?}");
    sizes.dedup();
    assert!(sizes.len() <= 5);
}

#[test]
fn the_tag_of_a_greeting_is_that_of_no_token_that_an_invitation_gives() {
    let (alice, bob) = (Person::new(), Person::new());
    let (invitation, _) = invite(&bob);
    let (_, greeting) = greet(&alice.own(), &invitation, b"hello", NOW, &mut rng()).unwrap();
    let tag = invitation.id().tag();
    assert_eq!(greeting[..8], tag.0);
    // Nothing that stands in the invitation, or in the hash of it, is the token of this tag.
    let hash = |context| allod_crypto::hash::tagged(context, &[&invitation.id().0]);
    let hashes =
        [hash("allod 2026 courier, token of a greeting"), hash("allod 2026 courier, tag of a greeting")];
    let bytes = [&invitation.encode()[..], &invitation.id().0, &hashes[0], &hashes[1]].concat();
    for token in bytes.windows(Token::SIZE) {
        assert_ne!(Token(token.try_into().unwrap()).tag(), tag);
    }
}

#[test]
fn a_greeting_that_was_changed_anywhere_is_refused() {
    let (alice, bob) = (Person::new(), Person::new());
    let (invitation, secret) = invite(&bob);
    let (_, greeting) = greet(&alice.own(), &invitation, b"hello", NOW, &mut rng()).unwrap();
    let open = |greeting: &[u8]| welcome(&bob.own(), &invitation, &secret, greeting, NOW).map(|_| ());
    assert_eq!(open(&greeting), Ok(()));
    // Every byte but some of the long ciphertext.
    for at in (0..greeting.len()).filter(|at| !(60..1100).contains(at) || at % 64 == 0) {
        let mut changed = greeting.clone();
        changed[at] ^= 0x40;
        assert!(open(&changed).is_err(), "byte {at}");
    }
    for end in (0..greeting.len()).step_by(7) {
        assert!(open(&greeting[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_greeting_is_for_one_invitation_of_one_device_and_not_for_ever() {
    let (alice, bob) = (Person::new(), Person::new());
    let (invitation, secret) = invite(&bob);
    let (other_invitation, other_secret) = invite(&bob);
    let (_, greeting) = greet(&alice.own(), &invitation, b"hello", NOW, &mut rng()).unwrap();
    let bob = bob.own();
    let why = welcome(&bob, &other_invitation, &other_secret, &greeting, NOW).unwrap_err();
    assert_eq!(why, CourierError::OtherInvitation);
    assert_eq!(welcome(&bob, &invitation, &other_secret, &greeting, NOW).unwrap_err(), CourierError::Forged);
    assert_eq!(
        welcome(&alice.own(), &invitation, &secret, &greeting, NOW).unwrap_err(),
        CourierError::Forged
    );
    let late = Instant(LATER.0 + 1);
    assert_eq!(welcome(&bob, &invitation, &secret, &greeting, late).unwrap_err(), CourierError::Expired);
    assert_eq!(greet(&alice.own(), &invitation, b"", late, &mut rng()).unwrap_err(), CourierError::Expired);
}

#[test]
fn whoever_has_an_invitation_cannot_greet_as_somebody_else() {
    let (alice, bob, mallory) = (Person::new(), Person::new(), Person::new());
    let (invitation, secret) = invite(&bob);
    // Mallory says to be Alice's device, and lacks the secret of its agreement key.
    let as_alice = Own::imposter(alice.own().identity(), &mallory.device);
    let (_, greeting) = greet(&as_alice, &invitation, b"hello", NOW, &mut rng()).unwrap();
    assert_eq!(welcome(&bob.own(), &invitation, &secret, &greeting, NOW).unwrap_err(), CourierError::Forged);
}

#[test]
fn a_greeting_that_comes_twice_is_known_by_its_id() {
    let (alice, bob) = (Person::new(), Person::new());
    let (invitation, secret) = invite(&bob);
    let (_, greeting) = greet(&alice.own(), &invitation, b"hello", NOW, &mut rng()).unwrap();
    let (_, another) = greet(&alice.own(), &invitation, b"hello", NOW, &mut rng()).unwrap();
    let id = |greeting: &[u8]| welcome(&bob.own(), &invitation, &secret, greeting, NOW).unwrap().id;
    assert_eq!(id(&greeting), id(&greeting));
    assert_ne!(id(&greeting), id(&another));
}

#[test]
fn an_invitation_of_no_device_or_with_other_terms_is_refused() {
    let mut bob = Person::new();
    let (invitation, _) = invite(&bob);
    let bytes = invitation.encode();
    for at in (0..bytes.len()).filter(|at| at % 5 == 0 || *at > bytes.len() - 100) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Invitation::decode(&changed).is_err(), "byte {at}");
    }
    // A device that was removed.
    let second = SigningKey::from_seed(&Secret::random(&mut rng()));
    let key = PublicKey::Ed25519(second.verifying_key());
    bob.log.add_device(&bob.root, key, "phone", LATER).unwrap();
    Own::new(&bob.log, &second).unwrap();
    bob.log.remove_device(&bob.root, key.device_id(), LATER).unwrap();
    let did = bob.log.state().did();
    assert_eq!(Own::new(&bob.log, &second).unwrap_err(), CourierError::NotADevice(did));
}

#[test]
fn an_invitation_with_a_key_that_is_none_is_refused_when_it_is_answered() {
    let (alice, bob) = (Person::new(), Person::new());
    let forged = Invitation::with_keys(&bob.own(), [0; 32], alloc::vec![0; kem::PUBLIC_KEY]);
    assert_eq!(Invitation::decode(&forged.encode()).unwrap_err(), CourierError::Malformed);
    assert_eq!(greet(&alice.own(), &forged, b"hello", NOW, &mut rng()).unwrap_err(), CourierError::Malformed);
}

#[test]
fn both_see_one_safety_number_and_it_is_of_the_two() {
    let dids: alloc::vec::Vec<_> = (0..3).map(|_| Person::new().log.state().did()).collect();
    let number = Safety::of(&dids[0], &dids[1]);
    assert_eq!(number, Safety::of(&dids[1], &dids[0]));
    assert_ne!(number, Safety::of(&dids[0], &dids[2]));
    let shown = number.to_string();
    assert_eq!(shown.len(), 60 + 11);
    assert!(shown.bytes().all(|byte| byte.is_ascii_digit() || byte == b' '));
}
