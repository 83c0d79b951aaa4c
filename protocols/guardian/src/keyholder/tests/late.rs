//! Guardians that were away when it mattered.

use super::*;

/// A session whose member 3 is away from when dealings are verified until the new
/// sharing is in force.
fn without_three(network: &mut Network, members: &[usize]) {
    network.ledger.begin(members, 3);
    for _ in 0..2 {
        network.settle();
        network.ledger.advance();
    }
    network.nodes[3].is_up = false;
    network.finish();
}

#[test]
fn a_member_that_was_not_ready_has_its_share_when_it_comes() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    without_three(&mut network, &[0, 1, 2, 3]);
    assert_eq!(network.ledger.generation(), Some(0));
    assert_eq!(network.has(3), None);
    network.restart(3);
    network.nodes[3].is_up = true;
    network.settle();
    network.assert_settled(&[]);
    assert_eq!(network.nodes[3].events, [Event::Holds { generation: 0 }]);
}

#[test]
fn a_holder_that_was_away_changes_its_old_share_for_the_new_when_it_comes() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.session(&[0, 1, 2, 3], 3);
    without_three(&mut network, &[0, 1, 2, 3]);
    assert_eq!((network.ledger.generation(), network.has(3)), (Some(1), Some(0)));
    network.nodes[3].is_up = true;
    network.settle();
    network.assert_settled(&[]);
}

#[test]
fn who_comes_after_the_dealings_are_gone_lacks_its_share_and_keeps_no_old_one() {
    let mut network = Network::new(GroupName::Ristretto255, 5);
    network.session(&[0, 1, 2, 3], 3);
    without_three(&mut network, &[0, 1, 2, 3]);
    // The next session begins, and the ledger forgets what made the sharing.
    network.ledger.begin(&[0, 1, 2, 3], 3);
    network.nodes[3].is_up = true;
    network.follow(3);
    assert_eq!(network.has(3), None);
    let events =
        [Event::Holds { generation: 0 }, Event::Forgot { generation: 0 }, Event::Lacks { generation: 1 }];
    assert_eq!(network.nodes[3].events, events);
    network.follow(3);
    assert_eq!(network.nodes[3].events.len(), 3, "it is said once");
    // It deals nothing, the others suffice, and it holds a share again.
    network.finish();
    assert_eq!(network.ledger.generation(), Some(2));
    network.assert_settled(&[]);
}

#[test]
fn who_was_away_for_whole_sessions_forgets_what_is_not_in_force_any_more() {
    let mut network = Network::new(GroupName::Ristretto255, 8);
    network.session(&[0, 1, 2, 3], 3);
    network.nodes[3].is_up = false;
    network.session(&[0, 1, 2, 4], 3);
    network.session(&[5, 6, 7, 4], 3);
    assert_eq!((network.ledger.generation(), network.has(3)), (Some(2), Some(0)));
    network.restart(3);
    network.nodes[3].is_up = true;
    network.settle();
    network.assert_settled(&[]);
}

#[test]
fn a_member_that_never_announced_is_no_holder() {
    let mut network = Network::new(GroupName::Ristretto255, 5);
    network.nodes[4].is_up = false;
    network.session(&[0, 1, 2, 3, 4], 3);
    assert_eq!(network.ledger.generation(), Some(0));
    network.nodes[4].is_up = true;
    network.settle();
    network.assert_settled(&[]);
    assert_eq!(network.has(4), None);
    assert_eq!(network.nodes[4].events, []);
}

#[test]
fn old_holders_that_are_away_are_not_needed_beyond_the_threshold() {
    let mut network = Network::new(GroupName::Ristretto255, 9);
    network.session(&[0, 1, 2, 3, 4], 3);
    network.nodes[1].is_up = false;
    network.nodes[3].is_up = false;
    network.session(&[5, 6, 7, 8], 3);
    assert_eq!(network.ledger.generation(), Some(1));
    network.nodes[1].is_up = true;
    network.nodes[3].is_up = true;
    network.settle();
    network.assert_settled(&[]);
}

#[test]
fn a_disk_that_was_set_back_costs_its_guardian_one_generation_and_nobody_else_anything() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.ledger.begin(&[0, 1, 2, 3], 3);
    network.ledger.at = network.now;
    let before = network.ledger.view(3);
    network.settle();
    // Its key is on the ledger. An older disk does not have the secret.
    network.nodes[3].disk = Record::default();
    network.restart(3);
    network.follow(3);
    assert_eq!(network.nodes[3].disk.secret, None, "no second key in one session");
    // Shown the ledger as it was, it makes another secret, which is of no use.
    network.show(3, View { at: network.now, ..before });
    assert!(network.nodes[3].disk.secret.is_some());
    network.finish();
    assert_eq!(network.ledger.generation(), Some(0));
    network.assert_settled(&[3]);
    assert_eq!(network.nodes[3].events, [Event::Lacks { generation: 0 }]);
    network.session(&[0, 1, 2, 3], 3);
    network.assert_settled(&[]);
}
