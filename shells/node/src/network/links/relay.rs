//! The relay: it stands in front of every port of every guardian, once for the
//! outside and once for each other guardian, and delays, holds back or resets
//! what passes. It opens no message, so TLS and its pins stay as they are.
//!
//! ```text
//! 127.0.0.1:P    the outside's way to the guardian whose port is P, as always
//! 127.64.S.T:P   guardian S's way to guardian T
//! 127.64.0.T:P   guardian T itself
//! ```
//!
//! What guardian T is sent by guardian S comes from 127.64.T.S, where T reaches
//! S, so that each guardian knows each other by one address.
//!
//! While a link is cut, bytes are not lost but wait, as they would in a TCP
//! sender that tries again; a new connection is taken and leads nowhere.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use allod_crypto::CryptoRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::{NetworkError, Place};
use super::{Port, Rules, own, ports, ports_mut};
use crate::guardian::{Config, GuardianError};

/// Connections at a time through the whole relay. Past it, new ones wait in the
/// system's queue.
const CONNECTIONS_MAX: usize = 4096;

/// How much is read at once, and how many of that may be on their way in one
/// direction of a connection: 4 MiB.
const CHUNK: usize = 16 * 1024;
const CHUNKS_MAX: usize = 256;

/// A running relay. It ends when it is dropped.
pub(in super::super) struct Relay {
    /// Counts how often the connections of each guardian were cut.
    cuts: Vec<watch::Sender<u64>>,
    /// Aborted on drop.
    _accepting: JoinSet<()>,
}

/// A way from one place to a port of a guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    from: Place,
    to: usize,
    listen: SocketAddr,
    target: SocketAddr,
    /// Whom the target sees.
    source: IpAddr,
}

/// A connection's rules and the orders to cut it.
struct Passage {
    way: Way,
    rules: watch::Receiver<Rules>,
    cuts: Vec<watch::Receiver<u64>>,
}

impl Relay {
    /// Stands in front of guardians that have these configurations, in order of
    /// their numbers.
    pub(in super::super) async fn start(
        configs: &[Config],
        rules: &watch::Receiver<Rules>,
    ) -> Result<Self, NetworkError> {
        let cuts: Vec<_> = configs.iter().map(|_| watch::Sender::new(0)).collect();
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut accepting = JoinSet::new();
        for (place, config) in configs.iter().enumerate() {
            for way in ways(place + 1, config, configs.len())? {
                let listener = TcpListener::bind(way.listen)
                    .await
                    .map_err(|source| GuardianError::Listen { address: way.listen, source })?;
                let ends = [way.from, Place::Guardian(way.to)];
                let cut = |place: Place| match place {
                    Place::Guardian(number) => cuts.get(number - 1).map(watch::Sender::subscribe),
                    Place::Outside => None,
                };
                let cuts = ends.into_iter().filter_map(cut).collect();
                let passage = Passage { way, rules: rules.clone(), cuts };
                accepting.spawn(accept(listener, passage, Arc::clone(&room)));
            }
        }
        Ok(Self { cuts, _accepting: accepting })
    }

    /// Resets the connections of a guardian.
    pub(in super::super) fn cut(&self, guardian: usize) {
        if let Some(cuts) = self.cuts.get(guardian - 1) {
            cuts.send_modify(|count| *count += 1);
        }
    }
}

/// The configuration of a guardian behind the relay, of those that have these
/// configurations. What the ledger says of the others leads to them through the
/// relay, as from a guardian and not as from the outside.
pub(in super::super) fn moved(number: usize, configs: &[Config]) -> Result<Config, NetworkError> {
    let mut moved = own(number, configs)?.clone();
    for (_, address) in ports_mut(&mut moved) {
        *address = between(Place::Outside, number, *address)?;
    }
    if let Some(chain) = &mut moved.chain {
        for (place, config) in configs.iter().enumerate().filter(|(place, _)| place + 1 != number) {
            let public = ports(config).into_iter().map(|port| port.address);
            let by = seen(number, place + 1, config)?.into_iter().map(|port| port.address);
            chain.routes.extend(public.zip(by));
        }
    }
    Ok(moved)
}

/// Where guardian `from` finds the ports of guardian `to`.
pub(in super::super) fn seen(from: usize, to: usize, config: &Config) -> Result<Vec<Port>, NetworkError> {
    let seen = |port: Port| Ok(Port { address: between(Place::Guardian(from), to, port.address)?, ..port });
    ports(config).into_iter().map(seen).collect()
}

/// All ways to a guardian.
fn ways(to: usize, config: &Config, guardians: usize) -> Result<Vec<Way>, NetworkError> {
    let mut ways = Vec::new();
    for port in ports(config) {
        let target = between(Place::Outside, to, port.address)?;
        for from in Place::all(guardians).filter(|from| *from != Place::Guardian(to)) {
            let (listen, source) = match from {
                Place::Outside => (port.address, Ipv4Addr::LOCALHOST.into()),
                Place::Guardian(number) => {
                    let back = between(Place::Guardian(to), number, port.address)?;
                    (between(from, to, port.address)?, back.ip())
                }
            };
            ways.push(Way { from, to, listen, target, source });
        }
    }
    Ok(ways)
}

