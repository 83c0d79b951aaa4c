//! A person's vault, as the command has it: files go in, come out, and come back from before.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod home;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_did::{Log, Root};
use allod_wire::Instant as Moment;
use home::{ALLOD, Ended, ended, until};
use serde_json::Value;

/// A person at one device, and a folder for their files.
struct Here {
    folder: tempfile::TempDir,
}

impl Here {
    /// With an identity.
    fn new(number: u8) -> Self {
        let here = Self { folder: tempfile::tempdir().unwrap() };
        here.become_person(number);
        fs::create_dir(here.at("")).unwrap();
        here
    }

    fn become_person(&self, number: u8) {
        let root = Root::from_bytes(Secret::from([number; 32]));
        let device = SigningKey::from_seed(&Secret::from([number ^ 0x80; 32]));
        let log = Log::create(&root, device.verifying_key().into(), "laptop", Moment(1_000)).unwrap();
        home::keep(self.home(), root, device, log);
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A path among the files.
    fn at(&self, path: impl AsRef<OsStr>) -> PathBuf {
        self.folder.path().join("files").join(Path::new(path.as_ref()))
    }

    fn command(&self, args: &[&str]) -> Command {
        home::command(&self.home(), &self.at(""), args)
    }

    fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).spawn().unwrap())
    }

    fn json(&self, args: &[&str]) -> Value {
        self.run(&[&["--json"], args].concat()).done().json()
    }

    /// The paths that `ls -R` shows.
    fn listed(&self, args: &[&str]) -> Vec<String> {
        let rows = self.run(&[&["--json", "ls", "-R"], args].concat()).done().rows();
        rows.iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect()
    }
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(done.success());
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

type Seen = (u32, i64, i64, Vec<u8>, Vec<u8>, PathBuf);

/// What somebody sees of a tree: kind and permissions, time, content or target, an attribute,
/// and which names are of one file.
fn see(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let (mut seen, mut first) = (BTreeMap::new(), BTreeMap::new());
    let mut rest = vec![PathBuf::new()];
    while let Some(path) = rest.pop() {
        let here = root.join(&path);
        let metadata = fs::symlink_metadata(&here).unwrap();
        let content = match metadata.file_type() {
            kind if kind.is_symlink() => fs::read_link(&here).unwrap().as_os_str().as_bytes().to_vec(),
            kind if kind.is_file() => fs::read(&here).unwrap(),
            _ => Vec::new(),
        };
        if metadata.is_dir() {
            let mut names: Vec<_> =
                fs::read_dir(&here).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            rest.extend(names.into_iter().rev().map(|name| path.join(name)));
        }
        let mut colour = vec![0; 100];
        let size = rustix::fs::lgetxattr(&here, "user.colour", &mut colour[..]).unwrap_or(0);
        colour.truncate(size);
        let identity = first.entry(metadata.ino()).or_insert_with(|| path.clone()).clone();
        let times = (metadata.mtime(), metadata.mtime_nsec());
        seen.insert(path, (metadata.mode(), times.0, times.1, content, colour, identity));
    }
    seen
}

