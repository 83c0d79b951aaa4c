//! Keys that nobody may hold both of.

use alloc::collections::BTreeSet;

use allod_crypto::group::Ristretto255;

use super::*;

type Keys = Holders<Ristretto255>;

/// Who holds a share of the key, or is about to.
fn part(world: &World, holders: &Keys) -> BTreeSet<usize> {
    let mut part = BTreeSet::new();
    if holders.sharing(world).is_some() {
        part.extend(holders.holders(world));
    }
    if holders.ceremony(world).is_some() {
        part.extend(holders.members(world));
    }
    part
}

/// One block in which everybody does the next thing that a session waits for.
fn go_on(world: &mut World, keys: &mut [Keys; 2]) {
    let mut asked = Vec::new();
    for holders in keys.iter_mut() {
        let Some(ceremony) = holders.ceremony(world) else { continue };
        let active = |guardian: &usize| world.guardian(*guardian).bond > 0;
        let members: Vec<usize> = holders.members(world).into_iter().filter(active).collect();
        match ceremony.phase {
            Phase::Announcing => {
                for guardian in members {
                    if holders.member(world, guardian).key.is_none() {
                        let action = holders.announcement(world, guardian);
                        asked.push(world.by_guardian(guardian, action));
                    }
                }
            }
            Phase::Dealing => {
                let dealers: Vec<usize> = holders.dealers(world).into_iter().filter(active).collect();
                for guardian in dealers {
                    let id = world.guardians[guardian].id();
                    let old = holders.sharing(world).map(|(_, sharing)| sharing);
                    let index = ceremony.dealer(&id, old.as_ref().filter(|_| ceremony.from.is_some()));
                    if !ceremony.dealt.contains(&index.unwrap()) {
                        let action = holders.dealing(world, guardian);
                        asked.push(world.by_guardian(guardian, action));
                    }
                }
            }
            Phase::Verifying => {
                for guardian in members {
                    if !holders.member(world, guardian).ready {
                        let action = holders.readiness(world);
                        asked.push(world.by_guardian(guardian, action));
                    }
                }
            }
        }
    }
    assert!(world.block(&asked).iter().all(Result::is_ok));
    for holders in keys {
        let generation = holders.sharing(world).map(|(generation, _)| generation);
        if holders.shares.values().next().map(|(held, _)| *held) != generation {
            holders.settle(world, &[]);
        }
    }
}

#[test]
fn holders_of_two_keys_apart_are_never_the_same_at_any_height() {
    for second_first in [false, true] {
        let mut world = World::with(12, |genesis| {
            let [a, b] = ["a", "b"].map(|name| spec(name, 4, 3));
            // It is enough that one of the two says so.
            let apart = |spec: KeySpec, name| KeySpec { apart_from: KeyName::new(name).ok(), ..spec };
            genesis.keys = if second_first { [apart(a, "b"), b] } else { [a, apart(b, "a")] }.to_vec();
            genesis.parameters.reshare_epochs = 1;
        });
        let mut keys = ["a", "b"].map(Keys::of);
        let mut held = BTreeSet::new();
        for block in 0..70 {
            if block == 23 {
                let victim = *part(&world, &keys[0]).first().unwrap();
                world.evict(victim);
            } else if block == 41 {
                let leaver = *part(&world, &keys[1]).first().unwrap();
                let id = world.guardians[leaver].id();
                world.does(leaver % 5, Action::Leave { guardian: id }).unwrap();
            } else {
                go_on(&mut world, &mut keys);
            }
            let [a, b] = [part(&world, &keys[0]), part(&world, &keys[1])];
            assert!(a.is_disjoint(&b), "at height {}: {a:?} and {b:?}", world.height);
            held.extend(a);
        }
        for holders in &keys {
            let generation = holders.sharing(&world).unwrap().0;
            assert!(generation >= 4, "only {generation} handovers");
            holders.whole(&world);
        }
        assert!(held.len() > 6, "others have had their turn: {held:?}");
    }
}

#[test]
fn a_key_waits_while_all_who_could_hold_it_hold_the_other() {
    let mut world = World::with(5, |genesis| {
        let apart = KeySpec { apart_from: KeyName::new("a").ok(), ..spec("b", 3, 2) };
        genesis.keys = [spec("a", 4, 3), apart].to_vec();
    });
    world.empty(1);
    let mut keys = ["a", "b"].map(Keys::of);
    keys[0].run(&mut world);
    world.empty(10);
    assert_eq!(keys[1].ceremony(&world), None, "one guardian is left for it");
}
