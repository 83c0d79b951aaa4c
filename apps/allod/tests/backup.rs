//! The machine is lost, with the identity and the vault: what the person has is a card, a
//! PIN, and others who kept parts of a backup.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "backup/folders.rs"]
mod folders;
#[path = "backup/mended.rs"]
mod mended;
#[path = "backup/mounted.rs"]
mod mounted;
mod process;
#[path = "backup/scene.rs"]
mod scene;
mod story;

use std::fs;

use scene::{Peer, Scene, see};

#[test]
fn a_lost_machine_comes_back_with_the_card_the_pin_and_five_of_eight_peers() {
    let mut scene = Scene::begin();
    let tree = scene.put();
    scene.add_peers();
    let report = scene.json(&["backup", "run"]);
    assert_eq!(
        (report["safe"].as_bool(), report["acknowledged"].as_u64()),
        (Some(true), Some(8)),
        "{report}"
    );
    let wanted = see(&tree);

    // The machine burns, and three of the peers' are lost as well.
    fs::remove_dir_all(&scene.story.home).unwrap();
    for gone in [0, 2, 5] {
        scene.peers[gone].kill();
    }
    let card = scene.story.card("card.txt");
    scene.story.recover(&card).done();
    // The guardians' descriptor says where the peers are.
    let restored = scene.json(&["restore", "--from-peers"]);
    assert_eq!(restored["generation"].as_u64(), Some(1), "{restored}");
    assert_eq!(see(&scene.get("back")), wanted);

    // The three are named, by an audit and by the next backup, and the rest is as before.
    let audit = scene.story.run(&["--json", "backup", "verify"]);
    assert_eq!(audit.code, 1, "{audit:?}");
    let audit = audit.json();
    let bad: Vec<&str> = audit["peers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|peer| peer["good"] == false)
        .map(|peer| peer["peer"].as_str().unwrap())
        .collect();
    assert_eq!(bad, [0, 2, 5].map(|gone: usize| scene.peers[gone].address.as_str()));
    fs::write(tree.join("new"), b"written after the fire").unwrap();
    scene.story.run(&["put", tree.to_str().unwrap()]).done();
    let report = scene.json(&["backup", "run"]);
    assert_eq!(
        (report["safe"].as_bool(), report["acknowledged"].as_u64()),
        (Some(true), Some(5)),
        "{report}"
    );

    // A new peer takes a lost one's place.
    let new = Peer::start(&scene.path("peer-new"));
    scene.json(&["backup", "add-peer", &new.address]);
    let report = scene.json(&["backup", "remove-peer", &scene.peers[0].address]);
    assert!(report["repaired"].as_u64() > Some(0) && report["safe"] == true, "{report}");

    // And once more, with that one's parts, and others lost.
    scene.peers.push(new);
    for gone in [1, 3] {
        scene.peers[gone].kill();
    }
    fs::remove_dir_all(&scene.story.home).unwrap();
    scene.story.recover(&card).done();
    // Four of the parts that are needed are there, and the pack of before the fire has all
    // its others with the dead.
    let few = scene.story.run(&["--json", "backup", "restore"]);
    assert_eq!(few.code, 5, "{few:?}");
    assert!(few.out.contains("good shards were found and 5 are needed"), "{few:?}");
}

#[test]
fn without_the_root_nothing_is_found_and_a_vault_that_is_there_is_not_touched() {
    let scene = Scene::begin();
    scene.put();
    let none = scene.story.run(&["backup", "run"]);
    assert!(none.code == 1 && none.err.contains("no backup peers"), "{none:?}");
    scene.add_peers();
    scene.json(&["backup", "run"]);
    let there = scene.story.run(&["backup", "restore"]);
    assert!(there.code == 1 && there.err.contains("a vault here already"), "{there:?}");
    let status = scene.json(&["backup", "status"]);
    assert_eq!((status["generation"].as_u64(), status["unpacked"].as_u64()), (Some(1), Some(0)), "{status}");

    // Another person with the same peers finds nothing there.
    let other = scene.path("other");
    let at = process::At { home: &other, pin: story::PIN };
    let mut args = vec!["init", "--card", "-", "--pin-fd", "3"];
    let card = scene.path("other.card").to_str().unwrap().to_owned();
    args[2] = &card;
    for guardian in &scene.story.guardians {
        args.extend(["--guardian", guardian.address()]);
    }
    at.run(&args).done();
    let nothing = at.run(&["backup", "restore", "--from-peer", &scene.peers[0].address]);
    assert!(nothing.code == 1 && nothing.err.contains("has a backup of this vault"), "{nothing:?}");
}
