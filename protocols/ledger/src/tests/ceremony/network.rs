//! The network's key: checkpoints and the beacon.

use allod_crypto::group::Bls12381G2;
use allod_threshold::bls::{self, Message, PartialSignature, SigningShare};
use allod_wire::BlockId;

use super::*;
use crate::beacon::{Beacon, due, round_at};
use crate::committee::Committee;
use crate::{Certificate, Checkpoint, Error, NetworkKey, Rejection, beacon_message};

type Keys = Holders<Bls12381G2>;

/// Four guardians with the key that signs checkpoints, three of them needed.
pub(in crate::tests) fn network(change: impl FnOnce(&mut Genesis)) -> (World, Keys) {
    let mut world = World::with(4, |genesis| {
        genesis.keys.push(KeySpec { group: GroupName::Bls12381G2, ..spec("network", 4, 3) });
        change(genesis);
    });
    world.empty(1);
    let mut holders = Keys::of("network");
    holders.run(&mut world);
    (world, holders)
}

/// What as many holders as it takes sign together.
pub(in crate::tests) fn sign(world: &World, holders: &Keys, message: &Message) -> [u8; 48] {
    let (_, sharing) = holders.sharing(world).unwrap();
    let keys = bls::ShareKeys::new(public_shares(&sharing));
    let partials: Vec<PartialSignature> = holders
        .shares
        .values()
        .take(sharing.threshold.into())
        .map(|(_, share)| SigningShare::new(share.clone()).unwrap().sign(message))
        .collect();
    let combined = keys.combine(message, &partials).unwrap();
    assert!(combined.refused.is_empty());
    *combined.signature.bytes()
}

/// The network's key, as a person has it.
pub(in crate::tests) fn public(world: &World, holders: &Keys) -> NetworkKey {
    NetworkKey::decode(&holders.sharing(world).unwrap().1.public_key).unwrap()
}

fn tell(world: &World, holders: &Keys, round: u64) -> Action {
    let signature = sign(world, holders, &beacon_message(&world.network, round)).to_vec();
    Action::Beacon { round, signature }
}

#[test]
fn what_guardians_signed_together_is_verified_with_one_key_that_stays() {
    let (mut world, mut holders) = network(|_| {});
    let key = public(&world, &holders);
    let checkpoint = |world: &World| Checkpoint {
        network: world.network,
        height: world.height,
        at: world.at,
        block: BlockId([4; 32]),
        root: world.roots.last().unwrap().0,
    };
    let certify = |world: &World, holders: &Keys| {
        let checkpoint = checkpoint(world);
        Certificate { checkpoint, signature: sign(world, holders, &checkpoint.message()) }
    };
    let early = certify(&world, &holders);
    assert_eq!(key.verify(&world.network, &early), Ok(()));
    let wider = KeySpec { group: GroupName::Bls12381G2, ..spec("network", 3, 2) };
    for guardian in 0..3 {
        world.guard(guardian, Action::Approve { spec: wider.clone() }).unwrap();
    }
    tell_next_epochs(&mut world, &holders);
    holders.run(&mut world);
    let late = certify(&world, &holders);
    assert_eq!(key.verify(&world.network, &late), Ok(()), "others signed, with the same key");
    assert_eq!(key.verify(&world.network, &early), Ok(()));

    let other = World::with(4, |genesis| genesis.name = "other".into());
    assert_eq!(key.verify(&other.network, &late), Err(Error::OtherNetwork));
    let moved = Checkpoint { network: other.network, ..late.checkpoint };
    let moved = Certificate { checkpoint: moved, ..late };
    assert_eq!(key.verify(&other.network, &moved), Err(Error::CertificateRefused));
    let changes: [fn(&mut Checkpoint); 4] = [
        |checkpoint| checkpoint.height += 1,
        |checkpoint| checkpoint.at.0 += 1,
        |checkpoint| checkpoint.block.0[0] ^= 1,
        |checkpoint| checkpoint.root[31] ^= 1,
    ];
    for change in changes {
        let mut changed = late;
        change(&mut changed.checkpoint);
        assert_eq!(key.verify(&world.network, &changed), Err(Error::CertificateRefused));
    }
    for signature in [[0; 48], early.signature] {
        let changed = Certificate { signature, ..late };
        assert_eq!(key.verify(&world.network, &changed), Err(Error::CertificateRefused));
    }
}

#[test]
fn a_key_that_is_none_is_refused_and_two_keys_have_two_fingerprints() {
    let (world, holders) = network(|_| {});
    let key = public(&world, &holders);
    assert!(matches!(NetworkKey::decode(&key.bytes()[..95]), Err(Error::CertificateRefused)));
    assert!(matches!(NetworkKey::decode(&[0; 96]), Err(Error::CertificateRefused)));
    let mut identity = [0; 96];
    identity[0] = 0xC0;
    assert!(matches!(NetworkKey::decode(&identity), Err(Error::CertificateRefused)), "signs everything");
    let other = World::with(4, |genesis| genesis.name = "other".into());
    assert_ne!(key.fingerprint(&world.network), key.fingerprint(&other.network));
    assert_eq!(key.fingerprint(&world.network), public(&world, &holders).fingerprint(&world.network));
}

