//! A member that lies: as a leader it proposes one block to some and another to
//! the rest, and votes for both.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use commonware_actor::{Feedback, Unreliable};
use commonware_codec::varint::UInt;
use commonware_codec::{DecodeExt as _, Encode as _, ReadExt};
use commonware_consensus::simplex::types::{Finalize, Notarize, Nullify, Proposal, Vote};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::blake3::Digest;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{CheckedSender, LimitedSender, Recipients};
use commonware_runtime::{IoBuf, IoBufs};

use super::super::convert::{self, Scheme};
use super::super::node::Network;
use super::world::{World, committee, key, ledgers, operation, simulate};
use crate::chain::ordering::{Block, Evidence, Operation, Ordering as _, Statement};

/// How it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Two blocks in one view, each to one half, with a vote for each; and no vote
    /// for the blocks of others.
    TwoBlocks,
    /// Two finalize votes in each view, for the block and for nothing.
    TwoFinalize,
    /// A nullify vote with every finalize vote.
    NullifyAndFinalize,
    /// A block that no voter may find good.
    Bad(Bad),
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    /// It is an hour ahead.
    Future,
    /// It is as old as its parent, or older.
    Past,
    /// It has one operation twice.
    Twice,
    /// Somebody else is said to have led.
    Leader,
    /// It is said to be of another view.
    View,
    /// It skips a height.
    Height,
}

impl Bad {
    const ALL: [Self; 6] = [Self::Future, Self::Past, Self::Twice, Self::Leader, Self::View, Self::Height];

    fn spoil(self, block: &Block) -> Block {
        let mut header = block.header().clone();
        let mut operations = block.operations().to_vec();
        match self {
            Self::Future => header.time = header.time.plus_ms(3_600_000),
            Self::Past => header.time = allod_wire::Instant(0),
            Self::Twice => operations = vec![Operation::new(&[5]).unwrap(); 2],
            Self::Leader => header.leader = key(0).verifying_key().0,
            Self::View => header.view += 1,
            Self::Height => header.height += 1,
        }
        Block::new(header, operations)
    }
}

/// What a channel carries that can be twisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    Blocks,
    Votes,
    Else,
}

/// A sender whose messages are twisted on the way.
#[derive(Clone)]
struct Lying<S> {
    sender: S,
    lie: Lie,
    carries: Carries,
    votes: S,
    scheme: Scheme,
    halves: [Vec<PublicKey>; 2],
}

struct Checked<'a, S> {
    lying: &'a mut Lying<S>,
    recipients: Recipients<PublicKey>,
}

impl<S: commonware_p2p::Sender<PublicKey = PublicKey>> LimitedSender for Lying<S> {
    type PublicKey = PublicKey;
    type Checked<'a> = Checked<'a, S>;

    fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Checked<'_, S>, SystemTime> {
        Ok(Checked { lying: self, recipients })
    }
}

impl<S: commonware_p2p::Sender<PublicKey = PublicKey>> CheckedSender for Checked<'_, S> {
    type PublicKey = PublicKey;

    fn recipients(&self) -> Vec<PublicKey> {
        Vec::new()
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        let Checked { lying, recipients } = self;
        let bytes = message.into().coalesce();
        match (lying.carries, lying.lie) {
            (Carries::Blocks, Lie::TwoBlocks) => {
                let block = Block::decode(bytes).unwrap();
                let mut header = block.header().clone();
                header.time = header.time.plus_ms(1);
                let other = Block::new(header, Vec::new());
                lying.propose([block, other], priority);
            }
            (Carries::Blocks, Lie::Bad(bad)) => {
                let block = Block::decode(bytes).unwrap();
                let spoilt = bad.spoil(&block);
                let view = block.header().view;
                lying.propose_in(view, [spoilt.clone(), spoilt], priority);
            }
            (Carries::Votes, _) => lying.two_votes(&bytes, priority),
            _ => {
                lying.sender.send(recipients, bytes, priority);
            }
        }
        Unreliable::new(Feedback::Ok)
    }
}

