//! Shared folders have backups of their own, and come back with the vault, or alone.

use std::fs;

use crate::scene::Scene;

#[test]
fn a_shared_folder_comes_back_with_the_vault_or_alone() {
    let mut scene = Scene::begin();
    let tree = scene.put();
    for name in ["photos", "letters"] {
        scene.json(&["share", "make", name]);
        let file = scene.path(&format!("{name}.txt"));
        fs::write(&file, format!("what is in {name}")).unwrap();
        scene.story.run(&["--space", name, "put", file.to_str().unwrap()]).done();
    }
    scene.add_peers();
    scene.json(&["backup", "run"]);
    let three: Vec<String> = scene.peers[..3].iter().map(|peer| peer.address.clone()).collect();
    for name in ["photos", "letters"] {
        let args: Vec<&str> = ["--space", name, "backup", "add-peer"]
            .into_iter()
            .chain(three.iter().map(String::as_str))
            .collect();
        scene.json(&args);
        let report = scene.json(&["--space", name, "backup", "run"]);
        assert_eq!(
            (report["safe"].as_bool(), report["acknowledged"].as_u64()),
            (Some(true), Some(3)),
            "{report}"
        );
        let status = scene.json(&["--space", name, "backup", "status"]);
        assert_eq!(status["unpacked"].as_u64(), Some(0), "{status}");
    }
    // One of the peers is given up by the vault, and still has a part of the folders.
    scene.json(&["backup", "remove-peer", &three[0]]);

    fs::remove_dir_all(&scene.story.home).unwrap();
    scene.peers[1].kill();
    let card = scene.story.card("card.txt");
    scene.story.recover(&card).done();
    // Alone, while the vault is not back yet.
    let alone = scene.json(&["--space", "letters", "restore", "--from-peers"]);
    assert_eq!(alone["name"].as_str(), Some("letters"), "{alone}");
    let unknown = scene.story.run(&["--space", "nothing", "backup", "restore"]);
    assert!(unknown.code == 1 && unknown.err.contains("photos"), "{unknown:?}");
    let all = scene.json(&["backup", "restore"]);
    let names: Vec<&str> =
        all["folders"].as_array().unwrap().iter().map(|folder| folder["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["photos"], "{all}");
    for name in ["photos", "letters"] {
        let file = format!("{name}.txt");
        let got = scene.story.run(&["--space", name, "get", &file, "--to", "-"]).done();
        assert_eq!(got.out, format!("what is in {name}"));
    }
    assert_eq!(crate::see(&scene.get("back")), crate::see(&tree));
    // They go on being backed up, and can be asked for by their numbers.
    let report = scene.json(&["--space", "photos", "backup", "run"]);
    assert_eq!(report["safe"].as_bool(), Some(true), "{report}");
    let number = alone["space"].as_str().unwrap().to_owned();
    fs::remove_dir_all(scene.story.home.join("vault/spaces").join(&number)).unwrap();
    let again = scene.json(&["--space", &number, "backup", "restore"]);
    assert_eq!(again["space"].as_str(), Some(number.as_str()), "{again}");
}
