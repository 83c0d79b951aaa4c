//! How long it takes two devices to find ten differences among a million batches, in how many
//! rounds and bytes. The sets are in memory. Prints one line per figure, or with `--json` one JSON object
//! per figure.

use std::time::Instant;

use allod_crypto::hash::blake3;
use allod_vault::sync::reconcile::{Answering, Asking, Item, Items, MESSAGE_MAX};

const COUNT: u64 = 1_000_000;
const DIFFERENT: u64 = 10;

fn items(of: u64) -> Items {
    let item = |number: u64| {
        let is_common = !number.is_multiple_of(COUNT / DIFFERENT) || number == 0;
        let who = if is_common { 0 } else { of };
        let name = [number.to_le_bytes(), who.to_le_bytes()].concat();
        Item { at: number, id: blake3(&name) }
    };
    (0..=COUNT).map(item).collect()
}

fn main() {
    let json = std::env::args().any(|arg| arg == "--json");
    match measure() {
        Ok(figures) => figures.iter().for_each(|figure| print(json, figure)),
        Err(why) => {
            eprintln!("{why}");
            std::process::exit(1);
        }
    }
}

/// What is measured, its value, and its unit.
type Figure = (&'static str, f64, &'static str);

fn measure() -> Result<[Figure; 3], String> {
    let (ours, theirs) = (items(1), items(2));
    let begun = Instant::now();
    let (mut asking, mut message) = Asking::new(ours, MESSAGE_MAX).map_err(|why| why.to_string())?;
    let mut answering = Answering::new(theirs, MESSAGE_MAX).map_err(|why| why.to_string())?;
    let (mut rounds, mut bytes) = (0_u32, 0);
    loop {
        rounds += 1;
        let answer = answering.handle(&message).map_err(|why| why.to_string())?;
        bytes += message.len() + answer.len();
        match asking.handle(&answer).map_err(|why| why.to_string())? {
            Some(next) => message = next,
            None => break,
        }
    }
    let took = begun.elapsed().as_secs_f64() * 1_000.0;
    let found = asking.differences();
    if (found.have.len() as u64, found.need.len() as u64) != (DIFFERENT, DIFFERENT) {
        return Err(format!("{} and {} differences were found", found.have.len(), found.need.len()));
    }
    Ok([
        ("1M batches, 10 differ on each side: time", took, "ms"),
        ("1M batches, 10 differ on each side: rounds", f64::from(rounds), "rounds"),
        ("1M batches, 10 differ on each side: both ways", bytes as f64, "bytes"),
    ])
}

fn print(json: bool, (name, value, unit): &Figure) {
    match json {
        true => println!("{{\"name\":\"{name}\",\"value\":{value},\"unit\":\"{unit}\"}}"),
        false => println!("{name}: {value:.1} {unit}"),
    }
}
