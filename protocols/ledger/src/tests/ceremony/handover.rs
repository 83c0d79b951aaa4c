//! A key that is handed on: to more guardians, to fewer, to others. It stays the
//! same key.

use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_threshold::dealing::lie;
use allod_threshold::{Error, Index};

use super::*;
use crate::Rejection;

type Keys = Holders<Ristretto255>;

/// Has guardians vote for another size and threshold until that is decided.
fn approve(world: &mut World, spec: &KeySpec) {
    let name = spec.name.clone();
    for guardian in 0..world.guardians.len() {
        if world.guardian(guardian).is_active() {
            world.guard(guardian, Action::Approve { spec: spec.clone() }).unwrap();
        }
        if world.get::<SharedKey>(&name).spec == *spec {
            return;
        }
    }
    panic!("all have voted and nothing was decided");
}

fn public_key(holders: &Keys, world: &World) -> Vec<u8> {
    holders.sharing(world).unwrap().1.public_key
}

#[test]
fn a_key_goes_from_five_to_seven_to_four_guardians_and_stays_the_same() {
    let mut world = world(7, 5, 3);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    let (key, first) = (public_key(&holders, &world), holders.holders(&world));
    let output = holders.evaluate(&world, &first[..3], b"input");
    let old_shares = holders.shares.clone();

    approve(&mut world, &spec("key", 7, 4));
    assert_eq!(holders.session(&world).from, Some(0));
    holders.run(&mut world);
    let second = holders.holders(&world);
    assert_eq!((second.len(), public_key(&holders, &world)), (7, key.clone()));
    let (generation, sharing) = holders.sharing(&world).unwrap();
    assert_eq!((generation, sharing.threshold), (1, 4));
    assert_eq!(sharing.dealers.len(), 3, "as many of the old as it takes");
    holders.whole(&world);
    assert_eq!(holders.evaluate(&world, &second[..4], b"input"), output);
    assert_eq!(holders.evaluate(&world, &second[3..], b"input"), output);
    // Old and new shares together are worth nothing.
    let [a, b] = [second[0], second[1]].map(|holder| holders.shares[&holder].1.clone());
    let mut mixed: Vec<Share<Ristretto255>> = first
        .iter()
        .map(|holder| old_shares[holder].1.clone())
        .filter(|share| share.index != a.index && share.index != b.index)
        .take(2)
        .collect();
    mixed.extend([a, b]);
    let wrong: SecretScalar<Ristretto255> = shamir::combine(4, &mixed).unwrap();
    assert_ne!(Ristretto255::encode(&wrong.mul_generator()).as_slice(), key);

    // Two leave, and the key goes to four of the others.
    for guardian in [2, 3] {
        let id = world.guardians[guardian].id();
        world.does(guardian % 5, Action::Leave { guardian: id }).unwrap();
    }
    approve(&mut world, &spec("key", 4, 3));
    // The session that the leaving began is of the key as it was; the next one
    // is of the key as it is to be.
    holders.run(&mut world);
    world.empty(1);
    holders.run(&mut world);
    let third = holders.holders(&world);
    assert_eq!((third.len(), public_key(&holders, &world)), (4, key));
    assert!(!third.contains(&2) && !third.contains(&3));
    assert_eq!(holders.evaluate(&world, &third[..3], b"input"), output);
    assert_eq!(holders.ceremony(&world), None);
}

#[test]
fn old_holders_may_be_silent_as_long_as_enough_deal() {
    // Of five holders three are needed.
    for (silent, suffices) in [(2, true), (3, false)] {
        let mut world = world(5, 5, 3);
        let mut holders = Keys::of("key");
        holders.run(&mut world);
        let before = holders.sharing(&world).unwrap();
        approve(&mut world, &spec("key", 5, 4));
        let members = holders.members(&world);
        holders.announce(&mut world, &members);
        let dealers = holders.dealers(&world);
        holders.deal(&mut world, &dealers[silent..]);
        holders.wait(&mut world);
        holders.ready(&mut world, &members);
        let now = holders.sharing(&world).unwrap();
        assert_eq!(now.0, u32::from(suffices), "{silent} were silent");
        assert_eq!(now.1.public_key, before.1.public_key);
        if suffices {
            assert_eq!(now.1.dealers, [3, 4, 5]);
        } else {
            assert_eq!(now, before, "the old sharing stays in force");
            let output = holders.evaluate(&world, &dealers[..3], b"input");
            assert_eq!(output, evaluate_whole(&holders.whole(&world), b"input"));
            while holders.ceremony(&world).is_none() {
                world.empty(1);
            }
            holders.run(&mut world);
            assert_eq!(holders.evaluate(&world, &members[..4], b"input"), output, "the next attempt does");
        }
    }
}

