//! The bytes of requests and replies.

use alloc::string::ToString;

use allod_threshold::Index;
use allod_threshold::answer::Answer;

use super::*;

const REFUSALS: [Refusal; 7] = [
    Refusal::UnknownKey,
    Refusal::NoShare,
    Refusal::OtherGeneration { held: u32::MAX },
    Refusal::Malformed,
    Refusal::NotPermitted,
    Refusal::TooMany { retry_in_ms: u64::MAX },
    Refusal::Unavailable,
];

#[test]
fn what_is_sent_comes_back_from_its_bytes() {
    let dealt = deal(KEY, 1, 2, &[1, 2, 3]);
    for generation in [None, Some(0), Some(u32::MAX)] {
        let request = Request { generation, key: "o".repeat(32), ..request(1) };
        let bytes = allod_wire::encode(&request);
        assert!(bytes.len() <= Request::SIZE_MAX);
        assert_eq!(allod_wire::decode(&bytes), Ok(request));
    }
    let answered = Shell::holding(&dealt, 1).reply(request(1));
    for reply in REFUSALS.map(Reply::Refused).into_iter().chain([answered]) {
        let bytes = allod_wire::encode(&reply);
        assert!(bytes.len() <= Reply::SIZE_MAX);
        assert_eq!(allod_wire::decode(&bytes), Ok(reply));
    }
}

#[test]
fn what_was_cut_is_refused() {
    let dealt = deal(KEY, 1, 2, &[1, 2, 3]);
    let reply = allod_wire::encode(&Shell::holding(&dealt, 1).reply(request(1)));
    for end in 0..reply.len() {
        assert!(allod_wire::decode::<Reply>(&reply[..end]).is_err(), "cut at {end}");
    }
    let request = allod_wire::encode(&request(1));
    for end in 0..request.len() {
        assert!(allod_wire::decode::<Request>(&request[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn the_forms_are_frozen() {
    let answer = Answer {
        network: [1; 32],
        guardian: signing_key(1).verifying_key(),
        key: KEY.into(),
        generation: 2,
        index: Index::new(3).expect("an index"),
        position: 4,
        previous: [5; 32],
        at_ms: 6,
        blinded: [7; 32].to_vec(),
        partial: [8; 96].to_vec(),
    };
    let request = Request { key: KEY.into(), blinded: [7; 32].to_vec().into(), generation: None };
    let mut all = allod_wire::encode(&request);
    all.extend(allod_wire::encode(&Request { generation: Some(300), ..request }));
    for refusal in REFUSALS {
        all.extend(allod_wire::encode(&Reply::Refused(refusal)));
    }
    all.extend(allod_wire::encode(&Reply::Answered(answer.sign(&signing_key(1)).into())));
    let hash = data_encoding::HEXLOWER.encode(&allod_crypto::hash::blake3(&all));
    assert_eq!(hash, "dbd2e7062f364d3e43e83fbb23b912cc1af8d6e86bbc3ead6000744976cf2ac2");
}

#[test]
fn every_refusal_and_fault_has_a_sentence_of_its_own() {
    let mut sentences: Vec<_> = REFUSALS.iter().map(ToString::to_string).collect();
    let answer = Shell::holding(&deal(KEY, 1, 2, &[1, 2, 3]), 1).answer(request(1));
    let faults = [
        Fault::NotAsked,
        Fault::NotSigned,
        Fault::OtherNetwork,
        Fault::OtherGeneration { given: 3 },
        Fault::OtherElement,
        Fault::NoPlace,
        Fault::Lied(Evidence::False(answer.into())),
    ];
    sentences.extend(faults.iter().map(ToString::to_string));
    assert_eq!(Fault::Refused(Refusal::NoShare).to_string(), Refusal::NoShare.to_string());
    let count = sentences.len();
    sentences.sort();
    sentences.dedup();
    assert_eq!(sentences.len(), count);
}
