//! The chain's part of a guardian's HTTP interface.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `POST /chain/operations` | an operation | its id, 32 bytes |
//! | `GET /chain/operations/{id}` | – | JSON: `height` and `refused`; 404 while it is not settled |
//! | `GET /chain/status` | – | JSON |
//! | `GET /chain/genesis` | – | the genesis |
//! | `GET /chain/key` | – | the network's public key, 96 bytes |
//! | `GET /chain/certificate` | – | the newest certificate |
//! | `GET /chain/record/{kind}/{id}` | – | the record as of now, not proven |
//! | `GET /chain/proof/{kind}/{id}` | – | a proof of the record, as of the newest certificate |
//! | `GET /chain/part/checkpoint/{height}` | – | this guardian's part of a signature |
//! | `GET /chain/part/beacon/{round}` | – | the same, once the round is due |
//! | `GET /chain/beacon/{round}` | – | the network's signature on a round that is due |
//! | `GET /chain/snapshot` | – | the newest snapshot that can be fetched here |
//! | `GET /chain/snapshot/{height}` | – | the snapshot of this height |
//! | `GET /chain/snapshot/{height}/{after}` | – | its values after a key, "-" before the first: a part of at most 256 KiB |
//! | `POST /chain/evaluate` | an evaluation's request | its reply: a signed answer, or why not |
//! | `GET /chain/log/{from}` | – | the log of answers from a position on, each entry behind its length in four bytes |
//! | `POST /chain/unseal` | an opening's request | its reply: a sealed part, or why not |
//! | `POST /chain/sponsor` | a DID, 32 bytes | a sponsorship |
//!
//! Ids are in hexadecimal; kinds are those of the ledger's records. Nothing here
//! needs a token but the evaluation and the sponsorship: what an operation or an
//! opening may do, its signature says.

use std::sync::{Arc, Mutex, PoisonError};

use allod_crypto::sign::SigningKey;
use allod_did::Did;
use allod_guardian::sealed::Opening;
use allod_guardian::token::Caller;
use allod_guardian::{answering, sealed};
use allod_ledger::account::{Account, Sponsorship};
use allod_ledger::beacon;
use allod_ledger::record::place_of;
use allod_ledger::shared_key::{KeyName, SharedKey, Sharing};
use allod_ledger::{Chain, OPERATION_MAX, Parameters, Proof, Values};
use allod_wire::{OperationId, Wire};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::json;

use super::ChainError;
use super::evaluation::Evaluation;
use super::gather::{Gatherer, Subject};
use super::keys::HeldKeys;
use super::log::RequestLog;
use super::ordering::{Ordering, Refusal, Role};
use super::snapshot;
use super::store::{At, Store};
use super::vouching::{Knows, Vouching};
use super::watch::{Standing, Watch};
use crate::callers::Callers;

/// Entries of the log that are given at once.
const LOG_ENTRIES: usize = 1_000;

/// What the routes work with.
pub(super) struct Shared {
    pub(super) watch: Watch,
    pub(super) key: SigningKey,
    pub(super) genesis: Vec<u8>,
    pub(super) store: Arc<Store>,
    pub(super) held: Arc<HeldKeys>,
    pub(super) gatherer: Arc<Gatherer>,
    pub(super) ordering: Arc<dyn Ordering>,
    /// Whose users this guardian answers and vouches for.
    pub(super) callers: Arc<Callers>,
    pub(super) knows: Knows,
    /// None where the log of answers was lost.
    pub(super) evaluation: Option<Evaluation>,
    pub(super) log: Arc<RequestLog>,
    pub(super) opening: Mutex<Opening>,
    pub(super) vouching: Mutex<Vouching>,
}

