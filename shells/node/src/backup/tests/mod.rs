//! Tests of backups, with peers in this process that are lost, lie, or were away.

mod caught;
mod coming_back;
mod lost;
mod relearned;
mod restless;
mod stopping;
mod taken_over;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use allod_crypto::Secret;
use allod_vault::backup::shard::ShardId;
use allod_vault::files::{FileKind, Files, Ino, Operation, Time};
use allod_vault::{Blocks, BlocksError, Geometry, Uncompressed};

use super::*;
use crate::guardian::Tls;
use crate::storage::{self, StorageConfig};

/// An image in memory; clones are the same.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

const CAPACITY: u64 = 256 << 20;

impl Blocks for Memory {
    fn capacity(&self) -> u64 {
        CAPACITY
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), BlocksError> {
        let bytes = self.0.lock().unwrap();
        into.fill(0);
        let there = bytes.get(at as usize..).unwrap_or_default();
        let size = there.len().min(into.len());
        into[..size].copy_from_slice(&there[..size]);
        Ok(())
    }

    fn reserve(&mut self, _: u64, _: u64) -> Result<(), BlocksError> {
        Ok(())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), BlocksError> {
        let mut bytes = self.0.lock().unwrap();
        let end = at as usize + from.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[at as usize..end].copy_from_slice(from);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), BlocksError> {
        Ok(())
    }

    fn discard(&mut self, _: u64, _: u64) -> Result<(), BlocksError> {
        Ok(())
    }
}

impl Memory {
    /// The image as it is now, by itself.
    fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }
}

type Vault = Files<Memory, Uncompressed>;

const NOW: Time = Time { seconds: 5, nanoseconds: 0 };

fn root() -> Secret<32> {
    Secret::from([1; 32])
}

fn secret() -> Secret<32> {
    Secret::from([2; 32])
}

fn geometry() -> Geometry {
    Geometry { segment_size: 2 << 20 }
}

fn create(memory: &Memory) -> Vault {
    Files::create(memory.clone(), Uncompressed, &root(), geometry(), (1, 1, NOW), &mut crate::entropy())
        .unwrap()
}

fn open(memory: &Memory) -> Vault {
    Files::open(memory.clone(), Uncompressed, &root()).unwrap()
}

/// An empty image of the space of a backup that was found.
fn join(memory: &Memory, found: &Found) -> Vault {
    let space = (found.roots.space(), found.ring.clone());
    Files::join(memory.clone(), Uncompressed, &root(), geometry(), space, (1, 1, NOW), &mut crate::entropy())
        .unwrap()
}

fn noise(number: u64, size: usize) -> Vec<u8> {
    let mut state = number + 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// Writes a file of so many bytes without a pattern.
fn put(vault: &mut Vault, name: &str, seed: u64, size: usize) {
    let make = Operation::Make {
        parent: Ino::ROOT,
        name: name.into(),
        kind: FileKind::File,
        permissions: 0o644,
        owner: 1,
        group: 1,
        target: Vec::new(),
        now: NOW,
    };
    let ino = vault.apply(&make).unwrap().unwrap();
    vault.apply(&Operation::Write { ino, offset: 0, bytes: noise(seed, size), now: NOW }).unwrap();
}

fn remove(vault: &mut Vault, name: &str) {
    let unlink =
        Operation::Unlink { parent: Ino::ROOT, name: name.into(), directory: false, open: false, now: NOW };
    vault.apply(&unlink).unwrap();
}

/// All files with their contents.
fn see(vault: &mut Vault) -> Vec<(Vec<u8>, Vec<u8>)> {
    let names = vault.read().names(Ino::ROOT, None, 1000).unwrap();
    let content = |(name, entry): (Vec<u8>, allod_vault::files::Entry)| {
        let size = vault.read().inode(entry.ino).unwrap().size as usize;
        (name, vault.read().read(entry.ino, 0, size).unwrap())
    };
    names.into_iter().map(content).collect()
}

/// Peers in this process.
struct Circle {
    folder: tempfile::TempDir,
    running: Vec<Option<storage::Running>>,
    addresses: Vec<String>,
}

impl Circle {
    async fn start(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut circle = Self { folder, running: Vec::new(), addresses: Vec::new() };
        for _ in 0..count {
            circle.grow(StorageConfig::default()).await;
        }
        circle
    }

    /// One more peer.
    async fn grow(&mut self, config: StorageConfig) -> String {
        let place = self.running.len();
        let anywhere = ([127, 0, 0, 1], 0).into();
        let running = storage::run(anywhere, &self.state(place), &Tls::SelfSigned, config).await.unwrap();
        self.addresses.push(running.address().to_owned());
        self.running.push(Some(running));
        self.addresses[place].clone()
    }

    fn state(&self, peer: usize) -> PathBuf {
        self.folder.path().join(peer.to_string())
    }

    async fn stop(&mut self, peer: usize) {
        if let Some(running) = self.running[peer].take() {
            running.stop().await;
        }
    }

    /// A peer that was away comes back at the same address.
    async fn come_back(&mut self, peer: usize) {
        self.come_back_with(peer, StorageConfig::default()).await;
    }

    /// The same, and serves in another way.
    async fn come_back_with(&mut self, peer: usize, config: StorageConfig) {
        let address: crate::person::Address = self.addresses[peer].parse().unwrap();
        let listen = address.authority().parse().unwrap();
        let state = self.state(peer);
        self.running[peer] = Some(storage::run(listen, &state, &Tls::SelfSigned, config).await.unwrap());
    }

    /// The files of a peer's shards.
    fn shards(&self, peer: usize) -> Vec<PathBuf> {
        let mut found = Vec::new();
        files_below(&self.state(peer).join("storage").join("accounts"), &mut found);
        found.retain(|path| path.file_name().is_some_and(|name| name != "catalogue"));
        found.sort();
        found
    }

    /// Has the backup use all of them.
    async fn join(&self, vault: &mut Vault) {
        for address in &self.addresses {
            Backup::new(&mut *vault, &secret()).add_peer(address).await.unwrap();
        }
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

fn harm(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).unwrap();
}

fn id_of(path: &Path) -> ShardId {
    ShardId::of(&fs::read(path).unwrap())
}

async fn run(vault: &mut Vault) -> Report {
    Backup::new(vault, &secret()).run(How::default(), &mut |_| ()).await.unwrap()
}

/// A vault with some files.
fn filled(memory: &Memory) -> Vault {
    let mut vault = create(memory);
    for number in 0..6 {
        put(&mut vault, &format!("file {number}"), number, 300_000 * number as usize + 100);
    }
    vault
}
