//! Nodes that enter an epoch one after the other.

use std::fmt;
use std::num::NonZeroUsize;

use commonware_codec::varint::UInt;
use commonware_codec::{DecodeExt as _, ReadExt};
use commonware_consensus::Viewable as _;
use commonware_consensus::simplex::types::Vote;
use commonware_cryptography::blake3::Digest;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Message, Receiver};

use super::super::convert::Scheme;
use super::super::node::Network;
use super::world::{World, fixed, key, ledgers, simulate};
use crate::chain::ordering::Ordering as _;

const HEIGHTS: u64 = 20;

/// What a channel carries.
#[derive(Clone, Copy)]
enum Carries {
    Votes,
    Certificates,
    Else,
}

/// Does not hear that the last block of epoch 0 is final.
struct Deaf<R> {
    receiver: R,
    carries: Carries,
}

impl<R> fmt::Debug for Deaf<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deaf")
    }
}

impl<R: Receiver<PublicKey = PublicKey>> Deaf<R> {
    fn hears(&self, message: &Message<PublicKey>) -> bool {
        let mut rest = message.1.clone();
        let mut epoch = || -> u64 { UInt::read(&mut rest).unwrap().0 };
        match self.carries {
            Carries::Votes if epoch() == 0 => {
                let vote = Vote::<Scheme, Digest>::decode(rest).unwrap();
                !matches!(vote, Vote::Finalize(_)) || vote.view().get() < HEIGHTS - 1
            }
            Carries::Certificates => epoch() > 0,
            Carries::Votes | Carries::Else => true,
        }
    }
}

impl<R: Receiver<PublicKey = PublicKey>> Receiver for Deaf<R> {
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
        loop {
            let message = self.receiver.recv().await?;
            if self.hears(&message) {
                return Ok(message);
            }
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        self.receiver.capacity()
    }
}

#[test]
fn a_leader_that_enters_an_epoch_before_the_others_loses_no_view() {
    simulate(1, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), HEIGHTS).await;
        // A leader never waits.
        world.tuning.idle_ms = 0;
        // By their keys the members lead in turn, the third of them first in epoch 1.
        let mut members: Vec<usize> = (0..4).collect();
        members.sort_by_key(|index| World::public(*index));
        // Two of four have to be told by the votes of epoch 1 that epoch 0 is over, and
        // without them there is no majority.
        for index in &members[..2] {
            let Network { votes, certificates, questions, backfill, blocks, operations, manager, blocker } =
                world.network(*index).await;
            let deaf = |(sender, receiver), carries| (sender, Deaf { receiver, carries });
            let network = Network {
                votes: deaf(votes, Carries::Votes),
                certificates: deaf(certificates, Carries::Certificates),
                questions: deaf(questions, Carries::Else),
                backfill: deaf(backfill, Carries::Else),
                blocks: deaf(blocks, Carries::Else),
                operations: deaf(operations, Carries::Else),
                manager,
                blocker,
            };
            world.start_with(*index, network).await.unwrap();
        }
        world.start_all(members[2..].iter().copied()).await;
        world.height(60, &[0, 1, 2, 3], HEIGHTS + 10).await;
        let block = world.nodes[0].handle().block(HEIGHTS).await.unwrap();
        let header = block.block().header();
        assert_eq!((header.view, header.leader), (1, key(members[2]).verifying_key().0));
        world.assert_agreement();
    });
}
