//! What asking costs: numbers, an allowance that grows back, work, and a
//! guardian's word in place of work.

use alloc::vec::Vec;

use allod_did::Did;
use allod_wire::{GuardianId, NetworkId};
use proptest::prelude::*;

use super::*;
use crate::account::Sponsorship;
use crate::{Action, Claim, Operation, Parameters, Rejection, Stamp, check};

fn commit(number: u8) -> Action {
    Action::CommitName { commitment: [number; 32] }
}

/// A world whose people can save up three operations.
fn poor() -> World {
    World::with(4, |genesis| {
        genesis.parameters.allowance_max = 3;
        genesis.parameters.allowance_ms = 10 * STEP;
    })
}

fn allowed(world: &World, person: usize) -> u32 {
    world.account(person).allowed(world.at, &world.rules())
}

#[test]
fn whoever_has_asked_too_much_waits_for_the_allowance_to_grow() {
    let mut world = poor();
    let asked: Vec<Operation> = (0..4).map(|number| world.by(ANN, commit(number))).collect();
    let mut expected = Vec::from([const { Ok(()) }; 3]);
    expected.push(Err(Rejection::AllowanceUsedUp));
    assert_eq!(world.block(&asked), expected);
    assert_eq!(world.does(BEN, commit(9)), Ok(()), "others are not concerned");
    world.pass(7 * STEP);
    let again = asked[3].clone();
    let early = world.ask(again.clone());
    assert_eq!((early, world.ask(again)), (Err(Rejection::AllowanceUsedUp), Ok(())), "its number was free");
    assert_eq!(allowed(&world, ANN), 0);
    world.pass(100 * STEP);
    assert_eq!(allowed(&world, ANN), 3, "no more is saved up than the rules allow");
}

#[test]
fn an_operation_that_was_refused_after_it_was_signed_is_paid_for() {
    let mut world = poor();
    let refused = world.by(ANN, Action::RenewName { name: name("nobodys"), until: world.at.plus_ms(STEP) });
    assert_eq!(world.ask(refused.clone()), Err(Rejection::NoName));
    assert_eq!(allowed(&world, ANN), 2);
    assert_eq!(world.ask(refused), Err(Rejection::NonceUsed), "and its number is used");
    assert_eq!(allowed(&world, ANN), 2, "but it is not paid for twice");
}

#[test]
fn nobody_pays_for_what_they_did_not_sign() {
    let mut world = poor();
    let forged = Operation { ..world.by(ANN, commit(1)) };
    let claim = forged.body.claim;
    let forged = world.body(claim, commit(1)).sign(&key(77));
    assert_eq!(world.ask(forged), Err(Rejection::BadSignature));
    assert_eq!(allowed(&world, ANN), 3);
    let right = world.body(claim, commit(1)).sign(&world.people[ANN].device);
    assert_eq!(world.ask(right), Ok(()), "the number is still free");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    /// The model is a bucket of milliseconds: an operation takes a period's worth.
    #[test]
    fn the_allowance_is_a_bucket_that_fills_with_time(
        max in 1u32..5,
        period in prop_oneof![Just(1u64), 300u64..9_000],
        waits in proptest::collection::vec(0u64..7, 1..25),
    ) {
        let mut world = World::with(1, |genesis| {
            genesis.parameters.allowance_max = max;
            genesis.parameters.allowance_ms = period;
        });
        let full = u64::from(max) * period;
        let (mut level, mut at) = (full, world.at);
        for (number, wait) in waits.into_iter().enumerate() {
            world.empty(wait);
            let result = world.does(ANN, commit(number as u8));
            level = full.min(level + world.at.ms_since(at));
            at = world.at;
            if level >= period {
                prop_assert_eq!(result, Ok(()));
                level -= period;
            } else {
                prop_assert_eq!(result, Err(Rejection::AllowanceUsedUp));
            }
            prop_assert_eq!(u64::from(allowed(&world, ANN)), level / period);
        }
    }
}

/// A world with a newcomer who was founded by work, and their next operation with
/// work for this epoch and block.
fn newcomer() -> (World, Person) {
    let mut world = World::new();
    let person = Person::new(60);
    world.found(&person).unwrap();
    (world, person)
}

fn stamped(world: &World, person: &Person, epoch: u64, bits: u32) -> Operation {
    let claim = world.claim(person);
    let body = world.body(claim, commit(100 + person.nonce.get() as u8));
    let id = world.epoch_ids.get(epoch as usize).copied().unwrap_or_else(|| world.next_id());
    let stamp = world.work(&body, epoch, &id, bits);
    body.sign_stamped(stamp, &person.device)
}

