//! One peer: what it is asked, and what its answers are checked against.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use allod_crypto::CryptoRng;
use allod_guardian::client::Fault;
use allod_vault::backup::shard::{ShardId, Shown, is_shown, leaf_count};
use allod_vault::backup::{Account, Authorization, BackupKeys, CATALOGUE_MAX, HEAD, Head, Lie, PACK_MAX};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};

use crate::person::{Address, Link};
use crate::storage::{CHALLENGES_MAX, LIST_MAX, SCHEME};

/// How long an answer may take, apart from its bytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes a second below which a peer counts as gone.
const RATE_MIN: u64 = 32 << 10;

/// How often is asked again that was refused for coming too often, or broke off.
const TRIES: u32 = 4;

/// Shards that a peer may list beside twice those it should have.
const EXTRA_MAX: usize = 8 * LIST_MAX;

/// Why a peer did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It did not answer.
    #[error("{0}")]
    Away(Fault),
    /// It says no, with a name for the reason and its own words.
    #[error("refused ({words})")]
    Refused {
        /// The reason's fixed name.
        name: String,
        /// In words.
        words: String,
    },
    /// It was caught before at this, so that it is not asked to keep anything.
    #[error("gets nothing new: {0}")]
    Distrusted(Lie),
    /// It answered wrongly.
    #[error("{0}")]
    Lied(Lie),
}

impl PeerError {
    /// Whether it refused for this reason.
    pub fn is(&self, reason: &str) -> bool {
        matches!(self, Self::Refused { name, .. } if name == reason)
    }
}

/// What a peer says of the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Bytes that it has.
    pub used: u64,
    /// Bytes that it may have.
    pub quota: u64,
    /// How many shards it has.
    pub shards: u64,
    /// The generation of the catalogue; 0 for none.
    pub generation: u64,
}

/// A peer.
#[derive(Debug)]
pub struct Peer {
    /// The number that the backup knows it by; 0 where it has none yet.
    pub number: u32,
    link: Link,
    account: Account,
    away: AtomicBool,
}

impl Peer {
    /// The peer at this address.
    pub fn new(number: u32, address: Address, keys: &BackupKeys) -> Self {
        let account = keys.account(&identity(&address));
        Self { number, link: Link::new(address), account, away: AtomicBool::new(false) }
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        self.link.address()
    }