/// A tree with all that trees have.
fn plant(top: &Path) {
    fs::create_dir_all(top.join("a/b/c")).unwrap();
    fs::create_dir(top.join("empty")).unwrap();
    for (name, size) in [("nothing", 0), ("small", 100), ("a/middle", 5_000), ("a/b/large", 3_000_000)] {
        fs::write(top.join(name), noise(size as u64, size)).unwrap();
    }
    fs::write(top.join(OsStr::from_bytes(b"a/odd \n\xff\x1b[2J name")), b"odd").unwrap();
    fs::write(top.join("a/-r"), b"dash").unwrap();
    let sparse = fs::File::create(top.join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"end", 50_000_000).unwrap();
    symlink("../nowhere", top.join("a/link")).unwrap();
    fs::hard_link(top.join("small"), top.join("a/b/c/also small")).unwrap();
    fs::set_permissions(top.join("small"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(top.join("a/b"), fs::Permissions::from_mode(0o500)).unwrap();
    // Where the system has no such attributes, none is seen either.
    let _ = rustix::fs::lsetxattr(top.join("a"), "user.colour", b"green", rustix::fs::XattrFlags::empty());
}

#[test]
fn a_tree_goes_in_is_listed_comes_out_and_goes() {
    let here = Here::new(1);
    plant(&here.at("tree"));
    // What needs a vault says that there is none; what takes something in makes one.
    here.run(&["ls"]).failed_with(1, "there is no vault here yet");
    let put = here.run(&["put", "tree"]).done();
    assert!(put.err.contains("Made your vault"), "{put:?}");
    assert!(String::from_utf8(put.out).unwrap().starts_with("Put 14 things in "));
    assert_eq!(fs::metadata(here.home().join("vault/image")).unwrap().mode() & 0o777, 0o600);

    // Nothing is read again, and no snapshot is taken of what did not change.
    let again = here.json(&["put", "tree"]);
    assert_eq!((again["files_read"].as_u64(), again["new_snapshot"].as_bool()), (Some(0), Some(false)));

    let text = |args: &[&str]| String::from_utf8_lossy(&here.run(args).done().out).into_owned();
    assert_eq!(text(&["ls"]), "tree/\n");
    assert_eq!(text(&["ls", "tree/a/b"]), "c/\nlarge\n");
    let long = text(&["ls", "-l", "/tree/a"]);
    assert!(long.contains("-> ../nowhere\n") && long.contains("dr-x------"), "{long}");
    let rows = here.run(&["--json", "ls", "-R", "tree"]).done().rows();
    assert_eq!(rows.len(), 13);
    let odd = rows.iter().find(|row| row.get("path_hex").is_some()).unwrap();
    assert_eq!(odd["size"], 3);
    here.run(&["ls", "nowhere"]).failed_with(1, "there is no /nowhere in the vault");

    here.run(&["get", "tree", "--to", "out"]).done();
    assert_eq!(see(&here.at("tree")), see(&here.at("out/tree")));
    let room = fs::metadata(here.at("out/tree/sparse")).unwrap().blocks() * 512;
    assert!(room < 1_000_000, "{room}");
    here.run(&["get", "tree", "--to", "out"]).failed_with(1, "is there already; nothing was written");
    // One file to standard output, and all that there is.
    assert_eq!(here.run(&["get", "tree/a/-r", "--to", "-"]).done().out, b"dash");
    here.run(&["get", "tree/a", "--to", "-"]).failed_with(2, "is no file");
    here.run(&["get", "/", "--to", "all"]).done();
    assert_eq!(see(&here.at("tree")), see(&here.at("all/tree")));

    // Into a directory, and out of the vault again.
    here.run(&["put", "tree/small", "--to", "x/y"]).done();
    assert_eq!(text(&["ls", "-R", "x"]), "/x/y/\n/x/y/small\n");
    here.run(&["rm", "tree"]).failed_with(2, "is a directory; nothing was removed");
    assert_eq!(here.json(&["rm", "-r", "tree", "tree/a", "x/y/small"])["removed"], 15);
    assert_eq!(text(&["ls", "-R"]), "/x/\n/x/y/\n");
}

#[test]
fn what_is_ignored_or_gone_is_left_out_as_wished() {
    let here = Here::new(1);
    fs::create_dir_all(here.at("mine/target")).unwrap();
    for (name, content) in [
        (".gitignore", "target/\n"),
        (".allodignore", "*.tmp\n"),
        ("a.tmp", ""),
        ("b", "b"),
        ("target/c", "c"),
    ] {
        fs::write(here.at("mine").join(name), content).unwrap();
    }
    here.run(&["put", "mine", "--gitignore"]).done();
    assert_eq!(here.listed(&[]), ["/mine", "/mine/.allodignore", "/mine/.gitignore", "/mine/b"]);
    here.run(&["put", "mine", "--exclude", "b"]).done();
    assert!(here.listed(&[]).contains(&"/mine/target/c".into()));
    fs::remove_file(here.at("mine/b")).unwrap();
    here.run(&["put", "mine"]).done();
    assert!(here.listed(&[]).contains(&"/mine/b".into()));
    let put = here.json(&["put", "mine", "--delete"]);
    assert_eq!(put["removed"], 1);
    assert!(!here.listed(&[]).contains(&"/mine/b".into()));
    assert!(here.listed(&["--snapshot", "latest"]).contains(&"/mine/.gitignore".into()));

    // The vault is not put into itself.
    here.run(&["put", here.home().to_str().unwrap(), "--to", "backup"]).done();
    let all = here.listed(&["backup"]);
    assert!(all.iter().any(|path| path.ends_with("person/identity")), "{all:?}");
    assert!(!all.iter().any(|path| path.contains("image")), "{all:?}");
    here.run(&["put", "mine", "../files/mine"]).failed_with(2, "the same name");
    here.run(&["put", "nowhere"]).failed_with(1, "No such file");
    here.run(&["put", "mine", "--exclude", "a{"]).failed_with(2, "--exclude");
}

/// Files of bytes without a pattern, a megabyte each.
fn plant_much(top: &Path, count: usize) {
    fs::create_dir_all(top).unwrap();
    let mut random = fs::File::open("/dev/urandom").unwrap();
    for number in 0..count {
        let mut bytes = vec![0; 1_000_000];
        std::io::Read::read_exact(&mut random, &mut bytes).unwrap();
        fs::write(top.join(format!("file {number:03}")), bytes).unwrap();
    }
}

/// Waits until a vault takes so much room.
fn until_vault_has(here: &Here, bytes: u64) {
    let image = here.home().join("vault/image");
    until("the vault grows", || fs::metadata(&image).is_ok_and(|image| image.len() >= bytes));
}

#[test]
fn a_put_that_is_interrupted_or_killed_goes_on_later() {
    let here = Here::new(1);
    plant_much(&here.at("much"), 120);
    let put = here.command(&["--json", "put", "much"]).spawn().unwrap();
    until_vault_has(&here, 60 << 20);
    signal(&put, "INT");
    let stopped = ended(put).failed_with(1, "what is whole is in the vault").json();
    let first = stopped["files_read"].as_u64().unwrap();
    assert!((1..120).contains(&first), "{stopped}");
    assert!(stopped["next"].as_str().unwrap().contains("goes on where this one stopped"));
    let rows = here.run(&["--json", "ls", "-l", "much"]).done().rows();
    assert_eq!(rows.len() as u64, first);
    assert!(rows.iter().all(|row| row["size"] == 1_000_000));

    // A crash leaves what was committed before.
    let size = fs::metadata(here.home().join("vault/image")).unwrap().len();
    let mut put = here.command(&["put", "much"]).spawn().unwrap();
    until_vault_has(&here, size + (12 << 20));
    put.kill().unwrap();
    put.wait().unwrap();
    assert!(here.listed(&["much"]).len() as u64 >= first);

    let read = here.json(&["put", "much"])["files_read"].as_u64().unwrap();
    assert!(read <= 120 - first, "{read} {first}");
    here.run(&["get", "much", "--to", "out"]).done();
    assert_eq!(see(&here.at("much")), see(&here.at("out/much")));
}

#[test]
fn commands_wait_for_each_other() {
    let here = Here::new(1);
    fs::write(here.at("file"), b"mine").unwrap();
    here.run(&["put", "file"]).done();
    // As if another command had it open.
    let image = fs::File::open(here.home().join("vault/image")).unwrap();
    rustix::fs::flock(&image, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut list = here.command(&["ls"]).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(list.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "waiting for another `allod` that is at work on this vault\n");
    drop(image);
    assert_eq!(ended(list).done().out, b"file\n");
    // Two that make a vault at once make one.
    let other = Here::new(2);
    fs::write(other.at("one"), b"1").unwrap();
    fs::write(other.at("two"), b"2").unwrap();
    let both = ["one", "two"].map(|name| other.command(&["put", name]).spawn().unwrap());
    for put in both {
        ended(put).done();
    }
    assert_eq!(other.listed(&[]), ["/one", "/two"]);
}

#[test]
fn a_full_disk_costs_nothing_that_was_there() {
    let here = Here::new(1);
    plant_much(&here.at("first"), 5);
    plant_much(&here.at("second"), 40);
    here.run(&["put", "first"]).done();
    // No file can become larger than this, for the processes of this shell.
    let limited = |args: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f 81920; exec \"$@\"", "sh", ALLOD, "--home"]);
        command.arg(here.home()).args(args).current_dir(here.at("")).stdin(Stdio::null());
        ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let full = limited(&["put", "second"]).failed_with(1, "there is no room for more");
    assert!(full.err.contains("what the vault has is safe"), "{full:?}");
    // On the full disk, things can be read and removed.
    limited(&["get", "first", "--to", "out"]).done();
    assert_eq!(see(&here.at("first")), see(&here.at("out/first")));
    limited(&["rm", "-r", "first/file 000"]).done();
    // With room, it goes on.
    here.run(&["put", "second"]).done();
    here.run(&["get", "second", "--to", "out"]).done();
    assert_eq!(see(&here.at("second")), see(&here.at("out/second")));
}

#[test]
fn a_vault_opens_only_with_its_identity() {
    let here = Here::new(1);
    fs::write(here.at("file"), b"mine").unwrap();
    here.run(&["put", "file"]).done();
    here.become_person(2);
    let other = here.run(&["ls"]).failed_with(1, "does not open with this identity");
    assert!(other.err.contains("vault/image") && other.err.contains("move"), "{other:?}");
    here.run(&["put", "file"]).failed_with(1, "does not open with this identity");
    fs::remove_dir_all(here.home().join("person")).unwrap();
    here.run(&["put", "file"]).failed_with(6, "there is no identity here");
    here.become_person(1);
    assert_eq!(here.listed(&[]), ["/file"]);
}

#[test]
fn a_vault_in_parts_is_used_as_one_in_a_file_is_and_names_the_part_that_is_missing() {
    let here = Here::new(1);
    plant(&here.at("tree"));
    here.run(&["image"]).failed_with(1, "there is no vault here yet");
    here.run(&["put", "tree"]).done();
    let image = here.home().join("vault/image");
    let shown = here.json(&["image"]);
    assert_eq!((&shown["in_parts"], &shown["changed"]), (&false.into(), &false.into()));
    let before = fs::read(&image).unwrap();
    let shown = here.json(&["image", "--in-parts"]);
    assert_eq!((&shown["in_parts"], &shown["changed"]), (&true.into(), &true.into()));
    assert!(shown["bytes_taken"].as_u64().unwrap() > 3_000_000);
    // What a shell makes of the parts in their order is the image.
    let joined = Command::new("sh").arg("-c").arg("cat \"$0\"/[0-9]*/[0-9]*").arg(&image).output().unwrap();
    let (whole, rest) = joined.stdout.split_at(before.len());
    assert!(whole == before && rest.iter().all(|byte| *byte == 0));
    // All goes on there.
    fs::write(here.at("tree/new"), noise(9, 2_000_000)).unwrap();
    here.run(&["put", "tree"]).done();
    here.run(&["fsck"]).done();
    here.run(&["get", "tree", "--to", "out"]).done();
    assert_eq!(see(&here.at("tree")), see(&here.at("out/tree")));
    // Tools that copy may lose a part, or leave two of one.
    let (part, away) = (image.join("0000/0002"), here.at("away"));
    fs::rename(&part, &away).unwrap();
    here.run(&["ls"]).failed_with(1, "0000/0002: this part of the vault is missing");
    fs::copy(&away, image.join("0000/0002 (1)")).unwrap();
    fs::rename(&away, &part).unwrap();
    here.run(&["ls"]).failed_with(1, "0000/0002 (1): this is a second copy");
    fs::remove_file(image.join("0000/0002 (1)")).unwrap();
    here.run(&["image", "--in-one"]).done();
    assert!(image.is_file());
    here.run(&["fsck"]).done();
    here.run(&["image", "--in-one", "--in-parts"]).failed_with(2, "cannot be used with");
}

#[test]
fn what_was_is_listed_brought_out_and_put_back() {
    let here = Here::new(1);
    plant(&here.at("tree"));
    here.run(&["put", "tree"]).done();
    let first = here.json(&["history"])["snapshot"].as_str().unwrap().to_owned();
    let planted = see(&here.at("tree"));
    assert_eq!(here.json(&["snapshot"])["new"], false);
    here.run(&["snapshot", "before"]).done();
    here.run(&["snapshot", "before"]).failed_with(1, "there is a snapshot before already");
    here.run(&["snapshot", "latest"]).failed_with(2, "not free");
    here.run(&["snapshot", "a/b"]).failed_with(2, "no `/`");

    fs::write(here.at("tree/a/middle"), noise(9, 7_000)).unwrap();
    here.run(&["put", "tree"]).done();
    here.run(&["rm", "tree/small"]).done();
    let rows = |args: &[&str]| here.run(&[&["--json"], args].concat()).done().rows();
    let changes = |path: &str| -> Vec<(String, u64)> {
        let rows = rows(&["history", path]);
        let change =
            |row: &Value| (row["change"].as_str().unwrap().into(), row["size"].as_u64().unwrap_or(0));
        rows.iter().map(change).collect()
    };
    assert_eq!(changes("tree/a/middle"), [("new".into(), 5_000), ("changed".into(), 7_000)]);
    assert_eq!(changes("tree/small"), [("new".into(), 100), ("gone".into(), 0)]);
    assert_eq!(changes("tree/a/b/large"), [("new".into(), 3_000_000)]);
    assert_eq!(rows(&["history", "tree/small"])[1]["snapshot"], Value::Null);
    here.run(&["history", "nowhere"]).failed_with(1, "neither the vault nor a snapshot has /nowhere");
    assert_eq!(rows(&["history"]).len(), 3);

    // Out of the vault, whole and in part.
    here.run(&["restore", &first, "--to", "then"]).done();
    assert_eq!(see(&here.at("then/tree")), planted);
    here.run(&["restore", "before:tree/a/middle", "--to", "one"]).done();
    assert_eq!(fs::read(here.at("one/middle")).unwrap(), noise(5_000, 5_000));
    assert_eq!(here.run(&["restore", "bef:tree/small", "--to", "-"]).done().out, noise(100, 100));
    here.run(&["restore", "before"]).done();
    assert_eq!(see(&here.at("before/tree")), planted);
    here.run(&["restore", "nothing"]).failed_with(1, "there is no snapshot nothing");
    here.run(&["restore", "before:nothing"]).failed_with(1, "there is no /nothing");

    // Into the vault: a part, where it was or where nothing is, and everything. What was there
    // is kept.
    let put_back = here.json(&["restore", "before:tree/a", "--in-place"]);
    assert_eq!(put_back["entries"], 9);
    let kept = put_back["before"].as_str().unwrap().to_owned();
    here.run(&["restore", "before:tree/small", "--in-place"]).done();
    here.run(&["get", "tree", "--to", "part"]).done();
    let part = see(&here.at("part/tree"));
    // The one name of a file with two was put back without the other.
    assert!(part.iter().all(|(path, seen)| {
        let of = &planted[path];
        (seen.0, seen.1, seen.2, &seen.3, &seen.4) == (of.0, of.1, of.2, &of.3, &of.4)
            || path.as_os_str().is_empty()
    }));
    assert_eq!(part.len(), planted.len());
    here.run(&["restore", "before", "--in-place"]).done();
    here.run(&["get", "tree", "--to", "all"]).done();
    assert_eq!(see(&here.at("all/tree")), planted);
    assert_eq!(
        here.run(&["restore", &format!("{kept}:tree/a/middle"), "--to", "-"]).done().out,
        noise(9, 7_000)
    );
}

#[test]
fn snapshots_go_by_rules_and_their_room_is_given_back() {
    let here = Here::new(1);
    plant_much(&here.at("big"), 20);
    here.run(&["put", "big"]).done();
    here.run(&["snapshot", "kept"]).done();
    for number in 0..3 {
        fs::write(here.at("note"), format!("{number}")).unwrap();
        here.run(&["put", "note"]).done();
    }
    here.run(&["forget"]).failed_with(2, "say what stays");
    here.run(&["forget", "--keep-last", "0"]).failed_with(2, "say what stays");
    here.run(&["forget", "kept", "--keep-last", "1"]).failed_with(2, "cannot be used with");
    here.run(&["forget", "--keep-within", "1w"]).failed_with(2, "such as 2y5m7d3h");
    let forgotten = |args: &[&str]| -> Vec<bool> {
        let rows = here.run(&[&["--json", "forget"], args].concat()).done().rows();
        rows.iter().map(|row| row["forgotten"].as_bool().unwrap()).collect()
    };
    // The oldest first: that of `big`, the one with a name, and those of the notes.
    assert_eq!(forgotten(&["--keep-last", "2", "--dry-run"]), [true, false, true, false, false]);
    assert_eq!(forgotten(&["--keep-last", "2"]), [true, false, true, false, false]);
    assert_eq!(forgotten(&["--keep-yearly", "unlimited", "--keep-within", "1d"]), [false; 3]);

    here.run(&["rm", "-r", "big"]).done();
    let taken = || fs::metadata(here.home().join("vault/image")).unwrap().blocks() * 512;
    assert!(taken() > 20_000_000);
    let freed = |args: &[&str]| here.json(args)["bytes_freed"].as_u64().unwrap();
    freed(&["gc"]);
    assert!(taken() > 20_000_000, "a snapshot has it");
    assert_eq!(forgotten(&["kept"]), [true]);
    here.run(&["forget", "kept"]).failed_with(1, "there is no snapshot kept");
    freed(&["gc"]);
    assert!(taken() > 20_000_000, "the snapshots of the notes have it, too");
    here.run(&["snapshot"]).done();
    assert_eq!(forgotten(&["--keep-last", "1"]), [true, true, false]);
    let before = taken();
    assert!(freed(&["gc"]) > 15_000_000);
    assert!(before - taken() > 15_000_000, "{before} {}", taken());
    assert_eq!(here.run(&["get", "note", "--to", "-"]).done().out, b"2");
}

/// Mounts the vault at `vault`, and waits until it is there; nothing where the system mounts
/// nothing.
fn mount(here: &Here) -> Option<Child> {
    let mut mount = here.command(&["--json", "mount", "vault"]).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(mount.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
    if said.contains("does not mount it") {
        eprintln!("skipped: this system mounts nothing for us ({said})");
        mount.wait().unwrap();
        return None;
    }
    assert!(said.contains("mounted"), "{said} {:?}", mount.wait_with_output());
    Some(mount)
}

/// Takes a mount away when a test fails.
struct Unmounts(PathBuf);

impl Drop for Unmounts {
    fn drop(&mut self) {
        let _ = allod_disk::unmount(&self.0, true);
    }
}

#[test]
fn a_shared_folder_is_a_vault_of_its_own_and_none_is_called_like_the_own_one() {
    let here = Here::new(12);
    fs::write(here.at("file"), b"shared").unwrap();
    here.run(&["share", "make", "vault"]).failed_with(2, "your own vault");
    here.run(&["--space", "photos", "ls"]).failed_with(1, "no shared folder");
    here.run(&["share", "make", "photos"]).done();
    here.run(&["share", "make", "photos"]).failed_with(1, "already");
    here.run(&["--space", "photos", "put", "file"]).done();
    assert_eq!(here.listed(&["--space", "photos"]), ["/file"]);
    // The person's own vault knows nothing of it.
    here.run(&["ls"]).failed_with(1, "no vault here");
    assert_eq!(here.json(&["share", "list"])["spaces"][0]["name"], "photos");
    assert_eq!(here.json(&["--space", "photos", "share", "members"])["members"][0]["founder"], true);
}

#[test]
fn a_mount_ends_cleanly_and_one_that_a_crash_left_is_cleared() {
    let here = Here::new(1);
    let at = here.at("vault");
    let _unmounts = Unmounts(at.clone());
    plant(&here.at("tree"));
    let Some(first) = mount(&here) else { return };
    fs::write(at.join("file"), b"by any program").unwrap();
    // What is not done for others says where the files are; all else is done.
    let other = here.run(&["put", "tree"]).failed_with(1, "your vault is mounted at");
    assert!(other.err.contains("its files can be used there"), "{other:?}");
    here.run(&["mount", "vault"]).failed_with(1, "is mounted at");
    here.run(&["mount", "tree"]).failed_with(1, "has something in it");
    here.run(&["snapshot", "one"]).done();
    here.run(&["snapshot", "one"]).failed_with(1, "there is a snapshot one already");
    assert_eq!(fs::read(at.join(".snapshots/one/file")).unwrap(), b"by any program");
    signal(&first, "TERM");
    let first = ended(first).done();
    assert_eq!(first.err, "");
    assert_eq!(fs::read_dir(&at).unwrap().count(), 0);
    assert_eq!(here.listed(&["--snapshot", "one"]), ["/file"]);

    // A crash: what was synced is there, and the next mount clears what is left.
    let mut second = mount(&here).unwrap();
    let mut file = fs::File::create(at.join("synced")).unwrap();
    std::io::Write::write_all(&mut file, b"synced").unwrap();
    file.sync_all().unwrap();
    second.kill().unwrap();
    second.wait().unwrap();
    drop(file);
    assert!(fs::read_dir(&at).is_err());
    assert_eq!(here.listed(&[]), ["/file", "/synced"]);
    let third = mount(&here).unwrap();
    assert_eq!(fs::read(at.join("synced")).unwrap(), b"synced");

    // Ended from elsewhere, but not while somebody uses it.
    let open = fs::File::open(at.join("synced")).unwrap();
    here.run(&["mount", "--end", "vault"]).failed_with(1, "programs use");
    drop(open);
    here.run(&["mount", "--end", "vault"]).done();
    assert_eq!(ended(third).code, Some(0));
    here.run(&["mount", "--end", "vault"]).failed_with(1, "no vault is mounted at");
    // What a crash left is ended, too.
    let mut fourth = mount(&here).unwrap();
    fourth.kill().unwrap();
    fourth.wait().unwrap();
    here.run(&["mount", "--end", "vault"]).done();
    assert_eq!(fs::read_dir(&at).unwrap().count(), 0);
}