/// The place behind the relay that goes with a port: of the guardian itself for
/// the outside, of a way to it for a guardian.
fn between(from: Place, to: usize, public: SocketAddr) -> Result<SocketAddr, NetworkError> {
    let refused = |why: &str| NetworkError::Refused(format!("no relay can stand at {public}: {why}"));
    if public.ip() != Ipv4Addr::LOCALHOST || public.port() == 0 {
        return Err(refused("the guardian's configuration must name a port of 127.0.0.1"));
    }
    let byte = |number: usize| u8::try_from(number).map_err(|_| refused("there are too many guardians"));
    let from = match from {
        Place::Outside => 0,
        Place::Guardian(number) => byte(number)?,
    };
    Ok((Ipv4Addr::new(127, 64, from, byte(to)?), public.port()).into())
}

async fn accept(listener: TcpListener, passage: Passage, room: Arc<Semaphore>) {
    // Ended with the listener, so that nothing passes a relay that is gone.
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let Passage { way, rules, cuts } = &passage;
                let (way, rules, mut cuts) = (*way, rules.clone(), cuts.clone());
                // Only what comes from now on cuts this connection.
                cuts.iter_mut().for_each(watch::Receiver::mark_unchanged);
                connections.spawn(async move {
                    let _permit = permit;
                    pass(stream, Passage { way, rules, cuts }).await;
                });
            }
            Err(why) => {
                tracing::warn!(%why, "the relay could not accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Passes one connection on, until it ends or is cut.
async fn pass(mut near: TcpStream, passage: Passage) {
    let Passage { way, mut rules, mut cuts } = passage;
    let (from, to) = (way.from, Place::Guardian(way.to));
    let mut far = None;
    let well = tokio::select! {
        well = async {
            healed(&mut rules, from, to).await;
            let Ok(stream) = connect(way.source, way.target).await else { return false };
            let far = far.insert(stream);
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ((mut near_read, mut near_write), (mut far_read, mut far_write)) = (near.split(), far.split());
            let there = pump(&mut near_read, &mut far_write, from, to, rules.clone());
            let back = pump(&mut far_read, &mut near_write, to, from, rules.clone());
            tokio::try_join!(there, back).is_ok()
        } => well,
        () = cut(&mut cuts) => false,
    };
    if !well {
        // Both ends see a reset, and not an end in good order.
        for stream in std::iter::once(&near).chain(&far) {
            let _ = stream.set_zero_linger();
        }
    }
}

async fn connect(source: IpAddr, target: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Ports are shared between sources as long as the connections differ.
    socket.bind((source, 0).into())?;
    socket.connect(target).await
}

/// Waits until one of the ends is cut off.
async fn cut(cuts: &mut [watch::Receiver<u64>]) {
    let (first, second) = match cuts {
        [] => return std::future::pending().await,
        [only] => return changed(only).await,
        [first, second, ..] => (first, second),
    };
    tokio::select! {
        () = changed(first) => {}
        () = changed(second) => {}
    }
}

async fn changed(cut: &mut watch::Receiver<u64>) {
    if cut.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Waits until what `from` sends may arrive at `to`.
async fn healed(rules: &mut watch::Receiver<Rules>, from: Place, to: Place) {
    // Without anybody to change the rules, the relay is about to end.
    if rules.wait_for(|rules| !rules.between(from, to).cut).await.is_err() {
        std::future::pending().await
    }
}

/// Passes on what is read, in order and each chunk after its delay.
async fn pump(
    read: &mut (impl AsyncReadExt + Unpin),
    write: &mut (impl AsyncWriteExt + Unpin),
    from: Place,
    to: Place,
    mut rules: watch::Receiver<Rules>,
) -> std::io::Result<()> {
    // An empty chunk is the end.
    let (send, mut queue) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    let now = rules.clone();
    let reading = async move {
        let mut last = Instant::now();
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = read.read(&mut chunk).await?;
            let treatment = now.borrow().between(from, to);
            let delay_ms = by_chance(treatment.delay_ms, treatment.jitter_ms, &mut crate::entropy());
            let due = Instant::now() + Duration::from_millis(delay_ms);
            last = last.max(due);
            let bytes = chunk.get(..length).unwrap_or_default().to_vec();
            if send.send((last, bytes)).await.is_err() || length == 0 {
                return Ok(());
            }
        }
    };
    let writing = async {
        while let Some((due, bytes)) = queue.recv().await {
            sleep_until(due).await;
            healed(&mut rules, from, to).await;
            if bytes.is_empty() {
                break;
            }
            write.write_all(&bytes).await?;
        }
        write.shutdown().await
    };
    tokio::try_join!(reading, writing).map(|_| ())
}

/// A delay with its jitter, which is never more than the delay.
fn by_chance(delay_ms: u64, jitter_ms: u64, rng: &mut impl CryptoRng) -> u64 {
    if jitter_ms == 0 {
        return delay_ms;
    }
    let mut bytes = [0; 8];
    rng.fill_bytes(&mut bytes);
    let span = jitter_ms.saturating_mul(2).saturating_add(1);
    delay_ms.saturating_sub(jitter_ms).saturating_add(u64::from_le_bytes(bytes) % span)
}
