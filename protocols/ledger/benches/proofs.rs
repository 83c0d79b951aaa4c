//! Proofs of ownership: their sizes in ledgers of 1,000, 100,000 and 1,000,000
//! records, and the time to check one with nothing but the network's public key.
//!
//! Prints one line per figure, or with `--json` one JSON object per figure.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant as Clock;

use allod_crypto::group::{Bls12381G2, SecretScalar};
use allod_did::Did;
use allod_ledger::jellyfish::{self, KeyHash, Node, NodeKey, ValueHash};
use allod_ledger::name::{Name, NameRecord};
use allod_ledger::record::{Identifier, Record, place};
use allod_ledger::{Certificate, Checkpoint, NetworkKey, Proof};
use allod_threshold::bls::{ShareKeys, SigningShare};
use allod_threshold::shamir::Share;
use allod_threshold::{Index, Point, PublicShares};
use allod_wire::{BlockId, Instant, NetworkId};
use serde_json::json;

const NETWORK: NetworkId = NetworkId([7; 32]);

/// Records whose proofs are measured, spread over the ledger.
const SAMPLES: usize = 1_000;

/// Records that enter a tree together.
const BATCH: usize = 10_000;

struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    aim: Option<&'static str>,
}

fn main() {
    let json = std::env::args().any(|arg| arg == "--json");
    let key = TestKey::new();
    for records in [1_000, 100_000, 1_000_000] {
        for figure in sizes(&key, records) {
            figure.print(json);
        }
    }
    for figure in times(&key) {
        figure.print(json);
    }
}

impl Figure {
    fn print(&self, json: bool) {
        let Self { name, value, unit, aim } = self;
        if json {
            println!("{}", json!({ "name": name, "value": value, "unit": unit, "aim": aim }));
        } else {
            println!("{name}: {value} {unit}{}", aim.map(|aim| format!(", aim {aim}")).unwrap_or_default());
        }
    }
}

/// A network's key with one holder.
struct TestKey {
    share: SigningShare,
    keys: ShareKeys,
    public: NetworkKey,
}

impl TestKey {
    fn new() -> Self {
        let secret = SecretScalar::<Bls12381G2>::new(allod_crypto::group::Bls12381Scalar::from(0x5EED_u64));
        let index = Index::new(1).expect("not zero");
        let public = Point::new(secret.mul_generator()).expect("not the identity");
        let shares = PublicShares::new(1, public, [(index, public)]).expect("one of one");
        let keys = ShareKeys::new(shares);
        let public = NetworkKey::decode(keys.public_key().bytes()).expect("a key");
        Self { share: SigningShare::new(Share { index, value: secret }).expect("not zero"), keys, public }
    }

    fn certify(&self, root: [u8; 32]) -> Certificate {
        let checkpoint = Checkpoint {
            network: NETWORK,
            height: 1_234_567,
            at: Instant(1_795_250_000_000),
            block: BlockId([9; 32]),
            root,
        };
        let message = checkpoint.message();
        let combined = self.keys.combine(&message, &[self.share.sign(&message)]).expect("one of one");
        Certificate { checkpoint, signature: *combined.signature.bytes() }
    }
}

fn name(number: usize) -> Name {
    Name::new(&format!("holder-{number}")).expect("a name")
}

fn value(number: usize) -> Vec<u8> {
    let mut did = [0; 32];
    did[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let record = NameRecord { owner: Some(Did(did)), until: Instant(1_826_786_000_000), aside: None };
    allod_wire::encode(&record)
}

/// A ledger of so many names.
fn tree(records: usize) -> (BTreeMap<NodeKey, Node>, u64) {
    let mut nodes = BTreeMap::new();
    let mut version: u64 = 0;
    for start in (0..records).step_by(BATCH) {
        let changes: BTreeMap<KeyHash, Option<ValueHash>> = (start..records.min(start + BATCH))
            .map(|number| (place::<NameRecord>(&name(number)), Some(ValueHash::of(&value(number)))))
            .collect();
        let parent = version.checked_sub(1);
        let update = jellyfish::update(&nodes, parent, version, &changes).expect("nodes in memory");
        nodes.extend(update.nodes);
        for stale in update.stale {
            nodes.remove(&stale.node);
        }
        version += 1;
    }
    (nodes, version - 1)
}

fn proof(key: &TestKey, nodes: &BTreeMap<NodeKey, Node>, version: u64, number: usize) -> Proof {
    let root = jellyfish::root(nodes, version).expect("nodes in memory");
    let name = name(number);
    let path = jellyfish::prove(nodes, version, &place::<NameRecord>(&name)).expect("nodes in memory");
    Proof::of(key.certify(root.0), NameRecord::KIND, &name.bytes(), Some(value(number)), path)
}

fn sizes(key: &TestKey, records: usize) -> [Figure; 3] {
    let (nodes, version) = tree(records);
    let root = jellyfish::root(&nodes, version).expect("nodes in memory");
    let certificate = allod_wire::encode(&key.certify(root.0)).len();
    let mut paths = Vec::new();
    for number in (0..records).step_by((records / SAMPLES).max(1)) {
        let place = place::<NameRecord>(&name(number));
        let path = jellyfish::prove(&nodes, version, &place).expect("nodes in memory");
        paths.push(allod_wire::encode(&path).len());
    }
    let whole = allod_wire::encode(&proof(key, &nodes, version, records / 2)).len();
    let largest = paths.iter().copied().max().unwrap_or_default();
    let of = format!("{records} records");
    [
        figure(format!("path, largest of {SAMPLES}, {of}"), largest, Some("<= 1400")),
        figure(format!("certificate, {of}"), certificate, Some("<= 300")),
        figure(format!("whole proof file of one name, {of}"), whole, None),
    ]
}

fn figure(name: String, bytes: usize, aim: Option<&'static str>) -> Figure {
    Figure { name, value: bytes as f64, unit: "B", aim }
}

/// Checking a proof from its file's bytes, with the key from its own.
fn times(key: &TestKey) -> [Figure; 2] {
    let (nodes, version) = tree(100_000);
    let bytes = allod_wire::encode(&proof(key, &nodes, version, 4_321));
    let public = *key.public.bytes();
    let check = |key: &NetworkKey| {
        let proof: Proof = allod_wire::decode(black_box(&bytes)).expect("a proof");
        black_box(proof.verify::<NameRecord>(&NETWORK, key).expect("a good one"));
    };
    let cold = median(|| check(&NetworkKey::decode(black_box(&public)).expect("a key")));
    let warm = median(|| check(&key.public));
    [
        Figure {
            name: "checking a proof, the key read from its bytes".into(),
            value: cold,
            unit: "ms",
            aim: Some("<= 3"),
        },
        Figure { name: "checking a proof, the key at hand".into(), value: warm, unit: "ms", aim: None },
    ]
}

/// The median of 101 calls, in milliseconds.
fn median(mut call: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..101)
        .map(|_| {
            let start = Clock::now();
            call();
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[50] * 1000.0).round() / 1000.0
}
