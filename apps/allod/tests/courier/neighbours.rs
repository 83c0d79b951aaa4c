//! Neighbours on a network without a way out: found, written to, in a group, cut off from each
//! other and joined again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::life::Life;
use crate::street::{Running, Street};

/// Within this, neighbours have found each other.
const FOUND: Duration = Duration::from_secs(5);

/// Within this, a message is there.
const THERE: Duration = Duration::from_secs(1);

/// How long is waited for what has no aim.
const PATIENCE: Duration = Duration::from_secs(60);

const NAMES: [&str; 8] = ["ada", "bob", "cy", "dan", "eve", "fay", "gus", "hal"];

/// One invites the other, over the network.
fn acquaint(lives: &[Life], runs: &[Running], one: usize, other: usize) {
    let invitation = lives[one].invites();
    let (host, guest) = (lives[one].name, lives[other].name);
    let hello = format!("hello from {guest} to {host}");
    lives[other].does(&["contact", "accept", &invitation, "--name", host, "--text", &hello]).done();
    runs[one].said(&hello, PATIENCE);
    let known = lives[one].rows(&["contact", "list"]);
    let new = known.iter().find(|row| row["name"] == row["did"]).unwrap();
    lives[one].does(&["contact", "rename", new["did"].as_str().unwrap(), guest]).done();
}

