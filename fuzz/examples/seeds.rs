//! Writes real messages into `corpus/`, for the fuzzers to begin from.

use std::error::Error;
use std::fs;
use std::path::Path;

use allod_crypto::group::{BabyJubJub, Bls12381G2, Ristretto255};
use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes, aead, hash};
use allod_did::{PublicKey, Root};
use allod_fuzz::{
    FIXTURE_KEY, FIXTURE_LABEL, fixture_answer, fixture_answering, fixture_card, fixture_log,
    fixture_question, fixture_quorum, fixture_realm, fixture_reply, fixture_root, fixture_sealed,
    fixture_session, fixture_signed, fixture_unsealing, stream,
};
use allod_guardian::account::AccountKeys;
use allod_guardian::answering;
use allod_guardian::card::Code;
use allod_guardian::client::{Configuration, Guardian, Kit};
use allod_guardian::descriptor::{Descriptor, Guarded, owner_key};
use allod_guardian::juicebox::secret::Stretched;
use allod_guardian::juicebox::{
    Proof, Recover1, Recover2, Recover2Answer, Recover2Request, Recover3, Recover3Answer, Recover3Request,
    Request, Response,
};
use allod_guardian::realm::{Record, Registration};
use allod_guardian::sealed::{self, Encryptor, Header};
use allod_guardian::token::mint;
use allod_threshold::dealing::{Dealing, Opened, lie};
use allod_threshold::oprf::{self, KeyPair};
use allod_threshold::{Index, Point, bls, feldman, juicebox, quorum, shamir, timelock};
use allod_wire::{AccountId, Instant, Locator, RealmId, RegistrationVersion, SessionId};
use data_encoding::BASE64URL_NOPAD;

type Group = Ristretto255;

fn put(name: &str, number: usize, bytes: impl AsRef<[u8]>) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(format!("seed-{number}")), bytes)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    wire()?;
    did()?;
    threshold()?;
    dealing()?;
    messages()?;
    evaluations()?;
    sealed_files()?;
    card_and_token()
}

fn evaluations() -> Result<(), Box<dyn Error>> {
    let question = fixture_question();
    let (_, request) = question.requests().next().ok_or("nothing to ask")?;
    put("answering_request", 0, allod_wire::encode(&request))?;
    put(
        "answering_request",
        1,
        allod_wire::encode(&answering::Request { generation: None, ..request.clone() }),
    )?;
    let mut service = fixture_answering();
    let mut log = vec![1];
    for number in 0..3 {
        let reply = fixture_answer(&mut service, request.clone());
        let answering::Reply::Answered(answer) = &reply else { return Err("refused".into()) };
        let entry = answer.encode();
        log.extend(u16::try_from(entry.len())?.to_be_bytes());
        log.extend(entry);
        put("answering_reply", number, allod_wire::encode(&reply))?;
    }
    put("answering_log", 0, &log)?;
    put("answering_log", 1, [&[0][..], &log[1..]].concat())?;
    for (number, refusal) in (3..).zip([
        answering::Refusal::NoShare,
        answering::Refusal::OtherGeneration { held: 300 },
        answering::Refusal::TooMany { retry_in_ms: 1000 },
    ]) {
        put("answering_reply", number, allod_wire::encode(&answering::Reply::Refused(refusal)))?;
    }
    // A record with a secret and a share, one of each alone, and an empty one.
    for number in 0..4 {
        let mut encoder = minicbor::Encoder::new(Vec::new());
        let e = encoder.array(3)?.u8(1)?;
        match number & 1 {
            0 => e.null()?,
            _ => e.array(3)?.encode(SessionId([3; 32]))?.u32(4)?.bytes(&[7; 32])?,
        };
        match number & 2 {
            0 => e.null()?,
            _ => e.array(3)?.u32(2)?.u16(1)?.bytes(&[5; 32])?,
        };
        put("keyholder_record", number, encoder.into_writer())?;
    }
    Ok(())
}