#[test]
fn an_identity_that_nobody_vouches_for_works_for_each_operation_until_it_is_settled() {
    let (mut world, person) = newcomer();
    let bits = world.rules().stamp_bits;
    let before = world.get::<crate::account::Account>(&person.did()).allowed(world.at, &world.rules());
    let plain = world.by_person(&person, commit(1));
    assert_eq!(world.ask(plain.clone()), Err(Rejection::StampNeeded { bits }));
    let epoch = world.epoch();
    assert_eq!(world.ask(stamped(&world, &person, epoch, bits.into())), Ok(()));
    let after = world.get::<crate::account::Account>(&person.did()).allowed(world.at, &world.rules());
    assert_eq!(after, before, "who works does not pay");
    world.pass(world.rules().settle_ms - 4 * STEP);
    assert_eq!(world.ask(plain.clone()), Err(Rejection::StampNeeded { bits }));
    assert_eq!(world.ask(plain), Ok(()), "nothing was charged, so its number is free");
}

#[test]
fn work_counts_in_its_epoch_and_in_the_next() {
    let (mut world, person) = newcomer();
    let bits: u32 = world.rules().stamp_bits.into();
    world.end_epoch();
    world.empty(1);
    assert_eq!(world.epoch(), 1);
    world.end_epoch();
    // The next block is the first of epoch 2, and its id is not known yet.
    let of_two = stamped(&world, &person, 1, bits);
    assert_eq!(check(&world.values, &allod_wire::encode(&of_two)), Ok(Ok(())), "asked between two epochs");
    assert_eq!(world.ask(of_two), Ok(()));
    assert_eq!(world.epoch(), 2);
    for (epoch, expected) in [
        (0, Err(Rejection::BadStamp)),
        (1, Ok(())),
        (2, Ok(())),
        (3, Err(Rejection::BadStamp)),
        (u64::from(u8::MAX), Err(Rejection::BadStamp)),
    ] {
        assert_eq!(world.ask(stamped(&world, &person, epoch, bits)), expected, "of epoch {epoch}");
    }
}

#[test]
fn work_cannot_be_done_before_its_epoch_began_or_for_another_operation() {
    let (mut world, person) = newcomer();
    let bits: u32 = world.rules().stamp_bits.into();
    let epoch = world.epoch();
    let body = world.body(world.claim(&person), commit(1));
    let elsewhere = world.work(&body, epoch, &allod_wire::BlockId([9; 32]), bits);
    let other = world.stamp(&world.body(world.claim(&person), commit(2)));
    let message = body.message();
    let few = (0..)
        .map(|counter| Stamp { epoch, counter })
        .find(|stamp| Stamp::zero_bits(&stamp.work(&world.epoch_ids[0], &message)) == bits - 1)
        .unwrap();
    let began = world.epoch_ids[0];
    let worth = |stamp: &Stamp| Stamp::zero_bits(&stamp.work(&began, &message));
    for stamp in [elsewhere, other, few] {
        assert!(worth(&stamp) < bits, "by chance it would do");
        let operation = body.clone().sign_stamped(stamp, &person.device);
        assert_eq!(world.ask(operation), Err(Rejection::BadStamp));
    }
}

#[test]
fn work_that_is_not_enough_is_refused_though_none_was_asked() {
    let mut world = World::new();
    let body = world.body(world.claim(&world.people[ANN]), commit(1));
    let operation = body.sign_stamped(Stamp { epoch: 77, counter: 0 }, &world.people[ANN].device);
    assert_eq!(world.ask(operation), Err(Rejection::BadStamp));
}

#[test]
fn zero_bits_are_counted_from_the_highest_on() {
    let mut work = [0; 32];
    assert_eq!(Stamp::zero_bits(&work), 256);
    work[2] = 1;
    assert_eq!(Stamp::zero_bits(&work), 23);
    work[0] = 0x40;
    assert_eq!(Stamp::zero_bits(&work), 1);
    work[0] = 0xFF;
    assert_eq!(Stamp::zero_bits(&work), 0);
}

fn found(world: &World, person: &Person, sponsorship: Option<Sponsorship>) -> Operation {
    let genesis = person.log.operations()[0].clone();
    world.body(Claim::Itself, Action::Found { genesis, sponsorship }).unsigned()
}

