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

variants!(ACTIONS, action_name, Action:
    Found, Log, Veto, Complete, CommitName, RegisterName, RenewName, DefineAsset, Issue, Retire, Entitle,
    Transfer, Lock, Claim, Unlock, Offer, Accept, Withdraw, Join, Restate, Bond, Leave, Unbond, Approve,
    Announce, Deal, Complain, Ready, Beacon, Accuse, ClaimBounty, DeclareIssuer, Revoke,
);

/// The first operation of each kind that a story has and that was done.
pub(super) fn samples(world: &World) -> BTreeMap<&'static str, Vec<u8>> {
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
    compare(&found, OPERATIONS);
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
    compare(&found, RECORDS);
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
    compare(&found, FORMS);
}

#[test]
fn the_story_ends_with_the_same_root_everywhere() {
    let story = story::tell();
    let at = |height: usize| story.world.roots[height].to_string();
    let heights = [0, 1, 20, 40, story.world.roots.len() - 1];
    let found: Vec<_> = heights.iter().map(|height| (height.to_string(), at(*height))).collect();
    compare(&found, ROOTS);
}

const OPERATIONS: &[(&str, &str)] = &[
    ("Found", "1f0309cc05de6958ffe86b78e71bac85"),
    ("Log", "14e4fb597337335a44277bd6758ac6e3"),
    ("Veto", "a011a98e7e6bcf63ad25f15640b216e7"),
    ("Complete", "1ae8ea096823e7887eb906bd49e415bd"),
    ("CommitName", "d9b74605da1037f17ada539b3cf67f80"),
    ("RegisterName", "0bc967c7d0753d124662d3fc8b8fad9f"),
    ("RenewName", "bc8d97eb4ca4df1199ab121fed93e323"),
    ("DefineAsset", "9b9e636b0b460119011a64bd4c847e3f"),
    ("Issue", "abe65d28f34e833592e189ffcb1ed30e"),
    ("Retire", "7f6bd1052ac337a972b2d24307053645"),
    ("Entitle", "ff1ef2fbc189a017c3e1386b5e23fc7c"),
    ("Transfer", "c352387d5b4c4b80962cfda2d6e7af83"),
    ("Lock", "545b93aebd3e9c8891a0d8b0c9c72356"),
    ("Claim", "d41ad99957946775991938f9c88df318"),
    ("Unlock", "1356bbd1969b03784cbfadc922cbfde6"),
    ("Offer", "e71851367bbab34e06f2c5b091d3e12f"),
    ("Accept", "3ece536e3a07d5ab310afd34b2003c6d"),
    ("Withdraw", "112320ea7166c1301eda2e060f61eb42"),
    ("Join", "750509651101a19d28857d2887c3af7d"),
    ("Restate", "652b20b47f90f98348c013557e0f3f7e"),
    ("Bond", "48bead20b3c9ffa0cbdac29d431048ee"),
    ("Leave", "eee12379f66e220534ec6e7e951949f4"),
    ("Unbond", "b345ed3b75d5a3e9ee1224113df9f713"),
    ("Approve", "61b81b317bd7870a3cb8c6b1c7360c10"),
    ("Announce", "a5fc4957b5463f56b3027711d05abd5a"),
    ("Deal", "282113060a8035d51388993b5e0becac"),
    ("Complain", "f46bbd3af7780b933ed30223ce7de730"),
    ("Ready", "548115519e10eae3e871a9b0b029855a"),
    ("Beacon", "5ec80ef66949d3d72d29f8a84c1183e2"),
    ("Accuse", "04f7c59d97efe6a1676e9d1c28e6e4fb"),
    ("ClaimBounty", "b616b4899f11865850321c0141426e6d"),
    ("DeclareIssuer", "406fc7c05ccda3a86b0927c36d15db4b"),
    ("Revoke", "02efdbe79e95faebe3fc14a46165db14"),

stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::panicking::panic_fmt
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14
   2: allod_ledger::tests::frozen::compare
             at ./src/tests/frozen.rs:44:5
   3: allod_ledger::tests::frozen::operations_keep_their_form
             at ./src/tests/frozen.rs:85:5
   4: allod_ledger::tests::frozen::operations_keep_their_form::{{closure}}
             at ./src/tests/frozen.rs:81:32
   5: core::ops::function::FnOnce::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
   6: <fn() -> core::result::Result<(), alloc::string::String> as core::ops::function::FnOnce<()>>::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.

---- tests::frozen::records_keep_their_form_and_place stdout ----

thread 'tests::frozen::records_keep_their_form_and_place' (389) panicked at protocols/ledger/src/tests/frozen.rs:44:5:
a frozen form has changed; see the head of this file. Now it is
    ("chain", "0ed029c5b502d17ae13e1b5f11f5bf13"),
    ("parameters", "79a8bbd9b69ac6ab9659fd159c057e58"),
    ("beacon", "e8928bd232972a94a3961ca4b50a67e3"),
    ("identity", "727b68d4b59b02a0a6e13fe8a923dfbc"),
    ("identity's operation", "9e5bcef8d8b346d65a2669616feed526"),
    ("name", "29ed6f3a59922d41783540da6dfe0412"),
    ("name's commitment", "979ac6612e6f06d508e01aeda45940a9"),
    ("asset", "f094495e4b4ebdc165366746072a486d"),
    ("balance", "f87997d686933e7e07a0bbb1e14f9cdd"),
    ("title", "b09b6e8f7694ef47507fa8bfaeaa5ae7"),
    ("lock", "f497deba03b1a1084bcdb5971de9a1d8"),
    ("offer", "bdc0b96190bb1ddf2c92fe1d28a47c08"),
    ("guardian", "bcd22d7c9386e5d0ec8eda613aaad663"),
    ("roster", "19247841cf045e2ed2cac99f18e024e0"),
    ("committee", "1db3af84518296e34107bf0ebaa9de81"),
    ("proposal", "0fe9d5e20f6a9100d1fd4078701a425a"),
    ("shared key", "7610915cd2efa1a91402d71fb32429c3"),
    ("list of shared keys", "3dd5bdd73c0dfbf61916cefe9cbd4436"),
    ("sharing", "946e6ad790fb2fa90142f251aeede66a"),
    ("dealing", "eeef6491b3c39aa24824cce07e6ac3c4"),
    ("issuer", "2c520823e8ca02fa7e7911418ca8aa4c"),
    ("revocations", "fb96ab105de6c71bf0b6e4e75aa7ee6d"),

stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::panicking::panic_fmt
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14
   2: allod_ledger::tests::frozen::compare
             at ./src/tests/frozen.rs:44:5
   3: records_keep_their_form_and_place
             at ./src/tests/frozen.rs:150:5
   4: allod_ledger::tests::frozen::records_keep_their_form_and_place::{{closure}}
             at ./src/tests/frozen.rs:108:39
   5: core::ops::function::FnOnce::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
   6: <fn() -> core::result::Result<(), alloc::string::String> as core::ops::function::FnOnce<()>>::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.

---- tests::frozen::the_story_ends_with_the_same_root_everywhere stdout ----

thread 'tests::frozen::the_story_ends_with_the_same_root_everywhere' (392) panicked at protocols/ledger/src/tests/frozen.rs:44:5:
a frozen form has changed; see the head of this file. Now it is
    ("0", "6e74beb79ea89f6ef58a5e5945a391234209a4d6f17ff4cb916a1963a0d9c289"),
    ("1", "735a8b748fe1dd8d48f53adff28fae5e94516e2d19f4c6359b338151ddd13e1f"),
    ("20", "1d74063139c88f41b9297de9493f5955e5bdbfcdff671c76571271ae9b848071"),
    ("40", "c0dcc64f9bcd6efff537e3a2c502c4aff814b16c3567b177c2900925c6504a12"),
    ("64", "c508990356eae5343c1f0f27bcaaba365cce010d85a68c3e12387bfa7d437ddf"),
];

