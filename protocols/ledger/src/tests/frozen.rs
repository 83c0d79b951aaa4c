//! Forms that must not change: what is signed, what is stored, and what comes of
//! it. A network lives on as long as all of its guardians compute the same.
//!
//! If one of these tests fails, a change of the code changed what operations or
//! records look like, or what the rules make of them: guardians with the new code
//! and guardians with the old would part. Where that is meant, put the values that
//! the test prints in place of the old ones, and say in the changelog that running
//! networks cannot take the change.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use allod_crypto::hash::blake3;
use allod_wire::Wire;
use data_encoding::HEXLOWER;

use super::ceremony::network;
use super::*;
use crate::account::{Account, LogEntry};
use crate::asset::{asset_id, title_id};
use crate::beacon::Beacon;
use crate::committee::Committee;
use crate::guardian::{Guardian, Roster};
use crate::holding::{Asset, Balance, Title};
use crate::issuer::{Issuer, Revocations};
use crate::lock::{Lock, lock_id};
use crate::name::{Commitment, NameRecord};
use crate::offer::{Offer, offer_id};
use crate::record::{Record, place};
use crate::shared_key::{Dealt, KeyName, Keys, Proposal, SharedKey, Sharing};
use crate::{Action, Certificate, Chain, Checkpoint, Operation, Parameters};

/// Sixteen bytes of a hash.
fn short(bytes: &[u8]) -> String {
    HEXLOWER.encode(&blake3(bytes)[..16])
}

/// Compares the values with those written down, and says what to write down.
fn compare(found: &[(String, String)], frozen: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
    let lines: String = found.iter().map(|pair| format!("    {pair:?},\n")).collect();
    assert!(found == frozen, "a frozen form has changed; see the head of this file. Now it is\n{lines}");
}

/// The variants of an enum, in the order given, and the name of a value's.
macro_rules! variants {
    ($all:ident, $name:ident, $type:ident: $($variant:ident),* $(,)?) => {
        pub(super) const $all: &[&str] = &[$(stringify!($variant)),*];

        pub(super) fn $name(value: &$type) -> &'static str {
            match value {
                $($type::$variant { .. } => stringify!($variant),)*
            }
        }
    };
}

variants!(ACTIONS, action_name, Action:
    Found, Log, Veto, Complete, CommitName, RegisterName, RenewName, DefineAsset, Issue, Retire, Entitle,
    Transfer, Lock, Claim, Unlock, Offer, Accept, Withdraw, Join, Restate, Bond, Leave, Unbond, Approve,
    Announce, Deal, Complain, Ready, Beacon, Accuse, ClaimBounty, DeclareIssuer, Revoke,
);


/// The first operation of each kind that a story has and that was done.
fn samples(world: &World) -> BTreeMap<&'static str, Vec<u8>> {
    let mut samples = BTreeMap::new();
    let mut values = Memory::default();
    values.take(&crate::begin(&world.genesis).unwrap());
    for (height, (at, id, operations)) in (1..).zip(&world.blocks) {
        let block = crate::Block { height, at: *at, id: *id, operations };
        let applied = crate::apply(&values, &block).unwrap();
        values.take(&applied.changes);
        for (bytes, outcome) in operations.iter().zip(applied.outcomes) {
            if outcome.result.is_ok() {
                let operation: Operation = allod_wire::decode(bytes).unwrap();
                samples.entry(action_name(&operation.body.action)).or_insert_with(|| bytes.clone());
            }
        }
    }
    samples
}

#[test]
fn everything_that_can_be_asked_is_done_in_the_story() {
    let samples = samples(&story::tell().world);
    for action in ACTIONS {
        assert!(samples.contains_key(action), "{action} is never done");
    }
}

#[test]
fn operations_keep_their_form() {
    let samples = samples(&story::tell().world);
    let found: Vec<_> =
        ACTIONS.iter().map(|action| ((*action).to_string(), short(&samples[action]))).collect();
    compare(&found, &[]);
}