#[test]
fn with_too_few_ready_members_the_old_sharing_stays_in_force() {
    let mut world = world(6, 5, 3);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    let before = holders.sharing(&world).unwrap();
    approve(&mut world, &spec("key", 5, 4));
    let (members, dealers) = (holders.members(&world), holders.dealers(&world));
    let session = holders.session(&world).session;
    holders.announce(&mut world, &members);
    holders.deal(&mut world, &dealers);
    // Of five members one may fail.
    holders.ready(&mut world, &members[..3]);
    holders.wait(&mut world);
    assert_eq!(holders.sharing(&world).unwrap(), before);
    assert!((1..6).all(|dealer| world.find::<Dealt>(&(session, dealer)).is_none()));
    holders.whole(&world);
    while holders.ceremony(&world).is_none() {
        world.empty(1);
    }
    let again = holders.members(&world);
    assert!(again.len() == 5 && members[..3].iter().all(|ready| again.contains(ready)));
    holders.run(&mut world);
    assert_eq!(holders.sharing(&world).unwrap().1.public_key, before.1.public_key);
    holders.whole(&world);
}

#[test]
fn a_dealer_that_deals_something_else_than_its_share_is_named() {
    let mut world = world(5, 5, 3);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    approve(&mut world, &spec("key", 5, 4));
    let members = holders.members(&world);
    holders.announce(&mut world, &members);
    let dealers = holders.dealers(&world);
    let (session, terms) = {
        let ceremony = holders.session(&world);
        (ceremony.session, session_terms(&ceremony).unwrap())
    };
    let own = Index::new(2).unwrap();
    let fresh = Dealing::<Ristretto255>::deal_fresh(&terms, own, &mut holders.rng).unwrap();
    // Another one's share, under one's own name.
    let mut stolen = holders.shares[&dealers[3]].1.clone();
    stolen.index = own;
    let stolen = Dealing::deal_share(&terms, &stolen, &mut holders.rng).unwrap();
    let asked = [fresh, stolen]
        .map(|dealing| world.by_guardian(dealers[1], Action::Deal { session, dealing: dealing.encode() }));
    let refused = Rejection::Dealing(Error::ConstantRefused(own));
    assert_eq!(world.block(&asked), [Err(refused.clone()), Err(refused)]);
    holders.deal(&mut world, &dealers);
    holders.ready(&mut world, &members);
    holders.settle(&world, &[]);
    holders.whole(&world);
}

#[test]
fn a_dealer_that_hands_on_a_wrong_share_is_disqualified_and_others_take_its_place() {
    let mut world = world(5, 5, 3);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    let before = public_key(&holders, &world);
    approve(&mut world, &spec("key", 5, 4));
    let members = holders.members(&world);
    holders.announce(&mut world, &members);
    let dealers = holders.dealers(&world);
    let ceremony = holders.session(&world);
    let terms = session_terms(&ceremony).unwrap();
    let (liar, victim) = (dealers[0], members[4]);
    let share = holders.shares[&liar].1.clone();
    let victim_index = Index::new(holders.member(&world, victim).index).unwrap();
    let wrong = lie::wrong_share(&terms, share.index, &share.value, victim_index, &mut holders.rng).unwrap();
    let action = Action::Deal { session: ceremony.session, dealing: wrong.encode() };
    assert_eq!(world.guard(liar, action), Ok(()));
    holders.deal(&mut world, &dealers[1..]);
    let complaint = holders.complaints(&world, victim).remove(0);
    let action = holders.complaint(&world, &complaint);
    assert_eq!(world.happens(action), Ok(()));
    holders.ready(&mut world, &members);
    let (generation, sharing) = holders.sharing(&world).unwrap();
    assert_eq!((generation, sharing.public_key), (1, before));
    assert!(!sharing.dealers.contains(&share.index.get()) && sharing.dealers.len() == 3);
    holders.settle(&world, &[]);
    holders.whole(&world);
}

