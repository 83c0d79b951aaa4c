//! Forms that must not change: what is signed, what is stored, and what comes of
//! it. A network lives on as long as all of its guardians compute the same.
//!
//! `story.json` holds the blocks of a [`story`](super::story) as they were written
//! down once, and the root after each. If a test here fails, guardians with the
//! code as it is and guardians with the code as it was would part. Where that is
//! meant, have the story written down anew
//! (`cargo test -p allod-ledger -- --ignored write_the_story_down`), put the hashes
//! that the tests print in place of the old ones, and say in the changelog that
//! running networks cannot take the change.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use allod_crypto::hash::blake3;
use allod_wire::{BlockId, Instant, Wire};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::ceremony::network;
use super::*;
use crate::account::{Account, LogEntry};
use crate::asset::{asset_id, title_id};
use crate::beacon::Beacon;
use crate::committee::Committee;
use crate::guardian::{Guardian, Roster};
use crate::head::Head;
use crate::holding::{Asset, Balance, Title};
use crate::issuer::{Issuer, Revocations};
use crate::jellyfish::Node;
use crate::lock::{Lock, lock_id};
use crate::name::{Commitment, NameRecord};
use crate::offer::{Offer, offer_id};
use crate::record::{Record, place};
use crate::shared_key::{Dealt, KeyName, Keys, SharedKey, Sharing};
use crate::voting::{Ballot, Proposal};
use crate::{
    Action, Block, Certificate, Chain, Checkpoint, Genesis, NetworkKey, Operation, Parameters, tree,
};