#[test]
fn a_sponsored_identity_needs_no_work() {
    let mut world = World::new();
    let person = Person::new(60);
    let word = Sponsorship::sign(&world.guardians[2].key, &world.network, &person.did(), world.epoch());
    assert_eq!(world.ask(found(&world, &person, Some(word))), Ok(()));
    let account: crate::account::Account = world.get(&person.did());
    assert_eq!(account.sponsor, Some(world.guardians[2].id()));
    assert_eq!(world.ask(world.by_person(&person, commit(1))), Ok(()));
    assert_eq!(world.ask(found(&world, &person, Some(word))), Err(Rejection::IdentityPresent));
}

#[test]
fn a_guardian_vouches_for_no_more_in_one_epoch_than_its_quota() {
    let mut world = World::new();
    let word = |world: &World, person: &Person| {
        Sponsorship::sign(&world.guardians[2].key, &world.network, &person.did(), world.epoch())
    };
    for number in 60..62 {
        let person = Person::new(number);
        assert_eq!(world.ask(found(&world, &person, Some(word(&world, &person)))), Ok(()));
    }
    let third = Person::new(62);
    let late = word(&world, &third);
    assert_eq!(world.ask(found(&world, &third, Some(late))), Err(Rejection::QuotaUsedUp));
    let other = Sponsorship::sign(&world.guardians[1].key, &world.network, &Person::new(63).did(), 0);
    assert_eq!(world.ask(found(&world, &Person::new(63), Some(other))), Ok(()), "another guardian's quota");
    world.end_epoch();
    assert_eq!(world.ask(found(&world, &third, Some(late))), Err(Rejection::SponsorshipOver));
    assert_eq!(world.ask(found(&world, &third, Some(word(&world, &third)))), Ok(()), "a new epoch");
}

#[test]
fn a_sponsors_word_is_for_one_identity_epoch_and_network() {
    let mut world = World::new();
    let person = Person::new(60);
    let other = World::with(4, |genesis| genesis.name = "other".into());
    let guardian = &world.guardians[2].key;
    let sign = |network: &NetworkId, did: Did, epoch| Sponsorship::sign(guardian, network, &did, epoch);
    let right = sign(&world.network, person.did(), 0);
    let nobody = GuardianId(key(5).verifying_key().0);
    let cases = [
        (sign(&other.network, person.did(), 0), Rejection::BadSignature),
        (sign(&world.network, Person::new(61).did(), 0), Rejection::BadSignature),
        (Sponsorship { epoch: 0, ..sign(&world.network, person.did(), 1) }, Rejection::BadSignature),
        (sign(&world.network, person.did(), 1), Rejection::SponsorshipOver),
        (Sponsorship { guardian: world.guardians[1].id(), ..right }, Rejection::BadSignature),
        (Sponsorship { guardian: nobody, ..right }, Rejection::NoGuardian),
    ];
    for (word, expected) in cases {
        assert_eq!(world.ask(found(&world, &person, Some(word))), Err(expected));
    }
    assert_eq!(world.ask(found(&world, &person, Some(right))), Ok(()));
}

#[test]
fn who_is_no_guardian_any_more_vouches_for_nobody() {
    let mut world = World::new();
    world.does(CLEO, Action::Leave { guardian: world.guardians[2].id() }).unwrap();
    world.evict(3);
    for guardian in [2, 3] {
        let person = Person::new(60);
        let word = Sponsorship::sign(&world.guardians[guardian].key, &world.network, &person.did(), 0);
        let result = world.ask(found(&world, &person, Some(word)));
        assert_eq!(result, Err(Rejection::NotActive));
        assert!(!Rejection::NotActive.may_pass(), "it never vouches again");
    }
}

#[test]
fn who_works_to_be_founded_shows_it_for_that_identity() {
    let mut world = World::new();
    let (person, other) = (Person::new(60), Person::new(61));
    let Parameters { stamp_bits: bits, .. } = world.rules();
    assert_eq!(world.ask(found(&world, &person, None)), Err(Rejection::StampNeeded { bits }));
    let stamp = world.stamp(&found(&world, &other, None).body);
    let copied = Operation { stamp: Some(stamp), ..found(&world, &person, None) };
    let by_chance = Stamp::zero_bits(&stamp.work(&world.epoch_ids[0], &copied.body.message()));
    assert!(by_chance < bits.into());
    assert_eq!(world.ask(copied), Err(Rejection::BadStamp));
    assert_eq!(world.found(&person), Ok(()));
    assert_eq!(world.found(&person), Err(Rejection::IdentityPresent));
}
