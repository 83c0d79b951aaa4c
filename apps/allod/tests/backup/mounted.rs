//! A vault that is mounted is backed up by the process that has it mounted: when it is asked, and
//! when `allod up` sees that something changed. Where the system mounts nothing, that is said and
//! nothing is tested.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::scene::{Scene, noise, see};

const ALLOD: &str = env!("CARGO_BIN_EXE_allod");

/// How long the node may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that is killed in the end, and its vault unmounted.
struct Held<'a>(&'a Scene, Child);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let _ = allod_disk::unmount(&self.0.path("vault"), true);
        let _ = self.1.kill();
        let _ = self.1.wait();
    }
}

fn mount(scene: &Scene) -> Option<Held<'_>> {
    let point = scene.path("vault");
    fs::create_dir_all(&point).unwrap();
    let mut command = Command::new(ALLOD);
    command.arg("--home").arg(&scene.story.home).args(["--json", "mount"]).arg(&point);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
    if said.contains("mounted") {
        return Some(Held(scene, child));
    }
    eprintln!("skipped: this system mounts nothing for us ({said})");
    child.wait().unwrap();
    None
}

#[test]
fn a_vault_that_is_mounted_is_backed_up_when_asked_and_by_the_node() {
    let mut scene = Scene::begin();
    scene.put();
    scene.add_peers();
    let Some(held) = mount(&scene) else { return };
    let tree = scene.path("vault/tree");
    let report = scene.json(&["backup", "run"]);
    assert_eq!((report["safe"].as_bool(), report["generation"].as_u64()), (Some(true), Some(1)), "{report}");
    fs::write(tree.join("written"), noise(3_000_000)).unwrap();
    let report = scene.json(&["backup", "run"]);
    assert_eq!((report["safe"].as_bool(), report["generation"].as_u64()), (Some(true), Some(2)), "{report}");
    let audited = scene.json(&["backup", "verify"]);
    assert!(audited["peers"].as_array().unwrap().iter().all(|peer| peer["good"] == true), "{audited}");

    // The node does it by itself.
    fs::write(tree.join("later"), noise(2_000_000)).unwrap();
    let mut node = Command::new(ALLOD)
        .arg("--home")
        .arg(&scene.story.home)
        .args(["up", "--plain", "--port-base", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (tell, told) = channel();
    let streams: [Box<dyn Read + Send>; 2] =
        [Box::new(node.stdout.take().unwrap()), Box::new(node.stderr.take().unwrap())];
    for stream in streams {
        let tell = tell.clone();
        std::thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
    }
    let (begun, mut heard) = (Instant::now(), Vec::new());
    while let Ok(line) = told.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
        heard.push(line);
        if heard.last().is_some_and(|line| line.contains("peers know of backup 3")) {
            break;
        }
    }
    node.kill().unwrap();
    node.wait().unwrap();
    assert!(heard.last().is_some_and(|line| line.contains("peers know of backup 3")), "{heard:#?}");

    let wanted = see(&tree);
    drop(held);
    for gone in [1, 4, 6] {
        scene.peers[gone].kill();
    }
    fs::remove_dir_all(scene.story.home.join("vault")).unwrap();
    let restored = scene.json(&["restore", "--from-peers"]);
    assert_eq!(restored["generation"].as_u64(), Some(3), "{restored}");
    assert_eq!(see(&scene.get("back")), wanted);
}
