//! How long it takes two devices to find ten differences among a million batches, in how many
//! rounds and bytes: `cargo bench -p allod-vault --bench reconcile`.

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
    let (ours, theirs) = (items(1), items(2));
    let start = Instant::now();
    let (Ok((mut asking, mut message)), Ok(mut answering)) =
        (Asking::new(ours, MESSAGE_MAX), Answering::new(theirs, MESSAGE_MAX))
    else {
        return;
    };
    let (mut rounds, mut bytes) = (0, 0);
    loop {
        rounds += 1;
        let answer = answering.handle(&message).unwrap_or_default();
        bytes += message.len() + answer.len();
        match asking.handle(&answer) {
            Ok(Some(next)) => message = next,
            Ok(None) => break,
            Err(why) => {
                println!("{why}");
                return;
            }
        }
    }
    let found = asking.differences();
    println!(
        "{COUNT} items, {} and {} differ: {} ms, {rounds} rounds, {bytes} bytes",
        found.have.len(),
        found.need.len(),
        start.elapsed().as_millis(),
    );
}
