//! A ledger that reads its blocks again tells old news.

use super::life::life;
use super::*;

#[test]
fn old_views_after_new_ones_make_nobody_forget_or_take_back_anything() {
    let mut network = Network::new(GroupName::Ristretto255, 9);
    life(&mut network);
    for restart in [false, true] {
        network.now = network.now.plus_ms(CURRENT_MS + 1);
        for who in 0..9 {
            let share = network.nodes[who].disk.share.clone();
            if restart {
                network.restart(who);
            }
            let refused = network.ledger.refused;
            for past in network.past.clone() {
                network.show(who, past.view(who));
                assert_eq!(network.nodes[who].disk.share, share, "guardian {who}");
            }
            assert_eq!(network.ledger.refused, refused, "nothing is handed in to sessions that are over");
        }
    }
    network.settle();
    network.assert_settled(&[]);
}

#[test]
fn old_views_in_the_middle_of_a_session_do_not_cost_its_secret() {
    let mut network = Network::new(GroupName::Ristretto255, 7);
    network.session(&[0, 1, 2, 3], 3);
    network.session(&[1, 2, 3, 4], 3);
    network.ledger.begin(&[2, 3, 5, 6], 3);
    for _ in 0..3 {
        network.settle();
        for who in 0..7 {
            let before = network.nodes[who].disk.clone();
            assert_eq!(before.secret.is_some(), [2, 3, 5, 6].contains(&who));
            network.restart(who);
            for past in network.past.clone() {
                if past.sessions < 3 {
                    network.show(who, past.view(who));
                    assert!(before.secret.is_none() || network.nodes[who].disk == before, "guardian {who}");
                }
            }
        }
        network.ledger.advance();
    }
    network.settle();
    assert_eq!(network.ledger.generation(), Some(2));
    network.assert_settled(&[]);
}

#[test]
fn a_share_that_is_held_is_not_dealt_into_a_session_of_another_generation() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.session(&[0, 1, 2, 3], 3);
    network.session(&[0, 1, 2, 3], 3);
    let dealing = network.past.iter().find(|past| {
        past.generation() == Some(0)
            && past
                .ceremony
                .as_ref()
                .is_some_and(|ceremony| ceremony.phase == Phase::Dealing && ceremony.dealings.is_empty())
    });
    let view = dealing.expect("there was such a moment").view(0);
    assert!(view.session.as_ref().is_some_and(|session| session.dealer.is_some() && !session.dealt));
    network.now = network.now.plus_ms(PATIENCE_MS);
    let outputs = network.nodes[0].outputs;
    network.show(0, View { at: network.now, ..view });
    assert_eq!(network.nodes[0].outputs, outputs);
}
