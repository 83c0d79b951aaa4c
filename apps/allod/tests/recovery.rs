//! A person's whole story with real processes: created, lost, and back again,
//! with guardians that die, forget and are exchanged.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod process;
mod story;

use allod_node::guardian::Tls;
use process::{Ended, Guardian};
use story::{PIN, Story, words_on};

#[test]
fn everything_comes_back_with_the_card_the_pin_and_three_of_five_guardians() {
    let mut story = Story::begin();
    let keys = story.keys();
    story.forget();
    assert_eq!(story.run(&["status"]).code, 6);
    story.guardians[1].kill();
    story.guardians[3].kill();

    let told = story.recover(&story.card("card.txt")).done().json();
    assert_eq!(told["did"], keys[0].as_str());
    assert_eq!(story.keys(), keys);
    // Into a home that has an identity, nothing is recovered.
    let again = story.recover(&story.card("card.txt"));
    assert_eq!(again.code, 6, "{again:?}");

    // The device registers afresh when enough guardians are back.
    story.guardians[1].run();
    story.guardians[3].run();
    story.run(&["guardians", "heal"]).done();
    assert_eq!(story.good(), [true; 5]);
    // Both devices belong to the identity now.
    let devices = story.run(&["--json", "devices"]).done().json();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2);

    // The same by words, the addresses of which the person knows.
    story.forget();
    let words = words_on(&story.card("card.txt"));
    let address = story.guardians[0].address().to_owned();
    let args = ["--json", "recover", "--words", "--guardian", &address, "--pin-fd", "3"];
    let told = story.person(PIN).run_with(&args, &format!("{}\n", words.to_uppercase())).done().json();
    assert_eq!(told["did"], keys[0].as_str());
    assert_eq!(story.keys(), keys);
}

#[test]
fn a_wrong_pin_and_too_few_guardians_are_told_apart() {
    let mut story = Story::begin();
    let keys = story.keys();
    let card = story.card("card.txt");
    story.forget();
    let args = ["--json", "recover", "--card", &card, "--pin-fd", "3"];
    for left in [3, 2] {
        let wrong = story.person("000000").run(&args);
        assert_eq!((wrong.code, wrong.json()["guesses_left"].as_u64()), (3, Some(left)), "{wrong:?}");
    }
    let wrong = story.person("000000").run(&args[1..]);
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(wrong.err.contains("1 guesses left") || wrong.err.contains("1 guess left"), "{wrong:?}");

    for place in [0, 2, 4] {
        story.guardians[place].kill();
    }
    let few = story.recover(&card);
    assert_eq!(few.code, 5, "{few:?}");
    for guardian in &mut story.guardians {
        guardian.kill();
    }
    let none = story.recover(&card);
    assert_eq!(none.code, 5, "{none:?}");
    assert!(!story.home.join("person/identity").exists());

    // Neither cost a guess: the last one is still there.
    story.guardians.iter_mut().for_each(Guardian::run);
    story.recover(&card).done();
    assert_eq!(story.keys(), keys);
}

#[test]
fn guardians_that_forgot_are_healed_and_those_that_left_are_replaced() {
    let mut story = Story::begin();
    let keys = story.keys();
    let card = story.card("card.txt");

    // One lost its part, and is given it again.
    story.guardians[0].restore();
    assert_eq!(story.good().iter().filter(|good| **good).count(), 4);
    story.run(&["guardians", "heal"]).done();
    assert_eq!(story.good(), [true; 5]);

    // One comes back with an empty store: it has another realm then, so it is
    // another guardian, and is exchanged for itself.
    let deleted = story.listed(2);
    story.at(&deleted).lose_state();
    story.at(&deleted).run();
    assert_eq!(story.good().iter().filter(|good| **good).count(), 4);
    story.run(&["guardians", "replace", "2", &deleted]).done();
    assert_eq!(story.good(), [true; 5]);

    // Two at once leave for good; each is replaced in turn.
    let new: Vec<Guardian> = (5..7)
        .map(|i| Guardian::start(&story.folder.path().join(format!("guardian-{i}")), Tls::SelfSigned))
        .collect();
    let addresses: Vec<String> = new.iter().map(|guardian| guardian.address().to_owned()).collect();
    story.guardians.extend(new);
    let leaving = story.listed(1);
    story.at(&leaving).kill();
    story.run(&["guardians", "replace", &leaving, &addresses[0]]).done();
    let leaving = story.listed(5);
    story.run(&["guardians", "replace", "5", &addresses[1]]).done();
    story.at(&leaving).kill();
    assert_eq!(story.good(), [true; 5]);

    // The old card still leads here: what it lists is old, what it finds is not.
    story.forget();
    story.recover(&card).done();
    assert_eq!(story.keys(), keys);
    assert_eq!(story.good(), [true; 5]);
}

