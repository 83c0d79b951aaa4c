//! Whatever stops halfway, at whichever guardian: the card finds its way, the
//! device completes it, and devices of one person do not undo each other's work.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod fronts;

use allod_guardian::card::Card;
use allod_guardian::client::RecoverError;
use allod_guardian::juicebox::{Recover2, Recover2Request, Request, Response};
use allod_node::person::{Check, Home, Person, PersonError, Replacement};
use allod_threshold::juicebox::start;
use fronts::{Parts, Shows, THRESHOLD, World, secret};

const OLD: &str = "271828";
const NEW: &str = "314159";
const GUESSES: u16 = 10;

/// The device is gone, and all it knew.
fn lose(home: &Home, person: Person) {
    drop(person);
    std::fs::remove_dir_all(home.folder()).unwrap();
}

fn is_wrong_pin<T>(outcome: &Result<T, PersonError>) -> bool {
    matches!(outcome, Err(PersonError::Recover { error: RecoverError::WrongPin { .. }, .. }))
}

/// One PIN opens what the card leads to, and the other is told to be wrong.
async fn opens_with_only(world: &World, card: &Card, right: &str, wrong: &str, case: &str) {
    let refused = world.recover(card, wrong).await;
    assert!(is_wrong_pin(&refused), "{case}: the other PIN gave {:?}", refused.err());
    let (_, person) = world.recover(card, right).await.unwrap_or_else(|e| panic!("{case}: {e}"));
    assert_eq!(person.card().did_prefix(), card.did_prefix());
}

async fn all_good(person: &Person) -> bool {
    person.check().await.unwrap().iter().all(|found| found.check == Check::Good)
}

async fn change_pin_stops(parts: Parts) {
    let world = World::start(5).await;
    for k in 0..=5 {
        world.mend();
        let (home, mut person) = world.create(OLD, GUESSES).await;
        let card = person.card();
        world.only(k, parts);
        let registering = person.change_pin(&home, &secret(NEW), None, None, |_| ()).await.unwrap();
        let heard = if parts == Parts::Takes { k } else { 0 };
        assert_eq!(registering.stored.len(), heard);
        lose(&home, person);
        // The guardians behave no better when the card is used.
        world.all(|rules| rules.parts = if parts == Parts::Takes { Parts::Refuses } else { parts });
        let (right, wrong) = if k >= usize::from(THRESHOLD) { (NEW, OLD) } else { (OLD, NEW) };
        opens_with_only(&world, &card, right, wrong, &format!("{k} took it, {parts:?}")).await;
    }
}

#[tokio::test]
async fn exactly_one_pin_works_wherever_changing_it_stops() {
    change_pin_stops(Parts::Takes).await;
}

#[tokio::test]
async fn exactly_one_pin_works_wherever_the_answers_to_changing_it_are_lost() {
    change_pin_stops(Parts::TakesUnheard).await;
}

#[tokio::test]
async fn the_card_works_though_two_things_stopped_and_two_devices_were_lost() {
    let world = World::start(5).await;
    for (first, second) in [(2, 1), (3, 0), (3, 1), (5, 2)] {
        for parts in [Parts::Takes, Parts::TakesUnheard] {
            world.mend();
            let (home, mut person) = world.create(OLD, GUESSES).await;
            let card = person.card();
            world.only(first, Parts::TakesUnheard);
            person.change_pin(&home, &secret(NEW), None, None, |_| ()).await.unwrap();
            lose(&home, person);
            let works = if first >= usize::from(THRESHOLD) { NEW } else { OLD };
            let case = format!("{first}, then {second}, {parts:?}");
            world.only(second, parts);
            let (home, person) =
                world.recover(&card, works).await.unwrap_or_else(|e| panic!("{case}, first: {e}"));
            lose(&home, person);
            world.mend();
            world.recover(&card, works).await.unwrap_or_else(|e| panic!("{case}: {e}"));
        }
    }
}

