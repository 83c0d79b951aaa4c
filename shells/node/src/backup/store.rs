//! Bringing the shards of a pack to peers, and getting a pack back from any few of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use allod_vault::backup::shard::ShardId;
use allod_vault::backup::{BackupError, BackupKeys, Code, PackRecord, Packer, ShardRecord};
use tokio::task::JoinSet;

use super::Peers;
use super::book::Directory;
use super::erasure::ReedSolomon;
use super::error::Faults;
use super::peer::{Peer, PeerError};

/// A pack that was brought to peers.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) record: PackRecord,
    pub(super) directory: Directory,
    pub(super) faults: Faults,
}

/// Seals a pack, divides it, and has each shard kept by one peer: by the one that it is meant
/// for, or, where that does not take it, by one of the spare ones.
pub(super) async fn store(
    packer: Packer,
    number: u64,
    code: Code,
    keys: BackupKeys,
    homes: Vec<Option<Arc<Peer>>>,
    spare: Vec<Arc<Peer>>,
) -> Result<Stored, BackupError> {
    let directory: Directory =
        packer.objects().iter().map(|object| (object.id, object.bytes.len() as u32)).collect();
    let (size, shards) = aside(move || {
        let pack = packer.seal(&keys, number);
        Ok((pack.len() as u32, divide(code, &pack)?))
    })
    .await?;
    let mut records: Vec<ShardRecord> =
        shards.iter().map(|(id, _)| ShardRecord { id: *id, peer: None }).collect();
    let spare = Arc::new(Mutex::new(VecDeque::from(spare)));
    let mut under_way = JoinSet::new();
    for (place, ((id, bytes), home)) in shards.into_iter().zip(homes).enumerate() {
        let spare = Arc::clone(&spare);
        under_way.spawn(async move { (place, keep(&id, &bytes, home, &spare).await) });
    }
    let mut faults = Faults::default();
    while let Some(Ok((place, (peer, more)))) = under_way.join_next().await {
        faults.append(more);
        if let Some(record) = records.get_mut(place) {
            record.peer = peer;
        }
    }
    Ok(Stored { record: PackRecord { number, size, code, shards: records }, directory, faults })
}

/// Has a shard kept by somebody. With who it is.
async fn keep(
    id: &ShardId,
    bytes: &[u8],
    home: Option<Arc<Peer>>,
    spare: &Mutex<VecDeque<Arc<Peer>>>,
) -> (Option<u32>, Faults) {
    let next = || spare.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (mut faults, mut home) = (Faults::default(), home.or_else(next));
    while let Some(peer) = home {
        if !peer.is_away() {
            match peer.put(id, bytes).await {
                Ok(()) => return (Some(peer.number), faults),
                Err(why) => faults.add(peer.address(), why),
            }
        }
        home = next();
    }
    (None, faults)
}

/// The shards of a pack with their ids.
pub(super) fn divide(code: Code, pack: &[u8]) -> Result<Vec<(ShardId, Vec<u8>)>, BackupError> {
    Ok(code.encode(pack, &ReedSolomon)?.into_iter().map(|shard| (ShardId::of(&shard), shard)).collect())
}

/// A pack that did not come back.
#[derive(Debug)]
pub(super) struct Missing {
    /// Good shards that were found.
    pub(super) found: usize,
    pub(super) faults: Faults,
}

/// Gets a sealed pack back, from the first few peers that have a good shard of it.
pub(super) async fn fetch(record: PackRecord, peers: Peers) -> Result<(Vec<u8>, Faults), Missing> {
    let needed = usize::from(record.code.needed());
    let holders = (0_u8..).zip(&record.shards).filter_map(|(number, shard)| {
        let peer = peers.get(&shard.peer?)?;
        Some((number, shard.id, Arc::clone(peer)))
    });
    // Those that were away before come last.
    let (away, here): (Vec<_>, Vec<_>) = holders.partition(|(_, _, peer)| peer.is_away());
    let mut rest = here.into_iter().chain(away);
    let (mut found, mut faults, mut under_way) = (Vec::new(), Faults::default(), JoinSet::new());
    loop {
        while found.len() + under_way.len() < needed {
            let Some((number, id, peer)) = rest.next() else { break };
            under_way.spawn(async move { (number, peer.get(&id).await, peer) });
        }
        match under_way.join_next().await {
            Some(Ok((number, Ok(shard), _))) => found.push((number, shard)),
            Some(Ok((_, Err(why), peer))) => faults.add(peer.address(), why),
            Some(Err(_)) => {}
            None => break,
        }
    }
    let count = found.len();
    let (code, size) = (record.code, record.size as usize);
    let decoded = aside(move || {
        let shards: Vec<(u8, &[u8])> =
            found.iter().map(|(number, shard)| (*number, shard.as_slice())).collect();
        code.decode(size, &shards, &ReedSolomon)
    });
    match decoded.await {
        Ok(pack) => Ok((pack, faults)),
        Err(_) => Err(Missing { found: count, faults }),
    }
}

/// Has one peer keep a shard.
pub(super) async fn give(peer: &Peer, id: &ShardId, bytes: &[u8]) -> Result<(), PeerError> {
    peer.put(id, bytes).await
}

/// Computes on a thread that may take long.
pub(super) async fn aside<T: Send + 'static>(
    what: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(what).await.unwrap_or(Err(BackupError::Shards))
}
