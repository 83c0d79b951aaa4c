//! How long the groups and the pairing take: multiplications with secret and
//! public scalars, encodings, hashing, and the verification of one signature.
//!
//! Each figure is the median over rounds. Prints one line per figure, or with
//! `--json` one JSON object per figure.

use std::hint::black_box;
use std::time::Instant;

use allod_crypto::group::{BabyJubJub, Bls12381G1, Bls12381G2, Group, Ristretto255};
use allod_crypto::pairing::{PreparedG2, hash_to_g1, pair, sum_is_identity};

/// Rounds for each figure.
const ROUNDS: usize = 15;

/// Microseconds that verifying one signature may take.
const VERIFY_AIM: f64 = 1_500.0;

fn main() {
    let json = std::env::args().any(|arg| arg == "--json");
    group::<Ristretto255>(json, "ristretto255");
    group::<Bls12381G1>(json, "BLS12-381 G1");
    group::<Bls12381G2>(json, "BLS12-381 G2");
    group::<BabyJubJub>(json, "Baby Jubjub");
    pairing(json);
}

/// The figures of one group.
fn group<G: Group>(json: bool, name: &str) {
    let print = |what: &str, value: f64| print(json, &format!("{name}: {what}"), value, None);
    let [a, b] = [3, 5].map(|seed| G::scalar_from_wide(&[seed; 64]));
    let p = G::mul_generator(&a);
    let bytes = G::encode(&p);
    print("secret scalar times element", median(100, || G::mul(&p, &b)));
    print("secret scalar times generator", median(100, || G::mul_generator(&b)));
    print("public scalar times element", median(100, || G::multi_mul_vartime(&[b], &[p])));
    let short = G::Scalar::from(1_000);
    print("public scalar of 10 bits times element", median(100, || G::multi_mul_vartime(&[short], &[p])));
    print("two public scalars", median(100, || G::mul_add_generator_vartime(&a, &p, &b)));
    let (scalars, elements) = ([a; 43], [p; 43]);
    print("43 public scalars", median(5, || G::multi_mul_vartime(&scalars, &elements)));
    print("element encoded", median(100, || G::encode(&p)));
    print("element decoded", median(100, || G::decode(bytes.as_ref())));
    print("hashed to an element", median(100, || G::hash_to_group(&[b"message"], &[b"tag"])));
}

/// The figures of the pairing.
fn pairing(json: bool) {
    let secret = Bls12381G1::scalar_from_wide(&[7; 64]);
    let hash = || hash_to_g1(b"message", b"tag").expect("a short tag");
    let signature = Bls12381G1::encode(&Bls12381G1::mul(&hash(), &secret));
    let key = Bls12381G2::mul_generator(&secret);
    let (prepared, generator) = (PreparedG2::new(&key), PreparedG2::new(&Bls12381G2::generator()));
    let point = Bls12381G1::generator();
    print(json, "pairing: element of G2 prepared", median(50, || PreparedG2::new(&key)), None);
    print(json, "pairing: one, prepared", median(20, || pair(&point, &prepared)), None);
    let value = pair(&point, &prepared);
    print(json, "pairing: value encoded", median(50, || value.encode()), None);
    let verify = || {
        let signature = Bls12381G1::decode(&signature).expect("a signature");
        sum_is_identity(&[(-signature, &generator), (hash(), &prepared)])
    };
    assert!(verify(), "the signature is right");
    print(json, "BLS signature decoded and verified", median(20, verify), Some(VERIFY_AIM));
}

/// The median over rounds of the microseconds that `work` takes, done `times`
/// times in each round.
fn median<T>(times: u32, work: impl Fn() -> T) -> f64 {
    let mut rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        for _ in 0..times {
            black_box(work());
        }
        begun.elapsed().as_secs_f64() * 1e6 / f64::from(times)
    });
    let mut rounds = rounds.by_ref().collect::<Vec<_>>();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn print(json: bool, name: &str, value: f64, aim: Option<f64>) {
    if json {
        let line = serde_json::json!({
            "name": name,
            "value": (value * 10.0).round() / 10.0,
            "unit": "µs",
            "aim": aim,
            "peer": null,
            "ratio": null,
        });
        println!("{line}");
    } else {
        let aim = aim.map(|aim| format!(" (aim: {aim:.0} µs)")).unwrap_or_default();
        println!("{name}: {value:.1} µs{aim}");
    }
}
