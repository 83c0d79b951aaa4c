//! Keys that guardians hold together: a keyholder's record, evaluations and their
//! log, sealed files and requests to open them.

use allod_crypto::group::{Group, Ristretto255, SecretScalar};
use allod_crypto::sign::SigningKey;
use allod_crypto::{CryptoRng, Secret};
use allod_guardian::account::Permit;
use allod_guardian::answering::{
    self, Answering, Asked, Audit, Committee, HeldPart, Input, Member, Output, Question, Tip,
};
use allod_guardian::keyholder::{Keyholder, Record};
use allod_guardian::sealed::{
    self, Decryptor, FileKey, HEADER_MAX, Header, Opening, PROLOGUE, Policy, Unsealing,
};
use allod_guardian::token::Caller;
use allod_threshold::{GroupName, Point, in_group};
use allod_wire::{GuardianId, Instant, NetworkId};

use crate::guardian::{fixture_log, stream};

type G = Ristretto255;

/// The network of the fixtures.
pub const FIXTURE_NETWORK: NetworkId = NetworkId([5; 32]);

/// The time of the fixtures' requests.
pub const FIXTURE_NOW: Instant = Instant(1_767_225_600_000);

/// The signing key of the one guardian.
pub fn fixture_guardian() -> SigningKey {
    SigningKey::from_seed(&Secret::from([6; 32]))
}

/// The one guardian's share of every key, which is the key.
fn share() -> SecretScalar<G> {
    SecretScalar::new(<G as Group>::Scalar::from(7u64))
}

fn public_key() -> Vec<u8> {
    G::encode(&share().mul_generator()).to_vec()
}

/// The one guardian's part in the key of this name.
pub fn fixture_keyholder(name: &str) -> Keyholder {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    let written =
        encoder.array(3).and_then(|e| e.u8(1)?.null()?.array(3)?.u32(0)?.u16(1)?.bytes(&*share().encode()));
    assert!(written.is_ok());
    match allod_wire::decode::<Record>(&encoder.into_writer()) {
        Ok(record) => Keyholder::new(name, GroupName::Ristretto255, record),
        Err(error) => panic!("the fixture is a record: {error}"),
    }
}

/// Who holds the key of this name.
pub fn fixture_committee(name: &str) -> Committee {
    let guardian = GuardianId(fixture_guardian().verifying_key().0);
    let member = Member { index: 1, guardian, public_share: public_key() };
    match Committee::new(FIXTURE_NETWORK, name, 0, 1, &public_key(), [member]) {
        Ok(committee) => committee,
        Err(error) => panic!("the fixture is a committee: {error}"),
    }
}

/// The one guardian's evaluation service.
pub fn fixture_answering() -> Answering {
    let limits = answering::Limits::default();
    let mut service = Answering::new(FIXTURE_NETWORK, fixture_guardian(), limits, Tip::default());
    assert!(service.follow(&fixture_keyholder("oprf")).is_ok());
    service
}

/// Asks the service and writes what it wants written.
pub fn fixture_answer(service: &mut Answering, request: answering::Request) -> answering::Reply {
    let caller = Caller { tenant: "self".into(), account: [1; 32], permit: Permit::Own, locator: None };
    let mut inputs = vec![Input::Ask(vec![Asked { ticket: 1, caller, request }])];
    while let Some(input) = inputs.pop() {
        service.handle(FIXTURE_NOW, &mut stream(), input);
        while let Some(output) = service.poll() {
            match output {
                Output::Persist { id, entries } => {
                    assert!(entries.iter().all(|entry| entry.verify().is_ok()));
                    inputs.push(Input::Persisted(id));
                }
                Output::Send { ticket: 1, reply } => return reply,
                Output::Send { .. } | Output::Event(_) => panic!("nobody else asked, and nothing failed"),
            }
        }
    }
    panic!("no reply")
}

/// The fixtures' question.
pub fn fixture_question() -> Question {
    match Question::new(b"input", fixture_committee("oprf"), &mut stream()) {
        Ok(question) => question,
        Err(error) => panic!("the fixture can be asked: {error}"),
    }
}

/// A file sealed to the one guardian, for the fixtures' identity.
pub fn fixture_sealed() -> (Header, FileKey) {
    let policy = Policy::new(vec![fixture_log().state().did()], Instant(1));
    let key = Point::decode(&public_key());
    let (Ok(policy), Ok(key)) = (policy, key) else { panic!("the fixture is a policy") };
    match Header::quorum(FIXTURE_NETWORK, "seal", &key, policy, &mut stream()) {
        Ok(sealed) => sealed,
        Err(error) => panic!("the fixture is a key for sealing: {error}"),
    }
}

/// The opening of that file by the fixtures' device.
pub fn fixture_unsealing(rng: &mut impl CryptoRng) -> Unsealing {
    let device = SigningKey::from_seed(&Secret::from([2; 32]));
    let did = fixture_log().state().did();
    let (header, _) = fixture_sealed();
    match Unsealing::new(&header, fixture_committee("seal"), did, &device, FIXTURE_NOW, rng) {
        Ok(unsealing) => unsealing,
        Err(error) => panic!("the fixture can be asked for: {error}"),
    }
}

