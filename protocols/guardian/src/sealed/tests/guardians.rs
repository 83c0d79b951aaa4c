//! Every reason for which a guardian does not help.

use allod_crypto::group::Group;
use allod_did::State;
use allod_threshold::GroupName;

use super::*;
use crate::keyholder::{Keyholder, Record};

/// A file for Alice from a time on, and her request.
struct Case {
    dealt: Dealt,
    alice: Person,
    request: Request,
}

const AFTER: u64 = 9_000_000;

fn case() -> Case {
    let (dealt, alice) = (dealt(), Person::new(1));
    let (header, _) = seal(&dealt, policy(&[&alice], AFTER));
    let request = unsealing(&header, &dealt, &alice, &mut Seeded::new(9)).request().clone();
    Case { dealt, alice, request }
}

impl Case {
    /// The request with something else in it, signed by Alice's device.
    fn with(&self, change: impl FnOnce(&mut Ask)) -> Request {
        let mut ask = self.request.ask.clone();
        change(&mut ask);
        ask.sign(&self.alice.device)
    }

    fn reply_at(&self, now: Instant, ledger: Instant, request: &Request, state: Option<&State>) -> Reply {
        opening(&self.dealt, 1).reply(now, &mut Seeded::new(2), request, state, ledger)
    }

    fn reply(&self, request: &Request) -> Reply {
        self.reply_at(NOW, NOW, request, Some(self.alice.log.state()))
    }
}

fn helped(reply: &Reply) -> bool {
    matches!(reply, Reply::Helped { .. })
}

fn refused(refusal: Refusal) -> Reply {
    Reply::Refused(refusal)
}

#[test]
fn a_good_request_is_helped() {
    let case = case();
    assert!(helped(&case.reply(&case.request)));
}

#[test]
fn another_network_is_refused() {
    let case = case();
    let request = case.with(|ask| ask.network = allod_wire::NetworkId([8; 32]));
    assert_eq!(case.reply(&request), refused(Refusal::OtherNetwork));
}

#[test]
fn a_key_that_is_not_here_is_unknown() {
    let case = case();
    let request = case.with(|ask| ask.key = "seal/b".into());
    assert_eq!(case.reply(&request), refused(Refusal::UnknownKey));
}

#[test]
fn keys_for_other_purposes_and_in_other_groups_are_passed_over() {
    let case = case();
    for (name, group) in [
        ("oprf/a", GroupName::Ristretto255),
        ("network", GroupName::Ristretto255),
        (KEY, GroupName::Bls12381G2),
        (KEY, GroupName::BabyJubJub),
    ] {
        let mut opening = Opening::new(NETWORK, signing_key(1), unlimited());
        let keyholder = Keyholder::new(name, group, Record::default());
        opening.follow(&keyholder, &case.dealt.public_key()).expect("passed over");
        let request = case.with(|ask| ask.key = name.into());
        let reply = opening.reply(NOW, &mut Seeded::new(2), &request, Some(case.alice.log.state()), NOW);
        assert_eq!(reply, refused(Refusal::UnknownKey));
    }
}

#[test]
fn a_share_that_is_not_held_any_more_is_not_used() {
    let case = case();
    let mut opening = opening(&case.dealt, 1);
    let none = Keyholder::new(KEY, GroupName::Ristretto255, Record::default());
    opening.follow(&none, &case.dealt.public_key()).expect("none");
    let mut ask =
        || opening.reply(NOW, &mut Seeded::new(2), &case.request, Some(case.alice.log.state()), NOW);
    assert_eq!(ask(), refused(Refusal::NoShare));
    opening.forget(KEY);
    let reply = opening.reply(NOW, &mut Seeded::new(2), &case.request, Some(case.alice.log.state()), NOW);
    assert_eq!(reply, refused(Refusal::UnknownKey));
}

#[test]
fn a_public_key_that_is_none_leaves_no_share_behind() {
    let case = case();
    let mut opening = Opening::new(NETWORK, signing_key(1), unlimited());
    assert!(opening.follow(&case.dealt.keyholder(1), &[0; 32]).is_err());
    let reply = opening.reply(NOW, &mut Seeded::new(2), &case.request, Some(case.alice.log.state()), NOW);
    assert_eq!(reply, refused(Refusal::NoShare));
}

