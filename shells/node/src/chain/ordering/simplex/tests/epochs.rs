//! Committees change at epochs' borders.

use std::sync::Arc;

use super::super::convert::Roster;
use super::ledger::Committees;
use super::world::{World, committee, key, ledgers, operation, simulate};
use crate::chain::ordering::{COMMITTEE_MAX, Committee, Ended, Ordering as _, Role};

/// Epochs of 20 heights.
const HEIGHTS: u64 = 20;

/// One node leaves and one joins at each border, of seven; whoever is out
/// observes.
fn moving() -> Committees {
    Arc::new(|epoch| {
        let members: Vec<usize> = (0..4).map(|place| (epoch as usize + place) % 7).collect();
        let others: Vec<usize> = (0..7).filter(|index| !members.contains(index)).collect();
        Some(committee(&members, &others))
    })
}

#[test]
fn members_come_and_go_and_all_have_the_same_history() {
    for seed in 0..3 {
        simulate(seed, |context| async move {
            let committees = moving();
            let mut world = World::new(context, ledgers(7, &committees), HEIGHTS).await;
            world.start_all(0..7).await;
            let all: Vec<usize> = (0..7).collect();
            for epoch in 0..6 {
                // Each submits one, observers too.
                for index in 0..7 {
                    let number = epoch * 7 + index as u64;
                    world.nodes[index].handle().submit(&operation(number)).unwrap();
                }
                world.height(60, &all, epoch * HEIGHTS + 12).await;
                let members = committees(epoch).unwrap().members;
                for index in 0..7 {
                    let status = world.nodes[index].handle().status();
                    let is_member = members.iter().any(|member| member.key == key(index).verifying_key());
                    assert_eq!(status.role, if is_member { Role::Voter } else { Role::Observer });
                    assert_eq!(status.epoch, epoch);
                }
            }
            world.height(60, &all, 6 * HEIGHTS).await;
            world.assert_agreement();
            for number in 0..42 {
                assert!(world.nodes[0].ledger.has(&operation(number)), "operation {number} is final");
            }
            // Whoever led was of the committee.
            for height in 1..6 * HEIGHTS {
                let block = world.nodes[0].handle().block(height).await.unwrap();
                let members = committees(height / HEIGHTS).unwrap().members;
                let leader = block.block().header().leader();
                assert!(members.iter().any(|member| member.key == leader), "height {height}");
            }
        });
    }
}

#[test]
fn a_committee_grows_to_seven_and_shrinks_to_one() {
    simulate(2, |context| async move {
        let committees: Committees = Arc::new(|epoch| {
            Some(match epoch {
                0 => committee(&[0, 1, 2, 3], &[4, 5, 6]),
                1 => committee(&[0, 1, 2, 3, 4, 5, 6], &[]),
                2 => committee(&[6], &[0, 1, 2, 3, 4, 5]),
                _ => committee(&[0, 2, 4, 6], &[1, 3, 5]),
            })
        });
        let mut world = World::new(context, ledgers(7, &committees), HEIGHTS).await;
        world.start_all(0..7).await;
        world.height(120, &[0, 1, 2, 3, 4, 5, 6], 5 * HEIGHTS).await;
        world.assert_agreement();
    });
}

#[test]
fn whoever_is_put_out_does_not_hold_up_the_others() {
    for seed in 0..2 {
        simulate(seed, |context| async move {
            // Node 0 is put out with epoch 1, and nobody lets it observe.
            let committees: Committees = Arc::new(|epoch| {
                Some(if epoch == 0 { committee(&[0, 1, 2, 3], &[4]) } else { committee(&[1, 2, 3, 4], &[]) })
            });
            let mut world = World::new(context, ledgers(5, &committees), HEIGHTS).await;
            world.start_all(0..5).await;
            world.height(120, &[1, 2, 3, 4], 5 * HEIGHTS).await;
            let out = world.nodes[0].ledger.height();
            assert!(out < 4 * HEIGHTS, "it got to {out}");
            world.assert_agreement();
            // The newcomer counts: with it, one more may be missing.
            world.kill(1).await;
            let top = world.top();
            world.height(60, &[2, 3, 4], top + 5).await;
        });
    }
}

#[test]
fn a_member_that_is_down_over_the_border_comes_back_in_the_next_epoch() {
    for seed in 0..2 {
        simulate(seed, |context| async move {
            let committees = moving();
            let mut world = World::new(context, ledgers(7, &committees), HEIGHTS).await;
            world.start_all(0..7).await;
            world.height(60, &[3], HEIGHTS - 5).await;
            world.kill(3).await;
            world.height(60, &[1, 2], HEIGHTS + 5).await;
            world.start(3).await;
            world.height(60, &[3], HEIGHTS + 10).await;
            assert_eq!(world.nodes[3].handle().status().role, Role::Voter);
            world.height(60, &[0, 1, 2, 3, 4, 5, 6], 3 * HEIGHTS).await;
            world.assert_agreement();
        });
    }
}

#[test]
fn a_committee_that_makes_no_sense_ends_the_node() {
    let twice = |epoch: u64| {
        let mut bad = committee(&[0], &[]);
        if epoch == 1 {
            let again = bad.members[0].clone();
            bad.members.push(again);
        }
        Some(bad)
    };
    let nobody =
        |epoch: u64| if epoch == 1 { Some(Committee::default()) } else { Some(committee(&[0], &[])) };
    let unknown = |epoch: u64| (epoch == 0).then(|| committee(&[0], &[]));
    let bad: [Committees; 3] = [Arc::new(twice), Arc::new(nobody), Arc::new(unknown)];
    for committees in bad {
        simulate(1, |context| async move {
            let mut world = World::new(context, ledgers(1, &committees), 5).await;
            world.start(0).await;
            let end = world.nodes[0].handle().ended().await;
            assert!(matches!(end, Ended::Committee { epoch: 1, .. }), "{end:?}");
            assert_eq!(world.nodes[0].ledger.height(), 4);
            // It is as it was when it is started again.
            assert!(matches!(world.try_start(0).await, Err(Ended::Committee { epoch: 1, .. })));
        });
    }
}

#[test]
fn observers_beyond_the_places_are_left_out_and_stop_nobody() {
    let observers: Vec<usize> = (1..=COMMITTEE_MAX + 6).collect();
    let crowd = committee(&[0], &observers);
    let roster = Roster::new(&crowd).unwrap();
    assert_eq!((roster.members.len(), roster.observers.len()), (1, COMMITTEE_MAX));
    let committees: Committees = Arc::new(move |_| Some(crowd.clone()));
    simulate(1, |context| async move {
        let mut world = World::new(context, ledgers(1, &committees), 5).await;
        world.start(0).await;
        world.height(60, &[0], 7).await;
        world.assert_agreement();
    });
}