impl<S: commonware_p2p::Sender<PublicKey = PublicKey>> Lying<S> {
    fn propose(&mut self, blocks: [Block; 2], priority: bool) {
        self.propose_in(blocks[0].header().view, blocks, priority);
    }

    /// To each half its block, and a vote for it.
    fn propose_in(&mut self, view: u64, blocks: [Block; 2], priority: bool) {
        for (block, half) in blocks.into_iter().zip(self.halves.clone()) {
            let header = block.header();
            let round = Round::new(Epoch::new(header.epoch), View::new(view));
            let payload = Digest(Block::digest(&block).0);
            let proposal = Proposal::new(round, View::new(header.parent_view), payload);
            let vote = Vote::Notarize(Notarize::sign(&self.scheme, proposal).unwrap());
            let vote = [UInt(header.epoch).encode(), vote.encode()].concat();
            self.sender.send(Recipients::Some(half.clone()), IoBuf::from(block.encode()), priority);
            self.votes.send(Recipients::Some(half), IoBuf::from(vote), priority);
        }
    }

    /// Another vote beside this one, or none.
    fn two_votes(&mut self, bytes: &IoBuf, priority: bool) {
        let mut rest = bytes.clone();
        let epoch: UInt<u64> = ReadExt::read(&mut rest).unwrap();
        let other = match (self.lie, Vote::<Scheme, Digest>::decode(rest).unwrap()) {
            (Lie::TwoBlocks | Lie::Bad(_), Vote::Notarize(_)) => return,
            (Lie::TwoFinalize, Vote::Finalize(vote)) => {
                let proposal = Proposal { payload: Digest([9; 32]), ..vote.proposal };
                Finalize::sign(&self.scheme, proposal).map(Vote::Finalize)
            }
            (Lie::NullifyAndFinalize, Vote::Finalize(vote)) => {
                let round = vote.proposal.round;
                Nullify::sign::<Digest>(&self.scheme, round).map(Vote::Nullify)
            }
            _ => None,
        };
        self.sender.send(Recipients::All, bytes.clone(), priority);
        if let Some(other) = other {
            let other = [epoch.encode(), other.encode()].concat();
            self.sender.send(Recipients::All, IoBuf::from(other), priority);
        }
    }
}

