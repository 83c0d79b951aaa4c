//! How long stretching a PIN takes, at Juicebox's parameters, beside the
//! reference implementation where its command `argon2` is installed.
//!
//! Ours and the peer's are measured in alternating rounds, and the figure is the
//! median over rounds. The peer's time is the one it prints, without the start
//! of its process. Prints one line per figure, or with `--json` one JSON object
//! per figure.

use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use allod_crypto::password::{Cost, argon2id};
use data_encoding::HEXLOWER;

/// Rounds for each figure.
const ROUNDS: usize = 15;

const PIN: &[u8] = b"314159";
/// The reference command takes its salt as an argument, so it is text here.
const SALT: &str = "0123456789abcdef0123456789abcdef";

fn main() {
    let json = std::env::args().any(|arg| arg == "--json");
    let cost = Cost::JUICEBOX_STANDARD_2019;
    let (mut own, mut peer) = (vec![], vec![]);
    ours(cost);
    for _ in 0..ROUNDS {
        own.push(ours(cost));
        peer.extend(theirs(cost));
    }
    let name = "PIN stretched, Argon2id 16 MiB, 32 passes";
    let (value, peer) = (median(own), (!peer.is_empty()).then(|| median(peer)));
    print(json, name, value, peer);
}

/// Milliseconds of one hash.
fn ours(cost: Cost) -> f64 {
    let begun = Instant::now();
    black_box(argon2id::<64>(black_box(PIN), SALT.as_bytes(), cost).expect("a cost that Argon2 allows"));
    begun.elapsed().as_secs_f64() * 1_000.0
}

/// Milliseconds of the same hash by the reference command; nothing where it is
/// not installed.
///
/// # Panics
/// Where it gives another hash: then the figures would compare two things.
fn theirs(cost: Cost) -> Option<f64> {
    let mut command = Command::new("argon2")
        .args([SALT, "-id", "-v", "13", "-p", "1", "-l", "64"])
        .args(["-t", &cost.passes.to_string(), "-k", &cost.memory_kib.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    command.stdin.take()?.write_all(PIN).ok()?;
    let output = command.wait_with_output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let hash = text.lines().find_map(|line| line.strip_prefix("Hash:")).map(str::trim)?;
    let own = argon2id::<64>(PIN, SALT.as_bytes(), cost).expect("a cost that Argon2 allows");
    assert_eq!(HEXLOWER.encode(own.expose()), hash, "the reference command gives another hash");
    let seconds = text.lines().find_map(|line| line.strip_suffix(" seconds"))?;
    Some(seconds.trim().parse::<f64>().ok()? * 1_000.0)
}

fn print(json: bool, name: &str, value: f64, peer: Option<f64>) {
    let ratio = peer.map(|peer| value / peer);
    if json {
        let line = serde_json::json!({
            "name": name,
            "value": (value * 10.0).round() / 10.0,
            "unit": "ms",
            "aim": null,
            "peer": peer.map(|peer| format!("reference command: {peer:.0}")),
            "ratio": ratio.map(|ratio| (ratio * 100.0).round() / 100.0),
        });
        println!("{line}");
    } else {
        print!("{name}: {value:.1} ms");
        match (peer, ratio) {
            (Some(peer), Some(ratio)) => {
                println!(", {ratio:.2} times the reference command `argon2` ({peer:.0} ms)");
            }
            _ => println!("; the command `argon2` is not installed, so there is nothing to compare with"),
        }
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
