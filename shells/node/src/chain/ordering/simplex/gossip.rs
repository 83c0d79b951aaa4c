//! Operations on their way from pool to pool.
//!
//! Every node sends what is submitted to it to every node it has a link to, once;
//! nobody passes on what somebody else sent, since all voters have links to each
//! other. What waits for long is sent again by the node that it was submitted to.
//!
//! A message is canonical CBOR: an array of operations, of together at most
//! [`BATCH`] bytes. Whoever sends anything else is no honest node and is blocked.
//! Operations that are not admitted can be an honest mistake (they were executed
//! a moment ago), so each peer has an allowance of those; when it is used up,
//! what the peer sends is thrown away unread until the allowance has grown again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use allod_wire::Wire;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_runtime::{Clock, IoBuf, Spawner};
use minicbor::{Decode, Encode};
use tokio::sync::mpsc;

use super::super::pool::Origin;
use super::super::{OPERATION_SIZE_MAX, Operation};
use super::shared::Shared;

/// The most bytes of operations in a message, unless it is only one.
const BATCH: usize = OPERATION_SIZE_MAX;

/// The most bytes of a message.
pub(super) const MESSAGE_SIZE_MAX: usize = BATCH + 64;

/// Seconds after which an operation is sent again.
const OVERDUE: u64 = 5;

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(5);

/// How many operations that are not admitted a peer may send at once, and how
/// many more each second.
const ALLOWANCE: u32 = 256;
const ALLOWANCE_GROWTH: u32 = 16;

/// What is sent.
#[derive(Debug, Encode, Decode)]
#[cbor(transparent)]
struct Batch(#[n(0)] Vec<Operation>);

impl Wire for Batch {
    const SIZE_MAX: usize = MESSAGE_SIZE_MAX;
}

/// Sends what was submitted, and lets time pass.
pub(super) async fn send<E: Clock + Spawner>(
    clock: E,
    shared: Arc<Shared>,
    mut submitted: mpsc::Receiver<Operation>,
    mut sender: impl Sender<PublicKey = PublicKey>,
) {
    let mut tick = clock.current() + Duration::from_secs(1);
    let mut held: Option<Operation> = None;
    loop {
        let first = match held.take() {
            Some(operation) => Some(operation),
            None => tokio::select! {
                biased;
                () = clock.sleep_until(tick) => None,
                operation = submitted.recv() => match operation {
                    Some(operation) => Some(operation),
                    None => return,
                },
            },
        };
        let batch = match first {
            Some(first) => {
                let mut room = BATCH.saturating_sub(first.room());
                let mut batch = vec![first];
                while let Ok(operation) = submitted.try_recv() {
                    match room.checked_sub(operation.room()) {
                        Some(rest) => room = rest,
                        None => {
                            held = Some(operation);
                            break;
                        }
                    }
                    batch.push(operation);
                }
                batch
            }
            None => {
                tick = clock.current() + Duration::from_secs(1);
                shared.tick();
                shared.pool().overdue(OVERDUE, BATCH)
            }
        };
        if !batch.is_empty() {
            let message = allod_wire::encode(&Batch(batch));
            let _ = sender.send(Recipients::All, IoBuf::from(message), false);
            // What comes in meanwhile leaves together: more messages a second
            // than this are not let through.
            clock.sleep(PAUSE).await;
        }
    }
}

/// Takes in what others send.
pub(super) async fn receive<E: Clock>(
    clock: E,
    shared: Arc<Shared>,
    mut receiver: impl Receiver<PublicKey = PublicKey>,
    mut blocker: impl Blocker<PublicKey = PublicKey>,
) {
    let mut allowances = Allowances::default();
    while let Ok((peer, message)) = receiver.recv().await {
        let now = clock.current().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        if allowances.is_used_up(&peer, now) {
            continue;
        }
        let Ok(Batch(operations)) = allod_wire::decode(message.as_ref()) else {
            tracing::warn!(?peer, "blocked: it sent what are no operations");
            let _ = blocker.block(peer);
            continue;
        };
        for operation in operations {
            if !take(&shared, operation) && !allowances.spend(&peer, now) {
                break;
            }
        }
    }
}

/// Takes an operation in if there is room and it is admitted. Gives whether it
/// was worth sending.
fn take(shared: &Shared, operation: Operation) -> bool {
    let hash = operation.hash();
    {
        let pool = shared.pool();
        if pool.knows(&hash) || !pool.has_room(&operation, Origin::Peer) {
            return true;
        }
    }
    if !shared.application.admit(operation.bytes()) {
        return false;
    }
    if shared.pool().insert(operation, hash, Origin::Peer).is_ok() {
        shared.arrived.notify_waiters();
    }
    true
}

/// What is left of each peer's allowance, and the second when that was so.
#[derive(Default)]
struct Allowances(BTreeMap<PublicKey, (u32, u64)>);

impl Allowances {
    fn is_used_up(&mut self, peer: &PublicKey, now: u64) -> bool {
        let Some((left, since)) = self.0.get_mut(peer) else { return false };
        let grown = u32::try_from(now.saturating_sub(*since)).unwrap_or(u32::MAX);
        *left = left.saturating_add(grown.saturating_mul(ALLOWANCE_GROWTH)).min(ALLOWANCE);
        *since = now;
        let (left, whole) = (*left, *left == ALLOWANCE);
        if whole {
            self.0.remove(peer);
        }
        left == 0
    }

    /// Takes one from a peer's allowance; gives whether there was one.
    fn spend(&mut self, peer: &PublicKey, now: u64) -> bool {
        let (left, _) = self.0.entry(peer.clone()).or_insert((ALLOWANCE, now));
        match left.checked_sub(1) {
            Some(rest) => *left = rest,
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use commonware_cryptography::Signer as _;
    use commonware_cryptography::ed25519::PrivateKey;

    use super::*;

    #[test]
    fn a_peer_that_sends_garbage_is_not_read_until_its_allowance_grew() {
        let peer = PrivateKey::from_seed(1).public_key();
        let mut allowances = Allowances::default();
        assert!(!allowances.is_used_up(&peer, 100));
        assert_eq!((0..1_000).take_while(|_| allowances.spend(&peer, 100)).count(), ALLOWANCE as usize);
        assert!(allowances.is_used_up(&peer, 100));
        assert!(!allowances.is_used_up(&peer, 101));
        assert_eq!(
            (0..1_000).take_while(|_| allowances.spend(&peer, 101)).count(),
            ALLOWANCE_GROWTH as usize
        );
    }

    #[test]
    fn the_largest_message_has_its_size() {
        let operation = Operation::new(&[7; OPERATION_SIZE_MAX]).unwrap();
        let bytes = allod_wire::encode(&Batch(vec![operation]));
        assert!(bytes.len() <= MESSAGE_SIZE_MAX);
        assert_eq!(allod_wire::decode::<Batch>(&bytes).unwrap().0.len(), 1);
    }
}
