//! Four nodes over real sockets, with real disks and a real clock.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::{Config, Simplex, Tuning, start};
use super::ledger::{Committees, Ledger};
use super::world::{key, operation, parameters};
use crate::chain::ordering::{Committee, Ended, Member, Ordering as _, Role};
use crate::ports_in_tests::free_address;

const HEIGHTS: u64 = 20;

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(90), "{what} takes too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn run(index: usize, listen: SocketAddr, folder: &Path, ledger: &Arc<Ledger>) -> Simplex {
    let config = Config {
        parameters: parameters(HEIGHTS),
        key: key(index),
        listen,
        folder: folder.join(format!("node-{index}")),
        contacts: Vec::new(),
        tuning: Tuning { idle_ms: 100, ..Tuning::default() },
    };
    start(config, ledger.clone()).expect("a node that starts")
}

#[test]
fn four_nodes_order_operations_over_tcp_and_one_moves_house() {
    let folder = tempfile::tempdir().unwrap();
    let addresses: Vec<_> = (0..5).map(|_| free_address()).collect();
    let known = addresses.clone();
    // Node 3 has another address from epoch 1 on.
    let committees: Committees = Arc::new(move |epoch| {
        let member = |index: usize| {
            let place = if index == 3 && epoch > 0 { 4 } else { index };
            Member { key: key(index).verifying_key(), address: known[place].into() }
        };
        Some(Committee { members: (0..4).map(member).collect(), observers: Vec::new() })
    });
    let ledgers: Vec<Arc<Ledger>> = (0..4).map(|_| Ledger::new(committees.clone())).collect();
    let mut nodes: Vec<Simplex> =
        (0..4).map(|index| run(index, addresses[index], folder.path(), &ledgers[index])).collect();

    for number in 0..40 {
        nodes[number as usize % 4].submit(&operation(number)).unwrap();
    }
    wait("the first operations", || {
        ledgers.iter().all(|ledger| (0..40).all(|number| ledger.has(&operation(number))))
    });
    wait("links to all", || nodes.iter().all(|node| node.status().peers == 3));
    let status = nodes[0].status();
    assert_eq!((status.role, status.pool_operations), (Role::Voter, 0));
    let metrics = nodes[0].metrics();
    assert!(metrics.contains("links_tracker_directory_tracked 3"), "{metrics}");

    wait("epoch 1", || ledgers.iter().all(|ledger| ledger.height() > HEIGHTS));
    let moved = nodes.pop().unwrap();
    assert_eq!(block_on(moved.stop()), Ended::Stopped);
    let left_at = ledgers[3].height();
    wait("three go on", || ledgers[0].height() > left_at + 5);
    nodes.push(run(3, addresses[4], folder.path(), &ledgers[3]));
    let top = ledgers[0].height();
    wait("it catches up", || ledgers[3].height() > top);
    // With it, one more may be missing.
    assert_eq!(block_on(nodes[0].stop()), Ended::Stopped);
    for number in 40..50 {
        nodes[3].submit(&operation(number)).unwrap();
    }
    wait("the last operations", || {
        ledgers[1..].iter().all(|ledger| (40..50).all(|number| ledger.has(&operation(number))))
    });
    let height = ledgers[1].height();
    let certificate = block_on(nodes[1].certificate(HEIGHTS - 1)).unwrap();
    let block = block_on(nodes[1].block(HEIGHTS - 1)).unwrap();
    assert_eq!(certificate.block, block.digest());
    for node in &nodes[1..] {
        assert_eq!(block_on(node.stop()), Ended::Stopped);
    }
    assert!(height > HEIGHTS);
    let entries: Vec<_> = ledgers.iter().map(|ledger| ledger.state().entries.clone()).collect();
    for height in 1..=left_at {
        assert!(entries.iter().all(|of| of[&height] == entries[0][&height]), "height {height}");
    }
}

#[test]
fn a_folder_in_use_and_an_address_in_use_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let addresses: Vec<_> = (0..2).map(|_| free_address()).collect();
    let address = addresses[0];
    let committees: Committees = Arc::new(move |_| {
        let member = Member { key: key(0).verifying_key(), address: address.into() };
        Some(Committee { members: vec![member], observers: Vec::new() })
    });
    let ledgers = [(); 2].map(|()| Ledger::new(committees.clone()));
    let node = run(0, addresses[0], folder.path(), &ledgers[0]);
    wait("blocks", || ledgers[0].height() > 2);
    let other = |folder: &Path, listen| {
        let config = Config {
            parameters: parameters(HEIGHTS),
            key: key(0),
            listen,
            folder: folder.to_owned(),
            contacts: Vec::new(),
            tuning: Tuning::default(),
        };
        match start(config, ledgers[1].clone()) {
            Ok(node) => block_on(node.ended()),
            Err(why) => why,
        }
    };
    let end = other(&folder.path().join("node-0"), addresses[1]);
    assert!(matches!(end, Ended::Failed(_)), "{end:?}");
    let end = other(&folder.path().join("other"), addresses[0]);
    assert!(matches!(end, Ended::Failed(_)), "{end:?}");
    assert_eq!(block_on(node.stop()), Ended::Stopped);
}

/// Waits for an answer without a runtime.
fn block_on<T>(answer: crate::chain::ordering::Pending<'_, T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer)
}