/// The newest value that a place had in the story, be it gone now.
fn last<R: Record>(story: &story::Story, id: &R::Id) -> Vec<u8> {
    let place = place::<R>(id);
    let value = story.states.iter().rev().find_map(|values| values.0.get(&place).cloned());
    let value = value.unwrap_or_else(|| panic!("the story has no {}", R::KIND));
    let record: R = allod_wire::decode(&value).unwrap();
    assert_eq!(allod_wire::encode(&record), value);
    value
}

/// The operation of the story by which `nth` such thing was made.
fn made(story: &story::Story, action: &str, nth: usize) -> allod_wire::OperationId {
    let all = story.world.blocks.iter().flat_map(|(_, _, operations)| operations);
    let mut such = all.filter(|bytes| {
        allod_wire::decode::<Operation>(bytes).is_ok_and(|read| action_name(&read.body.action) == action)
    });
    crate::id_of(such.nth(nth).unwrap())
}

#[test]
fn records_keep_their_form_and_place() {
    let story = story::tell();
    let did = |person| story.world.did(person);
    let key = KeyName::new("oprf/pin").unwrap();
    let sharing: Sharing = allod_wire::decode(&last::<Sharing>(&story, &(key.clone(), 0))).unwrap();
    let proposed = allod_wire::encode(&ceremony::spec("oprf/other", 5, 3));
    let proposed = allod_crypto::hash::tagged("allod/ledger/proposal", &[&proposed]);
    let mut found = Vec::new();
    macro_rules! record {
        ($($type:ident: $id:expr),* $(,)?) => {$(
            let id = $id;
            let bytes = last::<$type>(&story, &id);
            let key = place::<$type>(&id);
            found.push(($type::KIND.to_string(), short(&[&key.0[..], &bytes].concat())));
        )*};
    }
    record! {
        Chain: (),
        Parameters: (),
        Beacon: (),
        Account: did(ANN),
        LogEntry: (did(ANN), 1),
        NameRecord: name("ann"),
        Commitment: [8; 32],
        Asset: asset_id(&made(&story, "DefineAsset", 0)),
        Balance: (asset_id(&made(&story, "DefineAsset", 0)), did(DAN)),
        Title: title_id(&did(DAN), &[5; 32]),
        Lock: lock_id(&made(&story, "Lock", 2)),
        Offer: offer_id(&made(&story, "Offer", 2)),
        Guardian: story.world.guardians[1].id(),
        Roster: (),
        Committee: 1,
        Proposal: proposed,
        SharedKey: key.clone(),
        Keys: (),
        Sharing: (key, 0),
        Dealt: (sharing.session, sharing.dealers[0]),
        Issuer: did(EVE),
        Revocations: did(EVE),
    }
    let kinds: alloc::collections::BTreeSet<&String> = found.iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds.len(), found.len(), "no two kinds have one name");
    compare(&found, &[]);
}

#[test]
fn a_genesis_a_checkpoint_and_evidence_keep_their_form() {
    let story = story::tell();
    let world = &story.world;
    let checkpoint = Checkpoint {
        network: world.network,
        height: 5,
        at: world.at,
        block: world.next_id(),
        root: world.roots[5].0,
    };
    let signature = network::sign(world, &story.holders, &checkpoint.message());
    let certificate = Certificate { checkpoint, signature };
    let key = network::public(world, &story.holders);
    let crate::evidence::Evidence::Votes(conflict) = world.conflict(0) else { panic!("it is") };
    fn form<T: Wire>(name: &str, value: &T) -> (String, String) {
        (name.into(), short(&allod_wire::encode(value)))
    }
    let found = [
        ("network".into(), world.network.to_string()),
        form("genesis", &world.genesis),
        form("checkpoint", &checkpoint),
        ("signed for a checkpoint".into(), short(checkpoint.message().point().bytes())),
        form("certificate", &certificate),
        ("fingerprint".into(), HEXLOWER.encode(&key.fingerprint(&world.network))),
        form("contradictory votes", &*conflict),
    ];
    compare(&found, &[]);
}

#[test]
fn the_story_ends_with_the_same_root_everywhere() {
    let story = story::tell();
    let at = |height: usize| story.world.roots[height].to_string();
    let heights = [0, 1, 20, 40, story.world.roots.len() - 1];
    let found: Vec<_> = heights.iter().map(|height| (height.to_string(), at(*height))).collect();
    compare(&found, &[]);
}