const RECORDS: &[(&str, &str)] = &[
    ("chain", "0ed029c5b502d17ae13e1b5f11f5bf13"),
    ("parameters", "79a8bbd9b69ac6ab9659fd159c057e58"),
    ("beacon", "e8928bd232972a94a3961ca4b50a67e3"),
    ("identity", "727b68d4b59b02a0a6e13fe8a923dfbc"),
    ("identity's operation", "9e5bcef8d8b346d65a2669616feed526"),
    ("name", "29ed6f3a59922d41783540da6dfe0412"),
    ("name's commitment", "979ac6612e6f06d508e01aeda45940a9"),
    ("asset", "f094495e4b4ebdc165366746072a486d"),
    ("balance", "f87997d686933e7e07a0bbb1e14f9cdd"),
    ("title", "b09b6e8f7694ef47507fa8bfaeaa5ae7"),
    ("lock", "f497deba03b1a1084bcdb5971de9a1d8"),
    ("offer", "bdc0b96190bb1ddf2c92fe1d28a47c08"),
    ("guardian", "bcd22d7c9386e5d0ec8eda613aaad663"),
    ("roster", "19247841cf045e2ed2cac99f18e024e0"),
    ("committee", "1db3af84518296e34107bf0ebaa9de81"),
    ("proposal", "0fe9d5e20f6a9100d1fd4078701a425a"),
    ("shared key", "7610915cd2efa1a91402d71fb32429c3"),
    ("list of shared keys", "3dd5bdd73c0dfbf61916cefe9cbd4436"),
    ("sharing", "946e6ad790fb2fa90142f251aeede66a"),
    ("dealing", "eeef6491b3c39aa24824cce07e6ac3c4"),
    ("issuer", "2c520823e8ca02fa7e7911418ca8aa4c"),
    ("revocations", "fb96ab105de6c71bf0b6e4e75aa7ee6d"),

stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::panicking::panic_fmt
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14
   2: allod_ledger::tests::frozen::compare
             at ./src/tests/frozen.rs:44:5
   3: records_keep_their_form_and_place
             at ./src/tests/frozen.rs:150:5
   4: allod_ledger::tests::frozen::records_keep_their_form_and_place::{{closure}}
             at ./src/tests/frozen.rs:108:39
   5: core::ops::function::FnOnce::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
   6: <fn() -> core::result::Result<(), alloc::string::String> as core::ops::function::FnOnce<()>>::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.

---- tests::frozen::the_story_ends_with_the_same_root_everywhere stdout ----

thread 'tests::frozen::the_story_ends_with_the_same_root_everywhere' (392) panicked at protocols/ledger/src/tests/frozen.rs:44:5:
a frozen form has changed; see the head of this file. Now it is
    ("0", "6e74beb79ea89f6ef58a5e5945a391234209a4d6f17ff4cb916a1963a0d9c289"),
    ("1", "735a8b748fe1dd8d48f53adff28fae5e94516e2d19f4c6359b338151ddd13e1f"),
    ("20", "1d74063139c88f41b9297de9493f5955e5bdbfcdff671c76571271ae9b848071"),
    ("40", "c0dcc64f9bcd6efff537e3a2c502c4aff814b16c3567b177c2900925c6504a12"),
    ("64", "c508990356eae5343c1f0f27bcaaba365cce010d85a68c3e12387bfa7d437ddf"),
];