/// The chain's routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let serving =
        snapshot::Serving { store: Arc::clone(&shared.store), ordering: Arc::clone(&shared.ordering) };
    Router::new()
        .route("/chain/operations", post(submit).layer(DefaultBodyLimit::max(OPERATION_MAX)))
        .route("/chain/operations/{id}", get(settled))
        .route("/chain/status", get(status))
        .route("/chain/genesis", get(genesis))
        .route("/chain/key", get(key))
        .route("/chain/certificate", get(certificate))
        .route("/chain/record/{kind}/{id}", get(record))
        .route("/chain/proof/{kind}/{id}", get(proof))
        .route("/chain/part/checkpoint/{height}", get(checkpoint_part))
        .route("/chain/part/beacon/{round}", get(beacon_part))
        .route("/chain/beacon/{round}", get(beacon_word))
        .route("/chain/evaluate", post(evaluate).layer(DefaultBodyLimit::max(answering::Request::SIZE_MAX)))
        .route("/chain/log/{from}", get(log))
        .route("/chain/unseal", post(unseal).layer(DefaultBodyLimit::max(sealed::Request::SIZE_MAX)))
        .route("/chain/sponsor", post(sponsor).layer(DefaultBodyLimit::max(32)))
        .with_state(shared)
        .merge(snapshot::router(serving))
}

