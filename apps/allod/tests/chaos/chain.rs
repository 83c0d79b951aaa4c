//! What disturbs connections disturbs those between guardians, too: a network that
//! is parted orders nothing, says so, and goes on when it is healed.

use std::time::{Duration, Instant};

use allod_node::network::{Links, lacks};
use allod_node::person::Link;
use serde_json::Value;

use crate::namespaces::say;
use crate::process::{At, folder};
use crate::watched::{Net, home, of, read_export};

/// How long anything may take that is waited for: this machine may be slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long what was on its way when guardians are parted may still be applied.
const ON_ITS_WAY: Duration = Duration::from_secs(4);

/// Where a guardian stands, as its metrics say.
struct Watched(Vec<Link>);

impl Watched {
    async fn figure(&self, guardian: usize, name: &str) -> f64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(text) = self.0[guardian - 1].metrics().await {
                let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
                return found.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap();
            }
            assert!(Instant::now() < deadline, "guardian {guardian} does not answer");
        }
    }

    async fn heights(&self) -> Vec<f64> {
        let mut heights = Vec::new();
        for guardian in 1..=self.0.len() {
            heights.push(self.figure(guardian, "allod_chain_height").await);
        }
        heights
    }

    /// Waits until a figure of each of these guardians fits.
    async fn until(&self, guardians: &[usize], name: &str, fits: impl Fn(f64) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        for guardian in guardians {
            loop {
                let value = self.figure(*guardian, name).await;
                if fits(value) {
                    break;
                }
                assert!(Instant::now() < deadline, "guardian {guardian}: {name} is still {value}");
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    }
}

/// Each second's heights of a guardian, with whether it was ready then.
fn series(events: &[Value], guardian: usize) -> Vec<(u64, Option<u64>, Option<bool>)> {
    of(events, "counters")
        .map(|event| {
            let row = &event["guardians"][guardian - 1];
            assert_eq!(row["guardian"], guardian);
            (event["at_ms"].as_u64().unwrap(), row["height"].as_u64(), row["ready"].as_bool())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parted_network_orders_nothing_and_one_that_was_cut_off_catches_up() {
    part("--relay", "relayed.toml").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_namespaces_a_parted_network_orders_nothing_either() {
    let missing = lacks(Links::Namespaces, &[]).await;
    if missing.is_empty() {
        part("--namespaces", "guardian.toml").await;
    } else {
        say(&format!("SKIPPED: parting a chain in namespaces, since {}", missing.join("; ")));
    }
}

/// Parts a network whose guardians are connected this way, and whose
/// configurations have this name.
async fn part(links: &str, file: &str) {
    let folder = folder();
    let home = home(&folder);
    let export = folder.path().join("run.jsonl");
    let arguments = ["--guardians", "4", "--brisk", links, "--export", export.to_str().unwrap()];
    let net = Net::start(&home, &arguments);
    let watched = Watched(net.addresses.iter().map(|address| Link::new(address.parse().unwrap())).collect());
    let at = At { home: &home, pin: "" };
    let order = |text: &str| at.run(&["testnet", "--order", text]).done();
    let config = home.join("network/guardian-1").join(file);
    let health = |more: &[&str]| {
        let arguments = ["--json", "guardian", "health", "--config", config.to_str().unwrap()];
        at.run(&[&arguments, more].concat())
    };
    let all = [1, 2, 3, 4];
    watched.until(&all, "allod_chain_height", |height| height >= 5.0).await;
    watched.until(&all, "allod_chain_voters_heard", |heard| heard == 3.0).await;
    watched.until(&all, "allod_chain_ready", |ready| ready == 1.0).await;
    let told = health(&["--ready"]).done().json();
    assert_eq!((&told["chain"]["votes"], &told["chain"]["unready"]), (&true.into(), &Value::Null), "{told}");

    // Three of four have to agree, and neither half has three.
    order("partition 1,2 | 3,4");
    tokio::time::sleep(ON_ITS_WAY).await;
    let stopped = watched.heights().await;
    watched.until(&all, "allod_chain_ready", |ready| ready == 0.0).await;
    tokio::time::sleep(ON_ITS_WAY).await;
    assert_eq!(watched.heights().await, stopped);
    assert_eq!(watched.figure(1, "allod_chain_voters_heard").await, 1.0);
    assert!(watched.figure(1, "allod_chain_last_block_age_seconds").await > 7.0);
    // People are served all the same.
    let told = health(&[]).done().json();
    assert!(told["chain"]["unready"].as_str().unwrap().contains("has no quorum"), "{told}");
    let ended = health(&["--ready"]);
    assert!(
        ended.code == 1 && ended.json()["error"].as_str().unwrap().contains("has no quorum"),
        "{ended:?}"
    );
    let most = stopped.iter().copied().fold(0.0, f64::max);
    order("heal");
    watched.until(&all, "allod_chain_height", |height| height > most + 3.0).await;
    watched.until(&all, "allod_chain_ready", |ready| ready == 1.0).await;

    // Three go on without the fourth, which learns afterwards what they did.
    order("partition 1 | 2,3,4");
    tokio::time::sleep(ON_ITS_WAY).await;
    let left = watched.figure(1, "allod_chain_height").await;
    watched.until(&[2, 3, 4], "allod_chain_height", |height| height >= left + 10.0).await;
    assert_eq!(watched.figure(1, "allod_chain_height").await, left);
    let most = watched.heights().await.into_iter().fold(0.0, f64::max);
    order("heal");
    watched.until(&all, "allod_chain_height", |height| height > most).await;
    watched.until(&all, "allod_chain_ready", |ready| ready == 1.0).await;
    assert_eq!(net.interrupt(), 0);

    // The run that was written down tells the same.
    let events = read_export(&export);
    let given = |order: &str| {
        let event = of(&events, "order").find(|event| event["order"] == order).unwrap();
        event["at_ms"].as_u64().unwrap()
    };
    let parted = given("partition 1,2 | 3,4");
    let healed = of(&events, "order").find(|event| event["order"] == "heal").unwrap()["at_ms"].as_u64();
    for guardian in all {
        let series = series(&events, guardian);
        let within = |from: u64, to: u64| {
            series.iter().filter(move |(at, ..)| (from..to).contains(at)).filter_map(|(_, height, _)| *height)
        };
        // What was asked for a moment before counts as of then.
        let begun = parted + 3_000 + u64::try_from(ON_ITS_WAY.as_millis()).unwrap();
        let mut still: Vec<_> = within(begun, healed.unwrap()).collect();
        assert!(still.len() > 3, "guardian {guardian}: {series:?}");
        still.dedup();
        assert_eq!(still.len(), 1, "guardian {guardian}: {series:?}");
        let said = series
            .iter()
            .any(|(at, _, ready)| (parted..healed.unwrap()).contains(at) && *ready == Some(false));
        assert!(said, "guardian {guardian}: {series:?}");
        // A height a second is written down, so the last of one part may be missing.
        assert!(within(healed.unwrap(), u64::MAX).max() > within(parted, healed.unwrap()).max());
    }
}
