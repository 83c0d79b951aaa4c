//! The interface to what is kept.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET /storage` | – | JSON: what an account may have, whether anybody is served |
//! | `GET /storage/account` | – | JSON: what the account has, the generation of its catalogue |
//! | `DELETE /storage/account` | – | nothing, once all that the account has is gone |
//! | `GET /storage/shards?after={id}` | – | ids (32 bytes) and sizes (4 bytes), one after the other; at most [`LIST_MAX`] |
//! | `PUT /storage/shard/{id}` | a shard | nothing, once it is durable |
//! | `GET /storage/shard/{id}` | – | the shard |
//! | `DELETE /storage/shard/{id}` | – | nothing |
//! | `POST /storage/challenge` | CBOR: pairs of an id and a leaf's number, at most [`CHALLENGES_MAX`] | CBOR: for each the leaf with its path, or null |
//! | `PUT /storage/catalogue` | a signed head and a sealed catalogue | nothing, once it is durable |
//! | `GET /storage/catalogue` | – | the same |
//!
//! All but the first carry an `authorization` of the scheme `Allod`: an
//! [`Authorization`](allod_vault::backup::Authorization) in base64url. It is checked before
//! anything of the body is taken. Refusals are JSON: `error` (a fixed name) and `message`.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use allod_crypto::hash::blake3;
use allod_vault::backup::shard::{ShardId, show};
use allod_vault::backup::{CATALOGUE_MAX, HEAD, PACK_MAX};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use data_encoding::HEXLOWER;
use futures_util::stream;
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::callers::{Admitted, Callers};
use super::room::{Holder, Memory, Room, UNIT};
use super::{Refusal, Shelf};
use crate::guardian::Place;

/// How the authorization is called.
pub const SCHEME: &str = "Allod";

/// The most bytes of a shard.
pub const SHARD_MAX: usize = PACK_MAX;

/// The most shards that are listed at once.
pub const LIST_MAX: usize = 4096;

/// The most leaves that are asked for at once.
pub const CHALLENGES_MAX: usize = 16;

/// Bytes of a file that are read at once.
const PIECE: usize = 128 << 10;

/// What an answer takes that is given piece by piece: one that is read, and those on their way.
const PIECES: usize = 4 * PIECE;

/// In each such time, [`WINDOW_BYTES`] of a body have to come, or its rest.
const WINDOW: Duration = Duration::from_secs(10);

/// 16 KiB a second: half of what a person's side counts as gone.
const WINDOW_BYTES: usize = 160 << 10;

struct Shared {
    shelf: Arc<Shelf>,
    callers: Arc<Callers>,
    memory: Arc<Memory>,
}

/// A body that came, with the room that it takes.
struct Taken {
    bytes: Vec<u8>,
    _room: Room,
}

type Answer = Result<Response, Refusal>;

/// All routes.
pub(crate) fn router(shelf: Arc<Shelf>) -> Result<Router, String> {
    let listed = shelf.config().accounts.as_deref().map(super::accounts_from).transpose()?;
    let callers = Callers::new(listed, crate::now());
    let shared = Arc::new(Shared { shelf, callers, memory: Memory::new() });
    Ok(Router::new()
        .route("/storage", get(about))
        .route("/storage/account", get(account).delete(forget))
        .route("/storage/shards", get(list))
        .route("/storage/shard/{id}", put(put_shard).get(get_shard).delete(delete_shard))
        .route("/storage/challenge", post(challenge))
        .route("/storage/catalogue", put(put_catalogue).get(get_catalogue))
        .with_state(shared)
        .layer(middleware::from_fn(front)))
}

/// Holds callers to their address's rate.
async fn front(request: Request, next: Next) -> Response {
    match place_of(&request).map(|place| place.admit()) {
        Some(Err(_)) => refuse(&Refusal::TooMany),
        _ => next.run(request).await,
    }
}

/// Whose place among the connections a request came by.
fn place_of(request: &Request) -> Option<Arc<Place>> {
    request.extensions().get().cloned()
}