#[test]
fn who_is_not_named_is_refused() {
    let (case, eve) = (case(), Person::new(2));
    let mut ask = case.request.ask.clone();
    ask.did = eve.did();
    ask.device = eve.log.state().devices()[0].id();
    let request = ask.sign(&eve.device);
    let reply = case.reply_at(NOW, NOW, &request, Some(eve.log.state()));
    assert_eq!(reply, refused(Refusal::NotOpener));
}

#[test]
fn who_names_herself_in_another_policy_is_refused() {
    let (case, eve) = (case(), Person::new(2));
    let mut ask = case.request.ask.clone();
    ask.policy = policy(&[&case.alice, &eve], AFTER);
    ask.did = eve.did();
    ask.device = eve.log.state().devices()[0].id();
    let request = ask.sign(&eve.device);
    let reply = case.reply_at(NOW, NOW, &request, Some(eve.log.state()));
    assert_eq!(reply, refused(Refusal::NotSealedSo));
    // Nor can the time be made an earlier one.
    let request = case.with(|ask| ask.policy = policy(&[&case.alice], 0));
    assert_eq!(case.reply(&request), refused(Refusal::NotSealedSo));
}

#[test]
fn a_ciphertext_that_was_changed_is_not_decrypted() {
    let case = case();
    let bytes = case.request.ask.ciphertext.encode();
    let mut decoded = 0;
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        if let Ok(changed) = allod_threshold::quorum::Ciphertext::decode(&changed) {
            decoded += 1;
            let request = case.with(|ask| ask.ciphertext = changed);
            assert_eq!(case.reply(&request), refused(Refusal::NotSealedSo), "byte {place}");
        }
    }
    assert!(decoded > 32);
}

#[test]
fn an_element_of_the_askers_own_is_not_multiplied() {
    // What an evaluation of an oblivious function would give away: the share times
    // the ciphertext's ephemeral, asked for under another label.
    let case = case();
    let other = deal(KEY, 5, 1, &[1]);
    let (header, _) = seal(&other, policy(&[&case.alice], AFTER));
    let Lock::Quorum { ciphertext, .. } = header.lock else { panic!() };
    let request = case.with(|ask| ask.ciphertext = ciphertext);
    assert_eq!(case.reply(&request), refused(Refusal::NotSealedSo));
}

#[test]
fn an_identity_that_the_ledger_does_not_know_is_refused() {
    let case = case();
    let other = Person::new(2);
    for state in [None, Some(other.log.state())] {
        assert_eq!(case.reply_at(NOW, NOW, &case.request, state), refused(Refusal::UnknownIdentity));
    }
}

#[test]
fn a_device_that_was_removed_or_never_added_is_refused() {
    let mut case = case();
    let root = Root::from_bytes(case.alice.root.expose().clone());
    let id = case.request.ask.device;
    let stranger = SigningKey::from_seed(&Secret::from([42; 32]));
    let mut ask = case.request.ask.clone();
    ask.device = allod_did::PublicKey::from(stranger.verifying_key()).device_id();
    assert_eq!(case.reply(&ask.sign(&stranger)), refused(Refusal::NotADevice));
    case.alice.log.remove_device(&root, id, Instant(2)).expect("removed");
    assert_eq!(case.reply(&case.request), refused(Refusal::NotADevice));
}

#[test]
fn a_device_added_later_may_ask() {
    let mut case = case();
    let root = Root::from_bytes(case.alice.root.expose().clone());
    let laptop = SigningKey::from_seed(&Secret::from([42; 32]));
    case.alice.log.add_device(&root, laptop.verifying_key().into(), "laptop", Instant(2)).expect("added");
    let mut ask = case.request.ask.clone();
    ask.device = allod_did::PublicKey::from(laptop.verifying_key()).device_id();
    assert!(helped(&case.reply(&ask.sign(&laptop))));
}

#[test]
fn nothing_in_a_request_is_changed_after_it_was_signed() {
    let case = case();
    let changes: [fn(&mut Ask); 3] = [
        |ask| ask.at = ask.at.plus_ms(1),
        |ask| ask.reply_key[0] ^= 1,
        |ask| {
            let other = seal(&super::dealt(), policy(&[&Person::new(1)], AFTER));
            let Lock::Quorum { .. } = other.0.lock else { panic!() };
            ask.policy = policy(&[&Person::new(1)], AFTER - 1);
        },
    ];
    for change in changes {
        let mut request = case.request.clone();
        change(&mut request.ask);
        assert_eq!(case.reply(&request), refused(Refusal::NotSigned));
    }
    let mut request = case.request.clone();
    let allod_did::Signature::Ed25519(signature) = &mut request.signature else { panic!() };
    signature.0[0] ^= 1;
    assert_eq!(case.reply(&request), refused(Refusal::NotSigned));
}