/// The story as it was written down.
struct Written {
    genesis: Genesis,
    blocks: Vec<(Instant, BlockId, Vec<Vec<u8>>)>,
    /// The root after each height, in hexadecimal.
    roots: Vec<String>,
    certificate: Vec<u8>,
    /// The values after each height, as they come out now.
    states: Vec<Memory>,
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn written() -> Written {
    let file: Value = serde_json::from_str(include_str!("story.json")).unwrap();
    let block = |block: &Value| {
        let operations = block["operations"].as_array().unwrap().iter().map(bytes).collect();
        let id = BlockId(bytes(&block["id"]).try_into().unwrap());
        (Instant(block["at"].as_u64().unwrap()), id, operations)
    };
    let genesis: Genesis = allod_wire::decode(&bytes(&file["genesis"])).unwrap();
    let blocks: Vec<_> = file["blocks"].as_array().unwrap().iter().map(block).collect();
    let root = |root: &Value| root.as_str().unwrap().into();
    Written {
        states: story::replay(&genesis, &blocks),
        genesis,
        blocks,
        roots: file["roots"].as_array().unwrap().iter().map(root).collect(),
        certificate: bytes(&file["certificate"]),
    }
}

#[test]
#[ignore = "writes story.json: for a change of form that is meant"]
fn write_the_story_down() {
    let story = story::tell();
    let world = &story.world;
    let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
    let block = |(at, id, operations): &(Instant, BlockId, Vec<Vec<u8>>)| {
        let operations: Vec<String> = operations.iter().map(|bytes| hex(bytes)).collect();
        json!({ "at": at.0, "id": hex(&id.0), "operations": operations })
    };
    let checkpoint = Checkpoint {
        network: world.network,
        height: world.height,
        at: world.at,
        block: world.blocks.last().unwrap().1,
        root: world.roots.last().unwrap().0,
    };
    let signature = network::sign(world, &story.holders, &checkpoint.message());
    let file = json!({
        "genesis": hex(&allod_wire::encode(&world.genesis)),
        "blocks": world.blocks.iter().map(block).collect::<Vec<_>>(),
        "roots": world.roots.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "certificate": hex(&allod_wire::encode(&Certificate { checkpoint, signature })),
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/story.json");
    std::fs::write(path, format!("{file:#}\n")).unwrap();
    let read: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(read, file);
}

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

variants!(ACTIONS, action_name, Action:
    Found, Log, Veto, Complete, CommitName, RegisterName, RenewName, DefineAsset, Issue, Retire, Entitle,
    Transfer, Lock, Claim, Unlock, Offer, Accept, Withdraw, Join, Restate, Bond, Leave, Unbond, Approve,
    Admit, Announce, Deal, Complain, Ready, Beacon, Accuse, ClaimBounty, DeclareIssuer, Revoke, Tell,
);

/// The first operation of each kind in these blocks.
pub(super) fn samples(blocks: &[(Instant, BlockId, Vec<Vec<u8>>)]) -> BTreeMap<&'static str, Vec<u8>> {
    let mut samples = BTreeMap::new();
    for bytes in blocks.iter().flat_map(|(_, _, operations)| operations) {
        let operation: Operation = allod_wire::decode(bytes).unwrap();
        assert_eq!(allod_wire::encode(&operation), *bytes);
        samples.entry(action_name(&operation.body.action)).or_insert_with(|| bytes.clone());
    }
    samples
}

#[test]
fn everything_that_can_be_asked_is_asked_in_the_story_and_done() {
    for blocks in [story::tell().world.blocks, written().blocks] {
        let samples = samples(&blocks);
        for action in ACTIONS {
            assert!(samples.contains_key(action), "{action} is never asked");
        }
    }
}

#[test]
fn the_story_comes_out_as_it_was_written_down() {
    let story = written();
    let mut values = Memory::default();
    let mut nodes: BTreeMap<_, Node> = BTreeMap::new();
    let mut changes = crate::begin(&story.genesis).unwrap();
    for (height, root) in story.roots.iter().enumerate() {
        if let Some((at, id, operations)) = height.checked_sub(1).map(|before| &story.blocks[before]) {
            let block = Block { height: height as u64, at: *at, id: *id, operations };
            let applied = crate::apply(&values, &block).unwrap();
            for outcome in applied.outcomes {
                assert_eq!(outcome.result, Ok(()), "{} at height {height}", outcome.operation);
            }
            changes = applied.changes;
        }
        let update = tree::grow(&nodes, height as u64, &changes).unwrap();
        nodes.extend(update.nodes);
        values.take(&changes);
        assert_eq!(
            update.root.to_string(),
            *root,
            "another root at height {height}: see the head of this file"
        );
    }
    assert_eq!(story.roots.len(), story.blocks.len() + 1);
}

#[test]
fn a_certificate_that_was_written_down_still_holds() {
    let story = written();
    let values = story.states.last().unwrap();
    let sharing = values.0.get(&place::<Sharing>(&(KeyName::network(), 0))).unwrap();
    let sharing: Sharing = allod_wire::decode(sharing).unwrap();
    let key = NetworkKey::decode(&sharing.public_key).unwrap();
    let certificate: Certificate = allod_wire::decode(&story.certificate).unwrap();
    assert_eq!(allod_wire::encode(&certificate), story.certificate);
    assert_eq!(key.verify(&story.genesis.network(), &certificate), Ok(()));
    assert_eq!(HEXLOWER.encode(&certificate.checkpoint.root), *story.roots.last().unwrap());
}

/// The newest value that a place had in the story, be it gone now.
fn last<R: Record>(story: &Written, id: &R::Id) -> Vec<u8> {
    let place = place::<R>(id);
    let value = story.states.iter().rev().find_map(|values| values.0.get(&place).cloned());
    let value = value.unwrap_or_else(|| panic!("the story has no {}", R::KIND));
    let record: R = allod_wire::decode(&value).unwrap();
    assert_eq!(allod_wire::encode(&record), value);
    value
}

/// The operation of the story by which the `nth` such thing was made.
fn made(story: &Written, action: &str, nth: usize) -> allod_wire::OperationId {
    let all = story.blocks.iter().flat_map(|(_, _, operations)| operations);
    let mut such = all.filter(|bytes| {
        allod_wire::decode::<Operation>(bytes).is_ok_and(|read| action_name(&read.body.action) == action)
    });
    crate::id_of(such.nth(nth).unwrap())
}

#[test]
fn records_keep_their_form_and_place() {
    let story = written();
    let did = |person: usize| Person::new(person as u64).did();
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
        Guardian: Keeper::new(1).id(),
        Roster: (),
        Committee: 1,
        Proposal: proposed,
        Ballot: Keeper::new(2).id(),
        SharedKey: key.clone(),
        Keys: (),
        Sharing: (key, 0),
        Dealt: (sharing.session, sharing.dealers[0]),
        Issuer: did(EVE),
        Revocations: did(EVE),
        Head: (did(EVE), [2; 32]),
    }
    let kinds: BTreeSet<&String> = found.iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds.len(), found.len(), "no two kinds have one name");
    compare(&found, RECORDS);
}

