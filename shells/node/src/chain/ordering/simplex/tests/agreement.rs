//! Nodes agree, whoever is missing.

use commonware_p2p::{Recipients, Sender as _};
use commonware_runtime::IoBuf;

use super::world::{World, fixed, ledgers, operation, simulate};
use crate::chain::ordering::{Operation, Ordering as _, Refusal};

/// Submits `count` operations, one to each node in turn that runs, and waits
/// until all that run have them.
async fn order(world: &World, running: &[usize], numbers: std::ops::Range<u64>) {
    for number in numbers.clone() {
        let at = running[number as usize % running.len()];
        world.nodes[at].handle().submit(&operation(number)).unwrap();
    }
    world
        .until(60, "operations are final everywhere", |world| {
            running
                .iter()
                .all(|index| numbers.clone().all(|number| world.nodes[*index].ledger.has(&operation(number))))
        })
        .await;
    world.assert_agreement();
}

fn all_agree(seed: u64, size: usize, missing: usize) {
    simulate(seed, |context| async move {
        let committees = fixed(size);
        let mut world = World::new(context, ledgers(size, &committees), 1_000).await;
        let running: Vec<usize> = (missing..size).collect();
        world.start_all(running.iter().copied()).await;
        order(&world, &running, 0..40).await;
        order(&world, &running, 40..60).await;
    });
}

#[test]
fn four_and_seven_nodes_order_operations_alike() {
    for seed in 0..3 {
        all_agree(seed, 4, 0);
        all_agree(seed, 7, 0);
    }
}

#[test]
fn f_nodes_that_are_down_hold_up_nobody() {
    for seed in 0..3 {
        all_agree(seed, 4, 1);
        all_agree(seed, 7, 2);
    }
}

#[test]
fn one_node_alone_orders_operations() {
    all_agree(1, 1, 0);
}

#[test]
fn a_peer_that_sends_what_is_no_operation_is_blocked_and_what_is_not_admitted_goes_nowhere() {
    simulate(1, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), 1_000).await;
        world.start_all(0..3).await;
        world.height(30, &[0, 1, 2], 2).await;
        // The test speaks for node 3.
        let (mut operations, _inbox) = world.network(3).await.operations;
        let mut send = |to: usize, bytes: Vec<u8>| {
            operations.send(Recipients::One(World::public(to)), IoBuf::from(bytes), false);
        };
        let batch = |operations: &[&[u8]]| {
            let operations: Vec<Operation> =
                operations.iter().map(|bytes| Operation::new(bytes).unwrap()).collect();
            allod_wire::encode(&operations)
        };
        send(0, batch(&[&[0, 1], &operation(1), &[0, 2]]));
        world.until(30, "it is final", |world| world.nodes[2].ledger.has(&operation(1))).await;
        assert!(world.nodes.iter().all(|node| !node.ledger.has(&[0, 1]) && !node.ledger.has(&[0, 2])));
        assert_eq!(world.oracle.blocked().await.unwrap(), []);
        send(1, vec![0xff]);
        world.sleep(1).await;
        assert_eq!(world.oracle.blocked().await.unwrap(), [(World::public(1), World::public(3))]);
        // Beyond its allowance, a peer is not read for a while.
        let garbage: Vec<Vec<u8>> =
            (0..2_000_u64).map(|number| [&[0][..], &number.to_be_bytes()].concat()).collect();
        let garbage: Vec<&[u8]> = garbage.iter().map(Vec::as_slice).collect();
        send(0, batch(&garbage));
        send(0, batch(&[&operation(2)]));
        world.sleep(2).await;
        assert!(!world.nodes[0].ledger.has(&operation(2)));
        send(0, batch(&[&operation(3)]));
        world.until(30, "it is read again", |world| world.nodes[2].ledger.has(&operation(3))).await;
    });
}

#[test]
fn what_cannot_be_ordered_is_refused() {
    simulate(1, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), 1_000).await;
        world.tuning.pool_operations_max = 2;
        world.start_all([0]).await;
        let node = world.nodes[0].handle();
        assert_eq!(node.submit(&[]), Err(Refusal::Size { size: 0 }));
        assert_eq!(node.submit(&[1; 70_000]), Err(Refusal::Size { size: 70_000 }));
        assert_eq!(node.submit(&[0]), Err(Refusal::NotAdmitted));
        let hash = node.submit(&[1]).unwrap();
        assert!(node.waits(&hash));
        assert_eq!(node.submit(&[1]), Err(Refusal::Duplicate));
        node.submit(&[2]).unwrap();
        assert_eq!(node.submit(&[3]), Err(Refusal::Full));
    });
}
