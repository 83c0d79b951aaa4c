//! A simulated network of nodes.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_wire::Instant;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::simulated::{self, Link, Oracle};
use commonware_runtime::{Clock, Runner as _, Spawner as _, Supervisor as _, deterministic};

use super::super::node::{self, Network, Plan};
use super::super::service::Handle;
use super::super::{Tuning, convert, links};
use super::ledger::{Committees, Ledger};
use crate::chain::ordering::{Committee, Ended, Member, Ordering as _, Parameters};

pub(super) type Context = deterministic::Context;

/// Link from node to node: 10 ms, give or take 3.
pub(super) const LINK: Link = Link {
    latency: Duration::from_millis(10),
    jitter: Duration::from_millis(3),
    success_rate: commonware_utils::probability!(1, 1),
};

/// The key of node `index`.
pub(super) fn key(index: usize) -> SigningKey {
    SigningKey::from_seed(&Secret::from([index as u8 + 1; 32]))
}

/// Node `index` as a member.
pub(super) fn member(index: usize) -> Member {
    let address = SocketAddr::from(([127, 0, 0, 1], 4_000 + index as u16)).into();
    Member { key: key(index).verifying_key(), address }
}

/// A committee of these nodes.
pub(super) fn committee(members: &[usize], observers: &[usize]) -> Committee {
    let nodes = |indexes: &[usize]| indexes.iter().map(|index| member(*index)).collect();
    Committee { members: nodes(members), observers: nodes(observers) }
}

/// The first `size` nodes, always.
pub(super) fn fixed(size: usize) -> Committees {
    let members: Vec<usize> = (0..size).collect();
    Arc::new(move |_| Some(committee(&members, &[])))
}

pub(super) fn parameters(epoch_heights: u64) -> Parameters {
    Parameters {
        network: [7; 32],
        genesis: Instant(0),
        epoch_heights: NonZeroU64::new(epoch_heights).unwrap(),
    }
}

/// A node of the network, running or not.
pub(super) struct Node {
    pub(super) ledger: Arc<Ledger>,
    pub(super) handle: Option<Handle>,
    task: Option<commonware_runtime::Handle<Ended>>,
}

impl Node {
    pub(super) fn handle(&self) -> &Handle {
        self.handle.as_ref().expect("a node that runs")
    }
}

/// Everything there is.
pub(super) struct World {
    pub(super) context: Context,
    pub(super) oracle: Oracle<PublicKey, Context>,
    pub(super) parameters: Parameters,
    pub(super) tuning: Tuning,
    pub(super) section: NonZeroU64,
    pub(super) nodes: Vec<Node>,
    starts: u64,
}

impl World {
    /// Nodes with links to each other, none of them running yet.
    pub(super) async fn new(context: Context, ledgers: Vec<Arc<Ledger>>, epoch_heights: u64) -> Self {
        let config = simulated::Config {
            max_size: links::message_size_max(),
            max_peers_per_set: links::PEERS_MAX,
            disconnect_on_block: true,
            tracked_peer_sets: links::PEER_SETS,
        };
        let (network, oracle) = simulated::Network::new(context.child("network"), config);
        network.start();
        let nodes: Vec<Node> =
            ledgers.into_iter().map(|ledger| Node { ledger, handle: None, task: None }).collect();
        let world = Self {
            context,
            oracle,
            parameters: parameters(epoch_heights),
            tuning: Tuning { idle_ms: 200, patience_ms: 800, ..Tuning::default() },
            section: NonZeroU64::new(64).unwrap(),
            nodes,
            starts: 0,
        };
        let all: Vec<usize> = (0..world.nodes.len()).collect();
        world.join(&all, &all, LINK).await;
        world
    }

    pub(super) fn public(index: usize) -> PublicKey {
        convert::public_key(&key(index).verifying_key()).unwrap()
    }

    /// Links every one of `from` with every one of `to`, both ways.
    pub(super) async fn join(&self, from: &[usize], to: &[usize], link: Link) {
        for (a, b) in pairs(from, to) {
            let _ = self.oracle.remove_link(Self::public(a), Self::public(b)).await;
            self.oracle.add_link(Self::public(a), Self::public(b), link.clone()).await.unwrap();
        }
    }

    /// Cuts all links between `from` and `to`.
    pub(super) async fn part(&self, from: &[usize], to: &[usize]) {
        for (a, b) in pairs(from, to) {
            let _ = self.oracle.remove_link(Self::public(a), Self::public(b)).await;
        }
    }

    /// The links of one node, as it gets them at a start.
    pub(super) async fn network(
        &self,
        index: usize,
    ) -> Network<
        simulated::Sender<PublicKey, Context>,
        simulated::Receiver<PublicKey>,
        simulated::SocketManager<PublicKey, Context>,
        simulated::Control<PublicKey, Context>,
    > {
        let control = self.oracle.control(Self::public(index));
        let channel = async |carries: links::Carries| {
            control.register(carries.0, links::quota(carries)).await.expect("a channel")
        };
        Network {
            votes: channel(links::VOTES).await,
            certificates: channel(links::CERTIFICATES).await,
            questions: channel(links::QUESTIONS).await,
            backfill: channel(links::BACKFILL).await,
            blocks: channel(links::BLOCKS).await,
            operations: channel(links::OPERATIONS).await,
            manager: self.oracle.socket_manager(),
            blocker: control.clone(),
        }
    }