#[tokio::test]
async fn a_device_that_goes_on_after_another_stopped_loses_nothing_when_it_stops_too() {
    const THIRD: &str = "161803";
    let world = World::start(5).await;
    for (first, second) in [(2, 2), (3, 1), (4, 3), (5, 1), (5, 4)] {
        world.mend();
        let (home, owner) = world.create(OLD, GUESSES).await;
        let card = owner.card();
        let (stopped_home, mut stopped) = world.recover(&card, OLD).await.unwrap();
        world.only(first, Parts::TakesUnheard);
        stopped.change_pin(&stopped_home, &secret(NEW), None, None, |_| ()).await.unwrap();
        lose(&stopped_home, stopped);
        let mut owner = owner;
        world.only(second, Parts::TakesUnheard);
        let registering = owner.change_pin(&home, &secret(THIRD), None, None, |_| ()).await.unwrap();
        assert!(registering.outcome.is_err());
        lose(&home, owner);
        world.mend();
        let mut working = Vec::new();
        for pin in [OLD, NEW, THIRD] {
            match world.recover(&card, pin).await {
                Ok((home, person)) => {
                    working.push(pin);
                    lose(&home, person);
                    break;
                }
                outcome => assert!(is_wrong_pin(&outcome), "{first}, {second}: {:?}", outcome.err()),
            }
        }
        assert_eq!(working.len(), 1, "{first}, then {second}");
    }
}

#[tokio::test]
async fn an_old_copy_of_the_card_works_wherever_replacing_a_guardian_stops() {
    let world = World::start(6).await;
    for parts in [Parts::Takes, Parts::TakesUnheard] {
        for k in 0..=5 {
            world.mend();
            let (home, mut person) = world.create(OLD, GUESSES).await;
            let card = person.card();
            let replacement =
                Replacement { old: world.fronts[0].address.clone(), new: world.fronts[5].address.clone() };
            // The one that goes is not asked; the one that comes is the last.
            world.only(k + 1, parts);
            person.replace(&home, &replacement).await.unwrap();
            lose(&home, person);
            world.mend();
            let (_, mut back) =
                world.recover(&card, OLD).await.unwrap_or_else(|e| panic!("{k} took it, {parts:?}: {e}"));
            assert_eq!(back.card(), card);
            assert!(all_good(&back).await, "{k} took it, {parts:?}");
            assert!(back.refresh(&home).await.unwrap());
        }
    }
}

#[tokio::test]
async fn the_card_works_though_a_replacement_and_then_the_recovery_from_it_stopped() {
    let world = World::start(6).await;
    for (first, second) in [(2, 2), (2, 3), (3, 2), (3, 3), (4, 4)] {
        world.mend();
        let (home, mut person) = world.create(OLD, GUESSES).await;
        let card = person.card();
        let replacement =
            Replacement { old: world.fronts[0].address.clone(), new: world.fronts[5].address.clone() };
        world.only(first + 1, Parts::TakesUnheard);
        person.replace(&home, &replacement).await.unwrap();
        lose(&home, person);
        let case = format!("{first}, then {second}");
        world.only(second, Parts::Takes);
        let (home, person) = world.recover(&card, OLD).await.unwrap_or_else(|e| panic!("{case}, first: {e}"));
        lose(&home, person);
        world.mend();
        let (_, back) = world.recover(&card, OLD).await.unwrap_or_else(|e| panic!("{case}: {e}"));
        assert!(all_good(&back).await, "{case}");
    }
}

#[tokio::test]
async fn healing_completes_a_renewal_of_the_card_wherever_it_stopped() {
    let world = World::start(5).await;
    for parts in [Parts::Takes, Parts::TakesUnheard] {
        for k in 0..=5 {
            world.mend();
            let (home, mut person) = world.create(OLD, GUESSES).await;
            let before = person.card();
            world.only(k, parts);
            person.renew_card(&home).await.unwrap();
            drop(person);
            world.mend();
            let mut person = home.load().unwrap().unwrap();
            person.heal(&home).await.unwrap();
            assert!(person.is_in_force() && person.told && person.retired.is_empty(), "{k}, {parts:?}");
            assert!(all_good(&person).await, "{k}, {parts:?}");
            let renewed = person.card();
            assert_ne!(before, renewed);
            lose(&home, person);
            let found = world.recover(&before, OLD).await;
            assert!(matches!(found, Err(PersonError::NoDescriptor(_))), "{k}, {parts:?}: {:?}", found.err());
            world.recover(&renewed, OLD).await.unwrap_or_else(|e| panic!("{k} took it, {parts:?}: {e}"));
        }
    }
}

