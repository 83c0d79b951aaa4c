//! What is harmed here comes back from the peers, and peers that lie are named.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use allod_disk::{Place, Vault};
use allod_node::person::Home;
use allod_vault::files::{Ino, Needed};
use allod_vault::object::Sealed;
use serde_json::Value;

use crate::scene::{Scene, see};

/// The person's own vault, as this process has it.
fn open(scene: &Scene) -> (Place, Vault) {
    let home = Home::new(scene.story.home.clone());
    let root = home.load().unwrap().unwrap().root.derive("vault", 0);
    let place = Place::new(scene.story.home.join("vault"));
    let vault = place.open(&root).unwrap();
    (place, vault)
}

/// Some objects of the largest file.
fn of_the_large_file(vault: &mut Vault) -> Vec<Sealed> {
    let mut ino = Ino::ROOT;
    for name in [&b"tree"[..], b"a", b"b", b"large"] {
        ino = vault.read().lookup(ino, name).unwrap().ino;
    }
    let parts = vault.read().parts(ino).unwrap().unwrap();
    parts.iter().step_by(9).map(|part| vault.sealed(&part.id).unwrap()).collect()
}

/// The objects of the table of backups.
fn of_the_table(vault: &mut Vault) -> Vec<Sealed> {
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for (whose, found) in [Needed::Here, Needed::Elsewhere].into_iter().zip(&mut found) {
        vault.needed(whose, &mut |_, id| Ok(found.insert(*id))).unwrap();
    }
    let mut objects = found[0].difference(&found[1]).map(|id| vault.sealed(id).unwrap()).collect::<Vec<_>>();
    // Records of this image alone have keys of their own.
    objects.retain(|object| object.keys != u32::MAX);
    objects
}

/// Changes a bit of each of these objects, where it lies in the image.
fn harm(place: &Place, objects: &[Sealed]) {
    let image = fs::OpenOptions::new().read(true).write(true).open(place.image()).unwrap();
    let bytes = fs::read(place.image()).unwrap();
    for object in objects {
        let start = &object.bytes[..object.bytes.len().min(64)];
        let at = bytes.windows(start.len()).position(|window| window == start).unwrap();
        let at = at + object.bytes.len() / 2;
        image.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
    }
}

/// So many objects come back from the peers, and with them the files as they were.
fn is_mended(scene: &Scene, objects: usize, tree: &Path) {
    let mended = scene.json(&["fsck", "--repair"]);
    let of = (mended["mended"].as_u64(), mended["clean"].as_bool());
    assert_eq!(of, (Some(objects as u64), Some(true)), "{mended}");
    assert_eq!(see(&scene.get("back")), see(tree));
}

#[test]
fn bits_that_flip_in_the_image_come_back_from_the_peers_that_are_left() {
    let mut scene = Scene::begin();
    let tree = scene.put();
    scene.add_peers();
    scene.json(&["backup", "run"]);
    let (place, mut vault) = open(&scene);
    let objects = of_the_large_file(&mut vault);
    drop(vault);
    harm(&place, &objects);
    for gone in [1, 4, 6] {
        scene.peers[gone].kill();
    }
    assert_eq!(scene.story.run(&["--json", "fsck"]).code, 1);
    is_mended(&scene, objects.len(), &tree);
}

#[test]
fn what_is_harmed_comes_back_also_where_what_is_known_of_the_backup_is_harmed() {
    let mut scene = Scene::begin();
    let tree = scene.put();
    scene.add_peers();
    scene.json(&["backup", "run"]);
    let before = scene.json(&["backup", "status"]);
    let (place, mut vault) = open(&scene);
    let (objects, table) = (of_the_large_file(&mut vault), of_the_table(&mut vault));
    assert!(!table.is_empty());
    drop(vault);
    harm(&place, &objects);
    harm(&place, &table);
    for gone in [1, 4, 6] {
        scene.peers[gone].kill();
    }
    assert_ne!(scene.story.run(&["backup", "status"]).code, 0);
    is_mended(&scene, objects.len(), &tree);
    // The backup goes on where it was: with what it knew, and nothing brought again.
    let after = scene.json(&["backup", "status"]);
    for what in ["generation", "packs", "bytes", "unpacked", "missing"] {
        assert_eq!(after[what], before[what], "{what}: {after}");
    }
    let report = scene.json(&["backup", "run"]);
    assert_eq!((report["objects"].as_u64(), report["safe"].as_bool()), (Some(0), Some(true)), "{report}");
}

#[test]
fn a_peer_that_lost_what_it_took_is_named_until_it_is_forgiven() {
    let scene = Scene::begin();
    scene.put();
    scene.add_peers();
    scene.json(&["backup", "run"]);
    // It drops all that it took, and says nothing.
    let folder = scene.path("peer-3").join("backups-of-others/storage/accounts");
    let accounts = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    accounts.for_each(|account| fs::remove_dir_all(account.join("shards")).unwrap());
    let liar = &scene.peers[3].address;
    assert_eq!(scene.story.run(&["--json", "backup", "verify"]).code, 1);

    let status = scene.json(&["backup", "status"]);
    let caught = |status: &Value| -> Vec<String> {
        let peers = status["peers"].as_array().unwrap().iter();
        let caught =
            peers.filter(|peer| peer["trusted"] == false && peer["caught"][0]["count"].as_u64() > Some(0));
        caught.map(|peer| peer["peer"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(caught(&status), [liar.as_str()], "{status}");
    assert!(status["missing"].as_u64() > Some(0), "{status}");
    let text = scene.story.run(&["backup", "status"]).done();
    assert!(text.out.contains("was caught") && text.out.contains("it has lost shard"), "{text:?}");
    // Seven are left, and each has its part already.
    let report = scene.json(&["backup", "run"]);
    assert!(report["homeless"].as_u64() > Some(0) && report["safe"] == true, "{report}");
    assert!(report["faults"].to_string().contains("gets nothing new"), "{report}");

    scene.json(&["backup", "forgive", liar]);
    let report = scene.json(&["backup", "run"]);
    assert!(report["repaired"].as_u64() > Some(0) && report["homeless"].as_u64() == Some(0), "{report}");
    let status = scene.json(&["backup", "status"]);
    assert_eq!((caught(&status).len(), status["missing"].as_u64()), (0, Some(0)), "{status}");
}