impl Shared {
    /// Lets a request in.
    fn admit(&self, request: &Request) -> Result<Admitted, Refusal> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        self.callers.admit(request.headers(), request.method().as_str(), path, crate::now(), |account| {
            self.shelf.usage(account).used > 0
        })
    }

    /// Room in memory for so many bytes, on account of who asks and from where.
    async fn room(
        &self,
        admitted: &Admitted,
        place: Option<&Arc<Place>>,
        size: usize,
    ) -> Result<Room, Refusal> {
        let account = Holder::Account(admitted.authorization.account);
        let address = place.and_then(|place| place.counted()).map(Holder::Address);
        let mut room = self.memory.room(std::iter::once(account).chain(address).collect());
        room.grow(size).await?;
        Ok(room)
    }

    /// Takes the body of a request that was let in.
    async fn body(&self, admitted: &Admitted, request: Request, size_max: usize) -> Result<Taken, Refusal> {
        let size = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let size: usize = size.ok_or(Refusal::Malformed("the body's size is not said"))?;
        if size > size_max {
            return Err(Refusal::TooLarge { size_max });
        }
        let mut room = self.room(admitted, place_of(&request).as_ref(), 0).await?;
        let mut body = request.into_body();
        let mut bytes = Vec::new();
        let (mut window, mut wanted) = (Instant::now() + WINDOW, WINDOW_BYTES.min(size));
        while bytes.len() < size {
            let frame = tokio::time::timeout_at(window, body.frame()).await.map_err(|_| Refusal::Slow)?;
            let frame = frame.and_then(Result::ok).ok_or(Refusal::Malformed("the body ended early"))?;
            let Ok(more) = frame.into_data() else { continue };
            let filled = bytes.len() + more.len();
            if filled > size {
                return Err(Refusal::Malformed("the body is longer than was said"));
            }
            if filled > bytes.capacity() {
                // All that is allocated is counted.
                let capacity = (2 * filled).clamp(UNIT, size.max(UNIT));
                room.grow(capacity).await?;
                bytes.reserve_exact(capacity - bytes.len());
                // Who waited for room here is not late for it.
                window = Instant::now() + WINDOW;
            }
            bytes.extend_from_slice(&more);
            if filled >= wanted {
                (window, wanted) = (Instant::now() + WINDOW, (filled + WINDOW_BYTES).min(size));
            }
        }
        if blake3(&bytes) != admitted.authorization.body {
            return Err(Refusal::Unauthorized("the body is not the one that was signed"));
        }
        Ok(Taken { bytes, _room: room })
    }

    /// Does something with the disk, on a thread that may wait for it.
    async fn with<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Shelf) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let shelf = Arc::clone(&self.shelf);
        let done = tokio::task::spawn_blocking(move || what(&shelf)).await;
        done.unwrap_or(Err(Refusal::TooMany))
    }
}

async fn about(State(shared): State<Arc<Shared>>) -> Response {
    let config = shared.shelf.config();
    json(
        StatusCode::OK,
        &serde_json::json!({
            "storage": 1,
            "quota": config.account_bytes_max,
            "anybody": config.accounts.is_none(),
        }),
    )
}

async fn account(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let answer = shared.admit(&request).map(|admitted| {
        let usage = shared.shelf.usage(&admitted.authorization.account);
        json(
            StatusCode::OK,
            &serde_json::json!({
                "used": usage.used,
                "quota": usage.quota,
                "shards": usage.shards,
                "generation": usage.generation,
            }),
        )
    });
    answered(answer)
}

