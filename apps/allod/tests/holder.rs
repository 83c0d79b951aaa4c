//! Commands while the vault is mounted: the process that mounted it does them.
//! Where the system mounts nothing, that is said and nothing is tested.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod home;

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_did::{Log, Root};
use allod_wire::Instant as Moment;
use home::{Ended, ended, until};

/// A person at one device, and a folder for their files.
struct Here {
    folder: tempfile::TempDir,
    mounted: Option<Child>,
}

impl Here {
    fn new() -> Self {
        let here = Self { folder: tempfile::tempdir().unwrap(), mounted: None };
        let root = Root::from_bytes(Secret::from([3; 32]));
        let device = SigningKey::from_seed(&Secret::from([4; 32]));
        let log = Log::create(&root, device.verifying_key().into(), "laptop", Moment(1_000)).unwrap();
        home::keep(here.home(), root, device, log);
        fs::create_dir(here.at("")).unwrap();
        here
    }

    /// So long that no address of a socket takes it.
    fn home(&self) -> PathBuf {
        self.folder.path().join("a long name of a folder ".repeat(5)).join("home")
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

    /// Mounts the vault at `vault`. Whether the system does.
    fn mount(&mut self) -> bool {
        let mut mount = self.command(&["--json", "mount", "vault"]).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(mount.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        if said.contains("does not mount it") {
            eprintln!("skipped: this system mounts nothing for us ({said})");
            mount.wait().unwrap();
            return false;
        }
        assert!(said.contains("mounted"), "{said} {:?}", mount.wait_with_output());
        self.mounted = Some(mount);
        true
    }

    fn kill_holder(&mut self) {
        let mut holder = self.mounted.take().unwrap();
        holder.kill().unwrap();
        holder.wait().unwrap();
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let _ = allod_disk::unmount(&self.at("vault"), true);
        if let Some(mut mounted) = self.mounted.take() {
            let _ = mounted.kill();
            let _ = mounted.wait();
        }
    }
}

/// Bytes without a pattern, always the same.
fn noise(number: u64, size: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..size).map(|_| next()).collect()
}

fn plant(here: &Here) {
    fs::create_dir_all(here.at("tree/a/b")).unwrap();
    for (name, size) in [("nothing", 0), ("small", 100), ("a/middle", 5_000), ("a/b/large", 3_000_000)] {
        fs::write(here.at("tree").join(name), noise(size as u64, size)).unwrap();
    }
    std::os::unix::fs::symlink("small", here.at("tree/link")).unwrap();
    here.run(&["put", "tree"]).done();
    here.run(&["snapshot", "first"]).done();
    fs::write(here.at("tree/small"), noise(9, 200)).unwrap();
    here.run(&["put", "tree"]).done();
}

/// What was printed, without times, sizes and places.
fn without_numbers(text: &str, here: &Here) -> String {
    let text = text.replace(here.folder.path().to_str().unwrap(), "HERE");
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            // Two snapshots of one second have names of two lengths.
            ' ' if plain.ends_with("Z-#") => plain.push(' '),
            '0'..='9' | ' ' | '.' if plain.ends_with('#') => {}
            '0'..='9' => plain.push('#'),
            ' ' if plain.ends_with(' ') => {}
            character => plain.push(character),
        }
    }
    // How fast something was, how much that is exactly, and whether two snapshots were taken in one second.
    plain
        .replace("#KiB", "#B")
        .replace("#MiB", "#B")
        .replace("objects", "object")
        .replace("#Z-#", "#Z")
        .replace(" #", "#")
}

