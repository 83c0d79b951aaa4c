//! The protocol itself: from an account's record and a request to an answer and a
//! change. Nothing is written or sent here.

use alloc::boxed::Box;

use allod_crypto::group::{Group, Ristretto255};
use allod_crypto::{ConstantTimeEq, CryptoRng};
use allod_threshold::juicebox::{BlindedInput, PrivateKey, PublicKey, blind_evaluate};
use allod_wire::RealmId;

use super::message::{Change, Event, Refusal};
use super::record::{Record, Registration};
use crate::account::Permit;
use crate::juicebox::{
    Proof, Recover1, Recover2, Recover2Answer, Recover2Request, Recover3, Recover3Answer, Recover3Request,
    Register2Request, Request, Response, secret,
};
use crate::token::Caller;

/// What a request leads to, before anything is written.
pub(super) struct Verdict {
    pub(super) response: Response,
    pub(super) change: Option<Change>,
    pub(super) event: Option<Event>,
}

impl Verdict {
    fn only(response: Response) -> Self {
        Self { response, change: None, event: None }
    }
}

/// What each token may do.
pub(super) fn permit(caller: &Caller, request: &Request) -> Result<(), Refusal> {
    let needed = match request {
        Request::Recover1 | Request::Recover2(_) | Request::Recover3(_) => Permit::Recover,
        Request::Register1 | Request::Register2(_) | Request::Delete => Permit::Own,
    };
    if caller.permit >= needed { Ok(()) } else { Err(Refusal::NotPermitted) }
}

/// The protocol itself: from a record and a request to an answer and a change.
pub(super) fn decide(
    realm: &RealmId,
    rng: &mut impl CryptoRng,
    caller: &Caller,
    request: Request,
    record: Option<Record>,
    room: bool,
) -> Result<Verdict, Refusal> {
    let account = caller.account;
    match request {
        Request::Register1 => Ok(Verdict::only(Response::Register1)),

        Request::Register2(parts) => {
            check_registration(realm, &parts)?;
            if record.is_none() && !room {
                return Err(Refusal::Full);
            }
            let record = Box::new(Record::Registered(Registration { parts: *parts, guess_count: 0 }));
            Ok(Verdict {
                response: Response::Register2,
                change: Some(Change::Put { account, record, fresh: true }),
                event: Some(Event::Registered),
            })
        }

        Request::Recover1 => Ok(match record {
            None => Verdict::only(Response::Recover1(Recover1::NotRegistered)),
            Some(Record::Destroyed) => Verdict::only(Response::Recover1(Recover1::NoGuesses)),
            Some(Record::Registered(registration)) if registration.guesses_left() == 0 => {
                destroyed(account, Response::Recover1(Recover1::NoGuesses))
            }
            Some(Record::Registered(registration)) => {
                Verdict::only(Response::Recover1(Recover1::Ok { version: registration.parts.version }))
            }
        }),

        Request::Recover2(guess) => recover2(rng, account, &guess, record),
        Request::Recover3(claim) => Ok(recover3(account, &claim, record)),

        Request::Delete => Ok(Verdict {
            response: Response::Delete,
            change: Some(Change::Remove { account, locator: caller.locator }),
            event: record.map(|_| Event::Deleted),
        }),
    }
}

