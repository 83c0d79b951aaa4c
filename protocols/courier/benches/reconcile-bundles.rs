//! How many bytes and rounds it takes two carriers of ten thousand bundles to find the ten that each of them
//! has alone, and how long, in memory. Prints one line per figure, or with `--json` one JSON object per
//! figure.
#![allow(missing_docs)]

#[path = "../../../shells/node/benches/figure/mod.rs"]
mod figure;

use std::time::Instant;

use allod_courier::bundle::{BundleId, Seconds};
use allod_courier::encounter::{Answering, Asking, ReconcileError};
use allod_crypto::hash::blake3;
use figure::Figure;

const COUNT: u32 = 10_000;
const DIFFERENT: u32 = 10;

/// A bundle each minute. Those that one side has alone lie apart, or are the newest.
fn items(of: u8, is_newest: bool) -> impl Iterator<Item = (Seconds, BundleId)> {
    (0..COUNT).map(move |number| {
        let is_apart = number % (COUNT / DIFFERENT) == 500;
        let is_alone = if is_newest { number >= COUNT - DIFFERENT } else { is_apart };
        let who = if is_alone { of } else { 0 };
        let name = [&number.to_le_bytes()[..], &[who]].concat();
        (Seconds(number * 60 + 1), BundleId(blake3(&name)))
    })
}

/// Milliseconds, rounds and bytes.
fn reconcile(is_newest: bool, mtu: usize) -> Result<[f64; 3], ReconcileError> {
    let begun = Instant::now();
    let (mut asking, mut message) = Asking::new(items(1, is_newest), mtu)?;
    let mut answering = Answering::new(items(2, is_newest), mtu)?;
    let (mut rounds, mut bytes) = (0_u32, 0);
    loop {
        rounds += 1;
        let answer = answering.handle(&message)?;
        bytes += message.len() + answer.len();
        match asking.handle(&answer)? {
            Some(next) => message = next,
            None => break,
        }
    }
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    let (have, need) = asking.differences();
    assert_eq!((have.len(), need.len()), (DIFFERENT as usize, DIFFERENT as usize), "all are found");
    Ok([took, f64::from(rounds), bytes as f64])
}

fn main() -> Result<(), ReconcileError> {
    let json = std::env::args().any(|argument| argument == "--json");
    // What each would say who names all of its bundles.
    let all = f64::from(COUNT) * 2.0 * 32.0;
    for (name, is_newest, mtu) in [
        ("10 apart", false, 1 << 20),
        ("the newest 10", true, 1 << 20),
        ("10 apart, frames of 230 bytes", false, 230),
    ] {
        let [took, rounds, bytes] = reconcile(is_newest, mtu)?;
        let print = |what: &str, value, unit, aim, peer| {
            let name = &format!("10,000 bundles on each side, {name} differ: {what}");
            Figure { name, value, unit, aim, peer }.print(json);
        };
        print("both ways, beside all ids", bytes, "bytes", Some("<= 0.1x"), Some(all));
        print("rounds", rounds, "rounds", None, None);
        print("time", took, "ms", None, None);
    }
    Ok(())
}