#[tokio::test]
async fn one_of_two_cards_works_where_the_device_is_lost_while_the_card_is_renewed() {
    let world = World::start(5).await;
    for parts in [Parts::Takes, Parts::TakesUnheard] {
        for k in 0..=5 {
            world.mend();
            let (home, mut person) = world.create(OLD, GUESSES).await;
            let before = person.card();
            world.only(k, parts);
            person.renew_card(&home).await.unwrap();
            let renewed = Card::new(&person.root, &person.log.state().did(), 1);
            lose(&home, person);
            world.mend();
            let came_about = parts == Parts::Takes && k >= usize::from(THRESHOLD);
            let (works, other) = if came_about { (&renewed, &before) } else { (&before, &renewed) };
            let found = world.recover(other, OLD).await;
            assert!(matches!(found, Err(PersonError::NoDescriptor(_))), "{k}, {parts:?}: {:?}", found.err());
            world.recover(works, OLD).await.unwrap_or_else(|e| panic!("{k} took it, {parts:?}: {e}"));
        }
    }
}

#[tokio::test]
async fn healing_writes_the_first_descriptor_that_nobody_took() {
    let world = World::start(5).await;
    world.all(|rules| rules.refuses_descriptors = true);
    let (home, person) = world.create(OLD, GUESSES).await;
    assert!(person.is_in_force() && !person.told);
    assert!(!home.load().unwrap().unwrap().told);
    let card = person.card();
    let found = world.recover(&card, OLD).await;
    assert!(matches!(found, Err(PersonError::NoDescriptor(_))), "{:?}", found.err());

    world.mend();
    let mut person = home.load().unwrap().unwrap();
    let healed = person.heal(&home).await.unwrap();
    assert!(healed.healed.is_empty() && person.told && home.load().unwrap().unwrap().told);
    lose(&home, person);
    world.recover(&card, OLD).await.unwrap();
}

#[tokio::test]
async fn a_removal_made_while_nobody_was_there_is_told_later() {
    let world = World::start(5).await;
    let (home, mut person) = world.create(OLD, GUESSES).await;
    let (other_home, mut other) = world.recover(&person.card(), OLD).await.unwrap();
    assert!(person.refresh(&home).await.unwrap());
    let removed = other.device_id();
    assert!(person.log.state().device(&removed).is_some());

    world.all(|rules| rules.down = true);
    let now = allod_node::now();
    let told = person.change_log(&home, |log, root| log.remove_device(root, removed, now).map(|_| ())).await;
    assert!(matches!(told, Err(PersonError::NotDescribed(_))), "{told:?}");

    world.mend();
    assert!(other.refresh(&other_home).await.unwrap());
    assert!(other.log.state().device(&removed).is_some(), "nobody told yet");
    let mut person = home.load().unwrap().unwrap();
    assert!(!person.told && person.log.state().device(&removed).is_none());
    person.heal(&home).await.unwrap();
    assert!(person.told);
    assert!(other.refresh(&other_home).await.unwrap());
    assert!(other.log.state().device(&removed).is_none());
    assert!(other.log.state().removed().contains(&removed));
}

#[tokio::test]
async fn a_device_that_was_away_leaves_a_newer_registration_alone() {
    let world = World::start(5).await;
    let (home, mut away) = world.create(OLD, GUESSES).await;
    let card = away.card();
    let (other_home, mut other) = world.recover(&card, OLD).await.unwrap();
    other.change_pin(&other_home, &secret(NEW), None, None, |_| ()).await.unwrap();

    assert!(away.kit.is_some());
    let healed = away.heal(&home).await.unwrap();
    assert!(healed.healed.is_empty() && away.kit.is_none());
    assert!(healed.checks.iter().all(|found| found.check == Check::Good), "{:?}", healed.checks);
    assert!(all_good(&away).await && all_good(&other).await);
    assert_eq!(away.guarded, other.guarded);
    opens_with_only(&world, &card, NEW, OLD, "after the other healed").await;
}

#[tokio::test]
async fn a_registration_that_stopped_gives_way_to_another_devices() {
    let world = World::start(5).await;
    for k in 0..=5 {
        world.mend();
        let (home, mut stopped) = world.create(OLD, GUESSES).await;
        let card = stopped.card();
        world.only(k, Parts::TakesUnheard);
        stopped.change_pin(&home, &secret(NEW), None, None, |_| ()).await.unwrap();
        world.mend();
        let works = if k >= usize::from(THRESHOLD) { NEW } else { OLD };
        let (_, other) = world.recover(&card, works).await.unwrap();
        stopped.heal(&home).await.unwrap();
        assert!(stopped.kit.is_none(), "{k}");
        assert_eq!(stopped.guarded, other.guarded, "{k}");
        assert!(all_good(&other).await, "{k}");
    }
}

