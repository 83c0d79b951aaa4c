//! Dealers and members that lie.

use allod_crypto::group::{Group, Ristretto255, SecretScalar};
use allod_threshold::dealing::{Dealing, lie};

use super::*;

type G = Ristretto255;

fn index(value: u16) -> Index {
    Index::new(value).expect("an index")
}

/// Guardian 1 deals wrong to the receiver of index 3.
fn wrong_share(network: &mut Network, who: usize, post: Post) -> Post {
    let (1, Post::Deal { session, .. }) = (who, &post) else { return post };
    let ceremony = network.ledger.ceremony.as_ref().expect("under way");
    let terms = ledger::terms(ceremony);
    let (dealer, secret) = match &network.nodes[who].disk.share {
        Some(held) => (held.index, algebra::share::<G>(held).expect("a share").value),
        None => (2, SecretScalar::<G>::random(&mut network.rng)),
    };
    let dealing = lie::wrong_share(&terms, index(dealer), &secret, index(3), &mut network.rng);
    Post::Deal { session: *session, dealing: dealing.expect("a dealing").encode() }
}

#[test]
fn a_dealer_that_cheats_a_member_is_disqualified_and_the_others_have_the_key() {
    let mut network = Network::new(GroupName::Ristretto255, 5);
    network.lie = Some(wrong_share);
    network.session(&[0, 1, 2, 3, 4], 3);
    network.assert_settled(&[]);
    // The cheated member is guardian 2.
    assert_eq!(network.nodes[2].events[0], Event::Accused { dealer: 2 });
    let made = &network.ledger.sharings[0];
    assert_eq!(made.dealings.iter().map(|(dealer, _)| *dealer).collect::<Vec<_>>(), [1, 3, 4, 5]);
    // The cheat holds a share as everybody does, and is as unsuccessful again.
    network.session(&[0, 1, 2, 3, 4], 3);
    assert_eq!(network.ledger.generation(), Some(1));
    network.assert_settled(&[]);
    assert!(network.nodes[2].events.contains(&Event::Accused { dealer: 2 }));
}

#[test]
fn a_cheated_member_that_is_away_lacks_its_share_until_the_key_is_handed_on() {
    let mut network = Network::new(GroupName::Ristretto255, 5);
    network.lie = Some(wrong_share);
    network.ledger.begin(&[0, 1, 2, 3, 4], 3);
    for _ in 0..2 {
        network.settle();
        network.ledger.advance();
    }
    network.nodes[2].is_up = false;
    network.finish();
    assert_eq!(network.ledger.generation(), Some(0));
    network.nodes[2].is_up = true;
    network.settle();
    network.assert_settled(&[2]);
    assert_eq!(network.nodes[2].events, [Event::Lacks { generation: 0 }]);
    network.lie = None;
    network.session(&[0, 1, 2, 3, 4], 3);
    network.assert_settled(&[]);
    assert_eq!(network.nodes[2].events.last(), Some(&Event::Holds { generation: 1 }));
}

/// Guardian 1 hands on another value than its share.
fn other_constant(network: &mut Network, who: usize, post: Post) -> Post {
    let (1, Post::Deal { session, .. }) = (who, &post) else { return post };
    let terms = ledger::terms(network.ledger.ceremony.as_ref().expect("under way"));
    let dealing = Dealing::<G>::deal_fresh(&terms, index(2), &mut network.rng).expect("a dealing");
    Post::Deal { session: *session, dealing: dealing.encode() }
}

#[test]
fn a_dealer_that_hands_on_something_else_is_refused_by_the_ledger() {
    let mut network = Network::new(GroupName::Ristretto255, 5);
    network.session(&[0, 1, 2, 3, 4], 3);
    network.lie = Some(other_constant);
    network.session(&[0, 1, 2, 3, 4], 3);
    assert!(network.ledger.refused > 0);
    assert_eq!(network.ledger.generation(), Some(1));
    assert_eq!(network.ledger.sharings[1].dealings.iter().filter(|(dealer, _)| *dealer == 2).count(), 0);
    network.assert_settled(&[]);
}

/// Guardian 1 complains of the first dealing, in which nothing is wrong.
fn false_complaint(network: &mut Network, who: usize, post: Post) -> Post {
    let (1, Post::Ready { session }) = (who, &post) else { return post };
    let ceremony = network.ledger.ceremony.as_ref().expect("under way");
    let (dealer, dealing) = &ceremony.dealings[0];
    let dealing = Dealing::<G>::decode(index(*dealer), dealing).expect("a dealing");
    let secret = network.nodes[who].disk.secret.as_ref().expect("a secret").decode().expect("a secret");
    let terms = ledger::terms(ceremony);
    let complaint = lie::complaint(&dealing, &terms, index(2), &secret, &mut network.rng);
    Post::Complain { session: *session, complaint: complaint.expect("a complaint").encode() }
}

#[test]
fn a_false_complaint_disqualifies_nobody() {
    let mut network = Network::new(GroupName::Ristretto255, 5);
    network.lie = Some(false_complaint);
    network.session(&[0, 1, 2, 3, 4], 3);
    assert_eq!(network.ledger.sharings[0].dealings.len(), 5);
    network.assert_settled(&[]);
}

/// Guardians 1 and 3 deal nothing at all.
fn silence(_: &mut Network, who: usize, post: Post) -> Post {
    match post {
        Post::Deal { .. } if who == 1 || who == 3 => Post::Ready { session: SessionId([0; 32]) },
        other => other,
    }
}

#[test]
fn dealers_that_are_silent_are_done_without() {
    let mut network = Network::new(GroupName::Ristretto255, 9);
    network.lie = Some(silence);
    network.session(&[0, 1, 2, 3, 4], 3);
    network.session(&[5, 6, 7, 8], 3);
    assert_eq!(network.ledger.generation(), Some(1));
    network.assert_settled(&[]);
}

#[test]
fn a_ledger_that_makes_no_sense_costs_nothing() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.session(&[0, 1, 2, 3], 3);
    network.ledger.begin(&[0, 1, 2, 3], 3);
    for _ in 0..3 {
        network.settle();
        network.ledger.advance();
    }
    let view = network.ledger.view(0);
    let mut damaged = Vec::new();
    // Too few dealings, dealings of others, another key.
    let mut few = view.clone();
    few.sharing.as_mut().expect("in force").dealings.truncate(2);
    damaged.push(few);
    let mut cut = view.clone();
    cut.sharing.as_mut().expect("in force").dealings[0].1.truncate(40);
    damaged.push(cut);
    let mut other = view.clone();
    let generator = G::encode(&G::generator()).to_vec();
    let before = other.sharing.as_mut().expect("in force").handed_on.as_mut().expect("handed on");
    before.public_key = generator;
    damaged.push(other);
    for damaged in damaged {
        let node = &mut network.nodes[0];
        let handled = node.keyholder.handle(network.now, &mut network.rng, Input::Follow(damaged));
        assert!(handled.is_err());
        assert!(node.keyholder.poll().is_none());
        assert_eq!(node.keyholder.generation(), Some(0), "nothing was forgotten for it");
    }
    network.settle();
    network.assert_settled(&[]);
}