#[test]
fn a_key_is_handed_on_every_so_many_epochs() {
    let mut world = world_with(5, 5, 3, |genesis| genesis.parameters.reshare_epochs = 3);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    let key = public_key(&holders, &world);
    for generation in 1..4 {
        while holders.ceremony(&world).is_none() {
            world.empty(1);
        }
        let length = 3 * world.rules().epoch_heights;
        assert_eq!((world.height + 1) % length, 0, "the last block of an epoch");
        holders.run(&mut world);
        assert_eq!(holders.sharing(&world).unwrap().0, generation);
        assert_eq!(public_key(&holders, &world), key);
        holders.whole(&world);
    }
}

#[test]
fn a_bond_is_held_until_the_share_was_handed_on() {
    let mut world = world_with(6, 5, 3, |genesis| genesis.parameters.unbond_ms = 0);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    let leaver = holders.holders(&world)[0];
    let (operator, guardian) = (leaver % 5, world.guardians[leaver].id());
    world.does(operator, Action::Leave { guardian }).unwrap();
    world.end_epoch();
    world.empty(1);
    let unbond = Action::Unbond { guardian };
    assert_eq!(world.does(operator, unbond.clone()), Err(Rejection::StillNeeded), "it holds a share");
    while holders.ceremony(&world).is_none() {
        world.empty(1);
    }
    holders.run(&mut world);
    assert!(!holders.holders(&world).contains(&leaver));
    assert_eq!(world.does(operator, unbond), Ok(()));
}

#[test]
fn an_evicted_holder_deals_no_more_and_the_key_goes_on_without_it() {
    let mut world = world(6, 5, 3);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    let evicted = holders.holders(&world)[1];
    world.evict(evicted);
    let members = holders.members(&world);
    assert!(!members.contains(&evicted) && members.len() == 5);
    holders.announce(&mut world, &members);
    let action = holders.dealing(&world, evicted);
    assert_eq!(world.guard(evicted, action), Err(Rejection::NotActive));
    let honest: Vec<usize> =
        holders.dealers(&world).into_iter().filter(|dealer| *dealer != evicted).collect();
    holders.deal(&mut world, &honest);
    holders.wait(&mut world);
    holders.ready(&mut world, &members);
    holders.settle(&world, &[]);
    holders.whole(&world);
    assert_eq!(holders.sharing(&world).unwrap().0, 1);
}

#[test]
fn what_is_left_after_an_eviction_takes_the_key_over_with_nobody_to_spare() {
    // Of ten one is gone. With two dead there are seven, one more than it takes;
    // with four dead there are five, which is one too few.
    for (dead, suffices) in [(2, true), (4, false)] {
        let mut world = world(10, 10, 6);
        let mut holders = Keys::of("key");
        holders.run(&mut world);
        let before = holders.sharing(&world).unwrap();
        let id = world.guardians[9].id();
        world.does(4, Action::Leave { guardian: id }).unwrap();
        while holders.ceremony(&world).is_none() {
            world.empty(1);
        }
        let members: Vec<usize> = holders.members(&world).into_iter().filter(|one| *one >= dead).collect();
        assert_eq!(members.len(), 9 - dead);
        holders.announce(&mut world, &members);
        holders.wait(&mut world);
        if suffices {
            holders.deal(&mut world, &members);
            holders.wait(&mut world);
            holders.ready(&mut world, &members);
            let (generation, sharing) = holders.sharing(&world).unwrap();
            assert_eq!((generation, sharing.threshold, sharing.holders.len()), (1, 6, 7));
            assert_eq!(sharing.public_key, before.1.public_key);
        } else {
            assert_eq!(holders.ceremony(&world), None, "it is given up");
            assert_eq!(holders.sharing(&world).unwrap(), before, "the old sharing stays in force");
        }
    }
}
