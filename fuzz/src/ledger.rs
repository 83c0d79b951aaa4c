//! What is asked of the ledger, what shows something of it, and how one begins.

use std::collections::BTreeMap;

use allod_crypto::Secret;
use allod_crypto::group::{Bls12381G2, Group, Ristretto255};
use allod_crypto::sign::SigningKey;
use allod_ledger::account::Account;
use allod_ledger::evidence::Conflict;
use allod_ledger::guardian::Terms;
use allod_ledger::holding::{Balance, Title};
use allod_ledger::jellyfish::KeyHash;
use allod_ledger::lock::Lock;
use allod_ledger::name::NameRecord;
use allod_ledger::record::Record;
use allod_ledger::shared_key::{KeyName, KeySpec};
use allod_ledger::{
    Block, Certificate, Changes, Claim, Endowment, Error, Founder, Genesis, NetworkKey, Operation,
    Parameters, Proof, Rejection, Values, apply, begin, check,
};
use allod_threshold::GroupName;
use allod_threshold::answer::SignedAnswer;
use allod_wire::{BlockId, GuardianId, Instant, NetworkId};

use crate::guardian::fixture_log;
use crate::shared::fixture_guardian;

/// A ledger in memory.
#[derive(Default)]
struct Ledger(BTreeMap<KeyHash, Vec<u8>>);

impl Values for Ledger {
    fn value(&self, place: &KeyHash) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.get(place).cloned())
    }
}

impl Ledger {
    fn take(&mut self, changes: Changes) {
        for (place, value) in changes {
            match value {
                Some(value) => self.0.insert(place, value),
                None => self.0.remove(&place),
            };
        }
    }

    /// Goes on by a block of these operations, and says what became of them.
    fn go_on(&mut self, height: u64, at: Instant, operations: &[Vec<u8>]) -> Vec<Result<(), Rejection>> {
        let block = Block { height, at, id: BlockId([height as u8; 32]), operations };
        match apply(self, &block) {
            Ok(applied) => {
                self.take(applied.changes);
                applied.outcomes.into_iter().map(|outcome| outcome.result).collect()
            }
            Err(error) => panic!("the ledger cannot go on: {error}"),
        }
    }
}

/// The device of the one person, who is the identity of [`fixture_log`].
fn device() -> SigningKey {
    SigningKey::from_seed(&Secret::from([2; 32]))
}

/// A network of one person, who operates one guardian, and of one key.
pub fn fixture_genesis() -> Genesis {
    let log = fixture_log();
    let terms = Terms {
        peers: "guardian.example:7000".into(),
        service: "https://guardian.example".into(),
        operator: "somebody".into(),
        jurisdiction: "somewhere".into(),
    };
    let founder = Founder {
        guardian: GuardianId(fixture_guardian().verifying_key().0),
        operator: log.state().did(),
        terms,
        bond: 100,
    };
    let name = |text| KeyName::new(text).unwrap_or_else(|_| KeyName::network());
    let key = KeySpec {
        name: name("key"),
        group: GroupName::Ristretto255,
        size: 1,
        threshold: 1,
        per_operator: 0,
        per_jurisdiction: 0,
        apart_from: None,
    };
    Genesis {
        name: "fuzz".into(),
        at: Instant(1_000),
        seed: [7; 32],
        parameters: Parameters {
            epoch_heights: 2,
            committee_max: 4,
            checkpoint_every: 1,
            beacon_period_ms: 1,
            phase_ms: 1,
            phase_heights: 1,
            reshare_epochs: 1,
            unbond_ms: 1,
            bond_min: 1,
            reward_permille: 500,
            name_age_heights: 0,
            name_commit_ms: 1_000,
            name_term_max_ms: u64::MAX,
            name_grace_ms: 1,
            recovery_ms: 1,
            stamp_bits: 0,
            settle_ms: 1,
            allowance_max: 10,
            allowance_ms: 1,
            sponsor_quota: 1,
            lock_max_ms: u64::MAX,
        },
        asset: "mark".into(),
        endowments: log
            .operations()
            .first()
            .map(|identity| Endowment { identity: identity.clone(), amount: 1_000 })
            .into_iter()
            .collect(),
        founders: vec![founder],
        keys: vec![key],
    }
}

fn fixture_ledger() -> Ledger {
    let mut ledger = Ledger::default();
    match begin(&fixture_genesis()) {
        Ok(changes) => ledger.take(changes),
        Err(error) => panic!("the fixture is a genesis: {error}"),
    }
    ledger.go_on(1, Instant(2_000), &[]);
    ledger
}

/// An operation as it is handed in.
pub fn ledger_operation(data: &[u8]) {
    if let Ok(operation) = allod_wire::decode::<Operation>(data) {
        assert_eq!(allod_wire::encode(&operation), data);
    }
    // Whether it is one or not, whoever is asked has an answer, and goes on.
    let mut ledger = fixture_ledger();
    assert!(check(&ledger, data).is_ok());
    ledger.go_on(2, Instant(3_000), &[data.to_vec()]);
    ledger.go_on(3, Instant(4_000), &[]);
}