#[test]
fn all_commands_do_the_same_while_the_vault_is_mounted() {
    let (alone, mut mounted) = (Here::new(), Here::new());
    plant(&alone);
    plant(&mounted);
    if !mounted.mount() {
        return;
    }
    let both = |args: &[&str]| {
        let (one, other) = (alone.run(args), mounted.run(args));
        assert_eq!(one.code, other.code, "{args:?} {one:?} {other:?}");
        for (one, other) in [(&one.text(), &other.text()), (&one.err, &other.err)] {
            let (one, other) = (without_numbers(one, &alone), without_numbers(other, &mounted));
            assert_eq!(one, other, "{args:?}");
        }
        one.code
    };
    for args in [
        &["ls"][..],
        &["ls", "-l", "tree"],
        &["ls", "-R"],
        &["ls", "tree/small"],
        &["ls", "-R", "--snapshot", "first"],
        &["--json", "ls", "-R", "tree"],
        &["history"],
        &["history", "tree/small"],
        &["--json", "history", "tree/small"],
        &["get", "tree", "--to", "out"],
        &["get", "tree/small", "tree/a", "--to", "out/some"],
        &["get", "tree/a/middle", "--to", "-"],
        &["--json", "get", "tree/a", "--to", "json"],
        &["restore", "first:tree/small", "--to", "-"],
        &["restore", "first"],
        &["snapshot"],
        &["snapshot", "named"],
        &["fsck"],
        &["--json", "fsck", "--quick"],
        &["share", "members"],
        &["rm", "tree/a/middle"],
        &["rm", "-r", "tree/a", "tree/a/b"],
        &["restore", "first:tree/a", "--in-place"],
        &["--json", "restore", "first", "--in-place"],
        &["forget", "--keep-last", "1", "--dry-run"],
        &["forget", "named"],
        &["--json", "forget", "--keep-last", "1"],
        &["gc"],
        &["--json", "gc"],
    ] {
        assert_eq!(both(args), Some(0), "{args:?}");
    }
    // What goes wrong goes wrong in the same way.
    for (args, code) in [
        (&["ls", "nowhere"][..], 1),
        (&["--json", "ls", "nowhere"], 1),
        (&["get", "tree", "--to", "out"], 1),
        (&["get", "tree", "--to", "-"], 2),
        (&["history", "nowhere"], 1),
        (&["restore", "nothing"], 1),
        (&["snapshot", "first"], 1),
        (&["snapshot", "latest"], 2),
        (&["rm", "tree"], 2),
        (&["rm", "nowhere"], 1),
        (&["forget"], 2),
        (&["forget", "nothing"], 1),
        (&["sync", "--with", "127.0.0.1:1"], 1),
        (&["ls", "--nonsense"], 2),
    ] {
        assert_eq!(both(args), Some(code), "{args:?}");
    }
    for name in ["out/tree/a/b/large", "out/some/small", "first/tree/small", "json/a/middle"] {
        assert_eq!(fs::read(alone.at(name)).unwrap(), fs::read(mounted.at(name)).unwrap());
        let mode = |here: &Here| fs::metadata(here.at(name)).unwrap().mode();
        assert_eq!(mode(&alone), mode(&mounted));
    }
    mounted.run(&["fsck", "--repair"]).failed("not repaired");
    // Where the others were, nobody listens when the mount has ended.
    mounted.run(&["mount", "--end", "vault"]).done();
    assert!(fs::symlink_metadata(mounted.home().join("vault/holder")).is_err());
    assert_eq!(mounted.run(&["ls"]).done().text(), "tree/\n");
}

