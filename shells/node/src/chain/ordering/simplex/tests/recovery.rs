//! Nodes come back: after a kill, after a long absence, after a partition, with
//! a snapshot, with an application that was set back.

use commonware_runtime::deterministic;

use super::ledger::Ledger;
use super::world::{LINK, World, fixed, ledgers, operation, simulate};
use crate::chain::ordering::{Application as _, Applied, Ended, Ordering as _, Role};

#[test]
fn a_node_that_was_killed_goes_on_where_it_was() {
    for seed in 0..3 {
        simulate(seed, |context| async move {
            let mut world = World::new(context, ledgers(4, &fixed(4)), 1_000).await;
            world.start_all(0..4).await;
            world.height(30, &[0, 1, 2, 3], 5).await;
            for victim in [1, 2, 1] {
                world.kill(victim).await;
                let top = world.top();
                world.start(victim).await;
                world.height(30, &[victim], top + 5).await;
            }
            world.assert_agreement();
            assert!(world.nodes.iter().all(|node| node.ledger.state().evidence.is_empty()));
        });
    }
}

#[test]
fn all_nodes_killed_at_once_go_on_from_their_disks() {
    for seed in 0..4 {
        let ledgers = ledgers(4, &fixed(4));
        let kept = ledgers.clone();
        let first = |context: deterministic::Context| async move {
            let mut world = World::new(context, kept, 1_000).await;
            world.start_all(0..4).await;
            for number in 0..10 {
                world.nodes[0].handle().submit(&operation(number)).unwrap();
            }
            world.height(30, &[0, 1, 2, 3], 6 + seed).await;
        };
        let ((), checkpoint) = deterministic::Runner::seeded(seed).start_and_recover(first);
        let before: Vec<u64> = ledgers.iter().map(|ledger| ledger.height()).collect();
        let kept = ledgers.clone();
        commonware_runtime::Runner::start(deterministic::Runner::from(checkpoint), |context| async move {
            let mut world = World::new(context, kept, 1_000).await;
            world.start_all(0..4).await;
            let top = world.top();
            world.height(60, &[0, 1, 2, 3], top + 5).await;
            world.assert_agreement();
            assert!(world.nodes.iter().all(|node| node.ledger.state().evidence.is_empty()));
        });
        assert!(ledgers.iter().zip(before).all(|(ledger, before)| ledger.height() > before));
    }
}

#[test]
fn a_node_that_comes_late_catches_up() {
    for seed in 0..3 {
        simulate(seed, |context| async move {
            let mut world = World::new(context, ledgers(4, &fixed(4)), 1_000).await;
            world.start_all(0..3).await;
            world.height(120, &[0, 1, 2], 100).await;
            world.start(3).await;
            world.height(30, &[3], 100).await;
            let top = world.top();
            world.height(30, &[0, 1, 2, 3], top + 5).await;
            world.assert_agreement();
        });
    }
}

#[test]
fn a_node_that_missed_several_epochs_catches_up() {
    for seed in 0..3 {
        simulate(seed, |context| async move {
            let mut world = World::new(context, ledgers(4, &fixed(4)), 20).await;
            world.start_all(0..4).await;
            world.height(30, &[0, 1, 2, 3], 5).await;
            world.kill(3).await;
            world.height(120, &[0, 1, 2], 130).await;
            world.start(3).await;
            let top = world.top();
            world.height(60, &[3], top).await;
            // It votes again: without it, one more could not be missing.
            world.kill(0).await;
            let top = world.top();
            world.height(60, &[1, 2, 3], top + 25).await;
            world.assert_agreement();
        });
    }
}

#[test]
fn two_halves_do_nothing_and_agree_when_the_partition_heals() {
    for seed in 0..3 {
        simulate(seed, |context| async move {
            let mut world = World::new(context, ledgers(4, &fixed(4)), 1_000).await;
            world.start_all(0..4).await;
            world.height(30, &[0, 1, 2, 3], 5).await;
            world.part(&[0, 1], &[2, 3]).await;
            world.sleep(2).await;
            let top = world.top();
            world.nodes[0].handle().submit(&operation(1)).unwrap();
            world.nodes[3].handle().submit(&operation(2)).unwrap();
            world.sleep(20).await;
            // What was under way when the links were cut may still have come through.
            assert!(world.top() <= top + 1, "half of the committee made blocks");
            world.join(&[0, 1], &[2, 3], LINK).await;
            world
                .until(60, "both operations are final", |world| {
                    world
                        .nodes
                        .iter()
                        .all(|node| node.ledger.has(&operation(1)) && node.ledger.has(&operation(2)))
                })
                .await;
            world.assert_agreement();
        });
    }
}

#[test]
fn links_that_lose_and_delay_messages_hold_up_nobody_for_good() {
    for seed in 0..3 {
        simulate(seed, |context| async move {
            let mut world = World::new(context, ledgers(4, &fixed(4)), 50).await;
            let bad = commonware_p2p::simulated::Link {
                latency: std::time::Duration::from_millis(120),
                jitter: std::time::Duration::from_millis(100),
                success_rate: commonware_utils::probability!(3, 4),
            };
            world.join(&[0, 1, 2, 3], &[0, 1, 2, 3], bad).await;
            world.start_all(0..4).await;
            for number in 0..8 {
                world.nodes[number as usize % 4].handle().submit(&operation(number)).unwrap();
            }
            world.height(600, &[0, 1, 2, 3], 60).await;
            world.assert_agreement();
            assert!((0..8).all(|number| world.nodes[0].ledger.has(&operation(number))));
        });
    }
}

