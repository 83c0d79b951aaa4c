//! Ownership operations by whole guardians, each a process of this machine.
//!
//! - *Ownership operations*: 4 guardians, whose users hand in transfers of units
//!   over HTTPS as fast as they are taken. Each was signed by a device of its own
//!   identity before; each is checked, passed on, ordered, executed and durable at
//!   all four guardians before the clock is stopped, and then counted by what its
//!   recipients hold. Meanwhile the guardians hold their keys and sign every fourth
//!   height together.
//! - *Blocks*: the final heights of that time. An operation is not a block: blocks
//!   hold as many as there are.
//! - Beside both, in the same run, before and after: final views a second of the
//!   engine's own example (see `ordering_fleet/peer.rs`), 4 processes that agree on
//!   one hash in each view, with no operations, no blocks and no ledger.
//! - *Finality*: one transfer at a time, from before it is sent to one guardian over
//!   HTTPS until that guardian says which height has it; it is asked every 4 ms.
//!
//! Guardians and their users share the machine; the state is on the disk that holds
//! the build folder. Prints one line per figure, or with `--json` one JSON object
//! per figure.

mod chain_fleet;
mod figure;
mod ordering_fleet;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use allod_guardian::client::Fault;
use allod_ledger::holding::Balance;
use allod_node::person::Link;
use chain_fleet::{ANSWER_MAX, Fleet, People, Transfer, links, note};
use figure::{Figure, percentile};
use ordering_fleet::Kind;

/// People who hand in operations, and how many each has ready. The rules of a
/// local network allow each 200 at once.
const GIVERS: usize = 800;
const EACH: usize = 180;

/// How long operations are handed in.
const FOR: Duration = Duration::from_secs(12);

/// Connections to each guardian that operations come over.
const CONNECTIONS: usize = 8;

/// Operations that may wait at a guardian before its users wait, too.
const WAITING_MAX: u64 = 6_000;

/// How long the peer's views are counted, twice.
const PEER_FOR: Duration = Duration::from_secs(6);

/// Operations one after another, for a percentile.
const SEQUENTIAL: usize = 30;

/// How often a guardian is asked what became of an operation.
const ASK: Duration = Duration::from_millis(4);

fn main() {
    if let Some(seat) = ordering_fleet::seat() {
        return ordering_fleet::run(seat);
    }
    if chain_fleet::is_guardian() {
        return;
    }
    let json = std::env::args().any(|arg| arg == "--json");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let before = views();
    let (times, load) = runtime.block_on(four_guardians());
    let after = views();
    let peer = Some((before + after) / 2.0);
    let figure = |name: &str, value, unit, aim, peer| Figure { name, value, unit, aim, peer }.print(json);
    figure(
        "ownership operations, 4 guardians, beside views of commonware-log",
        load.operations,
        "1/s",
        Some(">= 0.7x"),
        peer,
    );
    figure("final blocks meanwhile, beside views of commonware-log", load.blocks, "1/s", None, peer);
    print_times(4, times, json);
    for size in [7, 16] {
        let times = runtime.block_on(finality(size));
        print_times(size, times, json);
    }
}

fn print_times(size: usize, mut times: Vec<f64>, json: bool) {
    for (word, part) in [("median", 50), ("95th percentile", 95)] {
        let name = format!("finality over HTTPS, {size} guardians, {word}");
        let value = percentile(&mut times, part);
        let aim = (size == 4).then_some("<= 2000");
        Figure { name: &name, value, unit: "ms", aim, peer: None }.print(json);
    }
}

/// Final views a second of the engine's example.
fn views() -> f64 {
    note("the engine's example");
    let mut fleet = ordering_fleet::Fleet::start(Kind::Peer, 4);
    let (begun, before) = (Instant::now(), fleet.height());
    std::thread::sleep(PEER_FOR);
    (fleet.height() - before) as f64 / begun.elapsed().as_secs_f64()
}

/// What four guardians did under load.
struct Load {
    /// Operations a second.
    operations: f64,
    /// Final heights a second.
    blocks: f64,
}

async fn four_guardians() -> (Vec<f64>, Load) {
    let mut people = People::new(GIVERS);
    note("4 guardians found a network and make its keys");
    let fleet = Fleet::start(4, &mut people).await;
    fleet.until_keys_are_made().await;
    note("finality at 4 guardians");
    let times = latencies(&fleet, &mut people).await;
    note("operations are signed");
    let transfers = people.transfers(EACH);
    note("operations are handed in");
    let load = under_load(&fleet, transfers).await;
    let given = (load.handed_in + SEQUENTIAL) as u64;
    assert_eq!(held(&fleet, &people).await, given, "every operation counts once, and nothing else does");
    note(&format!(
        "{} operations in {} blocks, {:.1} s; height {} is signed",
        load.handed_in, load.heights, load.seconds, load.certified
    ));
    let rates =
        Load { operations: load.handed_in as f64 / load.seconds, blocks: load.heights as f64 / load.seconds };
    (times, rates)
}

