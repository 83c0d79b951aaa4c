//! RFC 9497, appendix A.1.1 and A.1.2.

use alloc::vec::Vec;

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::*;
use crate::test_rng::Fixed;

const VECTORS: &str = include_str!("../../../../../vectors/rfc9497/ristretto255-sha512.json");

/// One published run: lists hold one entry for each element of the batch.
struct Vector {
    mode: Mode,
    key: KeyPair<G>,
    inputs: Vec<Vec<u8>>,
    blinds: Vec<Blind<G>>,
    blinded: Vec<Blinded<G>>,
    evaluated: Vec<Evaluated<G>>,
    outputs: Vec<Vec<u8>>,
    /// The nonce, in hexadecimal digits, and the proof.
    proof: Option<(Value, Vec<u8>)>,
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).expect("hex")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex(value.as_str().expect("a string"))
}

fn list(value: &Value) -> Vec<Vec<u8>> {
    value.as_str().expect("a string").split(',').map(hex).collect()
}

/// Checks the key derivation and the blinding on the way.
fn vectors() -> Vec<Vector> {
    let suites = serde_json::from_str::<Vec<Value>>(VECTORS).expect("JSON");
    let mut vectors = Vec::new();
    for suite in &suites {
        let mode = match suite["mode"].as_u64() {
            Some(0) => Mode::Oprf,
            Some(1) => Mode::Voprf,
            other => panic!("mode {other:?}"),
        };
        let seed = <[u8; 32]>::try_from(bytes(&suite["seed"])).expect("32 bytes");
        let key = KeyPair::<G>::derive(mode, &Secret::from(seed), &bytes(&suite["keyInfo"])).expect("a key");
        assert_eq!(key.secret().encode().to_vec(), bytes(&suite["skSm"]));
        if let Some(public) = suite.get("pkSm") {
            assert_eq!(key.public_key().bytes().to_vec(), bytes(public));
            assert_eq!(PublicKey::decode(&bytes(public)).as_ref(), Ok(key.public_key()));
        }
        for run in suite["vectors"].as_array().expect("a list") {
            let inputs = list(&run["Input"]);
            let blinded = list(&run["BlindedElement"]);
            let mut blinds = Vec::new();
            for ((input, blinded), scalar) in
                inputs.iter().zip(&blinded).zip(run["Blind"].as_str().expect("a string").split(','))
            {
                let mut rng = Fixed::scalars([scalar]);
                let (blind, element) = blind::<G>(mode, input, &mut rng).expect("a legal input");
                assert_eq!(element.bytes().as_slice(), blinded);
                blinds.push(blind);
            }
            let elements = |list: &[Vec<u8>]| -> Vec<Point<G>> {
                list.iter().map(|bytes| Point::decode(bytes).expect("an element")).collect()
            };
            vectors.push(Vector {
                mode,
                key: key.clone(),
                blinds,
                blinded: elements(&blinded).into_iter().map(Blinded).collect(),
                evaluated: elements(&list(&run["EvaluationElement"])).into_iter().map(Evaluated).collect(),
                outputs: list(&run["Output"]),
                proof: run.get("Proof").map(|proof| (proof["r"].clone(), bytes(&proof["proof"]))),
                inputs,
            });
        }
    }
    assert_eq!(vectors.len(), 5);
    vectors
}

/// Checks that these answers give the published outputs.
fn assert_outputs(vector: &Vector, evaluated: &[Evaluated<G>]) {
    assert_eq!(evaluated, vector.evaluated);
    let answers = evaluated.iter().zip(&vector.outputs);
    for ((input, blind), (evaluated, published)) in vector.inputs.iter().zip(&vector.blinds).zip(answers) {
        let output = finalize(input, blind, evaluated).expect("a legal input");
        assert_eq!(output.expose().as_slice(), published);
    }
}

#[test]
fn the_published_vectors_come_out_of_a_whole_key() {
    for vector in vectors() {
        for (input, output) in vector.inputs.iter().zip(&vector.outputs) {
            let direct = vector.key.evaluate(vector.mode, input).expect("a legal input");
            assert_eq!(direct.expose().as_slice(), output);
        }
        let unproved = vector.blinded.iter().map(|b| vector.key.blind_evaluate_unproved(b));
        assert_outputs(&vector, &unproved.collect::<Vec<_>>());

        if let Some((nonce, published)) = &vector.proof {
            let mut rng = Fixed::scalars([nonce.as_str().expect("a string")]);
            let (evaluated, proof) = vector.key.blind_evaluate(&vector.blinded, &mut rng).expect("a batch");
            assert!(rng.is_used_up());
            assert_eq!(&proof.encode(), published);
            assert_eq!(vector.key.public_key().verify(&vector.blinded, &evaluated, &proof), Ok(()));
            assert_outputs(&vector, &evaluated);
        }
    }
}

#[test]
fn the_published_vectors_come_out_of_any_t_guardians() {
    let mut batches = 0;
    for vector in vectors() {
        batches += usize::from(vector.blinded.len() == 2);
        for (threshold, shares) in DEALINGS {
            let (guardians, keys) = deal(&vector.key, threshold, shares);
            let partials = guardians
                .iter()
                .map(|guardian| guardian.blind_evaluate(&vector.blinded, &mut system()).expect("a batch"))
                .collect::<Vec<_>>();
            for partial in &partials {
                assert_eq!(keys.verify(&vector.blinded, partial), Ok(()));
                let wire = partial.encode();
                assert_eq!(Partial::decode(partial.index, vector.blinded.len(), &wire).as_ref(), Ok(partial));
            }
            for chosen in choices(&partials, usize::from(threshold)) {
                assert_outputs(&vector, &keys.combine(&vector.blinded, &chosen).expect("they hold"));
            }
            assert_outputs(&vector, &keys.combine(&vector.blinded, &partials).expect("they hold"));
            let fewer = &partials[1..usize::from(threshold)];
            assert_eq!(
                keys.combine(&vector.blinded, fewer),
                Err(Error::TooFewShares { needed: usize::from(threshold), given: fewer.len() })
            );
        }
    }
    assert_eq!(batches, 1);
}