/// A snapshot of node 0, and a new node 3 that begins with it.
async fn snapshot(world: &mut World, height: u64) {
    let certificate = world.nodes[0].handle().certificate(height).await.expect("a certificate");
    assert_eq!(certificate.block, world.nodes[0].ledger.state().entries[&height].digest);
    let ledger = Ledger::new(fixed(4));
    ledger.restore(height, certificate);
    world.nodes[3].ledger = ledger;
}

#[test]
fn a_node_that_begins_with_a_snapshot_follows_on_and_votes_from_the_next_epoch() {
    // In the middle of an epoch, at its last height, and at its first.
    for (seed, height) in [(0, 30), (1, 39), (2, 40)] {
        simulate(seed, |context| async move {
            let mut world = World::new(context, ledgers(4, &fixed(4)), 20).await;
            // Nobody keeps what is below the snapshot.
            world.tuning.heights_kept = 4;
            world.section = std::num::NonZeroU64::new(4).unwrap();
            world.start_all(0..3).await;
            world.height(60, &[0, 1, 2], height).await;
            snapshot(&mut world, height).await;
            world.start(3).await;
            assert_eq!(world.nodes[3].handle().status().role, Role::Observer);
            let next = (height + 1) / 20 * 20 + 20;
            world.height(60, &[3], next).await;
            assert_eq!(world.nodes[3].ledger.state().entries.keys().next(), Some(&(height + 1)));
            world.until(30, "it votes", |world| world.nodes[3].handle().status().role == Role::Voter).await;
            world.kill(0).await;
            let top = world.top();
            world.height(60, &[1, 2, 3], top + 5).await;
            world.assert_agreement();
        });
    }
}

#[test]
fn a_node_with_a_snapshot_can_be_killed_right_away() {
    simulate(5, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), 20).await;
        world.start_all(0..3).await;
        world.height(60, &[0, 1, 2], 25).await;
        snapshot(&mut world, 25).await;
        world.start(3).await;
        world.kill(3).await;
        world.start(3).await;
        world.height(60, &[3], 27).await;
        world.kill(3).await;
        world.start(3).await;
        assert_eq!(world.nodes[3].handle().status().role, Role::Observer);
        world.height(60, &[3], 45).await;
        world.assert_agreement();
    });
}

#[test]
fn a_snapshot_with_a_wrong_certificate_or_none_is_refused() {
    simulate(1, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), 20).await;
        world.start_all(0..3).await;
        world.height(60, &[0, 1, 2], 25).await;
        let refused = Err(Ended::Certificate { height: 25 });
        let good = world.nodes[0].handle().certificate(25).await.unwrap();
        let mut wrong = vec![good.clone(); 4];
        wrong[0].block.0[0] ^= 1;
        wrong[1].votes.truncate(2);
        wrong[2].votes[0].signature.0[0] ^= 1;
        wrong[3].epoch += 1;
        for certificate in wrong {
            world.nodes[3].ledger.restore(25, certificate);
            assert_eq!(world.try_start(3).await, refused);
        }
        world.nodes[3].ledger.set_back(25);
        world.nodes[3].ledger.state().certificate = None;
        assert_eq!(world.nodes[3].ledger.applied(), Applied { height: 25, certificate: None });
        assert_eq!(world.try_start(3).await, refused);
    });
}

#[test]
fn an_application_that_was_set_back_gets_again_what_it_lost() {
    for seed in 0..2 {
        simulate(seed, |context| async move {
            let mut world = World::new(context, ledgers(4, &fixed(4)), 20).await;
            world.start_all(0..4).await;
            world.height(60, &[0, 1, 2, 3], 70).await;
            world.kill(2).await;
            world.nodes[2].ledger.set_back(33);
            world.start(2).await;
            let top = world.top();
            world.height(60, &[0, 1, 2, 3], top + 25).await;
            world.assert_agreement();
            let evidence =
                |world: &World| world.nodes.iter().all(|node| node.ledger.state().evidence.is_empty());
            assert!(evidence(&world), "it voted again in an epoch whose journal is gone");
            assert_eq!(world.nodes[2].handle().status().role, Role::Voter);
        });
    }
}

#[test]
fn an_application_that_forgot_more_than_is_kept_is_told_so() {
    simulate(1, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), 50).await;
        world.tuning.heights_kept = 8;
        world.section = std::num::NonZeroU64::new(8).unwrap();
        world.start_all(0..4).await;
        world.height(120, &[0, 1, 2, 3], 140).await;
        world.kill(2).await;
        world.nodes[2].ledger.set_back(5);
        let end = match world.try_start(2).await {
            Ok(()) => world.nodes[2].handle().ended().await,
            Err(why) => why,
        };
        assert!(matches!(end, Ended::Behind { applied: 5, kept } if kept > 100), "{end:?}");
    });
}

#[test]
fn an_application_that_fails_ends_its_node_and_gets_the_block_again() {
    simulate(1, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), 1_000).await;
        world.nodes[1].ledger.state().halt_at = Some(7);
        world.start_all(0..4).await;
        let end = world.nodes[1].handle().ended().await;
        assert!(matches!(end, Ended::Halted(_)), "{end:?}");
        assert_eq!(world.nodes[1].ledger.height(), 6);
        world.nodes[1].ledger.state().halt_at = None;
        world.start(1).await;
        world.height(30, &[0, 1, 2, 3], 12).await;
        world.assert_agreement();
    });
}

#[test]
fn a_node_that_is_stopped_says_so_and_takes_nothing_more() {
    simulate(1, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), 1_000).await;
        world.start_all(0..4).await;
        world.height(30, &[0, 1, 2, 3], 3).await;
        let node = world.nodes[0].handle();
        assert_eq!(node.stop().await, Ended::Stopped);
        assert_eq!(node.submit(&operation(1)), Err(crate::chain::ordering::Refusal::Ended));
        let top = world.top();
        world.height(30, &[1, 2, 3], top + 3).await;
    });
}