/// Runs nodes of which `liars` lie, and gives what the honest ones found
/// out.
fn run(seed: u64, lie: Lie, size: usize, liars: &'static [usize]) -> Vec<Evidence> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let result = found.clone();
    simulate(seed, |context| async move {
        let members: Vec<usize> = (0..size).collect();
        let honest: Vec<usize> = members.iter().copied().filter(|index| !liars.contains(index)).collect();
        let all = members.clone();
        let committees: super::ledger::Committees = Arc::new(move |_| Some(committee(&all, &[])));
        let mut world = World::new(context, ledgers(size, &committees), 1_000).await;
        // A liar is thrown out by whoever finds it out; here it may go on.
        world.tuning.patience_ms = 400;
        world.start_all(honest.iter().copied()).await;
        for index in liars {
            let others = honest.iter().copied();
            let halves = [0, 1]
                .map(|half| others.clone().filter(|index| index % 2 == half).map(World::public).collect());
            let keys = convert::Roster::new(&committee(&members, &[])).unwrap().keys();
            let scheme =
                convert::scheme(&world.parameters.network, keys, Some(&convert::private_key(&key(*index))));
            let plain = world.network(*index).await;
            let votes = plain.votes.0.clone();
            let lying = |sender, carries| Lying {
                sender,
                lie,
                carries,
                votes: votes.clone(),
                scheme: scheme.clone(),
                halves: halves.clone(),
            };
            let network = Network {
                votes: (lying(plain.votes.0, Carries::Votes), plain.votes.1),
                certificates: (lying(plain.certificates.0, Carries::Else), plain.certificates.1),
                questions: (lying(plain.questions.0, Carries::Else), plain.questions.1),
                backfill: (lying(plain.backfill.0, Carries::Else), plain.backfill.1),
                blocks: (lying(plain.blocks.0, Carries::Blocks), plain.blocks.1),
                operations: (lying(plain.operations.0, Carries::Else), plain.operations.1),
                manager: plain.manager,
                blocker: plain.blocker,
            };
            world.start_with(*index, network).await.unwrap();
        }
        for number in 0..20 {
            let at = honest[number as usize % honest.len()];
            world.nodes[at].handle().submit(&operation(number)).unwrap();
        }
        world.height(120, &honest, 40).await;
        let ledger = &world.nodes[honest[0]].ledger;
        assert!((0..20).all(|number| ledger.has(&operation(number))));
        world.assert_agreement();
        if let Lie::Bad(_) = lie {
            for height in 1..=40 {
                let block = world.nodes[honest[0]].handle().block(height).await.unwrap();
                let leader = block.block().header().leader();
                assert!(liars.iter().all(|liar| key(*liar).verifying_key() != leader), "{lie:?} at {height}");
            }
        }
        for index in &honest {
            found.lock().unwrap().extend(world.nodes[*index].ledger.state().evidence.clone());
        }
    });
    let found = result.lock().unwrap().clone();
    // Only liars are accused, and what they are accused of they have signed.
    for evidence in &found {
        let liars: Vec<_> = liars.iter().map(|index| key(*index).verifying_key()).collect();
        assert!(liars.contains(&evidence.offender));
        for signed in [&evidence.first, &evidence.second] {
            let bytes = signed.statement.signed_bytes(&evidence.network);
            evidence.offender.verify(&bytes, &signed.signature).unwrap();
        }
        assert!(contradicts(&evidence.first.statement, &evidence.second.statement), "{evidence:?}");
        assert_eq!(allod_wire::decode::<Evidence>(&evidence.encode()), Ok(*evidence));
    }
    found
}

/// As the header of `evidence.rs` says.
fn contradicts(first: &Statement, second: &Statement) -> bool {
    match (first, second) {
        (
            Statement::Notarize { epoch, view, parent, block },
            Statement::Notarize { epoch: epoch_2, view: view_2, parent: parent_2, block: block_2 },
        )
        | (
            Statement::Finalize { epoch, view, parent, block },
            Statement::Finalize { epoch: epoch_2, view: view_2, parent: parent_2, block: block_2 },
        ) => (epoch, view) == (epoch_2, view_2) && (parent, block) != (parent_2, block_2),
        (Statement::Nullify { epoch, view }, Statement::Finalize { epoch: epoch_2, view: view_2, .. }) => {
            (epoch, view) == (epoch_2, view_2)
        }
        _ => false,
    }
}

#[test]
fn a_leader_that_proposes_two_blocks_divides_nobody_and_is_found_out() {
    for seed in 0..3 {
        let found = run(seed, Lie::TwoBlocks, 4, &[2]);
        assert!(matches!(
            found.first().map(|evidence| evidence.first.statement),
            Some(Statement::Notarize { .. })
        ));
        let found = run(seed, Lie::TwoBlocks, 7, &[1, 5]);
        assert!(!found.is_empty());
    }
}

#[test]
fn a_block_that_is_not_as_it_must_be_is_never_final() {
    for bad in Bad::ALL {
        assert_eq!(run(1, Lie::Bad(bad), 4, &[2]), []);
    }
}

#[test]
fn a_member_that_votes_twice_to_finalize_is_found_out() {
    for seed in 0..2 {
        let found = run(seed, Lie::TwoFinalize, 4, &[0]);
        assert!(matches!(
            found.first().map(|evidence| evidence.first.statement),
            Some(Statement::Finalize { .. })
        ));
    }
}

#[test]
fn a_member_that_nullifies_what_it_finalizes_is_found_out() {
    for seed in 0..2 {
        let found = run(seed, Lie::NullifyAndFinalize, 4, &[3]);
        assert!(matches!(
            found.first().map(|evidence| evidence.first.statement),
            Some(Statement::Nullify { .. })
        ));
    }
}