#[test]
fn a_guardian_that_missed_an_exchange_does_not_count_until_it_is_healed() {
    let mut story = Story::begin();
    let keys = story.keys();
    let card = story.card("card.txt");
    let new = Guardian::start(&story.folder.path().join("guardian-5"), Tls::SelfSigned);
    let (missing, leaving) = (story.listed(1), story.listed(4));
    story.at(&missing).kill();
    story.run(&["guardians", "replace", &leaving, new.address()]).done();
    story.guardians.push(new);
    // It holds a share of the old dealing, which fits none of the new one.
    story.at(&missing).run();
    let stale = story.good().iter().filter(|good| !**good).count();
    assert_eq!(stale, 1, "a share of an old dealing is no share");
    story.run(&["guardians", "heal"]).done();
    assert_eq!(story.good(), [true; 5]);

    // Healed, it is as good as any: the three that are left include it.
    story.forget();
    let mut stopped = 0;
    for guardian in &mut story.guardians {
        if guardian.address() != missing && guardian.address() != leaving && stopped < 2 {
            guardian.kill();
            stopped += 1;
        }
    }
    story.recover(&card).done();
    assert_eq!(story.keys(), keys);
}

#[test]
fn an_exchange_that_finds_too_few_guardians_leaves_everything_as_it_was() {
    let mut story = Story::begin();
    let keys = story.keys();
    let card = story.card("card.txt");
    let new = Guardian::start(&story.folder.path().join("guardian-5"), Tls::SelfSigned);
    let (leaving, first, second) = (story.listed(1), story.listed(2), story.listed(3));
    story.at(&first).kill();
    story.at(&second).kill();
    let few = story.run(&["guardians", "replace", &leaving, new.address()]);
    assert_eq!(few.code, 5, "{few:?}");
    story.at(&first).run();
    story.at(&second).run();
    story.guardians.push(new);
    // Whatever the device does now, it must not spoil what the guardians hold.
    story.run(&["guardians", "heal"]).done();
    story.forget();
    story.recover(&card).done();
    assert_eq!(story.keys(), keys);
}

#[test]
fn a_renewed_card_works_and_the_old_one_finds_nothing() {
    let story = Story::begin();
    let keys = story.keys();
    let (old, new) = (story.card("card.txt"), story.card("new.html"));
    story.run(&["card", "--renew", "--out", &new]).done();
    assert_eq!(story.keys(), keys);
    assert_eq!(story.good(), [true; 5]);
    story.forget();
    let nothing = story.recover(&old);
    assert_eq!(nothing.code, 1, "{nothing:?}");
    assert!(
        nothing.json()["error"].as_str().unwrap().contains("keeps anything for this card"),
        "{nothing:?}"
    );
    let told = story.recover(&new).done().json();
    assert_eq!(told["did"], keys[0].as_str());
    assert_eq!(story.keys(), keys);
    // Who guessed with the old card took nothing from the new one.
    let printed = story.card("again.txt");
    story.run(&["card", "--out", &printed]).done();
    assert_ne!(words_on(&printed), words_on(&old));
}

#[test]
fn devices_come_and_go() {
    let story = Story::begin();
    let devices = |ended: Ended| ended.done().json()["devices"].as_array().unwrap().clone();
    let before = devices(story.run(&["--json", "devices", "list"]));
    assert_eq!((before.len(), &before[0]["name"], &before[0]["this"]), (1, &"laptop".into(), &true.into()));

    let phone = allod_crypto::sign::SigningKey::from_seed(&allod_crypto::Secret::from([7; 32]));
    let key = allod_did::PublicKey::Ed25519(phone.verifying_key()).to_did_key();
    let after = devices(story.run(&["--json", "devices", "add", &key, "--name", "phone"]));
    assert_eq!(after.len(), 2);
    let added = after.iter().find(|device| device["name"] == "phone").unwrap();
    assert_eq!(added["key"], key.as_str());
    // The same device is not added twice, and what is no key is none.
    assert_ne!(story.run(&["devices", "add", &key, "--name", "again"]).code, 0);
    assert_eq!(story.run(&["devices", "add", "did:key:nonsense", "--name", "x"]).code, 2);

    // What was added stays with the identity when it comes back.
    story.forget();
    story.recover(&story.card("card.txt")).done();
    let back = devices(story.run(&["--json", "devices"]));
    assert_eq!(back.len(), 3);
    assert!(back.iter().any(|device| device["key"] == key.as_str()));

    let id = added["id"].as_str().unwrap();
    let left = devices(story.run(&["--json", "devices", "remove", &id[..12]]));
    assert!(left.len() == 2 && left.iter().all(|device| device["key"] != key.as_str()));
    assert_eq!(story.run(&["devices", "remove", id]).code, 2);
}

#[test]
fn guardians_that_are_gone_for_good_are_left_behind() {
    let mut story = Story::begin();
    let keys = story.keys();
    let card = story.card("card.txt");
    story.guardians.iter_mut().for_each(Guardian::kill);
    let folder = process::folder();
    let new = process::guardians(folder.path(), 3, &Tls::SelfSigned);
    let mut args = vec!["pin", "--pin-fd", "3"];
    for guardian in &new {
        args.extend(["--guardian", guardian.address()]);
    }

    // What other devices did can't be asked of anybody, so that must be said.
    let refused = story.run(&args);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.err.contains("--abandon"), "{refused:?}");
    args.push("--abandon");
    story.run(&args).done();

    // The card is the same; it only needs to be told of one of the new.
    story.forget();
    let recover = ["recover", "--card", &card, "--guardian", new[0].address(), "--pin-fd", "3"];
    story.run(&recover).done();
    assert_eq!(story.keys(), keys);
    assert_eq!(story.good(), [true; 3]);
}
