//! Whole recoveries against five guardian processes, three of which are needed:
//! how many a second, and how long one takes.
//!
//! Guardians and clients share the machine. Each figure is measured twice: with
//! the guardians' state in memory, which leaves out what a disk takes to make a
//! guess durable, and with the state on the disk that holds the build folder.
//! Prints one line per figure, or with `--json` one JSON object per figure.

mod fleet;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allod_crypto::password::Cost;
use allod_node::guardian::Tls;
use fleet::{Fleet, Person, release_binary};

/// People who recover at the same time, and how long they go on.
const PEOPLE: usize = 48;
const FOR: Duration = Duration::from_secs(8);

/// Recoveries one after another, for a median.
const SEQUENTIAL: usize = 200;
/// The same with the real stretching, which takes a while.
const STRETCHED: usize = 15;

/// A folder in memory.
const MEMORY: &str = "/dev/shm";

fn main() {
    let json = std::env::args().any(|arg| arg == "--json");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let allod = release_binary();
        let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
        std::fs::create_dir_all(disk).expect("the build folder");
        if Path::new(MEMORY).is_dir() {
            measure(&allod, Path::new(MEMORY), "in memory", Some("<= 15"), json).await;
        } else {
            eprintln!("{MEMORY} is not there, so nothing is measured without a disk");
        }
        measure(&allod, disk, "on disk", None, json).await;
    });
}

async fn measure(allod: &Path, folder: &Path, place: &str, aim: Option<&str>, json: bool) {
    let plain = Fleet::start(allod, folder, &Tls::Off).await;
    let rate = rate(&plain).await;
    print(json, &format!("whole recoveries, {place}"), rate, "1/s", None);
    drop(plain);

    let fleet = Fleet::start(allod, folder, &Tls::SelfSigned).await;
    let fast = fleet.person(Cost::JUICEBOX_FAST_INSECURE).await;
    let rest = latency(&fast, SEQUENTIAL).await;
    print(json, &format!("one recovery but for Argon2id, TLS, {place}"), rest, "ms", aim);
    let standard = fleet.person(Cost::JUICEBOX_STANDARD_2019).await;
    let whole = latency(&standard, STRETCHED).await;
    print(json, &format!("one recovery with Argon2id, TLS, {place}"), whole, "ms", None);
}

/// Recoveries a second, each seen through at all five guardians, by people who
/// recover at the same time over connections that are kept. Their PINs are
/// stretched at no cost to speak of, since that is not the guardians' work.
async fn rate(fleet: &Fleet) -> f64 {
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let person = fleet.person(Cost::JUICEBOX_FAST_INSECURE).await;
        person.recover().await;
        people.push(Arc::new(person));
    }
    let begun = Instant::now();
    let mut under_way = tokio::task::JoinSet::new();
    for person in people {
        under_way.spawn(async move {
            let mut count = 0_u32;
            while begun.elapsed() < FOR {
                person.recover().await;
                count += 1;
            }
            count
        });
    }
    let counts = under_way.join_all().await;
    f64::from(counts.iter().sum::<u32>()) / begun.elapsed().as_secs_f64()
}

/// The median milliseconds until the secret is back, with connections made
/// anew, as a device that lost everything makes them.
async fn latency(person: &Person, rounds: usize) -> f64 {
    let mut times = Vec::new();
    for _ in 0..rounds {
        times.push(person.recover_anew().await.as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn print(json: bool, name: &str, value: f64, unit: &str, aim: Option<&str>) {
    let value = (value * 10.0).round() / 10.0;
    if json {
        let line = serde_json::json!({
            "name": name, "value": value, "unit": unit, "aim": aim, "peer": null, "ratio": null,
        });
        println!("{line}");
    } else {
        let aim = aim.map(|aim| format!(", aim {aim}")).unwrap_or_default();
        println!("{name}: {value} {unit}{aim}");
    }
}