/// Waits until somebody has read all of these texts.
#[track_caller]
fn has_all(life: &Life, with: &str, texts: &[String]) {
    let until = Instant::now() + PATIENCE;
    loop {
        let rows = life.rows(&["read", with, "--all", "--quietly"]);
        let read: BTreeSet<&str> = rows.iter().filter_map(|row| row["text"].as_str()).collect();
        let missing: Vec<&String> = texts.iter().filter(|text| !read.contains(text.as_str())).collect();
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "{} misses {missing:?}, has {read:?}", life.name);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The members of a group by their DIDs, as somebody sees them.
fn members(life: &Life, group: &str) -> BTreeSet<String> {
    let rows = life.rows(&["group", "list"]);
    let row = rows.iter().find(|row| row["name"] == group);
    let members = row.and_then(|row| row["members"].as_array().cloned()).unwrap_or_default();
    members.iter().map(|member| member["did"].as_str().unwrap().to_owned()).collect()
}

fn did_of(lives: &[Life], at: usize) -> String {
    let who = lives[0].rows(&["contact", "list"]).into_iter().find(|row| row["name"] == lives[at].name);
    who.unwrap()["did"].as_str().unwrap().to_owned()
}

#[test]
fn neighbours_find_each_other_within_five_seconds_and_a_group_of_eight_writes_within_one() {
    let folder = tempfile::tempdir().unwrap();
    let Some(street) = Street::lay("lan", NAMES.len(), |_| false) else { return };
    let lives: Vec<Life> = NAMES.iter().map(|name| Life::new(folder.path(), name)).collect();
    let first = street.run(0, &lives[0].home);
    let second = street.run(1, &lives[1].home);
    let found = first.said("met", PATIENCE).max(second.said("met", PATIENCE)) - first.began.max(second.began);
    println!("two neighbours met {found:?} after the second one began");
    assert!(found < FOUND, "{found:?}");

    let mut runs = vec![first, second];
    acquaint(&lives, &runs, 0, 1);
    for number in 0..3 {
        let text = format!("quick {number}");
        lives[0].does(&["send", "bob", &text]).done();
        let sent = Instant::now();
        let there = runs[1].said(&text, PATIENCE).saturating_duration_since(sent);
        println!("a text was there {there:?} after it was sent");
        assert!(there < THERE, "{there:?}");
    }

    runs.extend((2..NAMES.len()).map(|at| street.run(at, &lives[at].home)));
    for other in 2..NAMES.len() {
        acquaint(&lives, &runs, 0, other);
    }
    let with: Vec<&str> = NAMES[1..].iter().flat_map(|name| ["--with", name]).collect();
    lives[0].does(&[&["group", "create", "street"][..], &with].concat()).done();
    for run in &runs[1..] {
        run.said("the group street", PATIENCE);
    }
    let everybody = members(&lives[0], "street");
    assert_eq!(everybody.len(), NAMES.len());
    // Each writes once, so that each has the keys of all.
    for life in &lives {
        life.does(&["send", "street", &format!("here is {}", life.name)]).done();
    }
    let greetings: Vec<String> = NAMES.iter().map(|name| format!("here is {name}")).collect();
    for life in &lives {
        has_all(life, "street", &greetings);
        assert_eq!(members(life, "street"), everybody, "{}", life.name);
    }
    let mut slowest = Duration::ZERO;
    for (at, life) in lives.iter().enumerate() {
        let text = format!("to all of you from {}", life.name);
        life.does(&["send", "street", &text]).done();
        let sent = Instant::now();
        for (other, run) in runs.iter().enumerate().filter(|(other, _)| *other != at) {
            let there = run.said(&text, PATIENCE).saturating_duration_since(sent);
            slowest = slowest.max(there);
            assert!(there < THERE, "{} at {}: {there:?}", life.name, lives[other].name);
        }
    }
    println!("a text to a group of eight was with the last one {slowest:?} after it was sent");
}

#[test]
fn a_group_that_was_cut_in_two_and_changed_on_both_sides_is_one_again_and_has_lost_no_message() {
    let folder = tempfile::tempdir().unwrap();
    // Dan, Eve, Fay and Hal live on the other side.
    let there = [3, 4, 5, 7];
    let Some(street) = Street::lay("cut", NAMES.len(), |house| there.contains(&house)) else { return };
    let lives: Vec<Life> = NAMES.iter().map(|name| Life::new(folder.path(), name)).collect();
    let runs: Vec<Running> = lives.iter().enumerate().map(|(at, life)| street.run(at, &life.home)).collect();
    for other in 1..NAMES.len() {
        acquaint(&lives, &runs, 0, other);
    }
    acquaint(&lives, &runs, 3, 7);
    lives[0]
        .does(&[
            "group", "create", "street", "--with", "bob", "--with", "cy", "--with", "dan", "--with", "eve",
            "--with", "fay",
        ])
        .done();
    lives[0].does(&["group", "appoint", "street", "dan"]).done();
    for run in &runs[1..6] {
        run.said("the group street", PATIENCE);
    }
    for life in &lives[..6] {
        life.does(&["send", "street", &format!("together {}", life.name)]).done();
    }
    let together: Vec<String> = NAMES[..6].iter().map(|name| format!("together {name}")).collect();
    for life in &lives[..6] {
        has_all(life, "street", &together);
    }
    let [cy, eve, gus, hal] = [2, 4, 6, 7].map(|at| did_of(&lives, at));

    street.cut(true);
    lives[0].does(&["group", "add", "street", "gus"]).done();
    lives[0].does(&["group", "remove", "street", "eve"]).done();
    lives[3].does(&["group", "add", "street", "hal"]).done();
    lives[3].does(&["group", "remove", "street", &cy]).done();
    runs[6].said("the group street", PATIENCE);
    runs[7].said("the group street", PATIENCE);
    for at in [0, 1, 6] {
        lives[at].does(&["send", "street", &format!("on this side {}", NAMES[at])]).done();
    }
    for at in [3, 5, 7] {
        lives[at].does(&["send", "street", &format!("on that side {}", NAMES[at])]).done();
    }
    has_all(&lives[1], "street", &["on this side ada".into(), "on this side gus".into()]);
    has_all(&lives[5], "street", &["on that side dan".into(), "on that side hal".into()]);
    let across = lives[1].rows(&["read", "street", "--all", "--quietly"]);
    assert!(
        !across.iter().any(|row| row["text"].as_str().is_some_and(|text| text.starts_with("on that side")))
    );

    street.cut(false);
    let expected: Vec<String> = [0, 1, 6]
        .map(|at| format!("on this side {}", NAMES[at]))
        .into_iter()
        .chain([3, 5, 7].map(|at| format!("on that side {}", NAMES[at])))
        .collect();
    let members_all_along = [0, 1, 3, 5];
    for at in members_all_along {
        has_all(&lives[at], "street", &expected);
    }
    let one = members(&lives[0], "street");
    assert!(one.contains(&gus) && one.contains(&hal) && !one.contains(&cy) && !one.contains(&eve));
    for at in [1, 3, 5, 6, 7] {
        let until = Instant::now() + PATIENCE;
        while members(&lives[at], "street") != one {
            assert!(
                Instant::now() < until,
                "{} sees {:?}, not {one:?}",
                NAMES[at],
                members(&lives[at], "street")
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    // Those who are out read nothing that comes later; all others do.
    for at in [0, 3, 6, 7] {
        lives[at].does(&["send", "street", &format!("afterwards {}", NAMES[at])]).done();
    }
    let afterwards: Vec<String> = [0, 3, 6, 7].map(|at| format!("afterwards {}", NAMES[at])).to_vec();
    for at in [0, 1, 3, 5, 6, 7] {
        has_all(&lives[at], "street", &afterwards);
    }
    for at in [2, 4] {
        let rows = lives[at].rows(&["read", "street", "--all", "--quietly"]);
        let later =
            rows.iter().filter_map(|row| row["text"].as_str()).find(|text| text.starts_with("afterwards"));
        assert_eq!(later, None, "{} reads on", NAMES[at]);
    }
    assert!(runs.iter().all(|run| !run.all().iter().any(|line| line.contains("panicked"))));
}
