//! Disks that fail.

use super::*;

/// Every write of guardian 0 fails.
fn broken(who: usize, _: usize, output: &Output) -> Fate {
    match output {
        Output::Persist { .. } if who == 0 => Fate::Fails,
        _ => Fate::Done,
    }
}

#[test]
fn nothing_is_announced_while_its_secret_is_not_on_disk() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.fate = broken;
    network.ledger.begin(&[0, 1, 2, 3], 3);
    network.settle();
    let ceremony = network.ledger.ceremony.as_ref().expect("under way");
    assert_eq!(ceremony.members[0].key, None);
    assert!(ceremony.members[1..].iter().all(|member| member.key.is_some()));
    // The disk is mended while there is still time.
    network.fate = |_, _, _| Fate::Done;
    network.finish();
    network.assert_settled(&[]);
}

#[test]
fn a_write_that_failed_is_tried_again_after_a_while_and_not_before() {
    let mut network = Network::new(GroupName::Ristretto255, 1);
    network.fate = broken;
    network.ledger.begin(&[0], 1);
    network.follow(0);
    assert_eq!(network.nodes[0].outputs, 1);
    let retry = network.now.plus_ms(RETRY_MS);
    assert_eq!(network.nodes[0].keyholder.deadline(), Some(retry));
    network.now = network.now.plus_ms(RETRY_MS - 1);
    network.follow(0);
    assert_eq!(network.nodes[0].outputs, 1);
    network.now = retry;
    network.follow(0);
    assert_eq!(network.nodes[0].outputs, 2);
}

#[test]
fn a_share_can_be_used_while_the_next_sessions_secret_cannot_be_written() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.session(&[0, 1, 2, 3], 3);
    network.fate = broken;
    network.ledger.begin(&[0, 1, 2, 3], 3);
    network.settle();
    assert_eq!(network.nodes[0].keyholder.generation(), Some(0));
}

#[test]
fn a_new_share_is_not_used_and_the_old_one_neither_until_the_disk_has_it() {
    let mut network = Network::new(GroupName::Ristretto255, 4);
    network.session(&[0, 1, 2, 3], 3);
    network.ledger.begin(&[0, 1, 2, 3], 3);
    for _ in 0..3 {
        network.settle();
        network.ledger.advance();
    }
    network.fate = broken;
    network.settle();
    assert_eq!(network.nodes[0].keyholder.generation(), None);
    assert_eq!(network.has(0), Some(0), "the disk still has the old one");
    assert_eq!(network.nodes[0].events, [Event::Holds { generation: 0 }], "nothing is said too early");
    // The machine stops; the same view leads on.
    network.restart(0);
    network.fate = |_, _, _| Fate::Done;
    network.settle();
    network.assert_settled(&[]);
}

#[test]
fn words_about_writes_that_nobody_waits_for_change_nothing() {
    let mut network = Network::new(GroupName::Ristretto255, 1);
    network.session(&[0], 1);
    for input in [Input::Persisted(99), Input::PersistFailed(99), Input::PersistFailed(0)] {
        let node = &mut network.nodes[0];
        assert_eq!(node.keyholder.handle(network.now, &mut network.rng, input), Ok(()));
        assert!(node.keyholder.poll().is_none());
    }
    network.assert_settled(&[]);
}