#[tokio::test]
async fn a_log_changed_here_and_a_registration_made_there_both_survive() {
    let world = World::start(5).await;
    let (home, mut away) = world.create(OLD, GUESSES).await;
    let card = away.card();
    let (other_home, mut other) = world.recover(&card, OLD).await.unwrap();
    let (gone_home, gone) = world.recover(&card, OLD).await.unwrap();
    let removed = gone.device_id();
    lose(&gone_home, gone);
    assert!(away.refresh(&home).await.unwrap() && other.refresh(&other_home).await.unwrap());

    let now = allod_node::now();
    world.all(|rules| rules.down = true);
    let told = away.change_log(&home, |log, root| log.remove_device(root, removed, now).map(|_| ())).await;
    assert!(matches!(told, Err(PersonError::NotDescribed(_))), "{told:?}");
    world.mend();
    other.change_pin(&other_home, &secret(NEW), None, None, |_| ()).await.unwrap();

    away.heal(&home).await.unwrap();
    assert!(away.told && away.kit.is_none());
    assert!(other.refresh(&other_home).await.unwrap());
    assert!(other.is_in_force(), "the registration survives");
    assert!(other.log.state().device(&removed).is_none(), "and so does the removal");
    assert_eq!(away.guarded, other.guarded);
    opens_with_only(&world, &card, NEW, OLD, "after both changed something").await;
}

#[tokio::test]
async fn two_devices_that_both_changed_the_log_are_told_so() {
    let world = World::start(5).await;
    let (home, mut away) = world.create(OLD, GUESSES).await;
    let (other_home, mut other) = world.recover(&away.card(), OLD).await.unwrap();
    assert!(away.refresh(&home).await.unwrap());
    let (here, there) = (away.device_id(), other.device_id());
    world.all(|rules| rules.down = true);
    let now = allod_node::now();
    let told = away.change_log(&home, |log, root| log.remove_device(root, there, now).map(|_| ())).await;
    assert!(matches!(told, Err(PersonError::NotDescribed(_))), "{told:?}");
    world.mend();
    other.change_log(&other_home, |log, root| log.remove_device(root, here, now).map(|_| ())).await.unwrap();

    let before = away.clone();
    assert!(matches!(away.heal(&home).await, Err(PersonError::Fork)));
    assert_eq!((away.log.encode(), away.sequence), (before.log.encode(), before.sequence));
    assert!(other.refresh(&other_home).await.unwrap());
    assert!(other.log.state().device(&here).is_none() && other.is_in_force());
}

/// Spends the guesses at one guardian, as somebody who has the card can.
async fn use_up(person: &Person, place: usize, guesses: u16) {
    let kit = person.kit.as_ref().unwrap();
    let access = person.access(kit.configuration().clone()).unwrap();
    let (_, blinded) = start(b"not the PIN", &mut allod_node::entropy());
    let guess = Recover2Request { version: kit.version(), oprf_blinded_input: blinded.to_bytes() };
    for _ in 0..guesses {
        let answer = access.ask(place, &Request::Recover2(guess.clone())).await;
        assert!(matches!(answer, Ok(Response::Recover2(Recover2::Ok(_)))), "{answer:?}");
    }
    let answer = access.ask(place, &Request::Recover2(guess)).await;
    assert!(matches!(answer, Ok(Response::Recover2(Recover2::NoGuesses))), "{answer:?}");
}

#[tokio::test]
async fn healing_gives_no_new_guesses_where_they_were_used_up() {
    let world = World::start(5).await;
    let (home, mut person) = world.create(OLD, 2).await;
    use_up(&person, 0, 2).await;
    let access = person.access(person.configuration().unwrap().clone()).unwrap();
    assert!(matches!(access.ask(1, &Request::Delete).await, Ok(Response::Delete)));

    for round in 0..3 {
        // Also not where this device is not sure that it took its part.
        if round == 2 {
            person.owed = person.configuration().unwrap().guardians().iter().map(|one| one.realm).collect();
            home.save(&person).unwrap();
        }
        let healed = person.heal(&home).await.unwrap();
        assert_eq!(healed.checks[0].check, Check::NoGuesses);
        assert!(!healed.healed.contains(&healed.checks[0].address));
        assert_eq!(healed.healed.contains(&healed.checks[1].address), round != 1);
        assert_eq!(person.check().await.unwrap()[0].check, Check::NoGuesses);
    }
    world.recover(&person.card(), OLD).await.unwrap();
}

