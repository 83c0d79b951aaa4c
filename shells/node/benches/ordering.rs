//! Ordering by guardians that are processes of this machine: how long until an
//! operation is final, how many a second, and how fast blocks follow each other
//! beside the plain engine.
//!
//! - *Finality*: from the submission of one operation of 200 bytes at one
//!   guardian until that guardian's application has it, with nothing else to do,
//!   for 4, 7 and 16 guardians.
//! - *Operations*: 4 guardians, each of which is given as many operations of 200
//!   bytes as it takes; counted are those that one guardian's application gets.
//! - *Blocks*: 4 guardians whose leaders do not wait for operations make empty
//!   blocks. Beside it, in the same minute and taking turns, the engine as the
//!   program `commonware-log` 2026.10.0 sets it up: 4 processes that agree on the
//!   hash of 16 random bytes in each view, with no blocks, no delivery and no
//!   application. All its settings are that program's, but for one: it lets each
//!   peer send 10 messages a second, which holds it to 5 views a second, and here
//!   it may send as many as ours. Compared are final heights a second with final
//!   views a second; each of ours is a view too.
//!
//! Journals and blocks are on the disk that holds the build folder. The
//! application keeps nothing on disk: what it takes is not ordering.
//! Prints one line per figure, or with `--json` one JSON object per figure.

mod figure;
mod ordering_fleet;

use std::time::{Duration, Instant};

use figure::{Figure, percentile};
use ordering_fleet::{Fleet, Kind};

/// Operations one after another, for a percentile.
const SEQUENTIAL: usize = 60;

/// How long operations are submitted, and blocks made.
const FOR: Duration = Duration::from_secs(6);

/// Turns of ours and the peer's.
const TURNS: usize = 3;

fn main() {
    if let Some(seat) = ordering_fleet::seat() {
        return ordering_fleet::run(seat);
    }
    let json = std::env::args().any(|arg| arg == "--json");
    for size in [4, 7, 16] {
        let mut fleet = Fleet::start(Kind::Ours { idle_ms: 500 }, size);
        let mut times = fleet.latencies(SEQUENTIAL);
        let aim = (size == 4).then_some("<= 2000");
        for (word, part) in [("median", 50), ("95th percentile", 95)] {
            let name = format!("finality of an operation, {size} guardians, {word}");
            let value = percentile(&mut times, part);
            Figure { name: &name, value, unit: "ms", aim, peer: None }.print(json);
        }
    }
    let rate = Fleet::start(Kind::Ours { idle_ms: 500 }, 4).operations(FOR);
    let name = "operations of 200 bytes ordered, 4 guardians";
    Figure { name, value: rate, unit: "1/s", aim: None, peer: None }.print(json);

    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(heights(Kind::Ours { idle_ms: 0 }));
        peer.push(heights(Kind::Peer));
    }
    let [ours, peer] = [ours, peer].map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[TURNS / 2]
    });
    let name = "empty blocks final, 4 guardians, beside final views of commonware-log";
    Figure { name, value: ours, unit: "1/s", aim: Some(">= 0.7x"), peer: Some(peer) }.print(json);
}

/// Final heights (or views) a second.
fn heights(kind: Kind) -> f64 {
    let mut fleet = Fleet::start(kind, 4);
    let (begun, before) = (Instant::now(), fleet.height());
    std::thread::sleep(FOR);
    (fleet.height() - before) as f64 / begun.elapsed().as_secs_f64()
}
