//! How networks begin, and how none can.

use allod_wire::{Instant, NetworkId};

use super::*;
use crate::committee::{Committee, MEMBERS_MAX, OBSERVERS_MAX};
use crate::guardian::GUARDIANS_MAX;
use crate::guardian::{Roster, Terms};
use crate::shared_key::Keys;
use crate::{Chain, Error, Founder, Genesis, begin};

type Change = fn(&mut Genesis);

fn refused(change: impl FnOnce(&mut Genesis)) -> &'static str {
    let mut bad = genesis(4);
    change(&mut bad);
    match begin(&bad) {
        Err(Error::BadGenesis { part }) => part,
        other => panic!("not refused: {:?}", other.map(|_| ())),
    }
}

#[test]
fn a_network_begins_with_what_its_genesis_says() {
    let world = World::with(3, |genesis| genesis.keys.push(ceremony::spec("key", 3, 2)));
    let chain: Chain = world.get(&());
    assert_eq!((chain.network, chain.height, chain.at), (world.network, 0, world.genesis.at));
    assert_eq!(world.get::<crate::Parameters>(&()), world.genesis.parameters);
    let roster: Roster = world.get(&());
    assert_eq!(roster.0.len(), 3);
    let committee: Committee = world.get(&0);
    assert!(committee.members.iter().map(|seat| seat.guardian).eq(roster.0.iter().copied()));
    for person in 0..5 {
        let account = world.account(person);
        assert!(!account.is_new(world.at, &world.rules()), "the genesis vouches for them");
        assert_eq!(account.allowed(world.at, &world.rules()), world.rules().allowance_max);
    }
    assert_eq!(world.get::<Keys>(&()).0.len(), 1);
}

#[test]
fn rules_under_which_nothing_could_go_on_are_refused() {
    let changes: [(Change, &str); 18] = [
        (|genesis| genesis.name = "".into(), "the name"),
        (|genesis| genesis.name = "x".repeat(33), "the name"),
        (|genesis| genesis.asset = "".into(), "the asset's name"),
        (|genesis| genesis.asset = "x".repeat(33), "the asset's name"),
        (|genesis| genesis.asset = "a\u{202E}b".into(), "the asset's name"),
        (|genesis| genesis.founders.clear(), "the number of guardians"),
        (|genesis| genesis.parameters.epoch_heights = 0, "the length of an epoch"),
        (|genesis| genesis.parameters.epoch_heights = 1, "the length of an epoch"),
        (|genesis| genesis.parameters.committee_max = 0, "the committee's size"),
        (|genesis| genesis.parameters.committee_max = MEMBERS_MAX as u16 + 1, "the committee's size"),
        (|genesis| genesis.parameters.checkpoint_every = 0, "the checkpoints' distance"),
        (|genesis| genesis.parameters.beacon_period_ms = 0, "the beacon's period"),
        (|genesis| genesis.parameters.reward_permille = 1000, "the reward: all of a bond"),
        (|genesis| genesis.parameters.allowance_max = 0, "the allowance"),
        (|genesis| genesis.parameters.allowance_ms = 0, "the allowance"),
        (|genesis| genesis.parameters.stamp_bits = 65, "the work of a stamp"),
        (|genesis| genesis.parameters.stamp_bits = 255, "the work of a stamp"),
        (|genesis| genesis.founders = genesis_of_many(), "the number of guardians"),
    ];
    for (change, part) in changes {
        assert_eq!(refused(change), part);
    }
}

fn genesis_of_many() -> alloc::vec::Vec<Founder> {
    genesis(GUARDIANS_MAX + 1).founders
}

#[test]
fn people_guardians_and_keys_of_a_genesis_are_checked_as_later_ones_are() {
    let changes: [Change; 10] = [
        |genesis| genesis.founders[1].bond = genesis.parameters.bond_min - 1,
        |genesis| genesis.founders[1].bond = WEALTH + 1,
        |genesis| {
            genesis.parameters.bond_min = 0;
            genesis.founders[1].bond = 0;
        },
        |genesis| genesis.founders[1].operator = Person::new(77).did(),
        |genesis| genesis.founders[1].guardian = genesis.founders[0].guardian,
        |genesis| genesis.founders[1].terms = Terms { peers: "".into(), ..terms(1) },
        |genesis| genesis.endowments[0].amount = u64::MAX,
        |genesis| genesis.keys.push(ceremony::spec("key", 4, 1)),
        |genesis| {
            let keys = 0..=crate::shared_key::KEYS_MAX;
            genesis.keys = keys.map(|number| ceremony::spec(&alloc::format!("k{number}"), 2, 2)).collect();
        },
        |genesis| {
            let person = Person::new(0);
            let mut log = person.log.clone();
            let key = key(50).verifying_key().into();
            let second = log.add_device(&person.root, key, "x", Instant(9)).unwrap().clone();
            genesis.endowments[0].identity = second;
        },
    ];
    for change in changes {
        assert_eq!(refused(change), "an identity, a bond or a key");
    }
}

#[test]
fn another_genesis_is_another_network() {
    let first = genesis(2);
    let bytes = allod_wire::encode(&first);
    assert_eq!(allod_wire::decode::<Genesis>(&bytes), Ok(first.clone()));
    let mut seen = alloc::collections::BTreeSet::from([first.network()]);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Ok(other) = allod_wire::decode::<Genesis>(&changed) {
            assert!(seen.insert(other.network()), "byte {at}");
        }
    }
    assert!(seen.len() > 100, "most bytes can be others");
    assert_ne!(first.network(), NetworkId([0; 32]));
}

#[test]
fn a_network_may_have_as_many_guardians_as_there_are_places_and_go_on() {
    let mut world = World::with(GUARDIANS_MAX, |genesis| {
        for founder in &mut genesis.founders {
            founder.terms = Terms {
                peers: "p".repeat(255),
                service: "s".repeat(255),
                operator: "o".repeat(64),
                jurisdiction: "j".repeat(64),
            };
        }
        genesis.parameters.committee_max = MEMBERS_MAX as u16;
        genesis.keys.push(ceremony::spec("key", 255, 170));
    });
    // Every record has its widest form, and can be read again.
    world.end_epoch();
    world.empty(2);
    for epoch in [0, 1] {
        let committee: Committee = world.get(&epoch);
        assert_eq!((committee.members.len(), committee.observers.len()), (MEMBERS_MAX, OBSERVERS_MAX));
    }
}
