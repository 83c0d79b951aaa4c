//! Partial evaluations per second on one core, beside the `voprf` crate.
//!
//! Ours and the peer's are measured in alternating rounds, and the figure is the
//! median over rounds, so that what else the machine does falls on both. Prints
//! one line per figure, or with `--json` one JSON object per figure.

use std::hint::black_box;
use std::time::Instant;

use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_threshold::juicebox;
use allod_threshold::oprf::{self, Blinded, KeyPair, KeyShare, Mode, Partial, ShareKeys};
use allod_threshold::shamir;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use rand_core_06::OsRng;
use voprf::{
    BlindedElement, EvaluationElement, Group as _, Proof, Ristretto255 as Theirs, VoprfClient, VoprfServer,
};

type G = Ristretto255;

/// Rounds for each figure, and calls in a round of ours and of the peer.
const ROUNDS: usize = 41;
const CALLS: u32 = 60;

const INPUT: &[u8] = b"an input of a client";

/// One line of output.
struct Figure {
    name: &'static str,
    /// Calls per second.
    value: f64,
    aim: Option<&'static str>,
    /// What it is compared with, and its calls per second in the same rounds.
    peer: Option<(&'static str, f64)>,
}

fn main() {
    let json = std::env::args().any(|arg| arg == "--json");
    for figure in [
        verified_partials(),
        verified_partials_against_wire(),
        proven_evaluations(),
        checked_answers(),
        combinations(),
    ] {
        figure.print(json);
    }
}

impl Figure {
    fn print(&self, json: bool) {
        let ratio = self.peer.map(|(_, rate)| self.value / rate);
        if json {
            let line = serde_json::json!({
                "name": self.name,
                "value": self.value.round(),
                "unit": "1/s",
                "aim": self.aim,
                "peer": self.peer.map(|(name, rate)| format!("{name}: {rate:.0}")),
                "ratio": ratio.map(|ratio| (ratio * 100.0).round() / 100.0),
            });
            println!("{line}");
        } else {
            print!("{}: {:.0}/s", self.name, self.value);
            if let (Some((name, rate)), Some(ratio)) = (self.peer, ratio) {
                print!(", {ratio:.2} times {name} ({rate:.0}/s)");
            }
            println!("{}", self.aim.map(|aim| format!(", aim {aim}")).unwrap_or_default());
        }
    }
}

/// A guardian's work for one request, bytes to bytes, beside the peer's
/// evaluation of an element already decoded, its answer left unencoded.
fn verified_partials() -> Figure {
    let (guardian, request) = guardian_and_request();
    let server = VoprfServer::<Theirs>::new(&mut OsRng).expect("a key");
    let element = BlindedElement::<Theirs>::deserialize(&request).expect("an element");
    let (value, peer) = alternate(
        || drop(black_box(answer(&guardian, black_box(&request)))),
        || drop(black_box(server.blind_evaluate(&mut OsRng, black_box(&element)))),
    );
    Figure {
        name: "verified partials",
        value,
        aim: Some(">= 1.5x"),
        peer: Some(("voprf server without encodings", peer)),
    }
}

/// The same with the peer, too, from bytes to bytes.
fn verified_partials_against_wire() -> Figure {
    let (guardian, request) = guardian_and_request();
    let server = VoprfServer::<Theirs>::new(&mut OsRng).expect("a key");
    let (value, peer) = alternate(
        || drop(black_box(answer(&guardian, black_box(&request)))),
        || {
            let element = BlindedElement::<Theirs>::deserialize(black_box(&request)).expect("an element");
            let answer = server.blind_evaluate(&mut OsRng, &element);
            black_box((answer.message.serialize(), answer.proof.serialize()));
        },
    );
    Figure { name: "verified partials, bytes to bytes", value, aim: None, peer: Some(("voprf server", peer)) }
}

/// A realm's work in the Juicebox protocol, bytes to bytes.
fn proven_evaluations() -> Figure {
    let key = juicebox::PrivateKey::random(&mut system());
    let public = key.public_key();
    let request = juicebox::start(INPUT, &mut system()).1.to_bytes();
    let value = alone(|| {
        let blinded = juicebox::BlindedInput::from_bytes(black_box(&request)).expect("an element");
        let (answer, proof) = juicebox::blind_evaluate(&key, &public, &blinded, &mut system());
        black_box((answer.to_bytes(), proof.c(), proof.beta_z()));
    });
    Figure { name: "evaluations with one proof", value, aim: Some(">= 8000"), peer: None }
}

/// A client's check of one answer and its output, bytes to bytes.
fn checked_answers() -> Figure {
    let key = KeyPair::<G>::random(&mut system());
    let client = VoprfClient::<Theirs>::blind(INPUT, &mut OsRng).expect("a legal input");
    let their_question = client.message.serialize();
    let question = [Blinded::<G>::decode(&their_question).expect("an element")];
    let (evaluated, proof) = key.blind_evaluate(&question, &mut system()).expect("a batch");
    let (message, proof) = (*evaluated[0].bytes(), proof.encode());
    let their_key = Theirs::deserialize_elem(key.public_key().bytes()).expect("an element");

    let (blind, blinded) = oprf::blind::<G>(Mode::Voprf, INPUT, &mut system()).expect("a legal input");
    let (own, own_proof) = key.blind_evaluate(&[blinded], &mut system()).expect("a batch");
    let (own, own_proof) = (*own[0].bytes(), own_proof.encode());
    let (value, peer) = alternate(
        || {
            let evaluated = oprf::Evaluated::<G>::decode(black_box(&own)).expect("an element");
            let proof = oprf::Proof::decode(black_box(&own_proof)).expect("a proof");
            key.public_key().verify(&[blinded], &[evaluated], &proof).expect("it holds");
            drop(black_box(oprf::finalize(INPUT, &blind, &evaluated).expect("a legal input")));
        },
        || {
            let message = EvaluationElement::<Theirs>::deserialize(black_box(&message)).expect("an element");
            let proof = Proof::deserialize(black_box(&proof)).expect("a proof");
            black_box(client.state.finalize(INPUT, &message, &proof, their_key).expect("it holds"));
        },
    );
    Figure { name: "checked answers", value, aim: None, peer: Some(("voprf client", peer)) }
}

/// A client's check and combination of three answers out of five.
fn combinations() -> Figure {
    let guardians = guardians(3, 5);
    let keys = ShareKeys::new(3, guardians.iter().map(|g| (g.index(), *g.public_key()))).expect("in range");
    let blinded = [oprf::blind::<G>(Mode::Voprf, INPUT, &mut system()).expect("a legal input").1];
    let partials = guardians
        .iter()
        .take(3)
        .map(|guardian| guardian.blind_evaluate(&blinded, &mut system()).expect("a batch"))
        .collect::<Vec<Partial<G>>>();
    let value = alone(|| drop(black_box(keys.combine(&blinded, black_box(&partials)).expect("they hold"))));
    Figure { name: "checked combinations of 3 of 5", value, aim: None, peer: None }
}

fn system() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

fn guardians(threshold: u16, shares: u16) -> Vec<KeyShare<G>> {
    shamir::split(&SecretScalar::random(&mut system()), threshold, shares, &mut system())
        .expect("in range")
        .into_iter()
        .map(|share| KeyShare::new(share).expect("not zero"))
        .collect()
}

fn guardian_and_request() -> (KeyShare<G>, [u8; 32]) {
    let guardian = guardians(3, 5).swap_remove(1);
    let (_, blinded) = oprf::blind::<G>(Mode::Voprf, INPUT, &mut system()).expect("a legal input");
    (guardian, *blinded.bytes())
}

/// What a guardian does with a request.
fn answer(guardian: &KeyShare<G>, request: &[u8]) -> Vec<u8> {
    let blinded = Blinded::decode(request).expect("an element");
    guardian.blind_evaluate(&[blinded], &mut system()).expect("a batch").encode()
}

/// Calls per second of both, in alternating rounds.
fn alternate(mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (f64, f64) {
    let (mut own, mut peer) = (Vec::new(), Vec::new());
    round(&mut ours);
    round(&mut theirs);
    for _ in 0..ROUNDS {
        own.push(round(&mut ours));
        peer.push(round(&mut theirs));
    }
    (median(own), median(peer))
}

/// Calls per second.
fn alone(mut ours: impl FnMut()) -> f64 {
    round(&mut ours);
    median((0..ROUNDS).map(|_| round(&mut ours)).collect())
}

/// Calls per second in one round.
fn round(call: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    f64::from(CALLS) / start.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
