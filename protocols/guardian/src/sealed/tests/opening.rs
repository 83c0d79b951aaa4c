//! Opening at a quorum, when nobody lies.

use super::*;
use crate::answering::tests::share_out;

#[test]
fn a_named_person_opens_with_any_threshold_of_guardians() {
    let (dealt, alice, bob) = (dealt(), Person::new(1), Person::new(2));
    let (header, file_key) = seal(&dealt, policy(&[&alice, &bob], 0));
    let file = sealed(&header, file_key.clone(), b"for both of you");
    for (person, guardians) in [(&alice, [1, 2, 3]), (&bob, [5, 1, 4])] {
        let mut unsealing = unsealing(&header, &dealt, person, &mut Seeded::new(9));
        for (number, who) in guardians.into_iter().enumerate() {
            assert_eq!((unsealing.missing(), unsealing.file_key()), (3 - number, None));
            let reply = reply(&dealt, who, unsealing.request(), person);
            assert_eq!(unsealing.accept(&guardian(who), &reply), Ok(()));
        }
        assert_eq!(unsealing.missing(), 0);
        let key = unsealing.file_key().expect("enough");
        assert_eq!(key, file_key);
        assert_eq!(opened(&header, key, &file).as_deref(), Ok(&b"for both of you"[..]));
    }
}

#[test]
fn the_same_guardian_twice_is_one() {
    let (dealt, alice) = (dealt(), Person::new(1));
    let (header, _) = seal(&dealt, policy(&[&alice], 0));
    let mut unsealing = unsealing(&header, &dealt, &alice, &mut Seeded::new(9));
    for _ in 0..4 {
        let reply = reply(&dealt, 2, unsealing.request(), &alice);
        assert_eq!(unsealing.accept(&guardian(2), &reply), Ok(()));
    }
    assert_eq!((unsealing.missing(), unsealing.file_key()), (2, None));
}

#[test]
fn a_file_opens_after_its_key_was_handed_on_to_others() {
    let (first, alice) = (dealt(), Person::new(1));
    let (header, file_key) = seal(&first, policy(&[&alice], 0));
    let later = share_out(KEY, 3, &first.secret, 2, &[7, 8, 9]);
    let mut unsealing = unsealing(&header, &later, &alice, &mut Seeded::new(9));
    for who in [9, 7] {
        let reply = reply(&later, who, unsealing.request(), &alice);
        assert_eq!(unsealing.accept(&guardian(who), &reply), Ok(()));
    }
    assert_eq!(unsealing.file_key(), Some(file_key));
}

#[test]
fn who_repeats_a_request_cannot_read_the_reply() {
    let (dealt, alice, thief) = (dealt(), Person::new(1), Person::new(2));
    let (header, _) = seal(&dealt, policy(&[&alice], 0));
    let asked = unsealing(&header, &dealt, &alice, &mut Seeded::new(9));
    // The thief has the file and saw the request. It is repeated, and answered.
    let repeated = reply(&dealt, 1, asked.request(), &alice);
    assert!(matches!(repeated, Reply::Helped { .. }));
    // Whatever the thief asks itself has another key and another hash.
    let mut own =
        Unsealing::new(&header, dealt.committee(), alice.did(), &thief.device, NOW, &mut Seeded::new(10))
            .expect("anybody can ask");
    assert_eq!(own.accept(&guardian(1), &repeated), Err(Fault::NotForThis));
    let refused = reply(&dealt, 1, own.request(), &alice);
    assert_eq!(refused, Reply::Refused(Refusal::NotADevice));
    // A key of the thief's in Alice's request is not what Alice signed.
    let mut mixed = asked.request().clone();
    mixed.ask.reply_key = own.request().ask.reply_key.clone();
    assert_eq!(reply(&dealt, 1, &mixed, &alice), Reply::Refused(Refusal::NotSigned));
}

#[test]
fn two_requests_for_one_file_have_nothing_in_common() {
    let (dealt, alice) = (dealt(), Person::new(1));
    let (header, _) = seal(&dealt, policy(&[&alice], 0));
    let one = unsealing(&header, &dealt, &alice, &mut Seeded::new(9));
    let mut other = unsealing(&header, &dealt, &alice, &mut Seeded::new(10));
    assert_ne!(one.request().ask.reply_key, other.request().ask.reply_key);
    let reply = reply(&dealt, 1, one.request(), &alice);
    assert_eq!(other.accept(&guardian(1), &reply), Err(Fault::NotForThis));
}

#[test]
fn the_wrong_guardians_are_not_asked() {
    let (dealt, alice) = (dealt(), Person::new(1));
    let (header, _) = seal(&dealt, policy(&[&alice], 0));
    let ask = |header: &Header, dealt: &Dealt| {
        let committee = dealt.committee();
        Unsealing::new(header, committee, alice.did(), &alice.device, NOW, &mut Seeded::new(1)).map(drop)
    };
    assert_eq!(ask(&header, &dealt), Ok(()));
    assert_eq!(ask(&header, &deal("seal/b", 1, 1, &[1])), Err(Error::OtherKey));
    let elsewhere = Header { network: allod_wire::NetworkId([8; 32]), ..header.clone() };
    assert_eq!(ask(&elsewhere, &dealt), Err(Error::OtherKey));
    // A key of the same name that is another one.
    assert_eq!(ask(&header, &deal(KEY, 2, 1, &[1])), Err(Error::HeaderChanged));
    // A policy that the file was not sealed under.
    let Lock::Quorum { key, ciphertext, .. } = header.lock.clone() else { panic!() };
    let lock = Lock::Quorum { key, policy: policy(&[&alice], 1), ciphertext };
    assert_eq!(ask(&Header { lock, ..header }, &dealt), Err(Error::HeaderChanged));
}

#[test]
fn an_opening_shows_no_secret() {
    let (dealt, alice) = (dealt(), Person::new(1));
    let (header, _) = seal(&dealt, policy(&[&alice], 0));
    let shown = alloc::format!("{:?}", unsealing(&header, &dealt, &alice, &mut Seeded::new(9)));
    assert!(shown.contains("secret: Secret<32>(..)"));
    let shown = alloc::format!("{:?}", super::opening(&dealt, 1));
    assert!(shown.contains("SecretScalar(..)") && shown.contains("SigningKey(public"));
}