    pub(super) fn plan(&self, index: usize) -> Plan {
        Plan {
            parameters: self.parameters.clone(),
            key: convert::private_key(&key(index)),
            contacts: Vec::new(),
            tuning: self.tuning,
            partition: format!("node-{index}"),
            section: self.section,
        }
    }

    /// Starts a node.
    pub(super) async fn start(&mut self, index: usize) {
        self.try_start(index).await.expect("a node that starts");
    }

    /// Starts a node, if it can.
    pub(super) async fn try_start(&mut self, index: usize) -> Result<(), Ended> {
        let network = self.network(index).await;
        self.start_with(index, network).await
    }

    /// Starts a node with links of the test's own making.
    pub(super) async fn start_with<S, R, M, B>(
        &mut self,
        index: usize,
        network: Network<S, R, M, B>,
    ) -> Result<(), Ended>
    where
        S: commonware_p2p::Sender<PublicKey = PublicKey>,
        R: commonware_p2p::Receiver<PublicKey = PublicKey>,
        M: commonware_p2p::AddressableManager<PublicKey = PublicKey>,
        B: commonware_p2p::Blocker<PublicKey = PublicKey>,
    {
        self.starts += 1;
        let context =
            self.context.child("node").with_attribute("index", index).with_attribute("start", self.starts);
        let (plan, ledger) = (self.plan(index), self.nodes[index].ledger.clone());
        let (tell, told) = tokio::sync::oneshot::channel();
        let task = context.spawn(|context| async move {
            match node::launch(context, plan, network, ledger).await {
                Ok(running) => {
                    let _ = tell.send(Ok(Handle::new(&running, String::new)));
                    let shared = running.shared.clone();
                    let why = running.wait([]).await;
                    shared.end(why.clone());
                    why
                }
                Err(why) => {
                    let _ = tell.send(Err(why.clone()));
                    why
                }
            }
        });
        let handle = told.await.expect("a node that says something")?;
        let node = &mut self.nodes[index];
        (node.handle, node.task) = (Some(handle), Some(task));
        Ok(())
    }

    /// Starts the nodes named.
    pub(super) async fn start_all(&mut self, indexes: impl IntoIterator<Item = usize>) {
        for index in indexes {
            self.start(index).await;
        }
    }

    /// Takes a node down without warning; what it did not sync in time may be gone.
    pub(super) async fn kill(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.handle = None;
        if let Some(task) = node.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Waits until `done`, for at most `secs` of simulated time.
    ///
    /// # Panics
    /// When that is not enough.
    pub(super) async fn until(&self, secs: u64, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = self.context.current() + Duration::from_secs(secs);
        while !done(self) {
            if self.context.current() > end {
                let heights: Vec<u64> = self.nodes.iter().map(|node| node.ledger.height()).collect();
                let ends: Vec<_> = self
                    .nodes
                    .iter()
                    .map(|node| node.handle.as_ref().map(|handle| handle.status()))
                    .collect();
                let blocked = self.oracle.blocked().await.unwrap();
                let names: Vec<_> = (0..self.nodes.len()).map(|index| (index, Self::public(index))).collect();
                panic!(
                    "{blocked:?} {names:?} {secs} s were not enough: {what}; heights {heights:?}, {ends:#?}"
                );
            }
            self.context.sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until each of `indexes` has reached `height`.
    pub(super) async fn height(&self, secs: u64, indexes: &[usize], height: u64) {
        let what = format!("{indexes:?} reach height {height}");
        self.until(secs, &what, |world| {
            indexes.iter().all(|index| world.nodes[*index].ledger.height() >= height)
        })
        .await;
    }

    /// The greatest height of all.
    pub(super) fn top(&self) -> u64 {
        self.nodes.iter().map(|node| node.ledger.height()).max().unwrap_or(0)
    }

    pub(super) async fn sleep(&self, secs: u64) {
        self.context.sleep(Duration::from_secs(secs)).await;
    }

    /// No two nodes have different blocks at one height.
    ///
    /// # Panics
    /// When they have.
    pub(super) fn assert_agreement(&self) {
        let histories: Vec<_> = self.nodes.iter().map(|node| node.ledger.state().entries.clone()).collect();
        for height in 1..=self.top() {
            let mut at = histories.iter().filter_map(|history| history.get(&height));
            if let Some(first) = at.next() {
                assert!(at.all(|other| other == first), "height {height} differs");
            }
        }
    }
}

fn pairs(from: &[usize], to: &[usize]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for a in from {
        for b in to.iter().filter(|b| *b != a) {
            pairs.push((*a, *b));
            pairs.push((*b, *a));
        }
    }
    pairs
}

/// Runs `test` in a world of its own, from this seed.
pub(super) fn simulate<F: Future<Output = ()>>(seed: u64, test: impl FnOnce(Context) -> F) {
    deterministic::Runner::seeded(seed).start(test);
}

/// Ledgers for `count` nodes.
pub(super) fn ledgers(count: usize, committees: &Committees) -> Vec<Arc<Ledger>> {
    (0..count).map(|_| Ledger::new(committees.clone())).collect()
}

/// An operation that is told apart by a number.
pub(super) fn operation(number: u64) -> Vec<u8> {
    [&[1][..], &number.to_be_bytes()].concat()
}