fn sealed_files() -> Result<(), Box<dyn Error>> {
    let (header, key) = fixture_sealed();
    put("sealed_header", 0, header.encode())?;
    let secret = allod_crypto::group::SecretScalar::<Bls12381G2>::random(&mut stream());
    let network_key = bls::PublicKey::new(Point::new(secret.mul_generator())?);
    let round = bls::Message::tagged("seed", &[b"7"]);
    let (until, _) = Header::until(header.network, 7, Instant(9), &network_key, &round, &mut stream());
    put("sealed_header", 1, until.encode())?;
    for (number, len) in [0, 5].into_iter().enumerate() {
        let mut payload = Vec::new();
        let mut encryptor = Encryptor::new(&header, key.clone(), &mut stream(), &mut payload);
        encryptor.write(&vec![1; len], &mut payload);
        encryptor.finish(&mut payload);
        put("sealed_payload", number, payload)?;
    }
    let unsealing = fixture_unsealing(&mut stream());
    put("sealed_request", 0, allod_wire::encode(unsealing.request()))?;
    put("sealed_reply", 0, allod_wire::encode(&fixture_reply(unsealing.request())))?;
    let early = sealed::Refusal::TooEarly { after: Instant(9), now: Instant(8) };
    put("sealed_reply", 1, allod_wire::encode(&sealed::Reply::Refused(early)))
}

fn wire() -> Result<(), Box<dyn Error>> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder.array(6)?.encode(RealmId([1; 16]))?.encode(AccountId([2; 32]))?.encode(Locator([3; 32]))?;
    encoder.encode(RegistrationVersion([4; 16]))?.encode(Instant(1_767_225_600_000))?;
    encoder.encode(Some(vec![RealmId([5; 16])]))?;
    put("wire_ids", 0, encoder.into_writer())?;
    put("wire_id_text", 0, RealmId([0xA1; 16]).to_string())?;
    put("wire_id_text", 1, Locator([0xB2; 32]).to_string())
}

fn did() -> Result<(), Box<dyn Error>> {
    let root = fixture_root();
    let key = |n| -> PublicKey { SigningKey::from_seed(&Secret::from([n; 32])).verifying_key().into() };
    let mut log = fixture_log();
    put("did_log", 0, log.encode())?;
    log.add_device(&root, key(11), "laptop", Instant::from_secs(200))?;
    let mut other = log.clone();
    log.remove_device(&root, key(11).device_id(), Instant::from_secs(300))?;
    log.rotate_root(&root, &Root::from_bytes(Secret::from([9; 32])), Instant::from_secs(400))?;
    put("did_log", 1, log.encode())?;
    for (number, operation) in log.operations().iter().enumerate() {
        put("did_operation", number, operation.encode())?;
    }
    other.add_device(&root, key(12), "tablet", Instant::from_secs(250))?;
    put("did_fork", 0, log.fork(&other).ok_or("no fork")?.encode())?;
    put("did_key", 0, key(11).to_did_key())?;
    put("did_text", 0, log.state().did().to_string())
}

fn threshold() -> Result<(), Box<dyn Error>> {
    let rng = &mut stream();
    let secret = allod_crypto::group::SecretScalar::<Group>::random(rng);
    let polynomial = shamir::Polynomial::random(&secret, 2, rng)?;
    put("threshold_commitment", 0, feldman::Commitment::new(&polynomial)?.encode())?;
    let key = KeyPair::<Group>::random(rng);
    let (_, blinded) = oprf::blind::<Group>(oprf::Mode::Voprf, b"input", rng)?;
    let (evaluated, proof) = key.blind_evaluate(&[blinded, blinded], rng)?;
    put("threshold_point", 0, blinded.bytes())?;
    put("threshold_oprf", 0, blinded.bytes())?;
    put("threshold_proof", 0, proof.encode())?;
    let partial = oprf::Partial { index: Index::new(1)?, evaluated, proof };
    put("threshold_partial", 0, [&[2][..], &partial.encode()].concat())?;
    let private = juicebox::PrivateKey::random(rng);
    let (_, blinded) = juicebox::start(b"1234", rng);
    let (output, proof) = juicebox::blind_evaluate(&private, &private.public_key(), &blinded, rng);
    let parts =
        [blinded.to_bytes(), output.to_bytes(), private.public_key().to_bytes(), proof.c(), proof.beta_z()];
    put("threshold_juicebox", 0, parts.concat())
}

