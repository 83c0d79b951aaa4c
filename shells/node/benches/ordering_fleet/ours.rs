//! A guardian that orders as this project does.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_node::chain::ordering::simplex::{Config, Tuning, start};
use allod_node::chain::ordering::{
    Application, Applied, Committee, Evidence, FinalBlock, Halt, Kind, Member, OperationHash, Ordering,
    Parameters, Refusal,
};

use super::{Seat, answer};

const SIZE: usize = 200;

/// Counts what it is given, and keeps none of it.
struct Counter {
    committee: Committee,
    state: Mutex<State>,
    applied: Condvar,
}

#[derive(Default)]
struct State {
    height: u64,
    operations: u64,
    awaited: HashSet<OperationHash>,
}

impl Application for Counter {
    fn applied(&self) -> Applied {
        Applied::default()
    }

    fn admit(&self, operation: &[u8]) -> bool {
        operation.len() == SIZE
    }

    fn kind(&self, _: &[u8]) -> Kind {
        Kind::Paid
    }

    fn apply(&self, block: &FinalBlock) -> Result<(), Halt> {
        let mut state = self.state.lock().expect("no panic");
        state.height = block.height();
        state.operations += block.block().operations().len() as u64;
        for hash in block.block().hashes() {
            state.awaited.remove(hash);
        }
        self.applied.notify_all();
        Ok(())
    }

    fn committee(&self, _: u64) -> Option<Committee> {
        Some(self.committee.clone())
    }

    fn accuse(&self, evidence: Evidence) {
        panic!("an honest guardian is accused: {evidence:?}");
    }
}

pub(super) fn run(seat: &Seat, idle_ms: u64) {
    let key = |index: usize| SigningKey::from_seed(&Secret::from([index as u8 + 1; 32]));
    let members = seat.addresses.iter().enumerate();
    let members = members
        .map(|(index, address)| Member { key: key(index).verifying_key(), address: (*address).into() });
    let counter = Arc::new(Counter {
        committee: Committee { members: members.collect(), observers: Vec::new() },
        state: Mutex::default(),
        applied: Condvar::new(),
    });
    let config = Config {
        parameters: Parameters {
            network: [1; 32],
            genesis: allod_wire::Instant(0),
            epoch_heights: NonZeroU64::new(10_000).expect("not zero"),
        },
        key: key(seat.index),
        listen: seat.addresses[seat.index],
        folder: seat.folder.clone(),
        contacts: Vec::new(),
        tuning: Tuning { idle_ms, ..Tuning::default() },
    };
    let node = start(config, counter.clone()).expect("a node that starts");
    let mut number = 0_u64;
    let mut operation = || {
        number += 1;
        let mut bytes = vec![seat.index as u8; SIZE];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes
    };
    answer(|order, argument| match order {
        "ready" => {
            while node.status().peers + 1 < seat.addresses.len() || node.status().height_applied < 5 {
                std::thread::sleep(Duration::from_millis(50));
            }
            String::new()
        }
        "height" => counter.state.lock().expect("no panic").height.to_string(),
        "latencies" => {
            let times: Vec<f64> = (0..argument)
                .map(|turn| {
                    // Not in step with the leaders' waiting.
                    std::thread::sleep(Duration::from_millis(50 + turn * 37 % 250));
                    let begun = Instant::now();
                    let hash = node.submit(&operation()).expect("an operation that is taken");
                    let mut state = counter.state.lock().expect("no panic");
                    // Where it is final before this, it stays awaited, and is seen
                    // not to wait in the pool.
                    state.awaited.insert(hash);
                    while state.awaited.contains(&hash) && node.waits(&hash) {
                        let wait = counter.applied.wait_timeout(state, Duration::from_millis(20));
                        state = wait.expect("no panic").0;
                    }
                    begun.elapsed().as_secs_f64() * 1_000.0
                })
                .collect();
            serde_json::to_string(&times).expect("numbers")
        }
        "load" => {
            let time = Duration::from_millis(argument);
            // The first fifth is not counted.
            let (begun, mut counted) = (Instant::now(), None);
            while begun.elapsed() < time {
                if counted.is_none() && begun.elapsed() > time / 5 {
                    counted = Some((Instant::now(), counter.state.lock().expect("no panic").operations));
                }
                match node.submit(&operation()) {
                    Ok(_) => {}
                    Err(Refusal::Full) => std::thread::sleep(Duration::from_millis(5)),
                    Err(refusal) => panic!("{refusal}"),
                }
                // As much as is useful waits already.
                if node.status().pool_operations > 20_000 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            let (since, before) = counted.expect("time that passed");
            let after = counter.state.lock().expect("no panic").operations;
            ((after - before) as f64 / since.elapsed().as_secs_f64()).to_string()
        }
        _ => panic!("no order: {order}"),
    });
}
