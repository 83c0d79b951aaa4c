//! Votes that come before their epoch begins here.
//!
//! Nodes enter an epoch a moment apart, each when it has applied the last block of
//! the one before. Whoever is first may be the leader and votes at once. Votes are
//! not sent twice, so what comes too early is kept until this node is there too;
//! otherwise the epoch's first view would be lost, and all would wait for its end.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::num::NonZeroUsize;

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Message, Receiver};

/// Votes of a peer that are kept: those of the first two views or three. The engine
/// looks at no later ones before it is there.
const KEPT: usize = 8;

/// The most bytes of a message that is kept; a vote has less than half of that.
const SIZE_MAX: usize = 512;

/// Votes of the epoch that comes next, by their sender.
#[derive(Default)]
pub(super) struct Early {
    epoch: u64,
    votes: BTreeMap<PublicKey, Vec<Message<PublicKey>>>,
}

impl Early {
    /// Keeps a vote of `epoch`, as long as its sender has few there. What was kept
    /// of other epochs is forgotten.
    pub(super) fn keep(&mut self, epoch: u64, vote: Message<PublicKey>) {
        if epoch != self.epoch {
            *self = Self { epoch, votes: BTreeMap::new() };
        }
        let kept = self.votes.entry(vote.0.clone()).or_default();
        if kept.len() < KEPT && vote.1.as_ref().len() <= SIZE_MAX {
            kept.push(vote);
        }
    }

    /// Gives out what is kept of `epoch`, each sender's votes as they came.
    pub(super) fn take(&mut self, epoch: u64) -> VecDeque<Message<PublicKey>> {
        let Self { epoch: of, votes } = std::mem::take(self);
        if of == epoch { votes.into_values().flatten().collect() } else { VecDeque::new() }
    }
}

/// A receiver that begins with what came early.
pub(super) struct Resumed<R> {
    early: VecDeque<Message<PublicKey>>,
    receiver: R,
}

impl<R> Resumed<R> {
    pub(super) fn new(early: VecDeque<Message<PublicKey>>, receiver: R) -> Self {
        Self { early, receiver }
    }
}

impl<R: fmt::Debug> fmt::Debug for Resumed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.receiver.fmt(f)
    }
}

impl<R: Receiver<PublicKey = PublicKey>> Receiver for Resumed<R> {
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
        match self.early.pop_front() {
            Some(vote) => Ok(vote),
            None => self.receiver.recv().await,
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        self.receiver.capacity()
    }
}

#[cfg(test)]
mod tests {
    use commonware_cryptography::Signer as _;
    use commonware_cryptography::ed25519::PrivateKey;

    use super::*;

    fn vote(peer: u64, bytes: &[u8]) -> Message<PublicKey> {
        (PrivateKey::from_seed(peer).public_key(), bytes.to_vec().into())
    }

    fn bytes(votes: VecDeque<Message<PublicKey>>) -> Vec<Vec<u8>> {
        votes.into_iter().map(|(_, bytes)| bytes.as_ref().to_vec()).collect()
    }

    #[test]
    fn early_votes_come_out_once_as_they_came_and_only_for_their_epoch() {
        let mut early = Early::default();
        early.keep(3, vote(1, b"a"));
        early.keep(3, vote(1, b"b"));
        assert_eq!(bytes(early.take(3)), [b"a", b"b"]);
        assert!(early.take(3).is_empty());
        early.keep(3, vote(1, b"a"));
        assert!(early.take(4).is_empty());
        early.keep(3, vote(1, b"a"));
        early.keep(4, vote(1, b"b"));
        assert_eq!(bytes(early.take(4)), [b"b"]);
    }

    #[test]
    fn a_peer_that_sends_much_takes_no_room_from_others() {
        let mut early = Early::default();
        for _ in 0..100 {
            early.keep(3, vote(1, b"a"));
        }
        early.keep(3, vote(2, &[0; SIZE_MAX + 1]));
        early.keep(3, vote(2, b"b"));
        let kept = bytes(early.take(3));
        assert_eq!(kept.len(), KEPT + 1);
        assert_eq!(kept.iter().filter(|one| *one == b"b").count(), 1);
    }
}
