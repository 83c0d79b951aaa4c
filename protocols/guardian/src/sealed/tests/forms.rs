//! The bytes of headers, requests and replies, and the sentences for people.

use alloc::string::{String, ToString};
use alloc::vec;

use allod_wire::Wire;
use data_encoding::HEXLOWER;

use super::*;

fn refusals() -> [Refusal; 13] {
    let later = Instant(u64::MAX);
    [
        Refusal::OtherNetwork,
        Refusal::UnknownKey,
        Refusal::NoShare,
        Refusal::NotOpener,
        Refusal::UnknownIdentity,
        Refusal::NotADevice,
        Refusal::NotSigned,
        Refusal::NotFresh { now: later },
        Refusal::TooEarly { after: later, now: Instant(1) },
        Refusal::TooMany { retry_in_ms: u64::MAX },
        Refusal::NotSealedSo,
        Refusal::BadReplyKey,
        Refusal::Behind { at: later },
    ]
}

fn request() -> Request {
    let (dealt, alice) = (dealt(), Person::new(1));
    let openers = (0..OPENERS_MAX as u8 - 1).map(|seed| Did([seed; 32])).chain([alice.did()]).collect();
    let policy = Policy::new(openers, Instant(u64::MAX)).expect("a policy");
    let (header, _) = seal(&dealt, policy);
    unsealing(&header, &dealt, &alice, &mut Seeded::new(9)).request().clone()
}

#[test]
fn what_is_sent_comes_back_from_its_bytes() {
    let request = request();
    let bytes = allod_wire::encode(&request);
    assert!(bytes.len() <= Request::SIZE_MAX);
    assert_eq!(allod_wire::decode(&bytes), Ok(request));
    let (dealt, alice) = (dealt(), Person::new(1));
    let (header, _) = seal(&dealt, policy(&[&alice], 0));
    let unsealing = unsealing(&header, &dealt, &alice, &mut Seeded::new(9));
    let helped = reply(&dealt, 1, unsealing.request(), &alice);
    assert!(matches!(helped, Reply::Helped { .. }));
    for reply in refusals().map(Reply::Refused).into_iter().chain([helped]) {
        let bytes = allod_wire::encode(&reply);
        assert!(bytes.len() <= Reply::SIZE_MAX);
        assert_eq!(allod_wire::decode(&bytes), Ok(reply));
    }
}

#[test]
fn a_request_that_was_cut_is_refused() {
    let bytes = allod_wire::encode(&request());
    for end in 0..bytes.len() {
        assert!(allod_wire::decode::<Request>(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn the_forms_are_frozen() {
    let hash = |bytes: &[u8]| HEXLOWER.encode(&allod_crypto::hash::blake3(bytes));
    let until = super::until::until();
    let quorum = seal(&dealt(), policy(&[&Person::new(1), &Person::new(2)], 5));
    let content = vec![7; CHUNK + 100];
    let mut all = String::new();
    for (header, key) in [until, quorum] {
        all.push_str(&hash(&header.encode()));
        all.push_str(&hash(&sealed(&header, key, &content)));
    }
    assert_eq!(hash(all.as_bytes()), "79783be37c4b59bfac13e2f43d4b4fe522b29edc7c04e8f584a1c3bae514464f");
    let mut all = allod_wire::encode(&request());
    all.extend(request().ask.message());
    for refusal in refusals() {
        all.extend(allod_wire::encode(&Reply::Refused(refusal)));
    }
    all.extend(allod_wire::encode(&Reply::Helped { encapsulated: vec![1; 1120], sealed: vec![2; 200] }));
    assert_eq!(hash(&all), "5f64ad872af758ef8cb8eef38aabc2c94e81263ddede1008d3512a3e52901d80");
}

#[test]
fn everything_that_can_be_said_is_a_sentence_of_its_own() {
    let errors = [
        Error::NotSealed,
        Error::Header(allod_wire::Error::NotCanonical),
        Error::Changed { chunk: 3 },
        Error::Cut,
        Error::Openers,
        Error::OtherPurpose,
        Error::OtherLock,
        Error::OtherKey,
        Error::HeaderChanged,
        Error::SignatureRefused,
    ];
    let faults = [
        Fault::NotAsked,
        Fault::NotForThis,
        Fault::NotSigned,
        Fault::OtherGeneration { given: 3 },
        Fault::Lied,
    ];
    let mut sentences: Vec<String> = refusals().iter().map(ToString::to_string).collect();
    sentences.extend(errors.iter().map(ToString::to_string));
    sentences.extend(faults.iter().map(ToString::to_string));
    let count = sentences.len();
    sentences.sort();
    sentences.dedup();
    assert_eq!(sentences.len(), count);
    assert!(sentences.iter().all(|sentence| sentence.len() > 20));
}
