//! Two devices of one person, and two persons with a shared folder, as the command has them.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod home;
mod process;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_did::{Log, Root};
use allod_wire::Instant as Moment;
use home::{ALLOD, Ended, ended};
use process::free_port;
use serde_json::Value;

/// A person at one device.
struct Device {
    folder: tempfile::TempDir,
    did: String,
}

/// The devices of one person, who is known by a number.
fn person(number: u8, names: &[&str]) -> Vec<Device> {
    let key = |place: usize| SigningKey::from_seed(&Secret::from([number ^ (0x80 + place as u8); 32]));
    let root = || Root::from_bytes(Secret::from([number; 32]));
    let mut log = Log::create(&root(), key(0).verifying_key().into(), names[0], Moment(1_000)).unwrap();
    for (place, name) in names.iter().enumerate().skip(1) {
        log.add_device(&root(), key(place).verifying_key().into(), name, Moment(2_000)).unwrap();
    }
    let device = |place| {
        let device = Device { folder: tempfile::tempdir().unwrap(), did: log.state().did().to_string() };
        home::keep(device.home(), root(), key(place), log.clone());
        fs::create_dir(device.at("")).unwrap();
        device
    };
    (0..names.len()).map(device).collect()
}

impl Device {
    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("files").join(path)
    }

    fn command(&self, args: &[&str]) -> Command {
        home::command(&self.home(), &self.at(""), args)
    }

    fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).spawn().unwrap())
    }

    /// Puts a file into the vault, or the shared folder.
    fn put(&self, space: &[&str], name: &str, content: &[u8]) {
        fs::write(self.at(name), content).unwrap();
        self.run(&[space, &["put", name]].concat()).done();
    }

    fn read(&self, space: &[&str], name: &str) -> String {
        self.run(&[space, &["get", name, "--to", "-"]].concat()).done().text()
    }

    fn names(&self, space: &[&str]) -> Vec<String> {
        self.run(&[space, &["ls", "-R"]].concat()).done().text().lines().map(str::to_owned).collect()
    }

    /// Answers until it is dropped.
    fn listens(&self) -> Listening {
        let address = format!("127.0.0.1:{}", free_port().port());
        let mut child = self.command(&["--json", "sync", "--listen", &address]).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(said["listening"], *address, "{line}");
        // What it says is read, so that it never waits for that.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Listening { child, address }
    }
}

