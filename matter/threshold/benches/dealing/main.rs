//! What making a key in shares, and passing it on, costs each node: CPU time for
//! a committee of n with threshold t = floor(2n / 3) + 1, honest or with as many
//! faulty dealers as it can bear, beside `frost-ristretto255`.
//!
//! A node's work is all of it, from bytes to bytes: deal, decode and verify every
//! dealing, open and check every share, complain, judge every complaint, and
//! compute the public shares and its own. The peer's packages are handed over as
//! they are in memory, without encodings and without anyone to judge. Nothing
//! waits for a network. The clock counts this thread's CPU time alone. Ours and the
//! peer's are measured in alternating rounds, and the figure is the median over
//! rounds. Prints one line per figure, or with
//! `--json` one JSON object per figure.

mod peer;
mod session;

use allod_crypto::group::{Bls12381G2, Group, Ristretto255};
use rustix::time::{ClockId, clock_gettime};
use session::{Fault, Kind, Session};

/// Committee sizes.
const SIZES: [u16; 5] = [5, 8, 16, 32, 64];

/// Work of ours in one round of the smallest committee; larger ones do less.
const CALLS: u32 = 64;

/// Rounds for each figure.
const ROUNDS: usize = 9;

fn main() {
    let json = std::env::args().any(|arg| arg == "--json");
    for n in SIZES {
        beside_the_peer(n, json);
    }
    for n in SIZES {
        with_faults(n, json);
    }
    for n in [5, 16, 64] {
        in_the_pairing_group(n, json);
    }
}

fn threshold(n: u16) -> u16 {
    2 * n / 3 + 1
}

/// Honest committees over ristretto255.
fn beside_the_peer(n: u16, json: bool) {
    let t = threshold(n);
    for (kind, name, peer_name) in [
        (Kind::Fresh, "key made", "frost-ristretto255 DKG"),
        (Kind::PassedOn, "key passed on", "frost-ristretto255 refresh"),
    ] {
        let session = Session::<Ristretto255>::new(kind, n, t, Fault::None);
        let peer = peer::Session::new(kind, n, t);
        let calls = calls(n);
        let (ours, theirs) = alternate(calls, || session.node(), || peer.node());
        let aim = (kind == Kind::Fresh && n == 64).then_some("<= 0.5x");
        let name = format!("{name}, n = {n}, t = {t}");
        Figure { name, value: ours * 1e3, unit: "ms", aim, peer: Some((peer_name, theirs * 1e3)) }
            .print(json);
        if kind == Kind::Fresh {
            let name = format!("one dealing, n = {n}, t = {t}");
            let value = session.dealing_len() as f64;
            Figure { name, value, unit: "B", aim: None, peer: None }.print(json);
        }
    }
}

/// The same with as many faulty dealers as there may be, of one kind at a time.
fn with_faults(n: u16, json: bool) {
    let t = threshold(n);
    for (kind, name) in [(Kind::Fresh, "key made"), (Kind::PassedOn, "key passed on")] {
        for fault in Fault::of(kind) {
            let session = Session::<Ristretto255>::new(kind, n, t, fault);
            let value = alone(calls(n), || session.node()) * 1e3;
            let name = format!("{name}, {} of {n} dealers {}", n - t, fault.name());
            Figure { name, value, unit: "ms", aim: None, peer: None }.print(json);
        }
    }
}

/// Honest committees over the group of the network's signing key, whose elements
/// are longer and slower.
fn in_the_pairing_group(n: u16, json: bool) {
    let t = threshold(n);
    for (kind, name) in [(Kind::Fresh, "signing key made"), (Kind::PassedOn, "signing key passed on")] {
        let session = Session::<Bls12381G2>::new(kind, n, t, Fault::None);
        let value = alone(1, || session.node()) * 1e3;
        let name = format!("{name} ({} B elements), n = {n}, t = {t}", Bls12381G2::ELEMENT_LEN);
        Figure { name, value, unit: "ms", aim: None, peer: None }.print(json);
    }
}

/// One line of output.
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    aim: Option<&'static str>,
    /// What it is compared with, and its value in the same rounds.
    peer: Option<(&'static str, f64)>,
}

impl Figure {
    fn print(&self, json: bool) {
        let ratio = self.peer.map(|(_, value)| self.value / value);
        if json {
            let line = serde_json::json!({
                "name": self.name,
                "value": (self.value * 1e3).round() / 1e3,
                "unit": self.unit,
                "aim": self.aim,
                "peer": self.peer.map(|(name, value)| format!("{name}: {value:.2}")),
                "ratio": ratio.map(|ratio| (ratio * 1e3).round() / 1e3),
            });
            println!("{line}");
        } else {
            print!("{}: {:.2} {}", self.name, self.value, self.unit);
            if let (Some((name, value)), Some(ratio)) = (self.peer, ratio) {
                print!(", {ratio:.2} times {name} ({value:.2} {})", self.unit);
            }
            println!("{}", self.aim.map(|aim| format!(", aim {aim}")).unwrap_or_default());
        }
    }
}

/// Work grows with the square of the committee and more.
fn calls(n: u16) -> u32 {
    (CALLS * 25 / (u32::from(n) * u32::from(n))).max(1)
}

/// Seconds a call of both, in alternating rounds.
fn alternate(calls: u32, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (f64, f64) {
    let (mut own, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        own.push(round(calls, &mut ours));
        peer.push(round(calls, &mut theirs));
    }
    (median(own), median(peer))
}

/// Seconds a call.
fn alone(calls: u32, mut ours: impl FnMut()) -> f64 {
    median((0..ROUNDS).map(|_| round(calls, &mut ours)).collect())
}

/// Seconds a call in one round.
fn round(calls: u32, call: &mut impl FnMut()) -> f64 {
    let start = cpu_seconds();
    for _ in 0..calls {
        call();
    }
    (cpu_seconds() - start) / f64::from(calls)
}

/// CPU time of this thread.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
