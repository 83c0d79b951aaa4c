//! A person with backup peers, each a process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::process::free_port;
use crate::story::Story;

const ALLOD: &str = env!("CARGO_BIN_EXE_allod");

/// Somebody who keeps parts of others' backups, as a process that can be killed.
pub struct Peer {
    child: Option<Child>,
    pub address: String,
}

impl Peer {
    pub fn start(folder: &Path) -> Self {
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

    pub fn kill(&mut self) {
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
pub struct Scene {
    pub story: Story,
    pub peers: Vec<Peer>,
}

impl Scene {
    pub fn begin() -> Self {
        let story = Story::begin();
        let folder = story.folder.path().to_owned();
        let peers = (0..8).map(|number| Peer::start(&folder.join(format!("peer-{number}")))).collect();
        Self { story, peers }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.story.folder.path().join(name)
    }

    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        self.story.run(&[&["--json"], args].concat()).done().json()
    }

    pub fn add_peers(&self) {
        let mut args = vec!["backup", "add-peer"];
        args.extend(self.peers.iter().map(|peer| peer.address.as_str()));
        assert_eq!(self.json(&args)["added"].as_array().unwrap().len(), 8);
    }

    /// Files of all kinds, put into the vault.
    pub fn put(&self) -> PathBuf {
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
    pub fn get(&self, name: &str) -> PathBuf {
        let to = self.path(name);
        self.story.run(&["get", "/tree", "--to", to.to_str().unwrap()]).done();
        to.join("tree")
    }
}

/// Bytes without a pattern (a linear congruential generator, Knuth's MMIX).
pub fn noise(size: usize) -> Vec<u8> {
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
pub fn see(root: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, u64, Vec<u8>)> {
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