#[test]
fn programs_see_at_once_what_a_command_changed() {
    let mut here = Here::new();
    plant(&here);
    if !here.mount() {
        return;
    }
    let names = |path: &str| -> Vec<String> {
        let entries = fs::read_dir(here.at(path)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let open = fs::File::open(here.at("vault/tree/small")).unwrap();
    for _ in 0..3 {
        assert_eq!(names("vault/tree"), ["a", "link", "nothing", "small"]);
        fs::write(here.at("vault/tree/new"), b"new").unwrap();
        assert_eq!(fs::read(here.at("vault/tree/small")).unwrap().len(), 200);
        assert_eq!(fs::read(here.at("vault/tree/a/middle")).unwrap().len(), 5_000);
        here.run(&["snapshot", "kept"]).done();
        assert_eq!(fs::read(here.at("vault/.snapshots/kept/tree/new")).unwrap(), b"new");
        here.run(&["rm", "-r", "tree/a", "tree/new"]).done();
        assert_eq!(names("vault/tree"), ["link", "nothing", "small"]);
        assert!(fs::metadata(here.at("vault/tree/a/middle")).is_err());
        here.run(&["restore", "first:tree", "--in-place"]).done();
        assert_eq!(names("vault/tree"), ["a", "link", "nothing", "small"]);
        assert_eq!(fs::read(here.at("vault/tree/small")).unwrap(), noise(100, 100));
        here.run(&["restore", "kept", "--in-place"]).done();
        assert_eq!(names("vault/tree"), ["a", "link", "new", "nothing", "small"]);
        let mut bytes = [0; 200];
        open.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(bytes[..], noise(9, 200));
        fs::remove_file(here.at("vault/tree/new")).unwrap();
        here.run(&["forget", "kept"]).done();
        assert!(fs::metadata(here.at("vault/.snapshots/kept")).is_err());
    }
    // Nobody reads, and the files can be used.
    let mut list = here.command(&["get", "tree/a/b/large", "--to", "-"]).spawn().unwrap();
    let mut first = [0; 10];
    list.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    fs::write(here.at("vault/other"), b"other").unwrap();
    here.run(&["ls", "other"]).done();
    let mut rest = Vec::new();
    list.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
    assert_eq!([&first[..], &rest].concat(), noise(3_000_000, 3_000_000));
    ended(list).done();
}

#[test]
fn what_is_brought_out_does_not_come_into_the_mount_again() {
    let mut here = Here::new();
    plant(&here);
    if !here.mount() {
        return;
    }
    fs::create_dir(here.at("vault/inside")).unwrap();
    for to in ["vault/inside", "vault", "vault/inside/new"] {
        here.run(&["get", "/tree/small", "--to", to]).failed("is in the vault itself");
        here.run(&["restore", "first:/tree", "--to", to]).failed("is in the vault itself");
    }
    let mut command = here.command(&["get", "/tree/small"]);
    ended(command.current_dir(here.at("vault/inside")).spawn().unwrap()).failed("is in the vault itself");
    assert_eq!(fs::read_dir(here.at("vault/inside")).unwrap().count(), 0);
}

#[test]
fn many_commands_are_done_at_once() {
    let mut here = Here::new();
    plant(&here);
    if !here.mount() {
        return;
    }
    for number in 0..20 {
        fs::write(here.at(&format!("vault/{number}")), noise(number, 500_000)).unwrap();
    }
    let mut all: Vec<Child> = Vec::new();
    for number in 0..4 {
        all.push(here.command(&["--json", "ls", "-R"]).spawn().unwrap());
        all.push(here.command(&["snapshot", &format!("s{number}")]).spawn().unwrap());
        if number < 2 {
            all.push(here.command(&["gc"]).spawn().unwrap());
            all.push(here.command(&["--json", "fsck"]).spawn().unwrap());
        }
        all.push(here.command(&["rm", &number.to_string()]).spawn().unwrap());
    }
    for child in all {
        ended(child).done();
    }
    for number in 4..20 {
        assert!(fs::read(here.at(&format!("vault/{number}"))).unwrap() == noise(number, 500_000));
    }
    assert!(here.run(&["--json", "fsck"]).done().text().contains("\"clean\":true"));
}

/// A command that goes on until it is stopped: nobody answers it.
fn begin_endless(here: &Here) -> Child {
    let command = format!("exec 2>/dev/null; touch '{}'; exec sleep 30", here.at("begun").display());
    let endless = here.command(&["sync", "--command", &command]).spawn().unwrap();
    until("it begins", || here.at("begun").exists());
    endless
}

#[test]
fn a_command_stops_when_its_caller_wants_so_and_the_rest_goes_on() {
    let mut here = Here::new();
    plant(&here);
    if !here.mount() {
        return;
    }
    let endless = begin_endless(&here);
    here.run(&["ls"]).done();
    let begun = Instant::now();
    assert!(Command::new("kill").args(["-s", "INT", &endless.id().to_string()]).status().unwrap().success());
    let stopped = ended(endless).failed("stopped");
    assert!(begun.elapsed() < Duration::from_secs(30), "{stopped:?}");
    // One that is gone without a word.
    let mut endless = begin_endless(&here);
    endless.kill().unwrap();
    endless.wait().unwrap();
    here.run(&["ls"]).done();
    fs::write(here.at("vault/file"), b"used").unwrap();
    assert_eq!(here.run(&["get", "file", "--to", "-"]).done().text(), "used");
}

#[test]
fn a_holder_that_is_killed_is_named_and_the_next_one_takes_its_place() {
    let mut here = Here::new();
    plant(&here);
    if !here.mount() {
        return;
    }
    fs::write(here.at("vault/file"), b"kept").unwrap();
    fs::File::open(here.at("vault/file")).unwrap().sync_all().unwrap();
    let endless = begin_endless(&here);
    here.kill_holder();
    let gone = ended(endless).failed("ended in the middle");
    assert!(gone.err.contains("what was committed is kept"), "{gone:?}");
    assert!(fs::symlink_metadata(here.home().join("vault/holder")).is_ok());
    assert_eq!(here.run(&["get", "file", "--to", "-"]).done().text(), "kept");
    assert!(here.mount());
    assert_eq!(here.run(&["get", "file", "--to", "-"]).done().text(), "kept");
    let mode = fs::symlink_metadata(here.home().join("vault/holder")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn whoever_says_no_request_gets_nothing_and_harms_nothing() {
    let mut here = Here::new();
    plant(&here);
    if !here.mount() {
        return;
    }
    // By a short way, since the long one is none for these.
    let short = here.folder.path().join("short");
    std::os::unix::fs::symlink(here.home().join("vault"), &short).unwrap();
    for bytes in [&b""[..], b"\0", b"\xff\xff\xff\xff", b"\x02\0\0\0{}", &[0; 100_000]] {
        let mut link = UnixStream::connect(short.join("holder")).unwrap();
        let _ = link.write_all(bytes);
        let _ = link.shutdown(std::net::Shutdown::Write);
        let mut said = String::new();
        let _ = link.read_to_string(&mut said);
        assert!(!said.contains("Ended"), "{said}");
    }
    here.run(&["ls"]).done();
    // Somebody of this user without the key of the vault.
    let mut link = UnixStream::connect(short.join("holder")).unwrap();
    let request =
        br#"{"arguments":[],"directory":[],"environment":[],"wants_colour":true,"umask":18,"proof":[7]}"#;
    let size = (request.len() as u32).to_le_bytes();
    let null = fs::File::open("/dev/null").unwrap();
    let passed = [null.as_fd(); 3];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut with = rustix::net::SendAncillaryBuffer::new(&mut space);
    with.push(rustix::net::SendAncillaryMessage::ScmRights(&passed));
    rustix::net::sendmsg(&link, &[std::io::IoSlice::new(&size)], &mut with, rustix::net::SendFlags::NOSIGNAL)
        .unwrap();
    link.write_all(request).unwrap();
    let mut said = Vec::new();
    link.read_to_end(&mut said).unwrap();
    assert!(String::from_utf8_lossy(&said).contains("you do not show the key"), "{said:?}");
    // Another user, who may come as far as the socket.
    if rustix::process::getuid().is_root() {
        let folders = here.home().ancestors().take(3).map(PathBuf::from).collect::<Vec<_>>();
        for folder in folders.iter().chain([&here.home().join("vault"), &here.at("")]) {
            fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        }
        fs::set_permissions(here.home().join("vault/holder"), Permissions::from_mode(0o666)).unwrap();
        let mut stranger = here.command(&["ls"]);
        stranger.uid(65_534).gid(65_534);
        match stranger.spawn() {
            Ok(stranger) => drop(ended(stranger).failed("you are another user")),
            Err(why) => eprintln!("skipped: another user does not come as far as the program ({why})"),
        }
    }
}

#[test]
fn a_holder_of_another_version_is_named_and_asked_for_nothing() {
    let here = Here::new();
    plant(&here);
    let short = here.folder.path().join("short");
    std::os::unix::fs::symlink(here.home().join("vault"), &short).unwrap();
    let listener = UnixListener::bind(short.join("holder")).unwrap();
    let other = std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        link.write_all(b"allod 99.0.0 (7)\n").unwrap();
        let mut asked = Vec::new();
        let _ = link.read_to_end(&mut asked);
        asked
    });
    here.run(&["ls"]).failed("allod 99.0.0 (7)");
    assert!(other.join().unwrap().is_empty());
}

#[test]
fn making_room_stops_when_somebody_wants_so_and_nothing_is_lost() {
    let mut here = Here::new();
    fs::create_dir(here.at("much")).unwrap();
    for number in 0..60 {
        fs::write(here.at(&format!("much/{number}")), noise(number, 1_000_000)).unwrap();
    }
    here.run(&["put", "much"]).done();
    for number in (0..60).step_by(2) {
        here.run(&["rm", &format!("much/{number}")]).done();
    }
    here.run(&["snapshot"]).done();
    here.run(&["forget", "--keep-last", "1"]).done();
    // Alone, and while it is mounted: wherever it is stopped, all is there.
    for round in 0..6 {
        if round == 3 && !here.mount() {
            return;
        }
        let gc = here.command(&["--json", "gc"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(30 * (round % 3)));
        let _ = Command::new("kill").args(["-s", "INT", &gc.id().to_string()]).status().unwrap();
        let gc = ended(gc);
        // A signal that comes before anything was begun ends it without a word.
        assert!(matches!(gc.code, Some(0 | 1) | None), "{gc:?}");
        assert!(here.run(&["--json", "fsck"]).done().text().contains("\"clean\":true"));
    }
    here.run(&["gc"]).done();
    here.run(&["get", "much", "--to", "out"]).done();
    for number in (1..60).step_by(2) {
        assert!(fs::read(here.at(&format!("out/much/{number}"))).unwrap() == noise(number, 1_000_000));
    }
}