/// Why a call was not answered.
pub(super) enum Trouble {
    /// There is no such thing here.
    Nothing(&'static str),
    /// What was asked makes no sense, or may not be.
    Refused(StatusCode, &'static str, String),
    /// The guardian itself failed.
    Failed(ChainError),
}

pub(super) type Answer = Result<Response, Trouble>;

impl From<ChainError> for Trouble {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::NotKept { .. } => Self::Nothing("that height is not kept here"),
            error => Self::Failed(error),
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, name, message) = match self {
            Self::Nothing(what) => (StatusCode::NOT_FOUND, "not-found", what.to_owned()),
            Self::Refused(status, name, message) => (status, name, message),
            Self::Failed(why) => {
                tracing::error!(%why, "a call failed");
                let message = "this guardian's ledger cannot be read at present".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            }
        };
        let body = json!({ "error": name, "message": message }).to_string();
        (status, [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}

async fn submit(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let taken = blocking(move || {
        let taken = shared.ordering.submit(&body);
        if taken == Err(Refusal::NotAdmitted) {
            // Say why, in the ledger's words.
            let judged = allod_ledger::check(&shared.store.newest()?, &body).map_err(ChainError::from)?;
            if let Err(why) = judged {
                let status =
                    if why.may_pass() { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
                return Err(Trouble::Refused(status, "rejected", why.to_string()));
            }
        }
        match taken {
            Ok(_) | Err(Refusal::Duplicate) => Ok(allod_ledger::id_of(&body)),
            Err(Refusal::Full) => {
                let message = Refusal::Full.to_string();
                Err(Trouble::Refused(StatusCode::TOO_MANY_REQUESTS, "full", message))
            }
            Err(why) => Err(Trouble::Refused(StatusCode::BAD_REQUEST, "refused", why.to_string())),
        }
    });
    Ok(bytes(taken.await?.0.to_vec()))
}

async fn settled(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let id: OperationId = id.parse().map_err(|why| malformed(&why))?;
    let settled = blocking(move || Ok(shared.store.settled(&id)?)).await?;
    let settled = settled.ok_or(Trouble::Nothing("nothing became of this operation yet"))?;
    Ok(object(&json!({ "height": settled.height, "refused": settled.refused })))
}

async fn status(State(shared): State<Arc<Shared>>) -> Answer {
    let body = blocking(move || {
        let standing = shared.watch.standing()?;
        let ready = shared.watch.ready(&standing, crate::now());
        let Standing { network, guardian, height, at, epoch, certified, keys, ordering } = standing;
        let keys: Vec<_> = keys
            .into_iter()
            .map(|(key, generation)| json!({ "key": key, "generation": generation }))
            .collect();
        Ok(json!({
            "network": network.to_string(),
            "guardian": guardian.to_string(),
            "ready": ready.is_ok(),
            "unready": ready.err().map(|why| why.to_string()),
            "height": height,
            "at": at.0,
            "epoch": epoch,
            "final": ordering.height_final,
            "certified": certified,
            "view": ordering.view,
            "votes": ordering.role == Role::Voter,
            "voters": ordering.voters,
            "heard": ordering.voters_heard,
            "peers": ordering.peers,
            "waiting": ordering.pool_operations,
            "keys": keys,
        }))
    });
    Ok(object(&body.await?))
}

async fn genesis(State(shared): State<Arc<Shared>>) -> Response {
    bytes(shared.genesis.clone())
}

async fn key(State(shared): State<Arc<Shared>>) -> Answer {
    let found = blocking(move || Ok(public_key(&shared.store.newest()?, KeyName::network())?));
    found.await?.map(bytes).ok_or(Trouble::Nothing("the guardians have no common key yet"))
}

async fn certificate(State(shared): State<Arc<Shared>>) -> Answer {
    let found = blocking(move || Ok(shared.store.certificate(0..=u64::MAX)?)).await?;
    let found = found.ok_or(Trouble::Nothing("nothing is certified yet"))?;
    Ok(bytes(allod_wire::encode(&found)))
}

async fn record(State(shared): State<Arc<Shared>>, Path((kind, id)): Path<(String, String)>) -> Answer {
    let id = identifier(&id)?;
    let found = blocking(move || {
        let ledger = shared.store.newest()?;
        Ok(ledger.value(&place_of(&kind, &id)).map_err(ChainError::from)?)
    });
    found.await?.map(bytes).ok_or(Trouble::Nothing("the ledger has no such record"))
}

async fn proof(State(shared): State<Arc<Shared>>, Path((kind, id)): Path<(String, String)>) -> Answer {
    let id = identifier(&id)?;
    let proof = blocking(move || {
        let certificate = shared.store.certificate(0..=u64::MAX)?;
        let certificate = certificate.ok_or(Trouble::Nothing("nothing is certified yet"))?;
        let ledger = shared.store.at(certificate.checkpoint.height)?;
        let place = place_of(&kind, &id);
        let value = ledger.value(&place).map_err(ChainError::from)?;
        Ok(Proof::of(certificate, &kind, &id, value, ledger.prove(&place)?))
    });
    Ok(bytes(allod_wire::encode(&proof.await?)))
}

async fn checkpoint_part(State(shared): State<Arc<Shared>>, Path(height): Path<u64>) -> Answer {
    let part = blocking(move || {
        let checkpoint = shared.store.checkpoint(height)?;
        let checkpoint = checkpoint.ok_or(Trouble::Nothing("there is no checkpoint of this height here"))?;
        Ok(shared.held.sign(&checkpoint.message())?)
    });
    let part = part.await?.ok_or(Trouble::Nothing("this guardian holds no share of the network's key"))?;
    Ok(bytes(part.encode().to_vec()))
}

/// Refuses rounds whose time has not come: their signature opens what is sealed
/// until then.
fn due(shared: &Shared, round: u64) -> Result<Subject, Trouble> {
    let ledger = shared.store.newest()?;
    let chain: Chain = ledger.expect(&())?;
    let rules: Parameters = ledger.expect(&())?;
    if chain.at < beacon::due(chain.genesis, &rules, round) {
        let message = "the time of this round has not come".to_owned();
        return Err(Trouble::Refused(StatusCode::TOO_EARLY, "too-early", message));
    }
    Ok(Subject::Round(chain.network, round))
}

async fn beacon_part(State(shared): State<Arc<Shared>>, Path(round): Path<u64>) -> Answer {
    let part = blocking(move || {
        let subject = due(&shared, round)?;
        Ok(shared.held.sign(&subject.message())?)
    });
    let part = part.await?.ok_or(Trouble::Nothing("this guardian holds no share of the network's key"))?;
    Ok(bytes(part.encode().to_vec()))
}

async fn beacon_word(State(shared): State<Arc<Shared>>, Path(round): Path<u64>) -> Answer {
    let subject = due(&shared, round)?;
    let ledger = shared.store.newest()?;
    let signature = shared.gatherer.signature(&ledger, &shared.held, &subject).await?;
    let signature = signature.ok_or(Trouble::Nothing("too few guardians answer at present"))?;
    Ok(bytes(signature.bytes().to_vec()))
}

/// Who is calling, by their token.
fn caller(shared: &Shared, headers: &HeaderMap) -> Result<Caller, Trouble> {
    shared.callers.of(headers).map_err(|why| unauthorized(&why))
}

fn unauthorized(message: &str) -> Trouble {
    Trouble::Refused(StatusCode::UNAUTHORIZED, "unauthorized", message.to_owned())
}

async fn evaluate(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let caller = caller(&shared, &headers)?;
    if !(shared.knows)(&caller.account) {
        return Err(unauthorized("this guardian answers only those who are registered with it"));
    }
    let request: answering::Request = allod_wire::decode(&body).map_err(|why| malformed(&why))?;
    let reply = match &shared.evaluation {
        Some(evaluation) => evaluation.call(caller, request).await,
        None => answering::Reply::Refused(answering::Refusal::Unavailable),
    };
    Ok(bytes(allod_wire::encode(&reply)))
}

async fn log(State(shared): State<Arc<Shared>>, Path(from): Path<u64>) -> Answer {
    let entries = blocking(move || Ok(shared.log.read(from, LOG_ENTRIES)?)).await?;
    let mut body = Vec::new();
    for entry in entries {
        body.extend_from_slice(&u32::try_from(entry.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(&entry);
    }
    Ok(bytes(body))
}

async fn unseal(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let request: sealed::Request = allod_wire::decode(&body).map_err(|why| malformed(&why))?;
    let reply = blocking(move || {
        let ledger = shared.store.newest()?;
        let chain: Chain = ledger.expect(&())?;
        let identity: Option<Account> = ledger.find(&request.ask.did)?;
        let mut opening = shared.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let mut trouble = None;
        shared.held.each(|holder| {
            let name = KeyName::new(holder.key()).ok();
            let key = name.and_then(|name| public_key(&ledger, name).transpose());
            let followed = match key {
                Some(Ok(key)) => opening.follow(holder, &key).map_err(ChainError::from),
                Some(Err(why)) => Err(why),
                None => Ok(()),
            };
            trouble = followed.err().or(trouble.take());
        });
        if let Some(why) = trouble {
            return Err(why.into());
        }
        let state = identity.as_ref().map(|account| &account.state);
        Ok(opening.reply(crate::now(), &mut crate::entropy(), &request, state, chain.at))
    });
    Ok(bytes(allod_wire::encode(&reply.await?)))
}

/// The public counterpart of a key that the guardians have made.
fn public_key(ledger: &At, name: KeyName) -> Result<Option<Vec<u8>>, ChainError> {
    let generation = ledger.find::<SharedKey>(&name)?.and_then(|key| key.generation);
    let Some(generation) = generation else { return Ok(None) };
    Ok(Some(ledger.expect::<Sharing>(&(name, generation))?.public_key))
}

async fn sponsor(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let caller = caller(&shared, &headers)?;
    if !(shared.knows)(&caller.account) {
        return Err(unauthorized("this guardian vouches only for those who are registered with it"));
    }
    let did = Did(<[u8; 32]>::try_from(&body[..]).map_err(|_| malformed(&"a DID has 32 bytes"))?);
    let sponsorship = blocking(move || {
        let ledger = shared.store.newest()?;
        let chain: Chain = ledger.expect(&())?;
        let rules: Parameters = ledger.expect(&())?;
        let epoch = (chain.height + 1) / rules.epoch_heights;
        let mut vouching = shared.vouching.lock().unwrap_or_else(PoisonError::into_inner);
        if !vouching.may(epoch, caller.account, did) {
            let message = "this guardian has vouched for several identities of yours already; \
                           it does so again in the next epoch";
            return Err(Trouble::Refused(StatusCode::TOO_MANY_REQUESTS, "too-many", message.to_owned()));
        }
        Ok(Sponsorship::sign(&shared.key, &chain.network, &did, epoch))
    });
    Ok(bytes(allod_wire::encode(&sponsorship.await?)))
}

/// Runs what reads the disk or computes where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|why| Err(Trouble::Failed(ChainError::Store(why.to_string()))))
}

fn identifier(id: &str) -> Result<Vec<u8>, Trouble> {
    // A record without an identifier is asked for as "-".
    if id == "-" {
        return Ok(Vec::new());
    }
    HEXLOWER_PERMISSIVE.decode(id.as_bytes()).map_err(|why| malformed(&why))
}

pub(super) fn malformed(why: &dyn std::fmt::Display) -> Trouble {
    Trouble::Refused(StatusCode::BAD_REQUEST, "malformed", why.to_string())
}

pub(super) fn bytes(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], body).into_response()
}

fn object(value: &serde_json::Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