fn dealing() -> Result<(), Box<dyn Error>> {
    let rng = &mut stream();
    let session = fixture_session();
    let (terms, [first, second, ..]) = (&session.terms, session.secrets.as_slice()) else {
        return Err("three receivers".into());
    };
    let (one, two) = (Index::new(1)?, Index::new(2)?);
    put("threshold_dealing", 0, session.dealing.encode())?;
    put("threshold_dealing", 1, Dealing::<Group>::deal_fresh(terms, one, rng)?.encode())?;
    put("threshold_dealing", 2, Dealing::<Bls12381G2>::deal_fresh(terms, one, rng)?.encode())?;
    put("threshold_dealing", 3, Dealing::<BabyJubJub>::deal_fresh(terms, one, rng)?.encode())?;
    let Opened::Complaint(upheld) = session.dealing.open(terms, two, second, rng)? else {
        return Err("no complaint".into());
    };
    put("threshold_complaint", 0, upheld.encode())?;
    put("threshold_complaint", 1, lie::complaint(&session.dealing, terms, one, first, rng)?.encode())?;
    put("threshold_encryption_key", 0, first.key().bytes())?;
    put("threshold_encryption_key", 1, first.encode())?;
    let (key, message, signature) = fixture_signed();
    put("threshold_signature", 0, signature.bytes())?;
    put("threshold_signature", 1, key.bytes())?;
    put("threshold_signature", 2, [&[0, 1], signature.bytes().as_slice()].concat())?;
    let payload = SecretBytes::from(vec![5; 32]);
    put("threshold_timelock", 0, timelock::encrypt(&key, &message, &payload, rng)?.encode())?;
    let (keys, share) = fixture_quorum();
    let ciphertext = quorum::encrypt(keys.public_key(), FIXTURE_LABEL, &Secret::from([1; 32]), rng);
    put("threshold_quorum", 0, ciphertext.encode())?;
    let partial = share.decrypt(keys.public_key(), FIXTURE_LABEL, &ciphertext, rng)?;
    put("threshold_quorum", 1, partial.encode())
}

fn kit() -> Result<Kit, Box<dyn Error>> {
    let guardian = |n| Guardian { realm: RealmId([n; 16]), address: format!("https://guardian-{n}.example") };
    let configuration = Configuration::new(vec![guardian(6), guardian(7), guardian(8)], 2)?;
    let stretched =
        Stretched { access_key: Secret::from([4; 32]), encryption_key_seed: Secret::from([5; 32]) };
    let secret = SecretBytes::from(b"secret".to_vec());
    Ok(Kit::deal(&secret, &stretched, RegistrationVersion([3; 16]), 10, configuration, &mut stream())?)
}

