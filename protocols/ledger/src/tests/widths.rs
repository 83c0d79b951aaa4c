//! The widest record of each kind: a record that could be written and not read
//! again would stop every guardian for good.

use alloc::string::String;
use alloc::vec::Vec;

use allod_threshold::dealing::RECEIVERS_MAX;
use allod_wire::{AssetId, BlockId, GuardianId, Instant, NetworkId, SessionId, Wire};

use super::*;
use crate::account::Sponsorship;
use crate::beacon::Beacon;
use crate::committee::{Committee, MEMBERS_MAX, OBSERVERS_MAX, Seat};
use crate::guardian::GUARDIANS_MAX;
use crate::guardian::Roster;
use crate::holding::{Asset, Balance, Holding, Title, Units};
use crate::issuer::{Issuer, IssuerTerms, RevocationList, Revocations};
use crate::lock::Lock;
use crate::name::{Name, NameRecord};
use crate::offer::Offer;
use crate::record::Record;
use crate::shared_key::{
    Ceremony, Holder, KEYS_MAX, KeyName, KeySpec, Keys, Member, Phase, SharedKey, Sharing,
};
use crate::voting::{Ballot, Proposal};
use crate::{Certificate, Chain, Checkpoint, Parameters};

const FULL: [u8; 32] = [0xFF; 32];
const LATE: Instant = Instant(u64::MAX);

fn fits<T: Wire + PartialEq + core::fmt::Debug>(what: &str, value: &T) {
    let bytes = allod_wire::encode(value);
    assert!(bytes.len() <= T::SIZE_MAX, "{what}: {} bytes of at most {}", bytes.len(), T::SIZE_MAX);
    assert_eq!(allod_wire::decode::<T>(&bytes).as_ref(), Ok(value), "{what}");
}

fn record<R: Record + PartialEq + core::fmt::Debug>(record: &R) {
    fits(R::KIND, record);
    // As long as the name that a proof has room for.
    assert!(R::KIND.len() <= 32, "{}", R::KIND);
}

fn guardians(count: usize) -> Vec<GuardianId> {
    (0..count).map(|_| GuardianId(FULL)).collect()
}

fn wide_spec() -> KeySpec {
    KeySpec {
        name: KeyName::new(&"k".repeat(32)).unwrap(),
        group: allod_threshold::GroupName::BabyJubJub,
        size: u16::MAX,
        threshold: u16::MAX,
        per_operator: u16::MAX,
        per_jurisdiction: u16::MAX,
        apart_from: KeyName::new(&"a".repeat(32)).ok(),
    }
}

#[test]
fn the_widest_record_of_a_person_or_a_thing_can_be_read_again() {
    let did = World::new().did(ANN);
    let widest_name = Name::new(&"n".repeat(63)).unwrap();
    let what = Holding::Name(widest_name);
    let units = Units { asset: AssetId(FULL), amount: u64::MAX };
    record(&NameRecord { owner: Some(did), until: LATE, aside: Some(FULL) });
    record(&Asset {
        issuer: Some(did),
        name: "x".repeat(32),
        decimals: u8::MAX,
        supply_max: u64::MAX,
        issued: u64::MAX,
        retired: u64::MAX,
    });
    record(&Balance { amount: u64::MAX });
    record(&Title {
        owner: Some(did),
        maker: did,
        content: FULL,
        size: u64::MAX,
        label: "x".repeat(64),
        made: LATE,
    });
    record(&Lock { what: what.clone(), owner: did, recipient: did, expires: LATE, release: Some(FULL) });
    record(&Offer { what, seller: did, price: units, buyer: Some(did), expires: LATE });
    let terms = IssuerTerms { label: "x".repeat(64), class: "x".repeat(64), key: [0xFF; 256].into() };
    record(&Issuer { terms, at: LATE, version: u32::MAX });
    let list = RevocationList { number: u64::MAX, root: FULL, source: "x".repeat(255) };
    record(&Revocations { list, at: LATE });
    let signature = [0xFF; 64];
    let guardian = GuardianId(FULL);
    fits("sponsorship", &Sponsorship { guardian, epoch: u64::MAX, signature });
}

