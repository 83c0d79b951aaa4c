//! The machine is lost, with the identity and the vault: what the person has is a card, a
//! PIN, and others who kept parts of a backup.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod process;
mod story;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use allod_disk::Place;
use allod_node::person::Home;
use allod_vault::files::Ino;
use process::free_port;
use serde_json::Value;
use story::Story;

const ALLOD: &str = env!("CARGO_BIN_EXE_allod");

/// Somebody who keeps parts of others' backups, as a process that can be killed.
struct Peer {
    child: Option<Child>,
    address: String,
}

impl Peer {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(ALLOD)
            .args(["--json", "--home"])
            .arg(folder)
            .args(["backup", "serve", "--listen", &free_port().to_string()])
            .env_remove("ALLOD_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not up: {line:?}"));
        Self { child: Some(child), address: said["address"].as_str().unwrap().to_owned() }
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A person with eight peers.
struct Scene {
    story: Story,
    peers: Vec<Peer>,
}

impl Scene {
    fn begin() -> Self {
        let story = Story::begin();
        let folder = story.folder.path().to_owned();
        let peers = (0..8).map(|number| Peer::start(&folder.join(format!("peer-{number}")))).collect();
        Self { story, peers }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.story.folder.path().join(name)
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        self.story.run(&[&["--json"], args].concat()).done().json()
    }

    fn add_peers(&self) {
        let mut args = vec!["backup", "add-peer"];
        args.extend(self.peers.iter().map(|peer| peer.address.as_str()));
        assert_eq!(self.json(&args)["added"].as_array().unwrap().len(), 8);
    }

    /// Files of all kinds, put into the vault.
    fn put(&self) -> PathBuf {
        let tree = self.path("tree");
        fs::create_dir_all(tree.join("a/b")).unwrap();
        for (name, size) in [("empty", 0), ("small", 99), ("a/middle", 70_000), ("a/b/large", 22_000_000)] {
            fs::write(tree.join(name), noise(size)).unwrap();
        }
        fs::write(tree.join("text"), "the same line\n".repeat(50_000)).unwrap();
        fs::set_permissions(tree.join("small"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("../text", tree.join("a/link")).unwrap();
        fs::hard_link(tree.join("small"), tree.join("a/same")).unwrap();
        self.story.run(&["put", tree.to_str().unwrap()]).done();
        tree
    }

    /// Brings all out of the vault.
    fn get(&self, name: &str) -> PathBuf {
        let to = self.path(name);
        self.story.run(&["get", "/tree", "--to", to.to_str().unwrap()]).done();
        to.join("tree")
    }
}

/// Bytes without a pattern (a linear congruential generator, Knuth's MMIX).
fn noise(size: usize) -> Vec<u8> {
    let mut state = size as u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 32).to_le_bytes()[..4]);
    }
    bytes.truncate(size);
    bytes
}

/// What somebody sees of a tree: modes, times, contents and where links lead.
fn see(root: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, u64, Vec<u8>)> {
    let mut seen = BTreeMap::new();
    let mut rest = vec![PathBuf::new()];
    while let Some(path) = rest.pop() {
        let here = root.join(&path);
        let about = fs::symlink_metadata(&here).unwrap();
        let content = if about.is_symlink() {
            fs::read_link(&here).unwrap().into_os_string().into_encoded_bytes()
        } else if about.is_file() {
            fs::read(&here).unwrap()
        } else {
            Vec::new()
        };
        let links = if about.is_file() { about.nlink() } else { 0 };
        if about.is_dir() {
            rest.extend(fs::read_dir(&here).unwrap().map(|entry| path.join(entry.unwrap().file_name())));
        }
        seen.insert(path, (about.mode(), about.mtime(), about.mtime_nsec(), links, content));
    }
    seen
}

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
    let restored = scene.json(&["backup", "restore"]);
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
fn bits_that_flip_in_the_image_come_back_from_the_peers_that_are_left() {
    let mut scene = Scene::begin();
    let tree = scene.put();
    scene.add_peers();
    scene.json(&["backup", "run"]);
    let home = Home::new(scene.story.home.clone());
    let root = home.load().unwrap().unwrap().root.derive("vault", 0);
    let place = Place::new(scene.story.home.join("vault"));
    let mut vault = place.open(&root).unwrap();
    let mut ino = Ino::ROOT;
    for name in [&b"tree"[..], b"a", b"b", b"large"] {
        ino = vault.read().lookup(ino, name).unwrap().ino;
    }
    let parts = vault.read().parts(ino).unwrap().unwrap();
    let objects: Vec<_> = parts.iter().step_by(9).map(|part| vault.sealed(&part.id).unwrap()).collect();
    drop(vault);
    let image = fs::OpenOptions::new().read(true).write(true).open(place.image()).unwrap();
    let bytes = fs::read(place.image()).unwrap();
    for object in &objects {
        let at = bytes.windows(64).position(|window| window == &object.bytes[..64]).unwrap();
        let at = at + object.bytes.len() / 2;
        image.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
    }
    drop(image);
    for gone in [1, 4, 6] {
        scene.peers[gone].kill();
    }
    assert_eq!(scene.story.run(&["--json", "fsck"]).code, 1);
    let mended = scene.json(&["fsck", "--repair"]);
    assert_eq!(
        (mended["mended"].as_u64(), mended["clean"].as_bool()),
        (Some(objects.len() as u64), Some(true)),
        "{mended}"
    );
    assert_eq!(see(&scene.get("back")), see(&tree));
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