fn messages() -> Result<(), Box<dyn Error>> {
    let kit = kit()?;
    put("kit", 0, allod_wire::encode(&kit))?;
    let Some(Request::Register2(parts)) = kit.request(1) else { return Err("no part".into()) };
    let version = parts.version;
    let requests = [
        Request::Register1,
        Request::Register2(parts.clone()),
        Request::Recover1,
        Request::Recover2(Recover2Request { version, oprf_blinded_input: [1; 32] }),
        Request::Recover3(Recover3Request { version, unlock_key_tag: parts.unlock_key_tag.clone() }),
        Request::Delete,
    ];
    for (number, request) in requests.iter().enumerate() {
        put("juicebox_request", number, &*request.encode())?;
    }
    let responses = [
        Response::Register1,
        Response::Register2,
        Response::Recover1(Recover1::Ok { version }),
        Response::Recover1(Recover1::NotRegistered),
        Response::Recover2(Recover2::Ok(Box::new(Recover2Answer {
            oprf_signed_public_key: parts.oprf_signed_public_key,
            oprf_blinded_result: [1; 32],
            oprf_proof: Proof { c: [2; 32], beta_z: [3; 32] },
            unlock_key_commitment: parts.unlock_key_commitment,
            num_guesses: 10,
            guess_count: 1,
        }))),
        Response::Recover2(Recover2::VersionMismatch),
        Response::Recover3(Recover3::Ok(Box::new(Recover3Answer {
            encryption_key_scalar_share: parts.encryption_key_scalar_share.clone(),
            encrypted_secret: parts.encrypted_secret,
            encrypted_secret_commitment: parts.encrypted_secret_commitment,
        }))),
        Response::Recover3(Recover3::BadUnlockKeyTag { guesses_remaining: 300 }),
        Response::Recover3(Recover3::NoGuesses),
        Response::Delete,
    ];
    for (number, response) in responses.iter().enumerate() {
        put("juicebox_response", number, &*response.encode())?;
    }
    let record = Record::Registered(Registration { parts: *parts, guess_count: 3 });
    put("record", 0, allod_wire::encode(&record))?;
    put("record", 1, allod_wire::encode(&Record::Destroyed))
}

fn card_and_token() -> Result<(), Box<dyn Error>> {
    let (root, card, kit) = (fixture_root(), fixture_card(), kit()?);
    let descriptor = Descriptor {
        sequence: 1,
        log: fixture_log(),
        card_generation: 0,
        owner: owner_key(&root).verifying_key(),
        in_force: Guarded::by(&kit),
        coming: None,
        backup_peers: Vec::new(),
    };
    let coming = Guarded { version: RegistrationVersion([9; 16]), ..Guarded::by(&kit) };
    let both = Descriptor { coming: Some(coming), ..descriptor.clone() };
    for (number, descriptor) in [&descriptor, &both].into_iter().enumerate() {
        let shown = descriptor.seal(&root, &card, &mut stream());
        let plain = aead::open(&card.descriptor_key(), card.locator().as_bytes(), &shown.sealed)
            .map_err(|_| "does not open")?;
        put("sealed_descriptor", number, [&shown.sequence.to_be_bytes()[..], &shown.sealed].concat())?;
        put("descriptor", number, plain.expose())?;
        let mut decoder = minicbor::Decoder::new(plain.expose());
        decoder.array()?;
        put("descriptor_signed", number, decoder.bytes()?)?;
    }

    put("card_words", 0, card.words().as_bytes())?;
    let did = fixture_log().state().did();
    let code = Code { card: card.clone(), did, addresses: vec!["https://guardian-7.example".into()] };
    put("card_code", 0, code.to_text().as_bytes())?;

    let now = Instant::from_secs(1_767_225_600);
    let recover = card.recover_key();
    let keys = AccountKeys { recover: recover.verifying_key(), owner: descriptor.owner };
    put("token", 0, mint(&keys, None, &recover, &fixture_realm(), now))?;
    put(
        "token",
        1,
        mint(&keys, Some(&card.bind(&owner_key(&root))), &owner_key(&root), &fixture_realm(), now),
    )?;
    let header = br#"{"alg":"HS256","typ":"JWT","kid":"hs:1"}"#;
    let claims = format!(
        r#"{{"iss":"hs","sub":"a","aud":"{}","nbf":1767225590,"exp":1767225900,"scope":"user"}}"#,
        fixture_realm()
    );
    put("token_signed", 0, [&header[..], b"\n", claims.as_bytes()].concat())?;
    let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims.as_bytes()));
    let signature = BASE64URL_NOPAD.encode(&hash::hmac_sha256(FIXTURE_KEY, signed.as_bytes()));
    put("token", 2, format!("{signed}.{signature}"))
}