/// The one guardian's reply to a request to open a file.
pub fn fixture_reply(request: &sealed::Request) -> sealed::Reply {
    let mut opening = Opening::new(FIXTURE_NETWORK, fixture_guardian(), sealed::Limits::default());
    assert!(opening.follow(&fixture_keyholder("seal"), &public_key()).is_ok());
    opening.reply(FIXTURE_NOW, &mut stream(), request, Some(fixture_log().state()), FIXTURE_NOW)
}

/// What a guardian keeps of its part in a key.
pub fn keyholder_record(data: &[u8]) {
    if let Ok(record) = allod_wire::decode::<Record>(data) {
        assert_eq!(allod_wire::encode(&record), data);
        for group in GroupName::ALL {
            let keyholder = Keyholder::new("oprf", group, record.clone());
            assert_eq!(keyholder.generation(), record.share.as_ref().map(|share| share.generation));
            let _ = in_group!(group, G => keyholder.share::<G>().is_ok());
            let _ = fixture_answering().follow(&keyholder);
        }
    }
}

/// A request for an evaluation.
pub fn answering_request(data: &[u8]) {
    if let Ok(request) = allod_wire::decode::<answering::Request>(data) {
        assert_eq!(allod_wire::encode(&request), data);
        let asked = request.clone();
        if let answering::Reply::Answered(answer) = fixture_answer(&mut fixture_answering(), request) {
            assert_eq!(answer.answer.blinded, *asked.blinded);
            assert_eq!(answer.answer.is_false::<G>(&public_key()), Ok(false));
        }
    }
}

/// A reply to a request for an evaluation.
pub fn answering_reply(data: &[u8]) {
    if let Ok(reply) = allod_wire::decode::<answering::Reply>(data) {
        assert_eq!(allod_wire::encode(&reply), data);
        let mut question = fixture_question();
        let accepted = question.accept(&GuardianId(fixture_guardian().verifying_key().0), &reply);
        assert_eq!(accepted.is_ok(), question.output().is_some());
    }
}

/// A guardian's log: entries, each behind its length in two bytes. A first byte that
/// is odd hands the entries in as receipts before.
pub fn answering_log(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else { return };
    let mut entries = Vec::new();
    while let Some((len, bytes)) = rest.split_first_chunk() {
        let (entry, after) = bytes.split_at(bytes.len().min(u16::from_be_bytes(*len).into()));
        entries.push(entry);
        rest = after;
    }
    let guardian = GuardianId(fixture_guardian().verifying_key().0);
    let mut audit = Audit::new(FIXTURE_NETWORK, guardian, Tip::default());
    let held = |key: &str, generation: u32| {
        (key == "oprf" && generation == 0).then(|| HeldPart { index: 1, public_share: public_key() })
    };
    for entry in entries.iter().filter(|_| first % 2 == 1) {
        if let Ok(receipt) = allod_threshold::answer::SignedAnswer::decode(entry) {
            let _ = audit.expect(receipt, held);
        }
    }
    for entry in entries {
        audit.read(entry, held);
    }
    audit.end();
    while let Some(finding) = audit.poll() {
        let _ = finding.to_string();
    }
}

/// The beginning of a sealed file.
pub fn sealed_header(data: &[u8]) {
    let Some((prologue, rest)) = data.split_first_chunk::<PROLOGUE>() else { return };
    let Ok(len) = Header::len_after(prologue) else { return };
    assert!(len <= HEADER_MAX);
    let Some(header) = rest.get(..len) else { return };
    if let Ok(header) = Header::decode(header) {
        assert_eq!(header.encode(), data[..PROLOGUE + len]);
    }
}

/// What follows a sealed file's header, in two pieces.
pub fn sealed_payload(data: &[u8]) {
    let (header, key) = fixture_sealed();
    let mut decryptor = Decryptor::new(&header, key);
    let mut out = Vec::new();
    let (head, rest) = data.split_at(data.len() / 2);
    let opened = decryptor.write(head, &mut out).and_then(|()| decryptor.write(rest, &mut out));
    if opened.and_then(|()| decryptor.finish(&mut out)).is_ok() {
        assert!(out.len() < data.len());
    }
}

/// A request to open a file.
pub fn sealed_request(data: &[u8]) {
    if let Ok(request) = allod_wire::decode::<sealed::Request>(data) {
        assert_eq!(allod_wire::encode(&request), data);
        let _ = fixture_reply(&request);
    }
}

/// A guardian's reply to a request to open a file.
pub fn sealed_reply(data: &[u8]) {
    if let Ok(reply) = allod_wire::decode::<sealed::Reply>(data) {
        assert_eq!(allod_wire::encode(&reply), data);
        let mut unsealing = fixture_unsealing(&mut stream());
        let accepted = unsealing.accept(&GuardianId(fixture_guardian().verifying_key().0), &reply);
        assert_eq!(accepted.is_ok(), unsealing.file_key().is_some());
    }
}