#[test]
fn what_is_signed_and_hashed_keeps_its_form() {
    let story = written();
    let network = story.genesis.network();
    let certificate: Certificate = allod_wire::decode(&story.certificate).unwrap();
    let body = allod_wire::decode::<Operation>(&samples(&story.blocks)["Transfer"]).unwrap().body;
    let stamp = crate::Stamp { epoch: 3, counter: 1 << 40 };
    let world = World::new();
    let crate::evidence::Evidence::Votes(conflict) = world.conflict(0) else { panic!("it is") };
    fn form<T: Wire>(name: &str, value: &T) -> (String, String) {
        (name.into(), short(&allod_wire::encode(value)))
    }
    let found = [
        ("network".into(), network.to_string()),
        ("place".into(), place::<NameRecord>(&name("ann")).to_string()),
        ("message".into(), short(&body.message())),
        ("signed message".into(), short(&body.signed_message(None))),
        ("signed message with work".into(), short(&body.signed_message(Some(&stamp)))),
        ("work".into(), short(&stamp.work(&BlockId([7; 32]), &body.message()))),
        ("checkpoint".into(), short(certificate.checkpoint.message().point().bytes())),
        ("beacon".into(), short(crate::beacon_message(&network, 5).point().bytes())),
        form("contradictory votes", &*conflict),
        form("candidate", &Guardian::candidate(Person::new(4).did(), terms(5), 500, 7)),
    ];
    compare(&found, FORMS);
}

const RECORDS: &[(&str, &str)] = &[
    ("chain", "5b30ae999ac2b92ff20e01887111753c"),
    ("parameters", "79a8bbd9b69ac6ab9659fd159c057e58"),
    ("beacon", "dad8ac8973b084d7cfca0258289b7904"),
    ("identity", "6d26e9cc94ec39c43489697604fb11b0"),
    ("identity's operation", "9e5bcef8d8b346d65a2669616feed526"),
    ("name", "29ed6f3a59922d41783540da6dfe0412"),
    ("name's commitment", "979ac6612e6f06d508e01aeda45940a9"),
    ("asset", "f094495e4b4ebdc165366746072a486d"),
    ("balance", "f87997d686933e7e07a0bbb1e14f9cdd"),
    ("title", "b09b6e8f7694ef47507fa8bfaeaa5ae7"),
    ("lock", "6633cd0cee1e68b71a04ff6079147ecb"),
    ("offer", "19d4f4c37c93f25e2297871107f40d58"),
    ("guardian", "da5b90d80e7357bdcfbd3736b44ad3fb"),
    ("roster", "19247841cf045e2ed2cac99f18e024e0"),
    ("committee", "1db3af84518296e34107bf0ebaa9de81"),
    ("proposal", "0fe9d5e20f6a9100d1fd4078701a425a"),
    ("ballot", "11bd37d7262191b66be60427cfd6190b"),
    ("shared key", "e52a324a67dd9c8118f1b8261e5da87c"),
    ("list of shared keys", "3dd5bdd73c0dfbf61916cefe9cbd4436"),
    ("sharing", "af9eca5dd0b6249ee8cd2de672caa372"),
    ("dealing", "75938c8c694cbc7f5bdd81ba894ad09a"),
    ("issuer", "2c520823e8ca02fa7e7911418ca8aa4c"),
    ("revocations", "fb96ab105de6c71bf0b6e4e75aa7ee6d"),
    ("head", "f11c085eac8e98fdd587e3c80ccee340"),
];

const FORMS: &[(&str, &str)] = &[
    ("network", "7b8b25ad8e1c58004bfc21177f22f6991340af8611d86a8d4da798a25d4d642d"),
    ("place", "cf17e7f195297f0074f69f812815f965b54b9258809ba5c5973ed67c14eb60c6"),
    ("message", "ca09c5d36fd5b68206e979b2c9865bea"),
    ("signed message", "3207553558012bdc5e73bbef7c63fb32"),
    ("signed message with work", "a0e4ab5188988c580af0d0bc770f1509"),
    ("work", "d6564f40d58d6ecf4798ef6cea62427d"),
    ("checkpoint", "75498b92a9f35c9f56754da75631be9e"),
    ("beacon", "405ab1735b0b60b45060473fc80ebd71"),
    ("contradictory votes", "59ac1c741d728f581fa7ce46f8f28e1d"),
    ("candidate", "e719fcdb1c63fe661faa6d9a01c08810"),
];
