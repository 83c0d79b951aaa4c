//! Guardians that reply falsely, and those who speak in their name.

use allod_threshold::quorum::DecryptionShare;
use allod_threshold::shamir::Share;

use super::*;
use crate::answering::tests::share_out;

struct Case {
    dealt: Dealt,
    alice: Person,
    unsealing: Unsealing,
    file_key: FileKey,
}

fn case() -> Case {
    let (dealt, alice) = (dealt(), Person::new(1));
    let (header, file_key) = seal(&dealt, policy(&[&alice], 0));
    let unsealing = unsealing(&header, &dealt, &alice, &mut Seeded::new(9));
    Case { dealt, alice, unsealing, file_key }
}

impl Case {
    /// What a guardian replies with this share, signed by this key.
    fn reply(&self, share: Share<Ristretto255>, generation: u32, signer: &SigningKey) -> Reply {
        let ask = &self.unsealing.request().ask;
        let label = ask.policy.label(&ask.network, &ask.key);
        let mut rng = Seeded::new(4);
        let partial = DecryptionShare::new(share)
            .expect("a share")
            .decrypt(&public_key(&self.dealt), &label, &ask.ciphertext, &mut rng)
            .expect("a partial decryption");
        Reply::helped(&ask.message(), &ask.reply_key, signer, generation, &partial, &mut rng)
            .expect("a reply")
    }
}

#[test]
fn a_false_partial_decryption_names_its_guardian_and_does_not_count() {
    let mut case = case();
    let other = share_out(KEY, 9, &case.dealt.secret, 3, &[1, 2, 3, 4, 5]);
    let lies = [
        // A share of another dealing, and another's share.
        other.share(1).clone(),
        case.dealt.share(2).clone(),
        Share { index: case.dealt.share(1).index, ..case.dealt.share(2).clone() },
    ];
    for share in lies {
        let reply = case.reply(share, 0, &signing_key(1));
        assert_eq!(case.unsealing.accept(&guardian(1), &reply), Err(Fault::Lied));
    }
    assert_eq!(case.unsealing.missing(), 3);
    for who in [2, 3, 5] {
        let reply = reply(&case.dealt, who, case.unsealing.request(), &case.alice);
        assert_eq!(case.unsealing.accept(&guardian(who), &reply), Ok(()));
    }
    assert_eq!(case.unsealing.file_key(), Some(case.file_key));
}

#[test]
fn what_another_signed_is_not_held_against_a_guardian() {
    let mut case = case();
    let share = case.dealt.share(1).clone();
    let reply = case.reply(share, 0, &signing_key(2));
    assert_eq!(case.unsealing.accept(&guardian(1), &reply), Err(Fault::NotSigned));
}

#[test]
fn another_generation_is_no_lie() {
    let mut case = case();
    let share = case.dealt.share(1).clone();
    let reply = case.reply(share, 5, &signing_key(1));
    assert_eq!(case.unsealing.accept(&guardian(1), &reply), Err(Fault::OtherGeneration { given: 5 }));
}

#[test]
fn who_holds_no_share_is_not_listened_to() {
    let mut case = case();
    let reply = case.reply(case.dealt.share(1).clone(), 0, &signing_key(9));
    assert_eq!(case.unsealing.accept(&guardian(9), &reply), Err(Fault::NotAsked));
}

#[test]
fn a_reply_that_was_changed_on_its_way_is_not_for_this() {
    let mut case = case();
    let Reply::Helped { encapsulated, sealed } = reply(&case.dealt, 1, case.unsealing.request(), &case.alice)
    else {
        panic!()
    };
    for place in [0, 500, encapsulated.len() - 1] {
        let mut changed = encapsulated.clone();
        changed[place] ^= 1;
        let reply = Reply::Helped { encapsulated: changed, sealed: sealed.clone() };
        assert_eq!(case.unsealing.accept(&guardian(1), &reply), Err(Fault::NotForThis));
    }
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        let reply = Reply::Helped { encapsulated: encapsulated.clone(), sealed: changed };
        assert_eq!(case.unsealing.accept(&guardian(1), &reply), Err(Fault::NotForThis));
    }
    for (encapsulated, sealed) in [(Vec::new(), sealed.clone()), (encapsulated.clone(), Vec::new())] {
        let reply = Reply::Helped { encapsulated, sealed };
        assert_eq!(case.unsealing.accept(&guardian(1), &reply), Err(Fault::NotForThis));
    }
    let whole = Reply::Helped { encapsulated, sealed };
    assert_eq!(case.unsealing.accept(&guardian(1), &whole), Ok(()));
}

#[test]
fn a_refusal_is_told_as_it_is() {
    let mut case = case();
    let refused = Reply::Refused(Refusal::NoShare);
    let fault = Fault::Refused(Refusal::NoShare);
    assert_eq!(case.unsealing.accept(&guardian(1), &refused), Err(fault));
}

#[test]
fn who_is_asked_is_who_holds_the_key() {
    let case = case();
    let members: Vec<GuardianId> = case.unsealing.committee().members().copied().collect();
    assert_eq!(members.len(), 5);
    assert!([1, 2, 3, 4, 5].iter().all(|who| members.contains(&guardian(*who))));
}
