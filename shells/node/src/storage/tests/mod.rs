//! Tests of the running service: its limits, its refusals, and what is left after a crash.

mod crashes;
mod floods;
mod refusals;
mod serving;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use allod_crypto::Secret;
use allod_vault::backup::shard::ShardId;
use allod_vault::backup::{Account, Authorization, BackupKeys, Catalogue, Head};
use allod_wire::Instant;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};

use super::*;
use crate::guardian::Tls;
use crate::person::Link;

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A person, and the service that they ask.
struct Asker {
    account: Account,
    link: Link,
}

fn account(number: u8) -> Account {
    BackupKeys::new(&Secret::from([number; 32])).account("peer")
}

async fn start(folder: &Path, config: StorageConfig) -> Running {
    run(ANYWHERE, folder, &Tls::Off, config).await.unwrap()
}

fn asker(running: &Running, number: u8) -> Asker {
    Asker { account: account(number), link: Link::new(running.address().parse().unwrap()) }
}

fn noise(number: u8, size: usize) -> Vec<u8> {
    let mut state = u64::from(number) + 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

fn path_of(id: &ShardId) -> String {
    format!("/storage/shard/{}", HEXLOWER.encode(&id.0))
}

/// A catalogue of this generation, as it is sent.
fn catalogue(account: &Account, generation: u64, size: usize) -> Vec<u8> {
    let catalogue = Catalogue::new(generation, 5, [1; 16], vec![7; 32], noise(1, size));
    Head::sign(account, generation, 5, &catalogue.seal(account).unwrap())
}

impl Asker {
    fn signed(&self, method: &Method, path: &str, body: &[u8], now: Instant) -> Authorization {
        Authorization::sign(&self.account, method.as_str(), path, body, now, &mut crate::entropy())
    }

    /// Asks with an authorization as it is.
    async fn ask_with(
        &self,
        method: Method,
        path: &str,
        body: &[u8],
        signed: &Authorization,
    ) -> (StatusCode, Bytes) {
        let authorization = format!("{SCHEME} {}", BASE64URL_NOPAD.encode(&signed.encode()));
        let body = Bytes::copy_from_slice(body);
        let patience = Duration::from_secs(60);
        self.link.request(method, path, &authorization, body, 80 << 20, patience).await.unwrap()
    }

    async fn ask(&self, method: Method, path: &str, body: &[u8]) -> (StatusCode, Bytes) {
        let signed = self.signed(&method, path, body, crate::now());
        self.ask_with(method, path, body, &signed).await
    }

    async fn put(&self, bytes: &[u8]) -> (StatusCode, String) {
        let (status, body) = self.ask(Method::PUT, &path_of(&ShardId::of(bytes)), bytes).await;
        (status, name_of(&body))
    }

    async fn used(&self) -> u64 {
        let (status, body) = self.ask(Method::GET, "/storage/account", &[]).await;
        assert_eq!(status, StatusCode::OK);
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["used"].as_u64().unwrap()
    }
}

/// The fixed name of a refusal; nothing for an answer without one.
fn name_of(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    value["error"].as_str().unwrap_or_default().to_owned()
}
