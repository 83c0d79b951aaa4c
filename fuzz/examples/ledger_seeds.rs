//! Writes what is asked of the ledger, and what shows something of it, into
//! `corpus/`, for the fuzzers to begin from.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use allod_crypto::Secret;
use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_crypto::sign::SigningKey;
use allod_did::PublicKey;
use allod_fuzz::{fixture_genesis, fixture_guardian, fixture_log, stream};
use allod_ledger::asset::first_asset;
use allod_ledger::evidence::{Conflict, Evidence, SignedVote, Vote};
use allod_ledger::holding::{Balance, Holding, Units};
use allod_ledger::issuer::RevocationList;
use allod_ledger::jellyfish::prove;
use allod_ledger::name::{Name, commitment};
use allod_ledger::record::{Identifier, Record, place};
use allod_ledger::shared_key::KeySpec;
use allod_ledger::{Action, Body, Certificate, Checkpoint, Claim, Proof, begin, tree};
use allod_threshold::Index;
use allod_threshold::answer::Answer;
use allod_threshold::oprf::{self, KeyShare};
use allod_threshold::shamir::Share;
use allod_wire::{BlockId, Instant, SessionId};

fn put(name: &str, number: usize, bytes: impl AsRef<[u8]>) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(format!("seed-{number}")), bytes)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let genesis = fixture_genesis();
    put("ledger_genesis", 0, allod_wire::encode(&genesis))?;
    let network = genesis.network();
    let (did, device) = (fixture_log().state().did(), SigningKey::from_seed(&Secret::from([2; 32])));
    let id = PublicKey::from(device.verifying_key()).device_id();
    let name = Name::new("somebody")?;
    let units = Units { asset: first_asset(&network), amount: 10 };
    let (what, expires) = (Holding::Units(units), Instant(10_000));
    let founder = genesis.founders.first().ok_or("no guardian")?;
    let vote = |number| {
        let vote = Vote::Notarize { epoch: 1, view: 300, parent: 2, block: BlockId([number; 32]) };
        SignedVote { vote, signature: fixture_guardian().sign(&vote.signed_bytes(&network)).0 }
    };
    let conflict = Conflict { offender: founder.guardian, first: vote(1), second: vote(2) };
    put("ledger_conflict", 0, allod_wire::encode(&conflict))?;
    let key = genesis.keys.first().ok_or("no key")?.clone();
    let rng = &mut stream();
    let share =
        KeyShare::new(Share { index: Index::new(1)?, value: SecretScalar::<Ristretto255>::random(rng) })?;
    let (_, blinded) = oprf::blind::<Ristretto255>(oprf::Mode::Voprf, b"input", rng)?;
    let answer = Answer {
        network: network.0,
        guardian: fixture_guardian().verifying_key(),
        key: "key".into(),
        generation: 0,
        index: share.index(),
        position: 1,
        previous: [0; 32],
        at_ms: 5,
        blinded: blinded.bytes().to_vec(),
        partial: share.blind_evaluate(&[blinded], rng)?.encode(),
    };
    let answer = answer.sign(&fixture_guardian()).encode();
    put("signed_answer", 0, &answer)?;
    let actions = [
        Action::Found { genesis: fixture_log().operations()[0].clone(), sponsorship: None },
        Action::Log { operation: fixture_log().operations()[0].clone() },
        Action::Complete { did },
        Action::CommitName { commitment: commitment(&name, &did, &[1; 32]) },
        Action::RegisterName { name, salt: [1; 32], until: expires },
        Action::DefineAsset { name: "hour".into(), decimals: 2, supply_max: 1_000 },
        Action::Retire { what: what.clone() },
        Action::Entitle { content: [1; 32], size: 1, label: "a song".into() },
        Action::Transfer { what: what.clone(), to: did },
        Action::Lock { what: what.clone(), recipient: did, expires, release: Some([1; 32]) },
        Action::Offer { what, price: units, buyer: Some(did), expires },
        Action::Restate { terms: founder.terms.clone() },
        Action::Bond { guardian: founder.guardian, amount: 5 },
        Action::Leave { guardian: founder.guardian },
        Action::Approve { spec: KeySpec { per_operator: 1, ..key } },
        Action::Announce { session: SessionId([1; 32]), key: vec![1; 96] },
        Action::Deal { session: SessionId([1; 32]), dealing: vec![1; 200] },
        Action::Complain { session: SessionId([1; 32]), complaint: vec![0; 132] },
        Action::Beacon { round: 1, signature: vec![0; 48] },
        Action::Accuse { evidence: Evidence::Votes(Box::new(conflict)) },
        Action::Accuse { evidence: Evidence::FalseAnswer { answer: answer.clone() } },
        Action::Accuse { evidence: Evidence::Fork { first: answer.clone(), second: answer } },
        Action::Revoke { list: RevocationList { number: 1, root: [1; 32], source: "x".into() } },
        Action::Admit { guardian: founder.guardian },
        Action::Tell { of: [1; 32], number: 1, hash: [2; 32] },
    ];
    for (number, action) in actions.into_iter().enumerate() {
        let claim = Claim::Device { did, device: id, nonce: 1 };
        let operation = Body { network, until: Instant(u64::MAX), claim, action }.sign(&device);
        let bytes = allod_wire::encode(&operation);
        put("ledger_asked", number, [&[number as u8 % 3], &bytes[..]].concat())?;
        if number % 4 == 3 {
            put("ledger_operation", number / 4, bytes)?;
        }
    }
    let checkpoint =
        Checkpoint { network, height: 5, at: Instant(6_000), block: BlockId([3; 32]), root: [4; 32] };
    let certificate = Certificate { checkpoint, signature: [5; 48] };
    put("ledger_certificate", 0, allod_wire::encode(&certificate))?;
    let mut nodes = BTreeMap::new();
    let update = tree::grow(&nodes, 0, &begin(&genesis)?)?;
    nodes.extend(update.nodes);
    let place = place::<Balance>(&(units.asset, did));
    let path = prove(&nodes, 0, &place)?;
    let value = Some(allod_wire::encode(&Balance { amount: 900 }));
    let proof = Proof::of(certificate, Balance::KIND, &(units.asset, did).bytes(), value, path);
    put("ledger_proof", 0, allod_wire::encode(&proof))
}