    /// The account there.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Whether it did not answer when it was last asked, so that it is not asked again.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// What the account has there.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn held(&self) -> Result<Held, PeerError> {
        let body = self.ask(Method::GET, "/storage/account", &[], 4096).await?;
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let number = |name: &str| value.get(name).and_then(serde_json::Value::as_u64).ok_or_else(garbage);
        Ok(Held {
            used: number("used")?,
            quota: number("quota")?,
            shards: number("shards")?,
            generation: number("generation")?,
        })
    }

    /// Has a shard kept. It is durable there when this returns, as far as the peer says.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn put(&self, id: &ShardId, bytes: &[u8]) -> Result<(), PeerError> {
        self.ask(Method::PUT, &path_of(id), bytes, 4096).await.map(|_| ())
    }

    /// A shard, which is the right one.
    ///
    /// # Errors
    /// [`PeerError::Lied`] for other bytes, and where it has none; [`PeerError`].
    pub async fn get(&self, id: &ShardId) -> Result<Vec<u8>, PeerError> {
        let body = match self.ask(Method::GET, &path_of(id), &[], PACK_MAX).await {
            Err(why) if why.is("not-found") => return Err(PeerError::Lied(Lie::NoShard(*id))),
            other => other?,
        };
        let wanted = *id;
        let checked = tokio::task::spawn_blocking(move || {
            let is_right = ShardId::of(&body) == wanted;
            (is_right, body)
        });
        match checked.await {
            Ok((true, body)) => Ok(body.to_vec()),
            _ => Err(PeerError::Lied(Lie::WrongShard(*id))),
        }
    }

    /// Has a shard dropped. One that is not there is dropped already.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn delete(&self, id: &ShardId) -> Result<(), PeerError> {
        match self.ask(Method::DELETE, &path_of(id), &[], 4096).await {
            Err(why) if why.is("not-found") => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Has all dropped that the account has there.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn forget(&self) -> Result<(), PeerError> {
        match self.ask(Method::DELETE, "/storage/account", &[], 4096).await {
            Err(why) if why.is("not-found") => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// All shards that the peer says it has, in the order of their ids. It should have so many,
    /// and may have some that are to be dropped.
    ///
    /// # Errors
    /// [`PeerError`], also where the list does not end.
    pub async fn list(&self, expected: usize) -> Result<Vec<ShardId>, PeerError> {
        let mut all: Vec<ShardId> = Vec::new();
        loop {
            let path = match all.last() {
                None => "/storage/shards".to_owned(),
                Some(last) => format!("/storage/shards?after={}", HEXLOWER.encode(&last.0)),
            };
            let body = self.ask(Method::GET, &path, &[], 36 * LIST_MAX).await?;
            let (page, rest) = body.as_chunks::<36>();
            if !rest.is_empty() {
                return Err(garbage());
            }
            let more = page.iter().filter_map(|entry| entry.first_chunk().copied().map(ShardId));
            let before = all.len();
            for id in more {
                if all.last().is_some_and(|last| *last >= id) {
                    return Err(garbage());
                }
                all.push(id);
            }
            if all.len() > expected.saturating_mul(2).saturating_add(EXTRA_MAX) {
                return Err(garbage());
            }
            if all.len() - before < LIST_MAX {
                return Ok(all);
            }
        }
    }

    /// Asks for a random leaf of each of these shards, whose sizes are known. With what was
    /// wrong with which.
    ///
    /// # Errors
    /// [`PeerError`], where there is no answer at all.
    pub async fn challenge(
        &self,
        shards: &[(ShardId, u64)],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Lie>, PeerError> {
        let mut lies = Vec::new();
        for some in shards.chunks(CHALLENGES_MAX) {
            let asked: Vec<(ShardId, u64)> =
                some.iter().map(|(id, size)| (*id, below(leaf_count(*size), rng))).collect();
            let body = allod_wire::encode(&asked);
            let size_max = CHALLENGES_MAX * 4096;
            let answer = self.ask(Method::POST, "/storage/challenge", &body, size_max).await?;
            let shown: Vec<Option<Shown>> = minicbor::decode(&answer).map_err(|_| garbage())?;
            let mut shown = shown.into_iter();
            for ((id, leaf), (_, size)) in asked.iter().zip(some) {
                match shown.next().flatten() {
                    None => lies.push(Lie::NoShard(*id)),
                    Some(shown) if is_shown(id, *size, *leaf, &shown) => {}
                    Some(_) => lies.push(Lie::WrongAnswer(*id)),
                }
            }
        }
        Ok(lies)
    }

    /// Has a catalogue kept, with its signed head.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn put_catalogue(&self, bytes: &[u8]) -> Result<(), PeerError> {
        self.ask(Method::PUT, "/storage/catalogue", bytes, 4096).await.map(|_| ())
    }

    /// What the peer shows as the catalogue; nothing where it has none. It is unchecked.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn catalogue(&self) -> Result<Option<Vec<u8>>, PeerError> {
        match self.ask(Method::GET, "/storage/catalogue", &[], HEAD + CATALOGUE_MAX).await {
            Err(why) if why.is("not-found") => Ok(None),
            other => other.map(|body| Some(body.to_vec())),
        }
    }

    /// The generation of the catalogue that the peer shows, which the person signed.
    ///
    /// # Errors
    /// [`PeerError::Lied`]; [`PeerError`].
    pub async fn signed_generation(&self) -> Result<u64, PeerError> {
        let bytes = self.catalogue().await?.ok_or(PeerError::Lied(Lie::NoCatalogue))?;
        let head = Head::check(&self.account.id(), &bytes).map_err(PeerError::Lied)?.0;
        Ok(head.generation)
    }

    /// Asks, and again where that may help. Everything that is asked can be asked twice.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: &[u8],
        size_max: usize,
    ) -> Result<Bytes, PeerError> {
        let mut pause = Duration::from_millis(200);
        for tries in 1.. {
            let answer = self.ask_once(method.clone(), path, body, size_max).await;
            let is_passing = match &answer {
                Err(PeerError::Away(why)) => !matches!(why, Fault::Slow),
                Err(why) => why.is("too-many"),
                Ok(_) => false,
            };
            // What cannot be reached is tried once more: the connection may have been old.
            let tries_max = if matches!(answer, Err(PeerError::Away(_))) { 2 } else { TRIES };
            if !is_passing || tries >= tries_max {
                if let Err(PeerError::Away(_)) = &answer {
                    self.away.store(true, Ordering::Relaxed);
                }
                return answer;
            }
            tokio::time::sleep(pause).await;
            pause *= 3;
        }
        Err(garbage())
    }

    async fn ask_once(
        &self,
        method: Method,
        path: &str,
        body: &[u8],
        size_max: usize,
    ) -> Result<Bytes, PeerError> {
        let signed = Authorization::sign(
            &self.account,
            method.as_str(),
            path,
            body,
            crate::now(),
            &mut crate::entropy(),
        );
        let authorization = format!("{SCHEME} {}", BASE64URL_NOPAD.encode(&signed.encode()));
        let patience = PATIENCE + Duration::from_secs(body.len().max(size_max) as u64 / RATE_MIN);
        let body = Bytes::copy_from_slice(body);
        let asking = self.link.request(method, path, &authorization, body, size_max, patience);
        let (status, body) = asking.await.map_err(PeerError::Away)?;
        if status.is_success() { Ok(body) } else { Err(refused(status, &body)) }
    }
}

/// What nobody but the peer at this address can be reached by: its certificate's pin, or the
/// name that authorities vouch for.
fn identity(address: &Address) -> String {
    address.pin.clone().unwrap_or_else(|| address.authority())
}

fn path_of(id: &ShardId) -> String {
    format!("/storage/shard/{}", HEXLOWER.encode(&id.0))
}

fn garbage() -> PeerError {
    PeerError::Away(Fault::Lied(allod_guardian::client::Lie::Garbage))
}

/// A random number below another. That the lower ones are likelier by 2^-32 matters to nobody.
fn below(count: u64, rng: &mut impl CryptoRng) -> u64 {
    let mut bytes = [0; 8];
    rng.fill_bytes(&mut bytes);
    u64::from_le_bytes(bytes) % count.max(1)
}

fn refused(status: StatusCode, body: &[u8]) -> PeerError {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    // A peer's words go to a person's terminal: printable, and not many.
    let text = |name: &str| -> Option<String> {
        let text = value.get(name)?.as_str()?;
        Some(text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(200).collect())
    };
    let words = match text("message") {
        Some(words) => words,
        None if status == StatusCode::NOT_FOUND => "it keeps no backups for others".into(),
        None => format!("status {}", status.as_u16()),
    };
    PeerError::Refused { name: text("error").unwrap_or_else(|| "unknown".into()), words }
}
