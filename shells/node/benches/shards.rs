//! Dividing packs into shards and getting them back: bytes of packs a second, on one core,
//! with the hashing of every shard that a backup does and without.
#![allow(missing_docs, clippy::unwrap_used)]

mod figure;

use std::time::Instant;

use allod_crypto::Secret;
use allod_node::backup::ReedSolomon;
use allod_vault::Uncompressed;
use allod_vault::backup::shard::{ShardId, show};
use allod_vault::backup::{BackupKeys, Code, PACK_MAX, Packer, unpack};
use allod_vault::object::{Keys, Kind};

use figure::Figure;

const ROUNDS: usize = 8;

/// MB of packs a second.
fn rate(mut what: impl FnMut()) -> f64 {
    // Once, so that tables are made and memory is there.
    what();
    let begun = Instant::now();
    (0..ROUNDS).for_each(|_| what());
    (ROUNDS * PACK_MAX) as f64 / 1e6 / begun.elapsed().as_secs_f64()
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let print = |name: &str, value: f64, unit: &str| {
        Figure { name, value, unit, aim: None, peer: None }.print(json);
    };
    let keys = BackupKeys::new(&Secret::from([1; 32]));
    let mut packer = Packer::new();
    let mut content = vec![0; 250_000];
    loop {
        getrandom::fill(&mut content).unwrap();
        let object = Keys::new(&Secret::from([2; 32]), 0).seal(Kind::Data, &content, &Uncompressed);
        if packer.push(object).is_some() {
            break;
        }
    }
    let pack = packer.seal(&keys, 1);
    print("sealing a pack", rate(|| drop(packer.seal(&keys, 1))), "MB/s");
    print("opening a pack", rate(|| drop(unpack(&keys, 1, &pack).unwrap())), "MB/s");
    for (needed, all) in [(5, 8), (10, 16)] {
        let code = Code::new(needed, all).unwrap();
        let shards = code.encode(&pack, &ReedSolomon).unwrap();
        print(
            &format!("dividing {needed} of {all}"),
            rate(|| drop(code.encode(&pack, &ReedSolomon).unwrap())),
            "MB/s",
        );
        let hashed = rate(|| {
            let shards = code.encode(&pack, &ReedSolomon).unwrap();
            shards.iter().for_each(|shard| {
                std::hint::black_box(ShardId::of(shard));
            });
        });
        print(&format!("dividing {needed} of {all}, and the ids of all shards"), hashed, "MB/s");
        let numbered: Vec<(u8, &[u8])> = (0..).zip(shards.iter().map(Vec::as_slice)).collect();
        // The first shards are the pack itself, so the last ones are the most work.
        let worst = &numbered[usize::from(all - needed)..];
        let back = rate(|| drop(code.decode(pack.len(), worst, &ReedSolomon).unwrap()));
        print(&format!("getting back {needed} of {all}, from the last shards"), back, "MB/s");
        let repair = rate(|| {
            let pack = code.decode(pack.len(), worst, &ReedSolomon).unwrap();
            drop(code.encode(&pack, &ReedSolomon).unwrap());
        });
        print(&format!("making lost shards again, {needed} of {all}"), repair, "MB/s");
    }
    let code = Code::new(5, 8).unwrap();
    let shard = code.encode(&pack, &ReedSolomon).unwrap().swap_remove(0);
    let mut leaf = 0;
    let begun = Instant::now();
    for _ in 0..ROUNDS * 4 {
        leaf = (leaf + 997) % 3000;
        std::hint::black_box(show(&shard, leaf).unwrap());
    }
    let ms = begun.elapsed().as_secs_f64() * 1e3 / (ROUNDS * 4) as f64;
    print("answering a challenge of a shard of 5 of 8", ms, "ms");
}