const FORMS: &[(&str, &str)] = &[
    ("network", "7b8b25ad8e1c58004bfc21177f22f6991340af8611d86a8d4da798a25d4d642d"),
    ("genesis", "6d99ce982b7556f5c621d681660d2674"),
    ("checkpoint", "13cca43a9e9ab877ff074929aeb0b525"),
    ("signed for a checkpoint", "33b7b2680005a8699dfc476979c70b42"),
    ("certificate", "ba2431aff1ad31c9a85ab0178a5985e8"),
    ("fingerprint", "c41762a8fea9db5c0ad96bf4ebe2c7ea"),
    ("contradictory votes", "8303f6e03c7c63d8c49c8dfb1cdedd53"),

stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::panicking::panic_fmt
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14
   2: allod_ledger::tests::frozen::compare
             at ./src/tests/frozen.rs:44:5
   3: allod_ledger::tests::frozen::a_genesis_a_checkpoint_and_evidence_keep_their_form
             at ./src/tests/frozen.rs:180:5
   4: allod_ledger::tests::frozen::a_genesis_a_checkpoint_and_evidence_keep_their_form::{{closure}}
             at ./src/tests/frozen.rs:154:57
   5: core::ops::function::FnOnce::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
   6: <fn() -> core::result::Result<(), alloc::string::String> as core::ops::function::FnOnce<()>>::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.

---- tests::frozen::operations_keep_their_form stdout ----

thread 'tests::frozen::operations_keep_their_form' (385) panicked at protocols/ledger/src/tests/frozen.rs:44:5:
a frozen form has changed; see the head of this file. Now it is
    ("Found", "1f0309cc05de6958ffe86b78e71bac85"),
    ("Log", "14e4fb597337335a44277bd6758ac6e3"),
    ("Veto", "a011a98e7e6bcf63ad25f15640b216e7"),
    ("Complete", "1ae8ea096823e7887eb906bd49e415bd"),
    ("CommitName", "d9b74605da1037f17ada539b3cf67f80"),
    ("RegisterName", "0bc967c7d0753d124662d3fc8b8fad9f"),
    ("RenewName", "bc8d97eb4ca4df1199ab121fed93e323"),
    ("DefineAsset", "9b9e636b0b460119011a64bd4c847e3f"),
    ("Issue", "abe65d28f34e833592e189ffcb1ed30e"),
    ("Retire", "7f6bd1052ac337a972b2d24307053645"),
    ("Entitle", "ff1ef2fbc189a017c3e1386b5e23fc7c"),
    ("Transfer", "c352387d5b4c4b80962cfda2d6e7af83"),
    ("Lock", "545b93aebd3e9c8891a0d8b0c9c72356"),
    ("Claim", "d41ad99957946775991938f9c88df318"),
    ("Unlock", "1356bbd1969b03784cbfadc922cbfde6"),
    ("Offer", "e71851367bbab34e06f2c5b091d3e12f"),
    ("Accept", "3ece536e3a07d5ab310afd34b2003c6d"),
    ("Withdraw", "112320ea7166c1301eda2e060f61eb42"),
    ("Join", "750509651101a19d28857d2887c3af7d"),
    ("Restate", "652b20b47f90f98348c013557e0f3f7e"),
    ("Bond", "48bead20b3c9ffa0cbdac29d431048ee"),
    ("Leave", "eee12379f66e220534ec6e7e951949f4"),
    ("Unbond", "b345ed3b75d5a3e9ee1224113df9f713"),
    ("Approve", "61b81b317bd7870a3cb8c6b1c7360c10"),
    ("Announce", "a5fc4957b5463f56b3027711d05abd5a"),
    ("Deal", "282113060a8035d51388993b5e0becac"),
    ("Complain", "f46bbd3af7780b933ed30223ce7de730"),
    ("Ready", "548115519e10eae3e871a9b0b029855a"),
    ("Beacon", "5ec80ef66949d3d72d29f8a84c1183e2"),
    ("Accuse", "04f7c59d97efe6a1676e9d1c28e6e4fb"),
    ("ClaimBounty", "b616b4899f11865850321c0141426e6d"),
    ("DeclareIssuer", "406fc7c05ccda3a86b0927c36d15db4b"),
    ("Revoke", "02efdbe79e95faebe3fc14a46165db14"),

stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::panicking::panic_fmt
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14
   2: allod_ledger::tests::frozen::compare
             at ./src/tests/frozen.rs:44:5
   3: allod_ledger::tests::frozen::operations_keep_their_form
             at ./src/tests/frozen.rs:85:5
   4: allod_ledger::tests::frozen::operations_keep_their_form::{{closure}}
             at ./src/tests/frozen.rs:81:32
   5: core::ops::function::FnOnce::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
   6: <fn() -> core::result::Result<(), alloc::string::String> as core::ops::function::FnOnce<()>>::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.

---- tests::frozen::records_keep_their_form_and_place stdout ----

thread 'tests::frozen::records_keep_their_form_and_place' (389) panicked at protocols/ledger/src/tests/frozen.rs:44:5:
a frozen form has changed; see the head of this file. Now it is
    ("chain", "0ed029c5b502d17ae13e1b5f11f5bf13"),
    ("parameters", "79a8bbd9b69ac6ab9659fd159c057e58"),
    ("beacon", "e8928bd232972a94a3961ca4b50a67e3"),
    ("identity", "727b68d4b59b02a0a6e13fe8a923dfbc"),
    ("identity's operation", "9e5bcef8d8b346d65a2669616feed526"),
    ("name", "29ed6f3a59922d41783540da6dfe0412"),
    ("name's commitment", "979ac6612e6f06d508e01aeda45940a9"),
    ("asset", "f094495e4b4ebdc165366746072a486d"),
    ("balance", "f87997d686933e7e07a0bbb1e14f9cdd"),
    ("title", "b09b6e8f7694ef47507fa8bfaeaa5ae7"),
    ("lock", "f497deba03b1a1084bcdb5971de9a1d8"),
    ("offer", "bdc0b96190bb1ddf2c92fe1d28a47c08"),
    ("guardian", "bcd22d7c9386e5d0ec8eda613aaad663"),
    ("roster", "19247841cf045e2ed2cac99f18e024e0"),
    ("committee", "1db3af84518296e34107bf0ebaa9de81"),
    ("proposal", "0fe9d5e20f6a9100d1fd4078701a425a"),
    ("shared key", "7610915cd2efa1a91402d71fb32429c3"),
    ("list of shared keys", "3dd5bdd73c0dfbf61916cefe9cbd4436"),
    ("sharing", "946e6ad790fb2fa90142f251aeede66a"),
    ("dealing", "eeef6491b3c39aa24824cce07e6ac3c4"),
    ("issuer", "2c520823e8ca02fa7e7911418ca8aa4c"),
    ("revocations", "fb96ab105de6c71bf0b6e4e75aa7ee6d"),

stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::panicking::panic_fmt
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14
   2: allod_ledger::tests::frozen::compare
             at ./src/tests/frozen.rs:44:5
   3: records_keep_their_form_and_place
             at ./src/tests/frozen.rs:150:5
   4: allod_ledger::tests::frozen::records_keep_their_form_and_place::{{closure}}
             at ./src/tests/frozen.rs:108:39
   5: core::ops::function::FnOnce::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
   6: <fn() -> core::result::Result<(), alloc::string::String> as core::ops::function::FnOnce<()>>::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.

---- tests::frozen::the_story_ends_with_the_same_root_everywhere stdout ----

thread 'tests::frozen::the_story_ends_with_the_same_root_everywhere' (392) panicked at protocols/ledger/src/tests/frozen.rs:44:5:
a frozen form has changed; see the head of this file. Now it is
    ("0", "6e74beb79ea89f6ef58a5e5945a391234209a4d6f17ff4cb916a1963a0d9c289"),
    ("1", "735a8b748fe1dd8d48f53adff28fae5e94516e2d19f4c6359b338151ddd13e1f"),
    ("20", "1d74063139c88f41b9297de9493f5955e5bdbfcdff671c76571271ae9b848071"),
    ("40", "c0dcc64f9bcd6efff537e3a2c502c4aff814b16c3567b177c2900925c6504a12"),
    ("64", "c508990356eae5343c1f0f27bcaaba365cce010d85a68c3e12387bfa7d437ddf"),
];

const ROOTS: &[(&str, &str)] = &[
    ("0", "6e74beb79ea89f6ef58a5e5945a391234209a4d6f17ff4cb916a1963a0d9c289"),
    ("1", "735a8b748fe1dd8d48f53adff28fae5e94516e2d19f4c6359b338151ddd13e1f"),
    ("20", "1d74063139c88f41b9297de9493f5955e5bdbfcdff671c76571271ae9b848071"),
    ("40", "c0dcc64f9bcd6efff537e3a2c502c4aff814b16c3567b177c2900925c6504a12"),
    ("64", "c508990356eae5343c1f0f27bcaaba365cce010d85a68c3e12387bfa7d437ddf"),
];