async fn forget(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let answer: Answer = async move {
        let admitted = shared.admit(&request)?;
        let account = admitted.authorization.account;
        shared.with(move |shelf| shelf.forget(&account)).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
    .await;
    answered(answer)
}

async fn list(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let answer = || {
        let admitted = shared.admit(&request)?;
        let after = match request.uri().query().map(|query| query.strip_prefix("after=")) {
            None => None,
            Some(Some(text)) => Some(shard_id(text)?),
            Some(None) => return Err(Refusal::Malformed("only `after` may be asked for")),
        };
        let found = shared.shelf.list(&admitted.authorization.account, after, LIST_MAX);
        let mut bytes = Vec::with_capacity(found.len() * 36);
        for (id, size) in found {
            bytes.extend_from_slice(&id.0);
            bytes.extend_from_slice(&size.to_le_bytes());
        }
        Ok(binary(bytes))
    };
    answered(answer())
}

async fn put_shard(State(shared): State<Arc<Shared>>, Path(id): Path<String>, request: Request) -> Response {
    let answer: Answer = async move {
        let (id, admitted) = (shard_id(&id)?, shared.admit(&request)?);
        let account = admitted.authorization.account;
        let body = shared.body(&admitted, request, SHARD_MAX).await?;
        // The room is taken until the disk has it, also where nobody waits for the answer.
        shared.with(move |shelf| shelf.put(&account, &id, &{ body }.bytes)).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
    .await;
    answered(answer)
}

async fn get_shard(State(shared): State<Arc<Shared>>, Path(id): Path<String>, request: Request) -> Response {
    let answer: Answer = async move {
        let (id, admitted) = (shard_id(&id)?, shared.admit(&request)?);
        let account = admitted.authorization.account;
        let room = shared.room(&admitted, place_of(&request).as_ref(), PIECES).await?;
        let (file, size) = shared.with(move |shelf| shelf.open_shard(&account, &id)).await?;
        Ok(pieces(file, size, (admitted, room)))
    }
    .await;
    answered(answer)
}

async fn delete_shard(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let answer: Answer = async move {
        let (id, admitted) = (shard_id(&id)?, shared.admit(&request)?);
        let account = admitted.authorization.account;
        shared.with(move |shelf| shelf.delete(&account, &id)).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
    .await;
    answered(answer)
}

async fn challenge(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let answer: Answer = async move {
        let admitted = shared.admit(&request)?;
        let place = place_of(&request);
        let small = shared.body(&admitted, request, 64 * CHALLENGES_MAX).await?;
        let wanted: Vec<(ShardId, u64)> = minicbor::decode(&small.bytes)
            .map_err(|_| Refusal::Malformed("pairs of a shard's id and a leaf's number are expected"))?;
        if wanted.len() > CHALLENGES_MAX {
            return Err(Refusal::TooLarge { size_max: 64 * CHALLENGES_MAX });
        }
        let account = admitted.authorization.account;
        // Who waits for more keeps nothing that others wait for.
        drop(small);
        let room = shared.room(&admitted, place.as_ref(), SHARD_MAX).await?;
        let shown = shared.with(move |shelf| {
            let _room = room;
            let mut all = Vec::with_capacity(wanted.len());
            for (id, leaf) in wanted {
                all.push(match shelf.get(&account, &id) {
                    Ok(bytes) => show(&bytes, leaf),
                    Err(Refusal::NotFound) => None,
                    Err(why) => return Err(why),
                });
            }
            Ok(allod_wire::encode(&all))
        });
        Ok(binary(shown.await?))
    }
    .await;
    answered(answer)
}

async fn put_catalogue(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let answer: Answer = async move {
        let admitted = shared.admit(&request)?;
        let account = admitted.authorization.account;
        let body = shared.body(&admitted, request, HEAD + CATALOGUE_MAX).await?;
        shared.with(move |shelf| shelf.put_catalogue(&account, &{ body }.bytes)).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
    .await;
    answered(answer)
}

async fn get_catalogue(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let answer: Answer = async move {
        let admitted = shared.admit(&request)?;
        let account = admitted.authorization.account;
        let room = shared.room(&admitted, place_of(&request).as_ref(), PIECES).await?;
        let (file, size) = shared.with(move |shelf| shelf.open_catalogue(&account)).await?;
        Ok(pieces(file, size, (admitted, room)))
    }
    .await;
    answered(answer)
}

fn shard_id(text: &str) -> Result<ShardId, Refusal> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(ShardId).ok_or(Refusal::Malformed("a shard's id has 64 digits"))
}

fn binary(bytes: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], Body::from(bytes)).into_response()
}

/// A file's bytes, one piece after the other as they are taken. What else the answer holds is
/// dropped with its end, or with the connection.
fn pieces<T: Send + 'static>(file: File, size: u64, held: T) -> Response {
    let stream = stream::try_unfold((file, size, held), |(mut file, rest, held)| async move {
        if rest == 0 {
            return Ok::<_, io::Error>(None);
        }
        let mut piece = vec![0; rest.min(PIECE as u64) as usize];
        let read = move || file.read_exact(&mut piece).map(|()| (file, piece));
        let (file, piece) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        let rest = rest - piece.len() as u64;
        Ok(Some((piece, (file, rest, held))))
    });
    let head = [(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_LENGTH, size.to_string())];
    (head, Body::from_stream(stream)).into_response()
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn answered(answer: Answer) -> Response {
    answer.unwrap_or_else(|why| refuse(&why))
}

fn refuse(why: &Refusal) -> Response {
    if let Refusal::File(source) = why {
        tracing::error!(%source, "what is kept for others cannot be read or written");
    }
    let (status, name) = match why {
        Refusal::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
        Refusal::NotListed => (StatusCode::FORBIDDEN, "not-listed"),
        Refusal::NotFound => (StatusCode::NOT_FOUND, "not-found"),
        Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
        Refusal::WrongShard => (StatusCode::UNPROCESSABLE_ENTITY, "wrong-shard"),
        Refusal::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
        Refusal::Quota { .. } => (StatusCode::INSUFFICIENT_STORAGE, "quota"),
        Refusal::Full => (StatusCode::INSUFFICIENT_STORAGE, "full"),
        Refusal::Stale { .. } => (StatusCode::CONFLICT, "stale"),
        Refusal::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many"),
        Refusal::Slow => (StatusCode::REQUEST_TIMEOUT, "timeout"),
        Refusal::File(_) => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    };
    json(status, &serde_json::json!({ "error": name, "message": why.to_string() }))
}