/// The round that may be told in the next block.
fn next_round(world: &World) -> u64 {
    let epoch = (world.height + 1) / world.rules().epoch_heights;
    let began = epoch * world.rules().epoch_heights * STEP;
    began / world.rules().beacon_period_ms + 1
}

/// Tells the word of this epoch, as soon as it is due.
pub(super) fn tell_this_epochs(world: &mut World, holders: &Keys) {
    let round = next_round(world);
    while world.at.plus_ms(STEP) < due(world.genesis.at, &world.rules(), round) {
        world.empty(1);
    }
    assert_eq!(next_round(world), round, "an epoch is longer than the beacon's period");
    world.happens(tell(world, holders, round)).unwrap();
}

/// Tells the word of the next epoch, which nobody can know yet.
pub(in crate::tests) fn tell_next_epochs(world: &mut World, holders: &Keys) {
    world.end_epoch();
    tell_this_epochs(world, holders);
}

#[test]
fn one_round_an_epoch_is_told_and_nobody_knew_it_when_the_epoch_began() {
    let (mut world, holders) = network(|genesis| genesis.parameters.epoch_heights = 20);
    let (genesis, rules) = (world.genesis.at, world.rules());
    let mut before: Beacon = world.get(&());
    for epoch in 0..4 {
        assert_eq!((world.height + 1) / rules.epoch_heights, epoch);
        let expected = next_round(&world);
        // Until it is due the network's key signs nothing, but if it did:
        while world.at.plus_ms(STEP) < due(genesis, &rules, expected) {
            let until = due(genesis, &rules, expected);
            assert_eq!(world.happens(tell(&world, &holders, expected)), Err(Rejection::TooEarly { until }));
        }
        for other in [expected + 1, expected + 2] {
            assert_eq!(
                world.happens(tell(&world, &holders, other)),
                Err(Rejection::OtherRound { expected }),
                "whoever could choose among rounds would choose among draws"
            );
        }
        let Action::Beacon { mut signature, .. } = tell(&world, &holders, expected + 1) else {
            panic!("it is")
        };
        let wrong = Action::Beacon { round: expected, signature: signature.clone() };
        assert_eq!(world.happens(wrong), Err(Rejection::BadSignature), "another round's");
        signature.pop();
        let wrong = Action::Beacon { round: expected, signature };
        assert_eq!(world.happens(wrong), Err(Rejection::BadSignature));
        let told = tell(&world, &holders, expected);
        assert_eq!(world.happens(told.clone()), Ok(()));
        let now: Beacon = world.get(&());
        assert!(now.round == expected && now.randomness != before.randomness);
        assert_eq!(world.happens(told), Err(Rejection::BeaconKnown));
        let next = tell(&world, &holders, expected + 1);
        assert_eq!(world.happens(next), Err(Rejection::OtherRound { expected }), "it was due meanwhile");
        before = now;
        world.end_epoch();
    }
}

#[test]
fn a_word_that_was_not_told_in_its_epoch_is_never_told() {
    let (mut world, holders) = network(|_| {});
    let left_out = next_round(&world);
    world.end_epoch();
    world.empty(6);
    let expected = next_round(&world);
    let late = world.happens(tell(&world, &holders, left_out));
    assert_eq!(late, Err(Rejection::OtherRound { expected }));
    assert_eq!(world.happens(tell(&world, &holders, expected)), Ok(()));
}

#[test]
fn without_a_network_key_the_beacon_says_nothing() {
    let mut world = World::new();
    world.pass(5 * world.rules().beacon_period_ms);
    let action = Action::Beacon { round: 1, signature: [0; 48].to_vec() };
    assert_eq!(world.happens(action), Err(Rejection::NoNetworkKey));
}

#[test]
fn rounds_and_times_are_two_ways_to_say_the_same() {
    let (genesis, rules) = (allod_wire::Instant(1000), rules());
    for round in [0, 1, 2, 77] {
        let at = due(genesis, &rules, round);
        assert_eq!(round_at(genesis, &rules, at), round);
        assert_eq!(round_at(genesis, &rules, at.plus_ms(1)), round + 1, "not before");
    }
    assert_eq!(due(genesis, &rules, u64::MAX), allod_wire::Instant(u64::MAX));
}

#[test]
fn what_the_beacon_says_draws_the_next_committee() {
    let committee = |tell_it: bool| {
        let (mut world, holders) = network(|genesis| {
            genesis.parameters.committee_max = 2;
            genesis.parameters.epoch_heights = 20;
        });
        if tell_it {
            tell_this_epochs(&mut world, &holders);
        }
        let mut drawn = Vec::new();
        for _ in 0..4 {
            world.end_epoch();
            drawn.push(world.get::<Committee>(&(world.epoch() + 1)));
            world.empty(1);
        }
        drawn
    };
    assert_ne!(committee(true), committee(false));
}
