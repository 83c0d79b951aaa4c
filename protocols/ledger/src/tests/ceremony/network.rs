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

#[test]
fn the_beacon_is_told_once_a_round_when_the_round_is_due() {
    let (mut world, holders) = network(|_| {});
    let rules = world.rules();
    let genesis = world.genesis.at;
    let now = |world: &World| world.at.plus_ms(STEP).ms_since(genesis) / rules.beacon_period_ms;
    let round = now(&world);
    assert!(round >= 1);
    let until = due(genesis, &rules, round + 1);
    assert_eq!(world.happens(tell(&world, &holders, round + 1)), Err(Rejection::TooEarly { until }));
    let told = tell(&world, &holders, round);
    assert_eq!(world.happens(told.clone()), Ok(()));
    let first: Beacon = world.get(&());
    assert_eq!(first.round, round);
    assert_eq!(world.happens(told), Err(Rejection::BeaconKnown));
    assert_eq!(world.happens(tell(&world, &holders, 0)), Err(Rejection::BeaconKnown));
    let Action::Beacon { signature, .. } = tell(&world, &holders, round + 5) else { panic!("it is") };
    world.pass(20 * rules.beacon_period_ms);
    let wrong = Action::Beacon { round: round + 4, signature: signature.clone() };
    assert_eq!(world.happens(wrong), Err(Rejection::BadSignature), "another round's");
    let wrong = Action::Beacon { round: round + 5, signature: signature[..47].to_vec() };
    assert_eq!(world.happens(wrong), Err(Rejection::BadSignature));
    let right = Action::Beacon { round: round + 5, signature };
    assert_eq!(world.happens(right), Ok(()), "rounds may be left out");
    assert_ne!(world.get::<Beacon>(&()).randomness, first.randomness);
    assert_eq!(world.happens(Action::Beacon { round: u64::MAX, signature: Vec::new() }), {
        Err(Rejection::TooEarly { until: allod_wire::Instant(u64::MAX) })
    });
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
            world.happens(tell(&world, &holders, 1)).unwrap();
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
