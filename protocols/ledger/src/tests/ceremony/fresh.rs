//! A new key, dealt by honest guardians.

use allod_crypto::group::{BabyJubJub, Bls12381G2, Group, Ristretto255};
use allod_threshold::GroupName;

use super::*;

#[test]
fn guardians_make_a_key_together_as_soon_as_everybody_has_spoken() {
    for guardians in 4..=7u16 {
        let threshold = guardians / 2 + 1;
        let mut world = world(guardians.into(), guardians, threshold);
        let mut holders = Holders::<Ristretto255>::of("key");
        assert_eq!(holders.sharing(&world), None);
        assert_eq!(holders.members(&world).len(), usize::from(guardians));
        let began = world.height;
        holders.run(&mut world);
        assert_eq!(world.height, began + 3, "one block for each phase");
        let (generation, sharing) = holders.sharing(&world).unwrap();
        assert_eq!((generation, sharing.threshold, sharing.since), (0, threshold, world.height));
        assert_eq!(sharing.dealers, (1..=guardians).collect::<Vec<_>>());
        assert!(sharing.holders.iter().map(|holder| holder.index).eq(1..=guardians));
        assert!(sharing.holders.is_sorted_by_key(|holder| holder.guardian));
        let key = holders.whole(&world);
        let (all, few) = (holders.holders(&world), usize::from(threshold));
        let expected = evaluate_whole(&key, b"input");
        assert_eq!(holders.evaluate(&world, &all[..few], b"input"), expected);
        assert_eq!(
            holders.evaluate(&world, &all[all.len() - few..], b"input"),
            expected,
            "whoever evaluates"
        );
        assert_eq!(holders.ceremony(&world), None);
        world.empty(20);
        assert_eq!(holders.sharing(&world), Some((0, sharing)), "nothing goes on by itself");
        assert_eq!(holders.key(&world).sessions, 1);
    }
}

fn make<G: Group>(group: GroupName) {
    let mut world = World::with(4, |genesis| genesis.keys.push(KeySpec { group, ..spec("key", 4, 3) }));
    world.empty(1);
    let mut holders = Holders::<G>::of("key");
    holders.run(&mut world);
    holders.whole(&world);
    // And it can be handed on.
    let wider = KeySpec { group, ..spec("key", 3, 2) };
    for guardian in 0..3 {
        world.guard(guardian, Action::Approve { spec: wider.clone() }).unwrap();
    }
    let before = holders.sharing(&world).unwrap().1.public_key;
    holders.run(&mut world);
    let (generation, sharing) = holders.sharing(&world).unwrap();
    assert_eq!((generation, sharing.public_key), (1, before));
    holders.whole(&world);
}

#[test]
fn a_key_can_be_in_each_of_the_three_groups() {
    make::<Ristretto255>(GroupName::Ristretto255);
    make::<Bls12381G2>(GroupName::Bls12381G2);
    make::<BabyJubJub>(GroupName::BabyJubJub);
}

#[test]
fn a_key_waits_until_there_are_enough_guardians_though_not_for_every_place() {
    // Five shares are needed. Of six guardians one may fail, of seven two.
    for (guardians, suffices) in [(5, false), (6, true), (7, true)] {
        let mut world = world(guardians, 9, 5);
        let holders = Holders::<Ristretto255>::of("key");
        world.empty(2);
        assert_eq!(holders.ceremony(&world).is_some(), suffices, "{guardians} guardians");
        if suffices {
            assert_eq!(holders.members(&world).len(), guardians);
        }
    }
}

#[test]
fn phases_end_when_their_time_is_over_and_their_heights_have_passed() {
    // Blocks come every second; a phase takes three, or five heights.
    let mut world = world_with(5, 5, 3, |genesis| genesis.parameters.phase_heights = 5);
    let mut holders = Holders::<Ristretto255>::of("key");
    let members = holders.members(&world);
    let began = world.height;
    holders.announce(&mut world, &members[1..]);
    holders.wait(&mut world);
    assert_eq!(world.height, began + 5);
    let ceremony = holders.session(&world);
    assert_eq!((ceremony.phase, ceremony.members.len()), (Phase::Dealing, 4));
    let mut slow = world_with(5, 5, 3, |genesis| genesis.parameters.phase_ms = 7 * STEP);
    let mut holders = Holders::<Ristretto255>::of("key");
    let members = holders.members(&slow);
    let began = slow.at;
    holders.announce(&mut slow, &members[1..]);
    holders.wait(&mut slow);
    assert_eq!(slow.at.ms_since(began), 7 * STEP);
}
