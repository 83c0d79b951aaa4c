//! Real votes of the engine that contradict each other, as vectors for whoever
//! checks evidence without the engine.

use std::path::Path;
use std::sync::Arc;

use allod_crypto::hash::sha512;
use allod_crypto::sign::Signature;
use commonware_consensus::Reporter as _;
use commonware_consensus::simplex::types::{
    Activity, ConflictingFinalize, ConflictingNotarize, Finalize, Notarize, Nullify, NullifyFinalize,
    Proposal,
};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::Verifier as _;
use commonware_cryptography::blake3::Digest;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::super::convert::{self, Scheme};
use super::super::faults::Observer;
use super::super::shared::Shared;
use super::super::{Tuning, convert::private_key};
use super::ledger::Ledger;
use super::world::{committee, fixed, key, parameters};
use crate::chain::ordering::{BlockDigest, Certificate, Evidence, Signed, Statement};

const FILE: &str = "../../vectors/consensus/evidence.json";

/// Who signs.
const OFFENDER: usize = 2;

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn scheme() -> Scheme {
    let keys = convert::Roster::new(&committee(&[0, 1, 2, 3], &[])).unwrap().keys();
    convert::scheme(&parameters(10).network, keys, Some(&private_key(&key(OFFENDER))))
}

fn proposal(epoch: u64, view: u64, parent: u64, block: u8) -> Proposal<Digest> {
    Proposal::new(Round::new(Epoch::new(epoch), View::new(view)), View::new(parent), Digest([block; 32]))
}

/// What comes out as evidence when the engine reports these activities.
fn evidence(activities: Vec<Activity<Scheme, Digest>>) -> Vec<Evidence> {
    let ledger = Ledger::new(fixed(4));
    let (shared, _outbox) = Shared::new(parameters(10), Tuning::default(), ledger.clone(), 0);
    let mut observer = Observer::new(Arc::clone(&shared), scheme());
    for activity in activities {
        let _ = observer.report(activity);
    }
    ledger.state().evidence.clone()
}

/// One conflict of each kind, as the engine reports it.
fn conflicts() -> Vec<(&'static str, Activity<Scheme, Digest>)> {
    let scheme = scheme();
    let notarize = |proposal| Notarize::sign(&scheme, proposal).unwrap();
    let finalize = |proposal| Finalize::sign(&scheme, proposal).unwrap();
    let nullify = |epoch, view| {
        Nullify::sign::<Digest>(&scheme, Round::new(Epoch::new(epoch), View::new(view))).unwrap()
    };
    let of_notarize =
        |a, b| Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(a), notarize(b)));
    let of_finalize =
        |a, b| Activity::ConflictingFinalize(ConflictingFinalize::new(finalize(a), finalize(b)));
    let of_nullify = |a, b, c| Activity::NullifyFinalize(NullifyFinalize::new(nullify(a, b), finalize(c)));
    vec![
        ("two blocks notarized", of_notarize(proposal(0, 1, 0, 1), proposal(0, 1, 0, 2))),
        (
            "one block notarized on two parents",
            of_notarize(proposal(0, 300, 299, 3), proposal(0, 300, 127, 3)),
        ),
        ("two blocks finalized", of_finalize(proposal(127, 128, 127, 5), proposal(127, 128, 127, 4))),
        ("nullified and finalized", of_nullify(16_384, 1 << 35, proposal(16_384, 1 << 35, (1 << 35) - 1, 6))),
        (
            "the largest numbers",
            of_nullify(u64::MAX, u64::MAX, proposal(u64::MAX, u64::MAX, u64::MAX - 1, 7)),
        ),
    ]
}