fn recover2(
    rng: &mut impl CryptoRng,
    account: [u8; 32],
    guess: &Recover2Request,
    record: Option<Record>,
) -> Result<Verdict, Refusal> {
    let registration = match record {
        None => return Ok(Verdict::only(Response::Recover2(Recover2::NotRegistered))),
        Some(Record::Destroyed) => return Ok(Verdict::only(Response::Recover2(Recover2::NoGuesses))),
        Some(Record::Registered(registration)) => registration,
    };
    if registration.parts.version != guess.version {
        return Ok(Verdict::only(Response::Recover2(Recover2::VersionMismatch)));
    }
    if registration.guesses_left() == 0 {
        return Ok(destroyed(account, Response::Recover2(Recover2::NoGuesses)));
    }
    let blinded = BlindedInput::from_bytes(&guess.oprf_blinded_input)
        .map_err(|_| Refusal::BadRequest("oprf_blinded_input is no group element, or the identity"))?;

    let registration = Registration { guess_count: registration.guess_count + 1, ..registration };
    let parts = &registration.parts;
    // Both were checked when they were registered.
    let key = PrivateKey::from_bytes(parts.oprf_private_key.expose())
        .map_err(|_| Refusal::BadRequest("oprf_private_key"))?;
    let public_key = PublicKey::from_bytes(&parts.oprf_signed_public_key.public_key)
        .map_err(|_| Refusal::BadRequest("public_key"))?;
    let (result, proof) = blind_evaluate(&key, &public_key, &blinded, rng);
    let answer = Recover2Answer {
        oprf_signed_public_key: parts.oprf_signed_public_key,
        oprf_blinded_result: result.to_bytes(),
        oprf_proof: Proof { c: proof.c(), beta_z: proof.beta_z() },
        unlock_key_commitment: parts.unlock_key_commitment,
        num_guesses: parts.policy.num_guesses,
        guess_count: registration.guess_count,
    };
    let guesses_left = registration.guesses_left();
    Ok(Verdict {
        response: Response::Recover2(Recover2::Ok(Box::new(answer))),
        change: Some(put(account, registration)),
        event: Some(Event::GuessSpent { guesses_left }),
    })
}

fn recover3(account: [u8; 32], claim: &Recover3Request, record: Option<Record>) -> Verdict {
    let registration = match record {
        None => return Verdict::only(Response::Recover3(Recover3::NotRegistered)),
        Some(Record::Destroyed) => return Verdict::only(Response::Recover3(Recover3::NoGuesses)),
        Some(Record::Registered(registration)) => registration,
    };
    if registration.parts.version != claim.version {
        return Verdict::only(Response::Recover3(Recover3::VersionMismatch));
    }
    if !bool::from(registration.parts.unlock_key_tag.ct_eq(&claim.unlock_key_tag)) {
        let guesses_remaining = registration.guesses_left();
        let response = Response::Recover3(Recover3::BadUnlockKeyTag { guesses_remaining });
        return if guesses_remaining == 0 { destroyed(account, response) } else { Verdict::only(response) };
    }
    let parts = &registration.parts;
    let answer = Recover3Answer {
        encryption_key_scalar_share: parts.encryption_key_scalar_share.clone(),
        encrypted_secret: parts.encrypted_secret,
        encrypted_secret_commitment: parts.encrypted_secret_commitment,
    };
    Verdict {
        response: Response::Recover3(Recover3::Ok(Box::new(answer))),
        change: Some(put(account, Registration { guess_count: 0, ..registration })),
        event: Some(Event::Recovered),
    }
}

fn put(account: [u8; 32], registration: Registration) -> Change {
    Change::Put { account, record: Box::new(Record::Registered(registration)), fresh: false }
}

fn destroyed(account: [u8; 32], response: Response) -> Verdict {
    Verdict { response, change: Some(Change::Destroy { account }), event: Some(Event::Destroyed) }
}

/// Refuses a registration that could never be recovered, and would make this
/// guardian look like a liar.
fn check_registration(realm: &RealmId, parts: &Register2Request) -> Result<(), Refusal> {
    if parts.policy.num_guesses == 0 {
        return Err(Refusal::BadRequest("num_guesses is 0"));
    }
    let key = PrivateKey::from_bytes(parts.oprf_private_key.expose())
        .map_err(|_| Refusal::BadRequest("oprf_private_key is no canonical scalar, or zero"))?;
    if key.public_key().to_bytes() != parts.oprf_signed_public_key.public_key {
        return Err(Refusal::BadRequest("public_key is not that of oprf_private_key"));
    }
    secret::verify_public_key(&parts.oprf_signed_public_key, realm)
        .map_err(|_| Refusal::BadRequest("the public key is not signed for this realm"))?;
    Ristretto255::decode_scalar(parts.encryption_key_scalar_share.expose())
        .map(drop)
        .map_err(|_| Refusal::BadRequest("encryption_key_scalar_share is no canonical scalar"))
}

/// Whether the response refuses what was asked.
pub(super) fn refuses(response: &Response) -> bool {
    match response {
        Response::Recover1(answer) => !matches!(answer, Recover1::Ok { .. }),
        Response::Recover2(answer) => !matches!(answer, Recover2::Ok(_)),
        Response::Recover3(answer) => !matches!(answer, Recover3::Ok(_)),
        Response::Register1 | Response::Register2 | Response::Delete => false,
    }
}