struct Listening {
    child: Child,
    address: String,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tree(device: &Device) -> Vec<(PathBuf, Vec<u8>)> {
    let out = device.at("out");
    let _ = fs::remove_dir_all(&out);
    device.run(&["get", "/", "--to", "out"]).done();
    let mut found = Vec::new();
    let mut rest = vec![out.clone()];
    while let Some(folder) = rest.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => rest.push(path),
                false => found.push((path.strip_prefix(&out).unwrap().to_owned(), fs::read(&path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_second_device_joins_both_are_used_apart_and_both_have_the_same_files_again() {
    let devices = person(1, &["laptop", "phone"]);
    let (laptop, phone) = (&devices[0], &devices[1]);
    laptop.put(&[], "report", b"first");
    phone.run(&["sync", "--with", "127.0.0.1:1"]).failed("there is no vault here yet");
    let listening = laptop.listens();
    phone.run(&["sync", "--join", &listening.address]).done();
    assert_eq!(tree(phone), tree(laptop));
    phone.run(&["sync", "--join", &listening.address]).failed("there is a vault here already");

    laptop.put(&[], "report", b"of laptop");
    laptop.put(&[], "only here", b"1");
    phone.put(&[], "report", b"of phone");
    phone.put(&[], "only there", b"2");
    let synced = phone.run(&["--json", "sync", "--with", &listening.address]).done();
    let synced: Value = serde_json::from_str(synced.text().lines().last().unwrap()).unwrap();
    assert_eq!((synced["with"].as_str(), synced["files_changed"].as_bool()), (Some("laptop"), Some(true)));
    assert_eq!(tree(phone), tree(laptop));
    let names = phone.names(&[]);
    assert_eq!(names.len(), 4, "{names:?}");
    let copies = names.iter().filter(|name| name.contains("from laptop)") || name.contains("from phone)"));
    assert_eq!(copies.count(), 1, "{names:?}");

    // The same by a command's standard input and output.
    laptop.put(&[], "third", b"3");
    let command = format!("{ALLOD} --home {} sync --stdio", laptop.home().display());
    phone.run(&["sync", "--command", &command]).done();
    assert_eq!(phone.read(&[], "third"), "3");
    phone.run(&["sync", "--command", "true"]).failed("proves no device");
}

#[test]
fn a_shared_folder_is_synced_between_persons_and_not_with_a_stranger_nor_with_who_was_removed() {
    let (alice, bob, eve) = (&person(1, &["of alice"])[0], &person(2, &["of bob"])[0], &person(3, &["x"])[0]);
    let photos = &["--space", "photos"][..];
    let path = |name: &str| alice.at(name).display().to_string();
    let (request, grant) = (path("request"), path("grant"));
    alice.run(&["share", "make", "photos"]).done();
    alice.put(photos, "one", b"1");
    bob.run(&["share", "request", "--out", &request]).done();
    alice.run(&[photos, &["share", "add", &request, "--out", &grant]].concat()).done();
    bob.run(&["share", "accept", &grant, "--from", &alice.did]).done();
    let listening = alice.listens();
    let sync = |who: &Device| who.run(&[photos, &["sync", "--with", &listening.address]].concat());
    sync(bob).done();
    assert_eq!(bob.read(photos, "one"), "1");
    bob.put(photos, "two", b"2");
    sync(bob).done();
    assert_eq!(alice.read(photos, "two"), "2");

    // A stranger hears nothing, neither of the folder nor of the vault.
    alice.put(&[], "own", b"own");
    eve.run(&["sync", "--join", &listening.address]).failed("what you ask for is not here");
    eve.run(&["share", "make", "photos"]).done();
    sync(eve).failed("what you ask for is not here");

    alice.run(&[photos, &["share", "remove", &bob.did]].concat()).done();
    alice.put(photos, "three", b"3");
    let refused = sync(bob).failed("is not a member");
    assert!(refused.err.contains(&bob.did), "{refused:?}");
    assert_eq!(bob.names(photos), ["/one", "/two"]);
}

#[test]
fn who_is_killed_in_the_middle_has_the_same_files_the_next_time() {
    let devices = person(1, &["laptop", "phone"]);
    let (laptop, phone) = (&devices[0], &devices[1]);
    let noise: Vec<u8> = (0..6_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    laptop.put(&[], "large", &noise);
    let listening = laptop.listens();
    phone.run(&["sync", "--join", &listening.address]).done();
    for round in 0..4_u64 {
        laptop.put(&[], &format!("of laptop {round}"), &noise[round as usize..]);
        phone.put(&[], &format!("of phone {round}"), &noise[100 + round as usize..]);
        let mut child = phone.command(&["sync", "--with", &listening.address]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(30 * round * round));
        let _ = child.kill();
        child.wait().unwrap();
        phone.run(&["sync", "--with", &listening.address]).done();
        assert!(tree(phone) == tree(laptop), "{round}");
    }
    phone.run(&["fsck"]).done();
    assert!(Path::new(&phone.home()).join("vault/image").exists());
}

/// Mounts the vault of a device. Whether the system does.
fn mounts(device: &Device) -> Option<Mounted> {
    let mut child = device.command(&["--json", "mount", "vault"]).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
    if said.contains("does not mount it") {
        eprintln!("skipped: this system mounts nothing for us ({said})");
        child.wait().unwrap();
        return None;
    }
    assert!(said.contains("mounted"), "{said}");
    Some(Mounted { child, at: device.at("vault") })
}

struct Mounted {
    child: Child,
    at: PathBuf,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = allod_disk::unmount(&self.at, true);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn vaults_that_are_mounted_sync_and_programs_see_at_once_what_came() {
    let devices = person(7, &["laptop", "phone"]);
    let [laptop, phone] = &devices[..] else { unreachable!() };
    laptop.put(&[], "report", b"first");
    let listening = laptop.listens();
    phone.run(&["sync", "--join", &listening.address]).done();
    let Some(_one) = mounts(laptop) else { return };
    let Some(_other) = mounts(phone) else { return };
    let sync = || phone.run(&["sync", "--with", &listening.address]).done();
    let open = fs::File::open(phone.at("vault/report")).unwrap();
    let read = |device: &Device, path: &str| fs::read_to_string(device.at("vault").join(path)).unwrap();
    let names = |device: &Device| {
        let mut names: Vec<_> =
            fs::read_dir(device.at("vault")).unwrap().map(|one| one.unwrap().file_name()).collect();
        names.sort();
        names
    };
    for round in 0..4 {
        let (one, other) = (format!("of the laptop {round}"), format!("of the phone {round}"));
        fs::write(laptop.at("vault/report"), format!("{round} {}", "x".repeat(round * 5000))).unwrap();
        fs::write(laptop.at("vault").join(&one), b"laptop").unwrap();
        fs::write(phone.at("vault").join(&other), b"phone").unwrap();
        sync();
        let report = format!("{round} {}", "x".repeat(round * 5000));
        for device in [laptop, phone] {
            assert_eq!(read(device, "report"), report);
            assert_eq!((&read(device, &one)[..], &read(device, &other)[..]), ("laptop", "phone"));
        }
        assert_eq!(open.metadata().unwrap().len(), report.len() as u64);
        assert_eq!(names(laptop), names(phone));
        // What goes on one side goes on the other.
        fs::rename(laptop.at("vault").join(&one), laptop.at("vault/moved")).unwrap();
        fs::remove_file(phone.at("vault").join(&other)).unwrap();
        sync();
        for device in [laptop, phone] {
            assert_eq!(names(device), ["moved", "report"]);
            assert_eq!(read(device, "moved"), "laptop");
        }
        fs::remove_file(phone.at("vault/moved")).unwrap();
        sync();
        assert_eq!(names(laptop), ["report"]);
    }
    // Over standard input and output, too.
    fs::write(laptop.at("vault/last"), b"last").unwrap();
    let home = laptop.home();
    let command = format!("{ALLOD} --home {} sync --stdio", home.display());
    phone.run(&["sync", "--command", &command]).done();
    assert_eq!(read(phone, "last"), "last");
}