#[test]
fn the_widest_record_of_the_network_can_be_read_again() {
    let (network, block) = (NetworkId(FULL), BlockId(FULL));
    record(&Chain {
        network,
        genesis: LATE,
        height: u64::MAX,
        at: LATE,
        mark: block,
        mark_before: block,
        round: u64::MAX,
    });
    record(&Beacon { round: u64::MAX, randomness: FULL });
    record(&Roster(guardians(GUARDIANS_MAX)));
    let seats = |count| {
        let seat = |guardian| Seat { guardian, peers: "x".repeat(255) };
        guardians(count).into_iter().map(seat).collect()
    };
    record(&Committee { members: seats(MEMBERS_MAX), observers: seats(OBSERVERS_MAX) });
    let checkpoint = Checkpoint { network, height: u64::MAX, at: LATE, block, root: FULL };
    fits("checkpoint", &checkpoint);
    fits("certificate", &Certificate { checkpoint, signature: [0xFF; 48] });
    record(&Parameters {
        epoch_heights: u64::MAX,
        committee_max: u16::MAX,
        checkpoint_every: u64::MAX,
        beacon_period_ms: u64::MAX,
        phase_ms: u64::MAX,
        phase_heights: u64::MAX,
        reshare_epochs: u64::MAX,
        unbond_ms: u64::MAX,
        bond_min: u64::MAX,
        reward_permille: u16::MAX,
        name_age_heights: u64::MAX,
        name_commit_ms: u64::MAX,
        name_term_max_ms: u64::MAX,
        name_grace_ms: u64::MAX,
        recovery_ms: u64::MAX,
        stamp_bits: u8::MAX,
        settle_ms: u64::MAX,
        allowance_max: u32::MAX,
        allowance_ms: u64::MAX,
        sponsor_quota: u32::MAX,
        lock_max_ms: u64::MAX,
    });
}

#[test]
fn the_widest_record_of_a_shared_key_can_be_read_again() {
    let session = SessionId(FULL);
    let dealers: Vec<u16> = (0..RECEIVERS_MAX as u16).map(|number| u16::MAX - number).collect();
    let member = |guardian| Member { index: u16::MAX, guardian, key: Some(FULL), ready: true };
    let ceremony = Ceremony {
        session,
        phase: Phase::Verifying,
        until: LATE,
        until_height: u64::MAX,
        threshold: u16::MAX,
        members: guardians(RECEIVERS_MAX).into_iter().map(member).collect(),
        dealt: dealers.clone(),
        disqualified: dealers.clone(),
        from: Some(u32::MAX),
    };
    record(&SharedKey {
        spec: wide_spec(),
        generation: Some(u32::MAX),
        ceremony: Some(ceremony),
        sessions: u32::MAX,
        absent: guardians(RECEIVERS_MAX),
        dealt: dealers.clone(),
        due: true,
        word: u64::MAX,
        not_before: LATE,
    });
    let holder = |guardian| Holder { index: u16::MAX, guardian, public_share: [0xFF; 96].into(), key: FULL };
    record(&Sharing {
        public_key: [0xFF; 96].into(),
        threshold: u16::MAX,
        holders: guardians(RECEIVERS_MAX).into_iter().map(holder).collect(),
        session,
        dealers,
        since: u64::MAX,
    });
    let names = (0..KEYS_MAX).map(|number| {
        let text: String = alloc::format!("{number:032}");
        KeyName::new(&text).unwrap()
    });
    record(&Keys(names.collect()));
    record(&Proposal { approved: guardians(GUARDIANS_MAX) });
    record(&Ballot { key: Some(FULL), admission: Some(FULL) });
}