/// A signature that ZIP 215 accepts and stricter rules do not: its `R` has a part
/// of small order.
fn lax_signature(statement: &Statement) -> Signature {
    let seed = key(OFFENDER).seed();
    let hash = sha512(seed.expose());
    let secret = Scalar::from_bytes_mod_order(clamp_integer(hash[..32].try_into().unwrap()));
    let nonce = Scalar::from_bytes_mod_order([9; 32]);
    let r = (nonce * ED25519_BASEPOINT_POINT + EIGHT_TORSION[1]).compress().to_bytes();
    let message = statement.signed_bytes(&parameters(10).network);
    let public = key(OFFENDER).verifying_key().0;
    let challenge = Scalar::from_bytes_mod_order_wide(&sha512(&[&r[..], &public, &message].concat()));
    let s = (nonce + challenge * secret).to_bytes();
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(&s);
    Signature(signature)
}

fn accepted_by_the_engine(signed: &Signed) -> bool {
    let public = convert::public_key(&key(OFFENDER).verifying_key()).unwrap();
    let (namespace, message) = signed.statement.namespace_and_message(&parameters(10).network);
    let signature =
        commonware_codec::DecodeExt::decode(commonware_codec::Copying(&signed.signature.0)).unwrap();
    public.verify(&namespace, &message, &signature)
}

fn statement(signed: &Signed, network: &[u8; 32]) -> Value {
    let parts = |kind: &str, epoch: &u64, view: &u64, rest: Option<(&u64, &BlockDigest)>| {
        json!({
            "kind": kind,
            "epoch": epoch.to_string(),
            "view": view.to_string(),
            "parent": rest.map(|(parent, _)| parent.to_string()),
            "block": rest.map(|(_, block)| hex(&block.0)),
            "signed": hex(&signed.statement.signed_bytes(network)),
            "signature": hex(&signed.signature.0),
        })
    };
    match &signed.statement {
        Statement::Notarize { epoch, view, parent, block } => {
            parts("notarize", epoch, view, Some((parent, block)))
        }
        Statement::Nullify { epoch, view } => parts("nullify", epoch, view, None),
        Statement::Finalize { epoch, view, parent, block } => {
            parts("finalize", epoch, view, Some((parent, block)))
        }
    }
}

/// The file's content.
fn vectors() -> Value {
    let network = parameters(10).network;
    let mut valid = Vec::new();
    let mut found = Vec::new();
    for (name, activity) in conflicts() {
        let [evidence] = evidence(vec![activity])[..] else { panic!("{name} gives one piece of evidence") };
        for signed in [&evidence.first, &evidence.second] {
            assert!(accepted_by_the_engine(signed));
            evidence.offender.verify(&signed.statement.signed_bytes(&network), &signed.signature).unwrap();
        }
        found.push(evidence);
        valid.push((name, evidence));
    }
    let mut lax = found[0];
    lax.second.signature = lax_signature(&lax.second.statement);
    assert!(accepted_by_the_engine(&lax.second));
    let bytes = lax.second.statement.signed_bytes(&network);
    assert!(lax.offender.verify(&bytes, &lax.second.signature).is_err());
    valid.push(("a signature with a part of small order, which ZIP 215 accepts", lax));

    let sign = |statement: Statement| Signed {
        statement,
        signature: key(OFFENDER).sign(&statement.signed_bytes(&network)),
    };
    let notarize = |view, block| {
        sign(Statement::Notarize { epoch: 0, view, parent: 0, block: BlockDigest([block; 32]) })
    };
    let finalize = |view, block| {
        sign(Statement::Finalize { epoch: 0, view, parent: 0, block: BlockDigest([block; 32]) })
    };
    let pair = |first, second| Evidence { first, second, ..found[0] };
    let mut wrong = found[0];
    wrong.first.signature.0[0] ^= 1;
    let mut invalid = vec![
        ("one statement twice", pair(notarize(1, 1), notarize(1, 1))),
        ("two views", pair(notarize(1, 1), notarize(2, 2))),
        ("a block notarized and another finalized", pair(notarize(1, 1), finalize(1, 2))),
        ("notarized and nullified", pair(notarize(1, 1), sign(Statement::Nullify { epoch: 0, view: 1 }))),
        (
            "nullified in another view than finalized",
            pair(sign(Statement::Nullify { epoch: 0, view: 1 }), finalize(2, 1)),
        ),
        ("the second statement first", pair(found[0].second, found[0].first)),
        ("a wrong signature", wrong),
        ("another network", Evidence { network: [8; 32], ..found[0] }),
        ("another member", Evidence { offender: key(0).verifying_key(), ..found[0] }),
    ];
    let encode = |(name, evidence): (&str, Evidence)| {
        json!({
            "name": name,
            "bytes": hex(&evidence.encode()),
            "statements": [statement(&evidence.first, &network), statement(&evidence.second, &network)],
        })
    };
    let valid: Vec<Value> = valid.into_iter().map(encode).collect();
    let invalid: Vec<Value> = invalid.drain(..).map(encode).collect();
    json!({
        "network": hex(&network),
        "members": (0..4).map(|index| hex(&key(index).verifying_key().0)).collect::<Vec<_>>(),
        "offender": hex(&key(OFFENDER).verifying_key().0),
        "valid": valid,
        "invalid": invalid,
        "certificate": certificate(&network),
    })
}