/// An operation, asked by somebody who may: the first byte says who. Reaches what
/// only a person or a guardian could get wrong.
pub fn ledger_asked(data: &[u8]) {
    let Some((who, data)) = data.split_first() else { return };
    let Ok(operation) = allod_wire::decode::<Operation>(data) else { return };
    let mut body = operation.body;
    body.network = fixture_genesis().network();
    body.until = Instant(u64::MAX);
    let key = device();
    let (did, id) =
        (fixture_log().state().did(), allod_did::PublicKey::from(key.verifying_key()).device_id());
    let operation = match who % 3 {
        0 => {
            body.claim = Claim::Device { did, device: id, nonce: 1 };
            body.sign(&key)
        }
        1 => {
            let guardian = fixture_guardian();
            body.claim = Claim::Guardian { guardian: GuardianId(guardian.verifying_key().0), nonce: 1 };
            body.sign(&guardian)
        }
        _ => {
            body.claim = Claim::Itself;
            body.unsigned()
        }
    };
    let bytes = allod_wire::encode(&operation);
    let mut ledger = fixture_ledger();
    let first = ledger.go_on(2, Instant(3_000), std::slice::from_ref(&bytes));
    let again = ledger.go_on(3, Instant(4_000), &[bytes]);
    if who % 3 != 2 && !matches!(first[..], [Err(Rejection::Malformed(_))]) {
        assert!(again[0].is_err(), "it counted twice");
    }
    for height in 4..8 {
        ledger.go_on(height, Instant(1_000 + 1_000 * height), &[]);
    }
}

/// How a network begins.
pub fn ledger_genesis(data: &[u8]) {
    let Ok(genesis) = allod_wire::decode::<Genesis>(data) else { return };
    assert_eq!(allod_wire::encode(&genesis), data);
    let Ok(changes) = begin(&genesis) else { return };
    let mut ledger = Ledger::default();
    ledger.take(changes);
    // What can begin can go on, as long as there is time.
    for height in 1..4 {
        let at = genesis.at.plus_ms(height);
        if at > genesis.at.plus_ms(height - 1) {
            ledger.go_on(height, at, &[]);
        }
    }
}

/// The network's key of the fixtures, whose secret is one.
fn network_key() -> NetworkKey {
    match NetworkKey::decode(&Bls12381G2::encode(&Bls12381G2::generator())) {
        Ok(key) => key,
        Err(error) => panic!("the generator is a key: {error}"),
    }
}

/// What guardians signed of the ledger.
pub fn ledger_certificate(data: &[u8]) {
    if let Ok(certificate) = allod_wire::decode::<Certificate>(data) {
        assert_eq!(allod_wire::encode(&certificate), data);
        let network = certificate.checkpoint.network;
        let other = NetworkId(network.0.map(|byte| !byte));
        assert_eq!(network_key().verify(&other, &certificate), Err(Error::OtherNetwork));
        let _ = network_key().verify(&network, &certificate);
    }
}

/// What shows something of the ledger.
pub fn ledger_proof(data: &[u8]) {
    fn judge<R: Record>(proof: &Proof) {
        let network = proof.certificate().checkpoint.network;
        let shown = proof.verify::<R>(&network, &network_key());
        assert!(shown.is_err() || proof.is_about::<R>());
    }
    if let Ok(proof) = allod_wire::decode::<Proof>(data) {
        assert_eq!(allod_wire::encode(&proof), data);
        judge::<Account>(&proof);
        judge::<Balance>(&proof);
        judge::<Lock>(&proof);
        judge::<NameRecord>(&proof);
        judge::<Title>(&proof);
    }
}

/// Votes that contradict each other.
pub fn ledger_conflict(data: &[u8]) {
    if let Ok(conflict) = allod_wire::decode::<Conflict>(data) {
        assert_eq!(allod_wire::encode(&conflict), data);
        let (first, second) = (conflict.first.vote, conflict.second.vote);
        assert_eq!(first.contradicts(&second), second.contradicts(&first));
        if conflict.check(&NetworkId([5; 32])).is_ok() {
            assert!(first.contradicts(&second));
            assert!(conflict.check(&NetworkId([6; 32])).is_err(), "in two networks");
        }
    }
}

/// An answer that its guardian can be held to.
pub fn signed_answer(data: &[u8]) {
    if let Ok(signed) = SignedAnswer::decode(data) {
        assert_eq!(signed.encode(), data);
        assert!(data.len() <= SignedAnswer::SIZE_MAX);
        assert!(!signed.answer.contradicts(&signed.answer));
        let _ = signed.verify();
        let public = Ristretto255::encode(&Ristretto255::generator());
        assert!(signed.answer.is_false::<Ristretto255>(public.as_ref()).is_ok());
    }
}
