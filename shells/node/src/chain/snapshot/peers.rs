//! Whom to ask: the guardians of the genesis, and what they agree on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use allod_ledger::{Genesis, NETWORK_KEY_LEN, NetworkKey};
use allod_wire::{GuardianId, Wire};
use tokio::task::JoinSet;

use crate::chain::Routes;
use crate::person::Link;

/// How long all of them together may take to answer a short question.
const PATIENCE: Duration = Duration::from_secs(4);

/// Bytes of a status.
const STATUS_MAX: usize = 16 * 1024;

/// A guardian that is asked.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) guardian: GuardianId,
    pub(super) link: Arc<Link>,
}

/// The guardians of the genesis, but for this one.
pub(super) fn founders(genesis: &Genesis, me: GuardianId, routes: &Routes) -> Vec<Peer> {
    let others = genesis.founders.iter().filter(|founder| founder.guardian != me);
    others
        .filter_map(|founder| match routes.link(&founder.terms.service) {
            Ok(link) => Some(Peer { guardian: founder.guardian, link: Arc::new(link) }),
            Err(why) => {
                tracing::warn!(guardian = %founder.guardian, %why, "this guardian cannot be asked");
                None
            }
        })
        .collect()
}

/// What each of them has at `path`, in their order; nothing for those that have
/// nothing or do not answer in time.
pub(super) async fn ask(peers: &[Peer], path: &str, size_max: usize) -> Vec<(Peer, Option<Vec<u8>>)> {
    let mut asked = JoinSet::new();
    for (number, peer) in peers.iter().enumerate() {
        let (link, path) = (Arc::clone(&peer.link), path.to_owned());
        asked.spawn(async move {
            let answer = tokio::time::timeout(PATIENCE, link.get(&path, size_max)).await;
            (number, answer.ok().and_then(Result::ok).flatten())
        });
    }
    let mut answers = BTreeMap::new();
    while let Some(answered) = asked.join_next().await {
        answers.extend(answered.ok());
    }
    let answer =
        |(number, peer): (usize, &Peer)| (peer.clone(), answers.get_mut(&number).and_then(Option::take));
    peers.iter().enumerate().map(answer).collect()
}

/// The height that is final at least, if more than a third of the genesis'
/// guardians say so: one of them is honest then.
pub(super) async fn final_height(peers: &[Peer], genesis: &Genesis) -> Option<u64> {
    let network = genesis.network().to_string();
    let mut heights = Vec::new();
    for (peer, answer) in ask(peers, "/chain/status", STATUS_MAX).await {
        let Some(status) = answer else { continue };
        let status: serde_json::Value = serde_json::from_slice(&status).unwrap_or_default();
        match (status["network"].as_str(), status["final"].as_u64()) {
            (Some(theirs), Some(height)) if theirs == network => heights.push(height),
            _ => tracing::warn!(guardian = %peer.guardian, "this guardian is not of this network"),
        }
    }
    heights.sort_unstable_by(|a, b| b.cmp(a));
    let liars = genesis.founders.len().saturating_sub(1) / 3;
    heights.get(liars).copied()
}

/// The network's key, if more than two thirds of the genesis' guardians say that it
/// is this one, as people's devices ask for it; they must be of this genesis, too.
pub(super) async fn network_key(peers: &[Peer], genesis: &Genesis) -> Option<NetworkKey> {
    let expected = allod_wire::encode(genesis);
    let mut same = Vec::new();
    for (peer, answer) in ask(peers, "/chain/genesis", Genesis::SIZE_MAX).await {
        match answer {
            Some(bytes) if bytes == expected => same.push(peer),
            Some(_) => tracing::warn!(guardian = %peer.guardian, "this guardian has another genesis"),
            None => {}
        }
    }
    let mut said: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for (_, key) in ask(&same, "/chain/key", NETWORK_KEY_LEN).await {
        if let Some(key) = key {
            *said.entry(key).or_default() += 1;
        }
    }
    let needed = genesis.founders.len() * 2 / 3 + 1;
    let (key, agreeing) = said.into_iter().max_by_key(|(_, count)| *count)?;
    if agreeing < needed {
        tracing::warn!(agreeing, needed, "too few guardians agree on the network's key");
        return None;
    }
    NetworkKey::decode(&key).ok()
}