/// What was seen of a load.
struct Seen {
    handed_in: usize,
    heights: u64,
    seconds: f64,
    certified: u64,
}

async fn under_load(fleet: &Fleet, transfers: Vec<Transfer>) -> Seen {
    let transfers: Arc<Vec<Transfer>> = Arc::new(transfers);
    let next = Arc::new(AtomicUsize::new(0));
    let ways = links(fleet);
    let first = &fleet.guardians()[0];
    let before = first.status(&ways[0]).await;
    let begun = Instant::now();
    let mut handing_in = tokio::task::JoinSet::new();
    let mut watching = tokio::task::JoinSet::new();
    for (guardian, way) in fleet.guardians().iter().zip(&ways) {
        let is_full = Arc::new(AtomicBool::new(false));
        for _ in 0..CONNECTIONS {
            let link = guardian.link();
            handing_in.spawn(hand_in(
                link,
                Arc::clone(&transfers),
                Arc::clone(&next),
                Arc::clone(&is_full),
                begun,
            ));
        }
        let way = Arc::clone(way);
        watching.spawn(async move {
            while begun.elapsed() < FOR {
                if let Ok(Some(status)) = way.get("/chain/status", ANSWER_MAX).await {
                    let status: serde_json::Value = serde_json::from_slice(&status).expect("JSON");
                    is_full.store(status["waiting"].as_u64() > Some(WAITING_MAX), Ordering::Relaxed);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }
    let lasts: Vec<Vec<usize>> = handing_in.join_all().await;
    watching.join_all().await;
    // Each connection's own are taken in order or nearly; all of its latest ones
    // are looked for, at every guardian.
    for way in &ways {
        for place in lasts.iter().flatten() {
            settled(way, &transfers[*place]).await;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let after = first.status(&ways[0]).await;
    // What is signed comes after; it must have gone on meanwhile.
    let certified = after["certified"].as_u64().expect("a certificate");
    let height = |status: &serde_json::Value| status["height"].as_u64().expect("a height");
    assert!(certified > height(&before), "no checkpoint was signed under load");
    let handed_in = next.load(Ordering::Relaxed).min(transfers.len());
    assert!(handed_in < transfers.len(), "more operations should have been ready");
    Seen { handed_in, heights: height(&after) - height(&before), seconds, certified }
}

/// Hands operations in over one connection while there is time; the places of the
/// last few.
async fn hand_in(
    link: Link,
    transfers: Arc<Vec<Transfer>>,
    next: Arc<AtomicUsize>,
    is_full: Arc<AtomicBool>,
    begun: Instant,
) -> Vec<usize> {
    let mut last = Vec::new();
    while begun.elapsed() < FOR {
        if is_full.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let place = next.fetch_add(1, Ordering::Relaxed);
        let Some(transfer) = transfers.get(place) else { break };
        loop {
            match link.post("/chain/operations", None, &transfer.bytes, ANSWER_MAX).await {
                Ok(_) => break,
                Err(Fault::TooMany { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(why) => panic!("an operation was refused: {why}"),
            }
        }
        last.push(place);
        if last.len() > 3 {
            last.remove(0);
        }
    }
    last
}

/// Waits until a guardian says which height has the operation.
async fn settled(link: &Link, transfer: &Transfer) {
    let path = format!("/chain/operations/{}", transfer.id);
    loop {
        let found = link.get(&path, ANSWER_MAX).await.expect("a guardian that answers");
        if let Some(bytes) = found {
            let said: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
            assert!(said["refused"].is_null(), "an operation was refused: {said}");
            return;
        }
        tokio::time::sleep(ASK).await;
    }
}

/// What all takers hold together, as the ledger says.
async fn held(fleet: &Fleet, people: &People) -> u64 {
    let link = fleet.guardians()[0].link();
    let mut sum = 0;
    for path in people.balances() {
        if let Some(bytes) = link.get(&path, ANSWER_MAX).await.expect("a guardian that answers") {
            let balance: Balance = allod_wire::decode(&bytes).expect("a balance");
            sum += balance.amount;
        }
    }
    sum
}

async fn finality(size: usize) -> Vec<f64> {
    let mut people = People::new(10);
    note(&format!("finality at {size} guardians, which make their keys before"));
    let fleet = Fleet::start(size, &mut people).await;
    fleet.until_keys_are_made().await;
    latencies(&fleet, &mut people).await
}

/// Milliseconds from before an operation is sent to one guardian until the same
/// guardian says which height has it.
async fn latencies(fleet: &Fleet, people: &mut People) -> Vec<f64> {
    let link = fleet.guardians()[1].link();
    let mut times = Vec::new();
    for turn in 0..SEQUENTIAL {
        // Not in step with the leaders' waiting.
        tokio::time::sleep(Duration::from_millis(50 + turn as u64 * 37 % 300)).await;
        let transfer = people.transfer(turn % 10, 0, allod_node::now());
        let begun = Instant::now();
        link.post("/chain/operations", None, &transfer.bytes, ANSWER_MAX).await.expect("it is taken");
        settled(&link, &transfer).await;
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    times
}
