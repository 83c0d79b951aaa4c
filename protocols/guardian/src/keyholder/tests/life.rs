//! A key that is made and handed on, when nothing goes wrong and when sessions do.

use super::*;

/// Made by five, handed to seven of whom three are new, then to four.
pub(super) fn life(network: &mut Network) {
    network.session(&[0, 1, 2, 3, 4], 3);
    assert_eq!(network.ledger.generation(), Some(0));
    network.session(&[1, 2, 3, 4, 5, 6, 7], 5);
    assert_eq!(network.ledger.generation(), Some(1));
    network.session(&[8, 6, 2, 5], 3);
    assert_eq!(network.ledger.generation(), Some(2));
}

fn lives(group: GroupName) {
    let mut network = Network::new(group, 9);
    life(&mut network);
    network.assert_settled(&[]);
    let keys = network.ledger.sharings.iter().map(|made| &made.public_key).collect::<Vec<_>>();
    assert!(keys.iter().all(|key| *key == keys[0]), "the same key in all generations");
    let replaced = &network.nodes[0];
    assert_eq!(replaced.events, [Event::Holds { generation: 0 }, Event::Forgot { generation: 0 }]);
    let stayed = &network.nodes[2];
    let expected = [
        Event::Holds { generation: 0 },
        Event::Forgot { generation: 0 },
        Event::Holds { generation: 1 },
        Event::Forgot { generation: 1 },
        Event::Holds { generation: 2 },
    ];
    assert_eq!(stayed.events, expected);
    assert_eq!(network.ledger.refused, 0, "nothing is handed in in vain");
}

#[test]
fn a_key_in_ristretto255_is_made_and_handed_on_twice() {
    lives(GroupName::Ristretto255);
}

#[test]
fn a_key_in_the_second_group_of_bls12_381_is_made_and_handed_on_twice() {
    lives(GroupName::Bls12381G2);
}

#[test]
fn a_key_in_baby_jubjub_is_made_and_handed_on_twice() {
    lives(GroupName::BabyJubJub);
}

#[test]
fn a_session_that_is_given_up_costs_its_secret_and_no_share() {
    let mut network = Network::new(GroupName::Ristretto255, 5);
    network.session(&[0, 1, 2, 3], 3);
    // Two of four announce nothing: too few to go on with.
    network.nodes[0].is_up = false;
    network.nodes[4].is_up = false;
    network.ledger.begin(&[0, 1, 2, 4], 3);
    network.settle();
    assert!(network.nodes[1].disk.secret.is_some());
    network.finish();
    assert_eq!((network.ledger.generation(), network.ledger.sessions), (Some(0), 2));
    network.nodes[0].is_up = true;
    network.nodes[4].is_up = true;
    network.settle();
    network.assert_settled(&[]);
    network.session(&[0, 1, 2, 4], 3);
    assert_eq!(network.ledger.generation(), Some(1));
    network.assert_settled(&[]);
}

#[test]
fn a_session_given_up_while_dealings_are_verified_leaves_the_old_sharing_in_force() {
    let mut network = Network::new(GroupName::Ristretto255, 7);
    network.session(&[0, 1, 2, 3], 3);
    network.ledger.begin(&[3, 4, 5, 6], 3);
    for _ in 0..2 {
        network.settle();
        network.ledger.advance();
    }
    // Two of four do not say that they are ready.
    network.nodes[5].is_up = false;
    network.nodes[6].is_up = false;
    network.finish();
    assert_eq!(network.ledger.generation(), Some(0));
    network.nodes[5].is_up = true;
    network.nodes[6].is_up = true;
    network.settle();
    network.assert_settled(&[]);
    network.session(&[3, 4, 5, 6], 3);
    assert_eq!(network.ledger.generation(), Some(1));
    network.assert_settled(&[]);
}

#[test]
fn a_new_key_that_could_not_be_made_is_made_by_the_next_session() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.nodes[0].is_up = false;
    network.nodes[1].is_up = false;
    network.session(&[0, 1, 2, 3], 3);
    assert_eq!(network.ledger.generation(), None);
    assert!(network.nodes.iter().all(|node| node.disk == Record::default()));
    network.nodes[0].is_up = true;
    network.nodes[1].is_up = true;
    network.session(&[0, 1, 2, 3], 3);
    network.assert_settled(&[]);
}

#[test]
fn renewing_shares_among_the_same_holders_replaces_every_share() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.session(&[0, 1, 2, 3], 3);
    let before = network.nodes.iter().map(|node| node.disk.share.clone()).collect::<Vec<_>>();
    network.session(&[0, 1, 2, 3], 3);
    network.assert_settled(&[]);
    for (node, before) in network.nodes.iter().zip(before) {
        let (after, before) = (node.disk.share.as_ref().expect("held"), before.expect("held"));
        assert_ne!(after.value, before.value);
    }
}

#[test]
fn one_alone_holds_a_key_of_its_own() {
    let mut network = Network::new(GroupName::Ristretto255, 2);
    network.session(&[0], 1);
    network.session(&[1], 1);
    network.assert_settled(&[]);
    assert_eq!(network.has(0), None);
}

#[test]
fn what_came_up_on_the_ledger_is_waited_for_no_longer() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.ledger.begin(&[0, 1, 2, 3], 3);
    for _ in 0..3 {
        network.follow(0);
        let waits = network.nodes[0].keyholder.deadline();
        assert_eq!(waits, Some(network.now.plus_ms(PATIENCE_MS)), "until the ledger shows it");
        network.settle();
        assert_eq!(network.nodes[0].keyholder.deadline(), None);
        network.ledger.advance();
    }
    network.settle();
    network.assert_settled(&[]);
}

#[test]
fn what_the_ledger_did_not_take_is_handed_in_again_and_not_too_often() {
    let mut network = Network::new(GroupName::Ristretto255, 1);
    network.ledger.begin(&[0], 1);
    network.ledger.at = network.now;
    let empty = network.ledger.view(0);
    network.show(0, empty.clone());
    let first = network.nodes[0].outputs;
    network.now = network.now.plus_ms(PATIENCE_MS - 1);
    network.show(0, empty.clone());
    assert_eq!(network.nodes[0].outputs, first);
    network.now = network.now.plus_ms(1);
    network.show(0, empty);
    assert_eq!(network.nodes[0].outputs, first + 1);
    assert_eq!(network.ledger.refused, 1, "the second time it was known");
}