#[test]
fn a_request_is_good_for_five_minutes_before_and_after() {
    let case = case();
    let at = |now: u64| {
        let now = Instant(now);
        case.reply_at(now, now, &case.request, Some(case.alice.log.state()))
    };
    for now in [NOW.0 - FRESH_MS, NOW.0 + FRESH_MS] {
        assert!(helped(&at(now)));
    }
    for now in [NOW.0 - FRESH_MS - 1, NOW.0 + FRESH_MS + 1] {
        assert_eq!(at(now), refused(Refusal::NotFresh { now: Instant(now) }));
    }
}

#[test]
fn nothing_opens_before_the_ledgers_time_has_come() {
    let case = case();
    let at = |ledger: u64| {
        let (now, request) = (Instant(AFTER + 1), case.with(|ask| ask.at = Instant(AFTER + 1)));
        case.reply_at(now, Instant(ledger), &request, Some(case.alice.log.state()))
    };
    let early = Refusal::TooEarly { after: Instant(AFTER), now: Instant(AFTER - 1) };
    assert_eq!(at(AFTER - 1), refused(early));
    assert!(helped(&at(AFTER)));
}

#[test]
fn a_guardian_whose_ledger_is_behind_does_not_help() {
    let case = case();
    let reply = |behind: u64| {
        let ledger = Instant(NOW.0 - behind);
        case.reply_at(NOW, ledger, &case.request, Some(case.alice.log.state()))
    };
    assert!(helped(&reply(BEHIND_MS)));
    let at = Instant(NOW.0 - BEHIND_MS - 1);
    assert_eq!(reply(BEHIND_MS + 1), refused(Refusal::Behind { at }));
}

#[test]
fn an_identity_gets_its_burst_and_what_others_forge_takes_nothing_from_it() {
    let case = case();
    let rate = |burst| Rate { burst, per_second: 1 };
    let limits = Limits { overall: rate(100), identity: rate(2) };
    let mut opening = Opening::new(NETWORK, signing_key(1), limits);
    opening.follow(&case.dealt.keyholder(1), &case.dealt.public_key()).expect("a share");
    let mut ask = |now: Instant, request: &Request| {
        opening.reply(now, &mut Seeded::new(2), request, Some(case.alice.log.state()), NOW)
    };
    let mut forged = case.request.clone();
    forged.ask.at = forged.ask.at.plus_ms(1);
    for _ in 0..50 {
        assert_eq!(ask(NOW, &forged), refused(Refusal::NotSigned));
    }
    assert!(helped(&ask(NOW, &case.request)));
    assert!(helped(&ask(NOW, &case.request)));
    assert_eq!(ask(NOW, &case.request), refused(Refusal::TooMany { retry_in_ms: 1000 }));
    assert!(helped(&ask(NOW.plus_ms(1000), &case.request)));
}

#[test]
fn everybody_together_gets_no_more_than_the_guardian_allows() {
    let case = case();
    let rate = |burst| Rate { burst, per_second: 1 };
    let limits = Limits { overall: rate(1), identity: rate(5) };
    let mut opening = Opening::new(NETWORK, signing_key(1), limits);
    opening.follow(&case.dealt.keyholder(1), &case.dealt.public_key()).expect("a share");
    let mut ask =
        || opening.reply(NOW, &mut Seeded::new(2), &case.request, Some(case.alice.log.state()), NOW);
    assert!(helped(&ask()));
    assert_eq!(ask(), refused(Refusal::TooMany { retry_in_ms: 1000 }));
}

#[test]
fn a_key_for_the_reply_that_is_none_is_refused() {
    let case = case();
    let request = case.with(|ask| ask.reply_key.fill(0xFF));
    assert_eq!(case.reply(&request), refused(Refusal::BadReplyKey));
}

#[test]
fn a_reply_is_the_guardians_share_and_not_the_key() {
    // One reply alone does not unmask: that takes as many as the threshold.
    let case = case();
    let one = case.dealt.share(1).value.mul_generator();
    assert_ne!(Ristretto255::encode(&one).to_vec(), case.dealt.public_key());
}