/// A certificate of three of the four members.
fn certificate(network: &[u8; 32]) -> Value {
    let mut certificate =
        Certificate { epoch: 3, view: 200, parent: 199, block: BlockDigest([5; 32]), votes: Vec::new() };
    let signed = certificate.statement().signed_bytes(network);
    let mut members: Vec<_> = (0..3).map(key).collect();
    members.sort_by_key(|member| member.verifying_key());
    certificate.votes = members
        .iter()
        .map(|member| crate::chain::ordering::Vote {
            key: member.verifying_key(),
            signature: member.sign(&signed),
        })
        .collect();
    // The engine takes it for what it is.
    let taken = convert::finalization(&mut crate::entropy(), &scheme(), &certificate).unwrap();
    assert_eq!(convert::certificate(&scheme(), &taken), Some(certificate.clone()));
    json!({ "bytes": hex(&certificate.encode()), "signed": hex(&signed) })
}

#[test]
fn the_vectors_are_what_the_engine_signs() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let made = serde_json::to_string_pretty(&vectors()).unwrap() + "\n";
    if std::env::var_os("ALLOD_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(kept, made, "set ALLOD_WRITE_VECTORS=1 to write them anew, if the change is meant");
}

#[test]
fn votes_that_go_to_different_nodes_are_compared_through_certificates() {
    let scheme = scheme();
    let vote = |block| Notarize::sign(&scheme, proposal(0, 1, 0, block)).unwrap();
    let votes = vec![Activity::Notarize(vote(1)), Activity::Notarize(vote(2))];
    assert_eq!(evidence(votes).len(), 1);
    let same = vec![Activity::Notarize(vote(1)), Activity::Notarize(vote(1))];
    assert_eq!(evidence(same).len(), 0);
    // However often it is seen, it is one accusation.
    let again = (0..3).flat_map(|_| [Activity::Notarize(vote(2)), Activity::Notarize(vote(1))]).collect();
    assert_eq!(evidence(again).len(), 1);
}

#[test]
fn a_vote_that_was_not_signed_accuses_nobody() {
    let other = {
        let keys = convert::Roster::new(&committee(&[0, 1, 2, 3], &[])).unwrap().keys();
        convert::scheme(&[1; 32], keys, Some(&private_key(&key(OFFENDER))))
    };
    let forged = Notarize::sign(&other, proposal(0, 1, 0, 1)).unwrap();
    let real = |block| Notarize::sign(&scheme(), proposal(0, 1, 0, block)).unwrap();
    let votes = vec![Activity::Notarize(forged.clone()), Activity::Notarize(real(2))];
    assert_eq!(evidence(votes).len(), 0);
    // Nor does it hide what was signed.
    let votes = vec![Activity::Notarize(forged), Activity::Notarize(real(2)), Activity::Notarize(real(3))];
    assert_eq!(evidence(votes).len(), 1);
}