#[tokio::test]
async fn what_a_guardian_that_was_down_is_to_delete_is_kept_until_it_has() {
    let world = World::start(5).await;
    for heals in [false, true] {
        let (home, mut person) = world.create(OLD, GUESSES).await;
        let access = person.access(person.configuration().unwrap().clone()).unwrap();
        world.fronts[2].rule(|rules| rules.down = true);
        let report = person.dismiss(&home).await.unwrap();
        assert_eq!(report.faults.len(), 1);
        assert_eq!(report.faults[0].0, world.fronts[2].address);
        let mut person = home.load().unwrap().unwrap();
        let left: Vec<&str> =
            person.retired.iter().flat_map(|one| &one.guardians).map(|one| one.address.as_str()).collect();
        assert_eq!(left, [world.fronts[2].address.as_str()]);
        world.mend();
        if heals {
            person.heal(&home).await.unwrap();
        } else {
            assert!(person.dismiss(&home).await.unwrap().faults.is_empty());
        }
        assert!(home.load().unwrap().unwrap().retired.is_empty());
        for place in 0..5 {
            let held = access.ask(place, &Request::Recover1).await.unwrap();
            let nothing = Response::Recover1(allod_guardian::juicebox::Recover1::NotRegistered);
            assert_eq!(held, nothing);
        }
        let found = world.recover(&person.card(), OLD).await;
        assert!(matches!(found, Err(PersonError::NoDescriptor(_))), "{:?}", found.err());
    }
}

#[tokio::test]
async fn what_another_guardian_is_to_delete_is_deleted_though_another_device_registered() {
    let world = World::start(6).await;
    let (home, mut person) = world.create(OLD, GUESSES).await;
    let access = person.access(person.configuration().unwrap().clone()).unwrap();
    let gone = &world.fronts[0];
    gone.rule(|rules| rules.down = true);
    let replacement = Replacement { old: gone.address.clone(), new: world.fronts[5].address.clone() };
    person.replace(&home, &replacement).await.unwrap();
    assert_eq!(person.retired.len(), 1);
    let (_, other) = world.recover(&person.card(), OLD).await.unwrap();
    world.mend();
    person.heal(&home).await.unwrap();
    assert!(person.kit.is_none() && person.retired.is_empty());
    let place = access.links().iter().position(|link| link.address().to_string() == gone.address).unwrap();
    let held = access.ask(place, &Request::Recover1).await.unwrap();
    assert_eq!(held, Response::Recover1(allod_guardian::juicebox::Recover1::NotRegistered));
    assert!(all_good(&other).await);
}

#[tokio::test]
async fn a_guardian_that_hides_or_turns_back_the_descriptor_undoes_nothing() {
    let world = World::start(5).await;
    for shows in [Shows::Nothing, Shows::Old] {
        for liar in 0..5 {
            world.mend();
            let (home, mut away) = world.create(OLD, GUESSES).await;
            let card = away.card();
            let (other_home, mut other) = world.recover(&card, OLD).await.unwrap();
            // All fronts have seen the descriptor before; one goes on showing it.
            assert!(away.refresh(&home).await.unwrap());
            let mut owner = if liar == 0 { Some((home.clone(), away.clone())) } else { None };
            world.fronts[liar].rule(|rules| rules.shows = shows);
            other.change_pin(&other_home, &secret(NEW), None, None, |_| ()).await.unwrap();
            let (registered, sequence) = (other.guarded.clone(), other.sequence);
            other.heal(&other_home).await.unwrap();
            assert_eq!(other.guarded, registered);
            assert!(other.is_in_force() && other.sequence >= sequence);
            assert!(away.refresh(&home).await.unwrap());
            away.heal(&home).await.unwrap();
            assert_eq!(away.guarded, registered);
            assert!(away.kit.is_none() && all_good(&other).await);
            if let Some((home, device)) = &mut owner {
                // Two that were down at the time are down no more, and two others are.
                world.fronts[1].rule(|rules| rules.down = true);
                device.heal(home).await.unwrap();
                assert_eq!(device.guarded, registered);
                opens_with_only(&world, &card, NEW, OLD, &format!("{shows:?}")).await;
            }
        }
    }
}
