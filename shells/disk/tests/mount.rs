//! A mounted vault is used as any tree of files is, by programs that know nothing of it.
//! Where the system mounts nothing, that is said and nothing is tested.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use allod_crypto::Secret;
use allod_disk::{FileBlocks, MountError, Mounted, Use, Users, Zstd, remove, unmount};
use allod_vault::Geometry;
use allod_vault::files::{Access, Files, Ino, Time};

struct Place {
    folder: tempfile::TempDir,
    mounted: Option<Mounted<FileBlocks, Zstd>>,
}

fn root() -> Secret<32> {
    Secret::from([1; 32])
}

impl Place {
    /// A new vault, mounted; nothing where the system mounts nothing.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("mount")).unwrap();
        let rng = &mut getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let blocks = FileBlocks::create(&folder.path().join("vault")).unwrap();
        let files = Files::create(blocks, Zstd, &root(), Geometry::VAULT, (0, 0, Time::default()), rng);
        let mut place = Self { folder, mounted: None };
        match place.mount(files.unwrap()) {
            Ok(()) => Some(place),
            Err(MountError::System { source, .. })
                if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) =>
            {
                eprintln!("skipped: this system mounts nothing for us ({source})");
                None
            }
            Err(why) => panic!("{why}"),
        }
    }

    fn mount(&mut self, files: Files<FileBlocks, Zstd>) -> Result<(), MountError> {
        self.mounted = Some(Mounted::new(files, &self.at(""), Users::Mounting)?);
        Ok(())
    }

    /// Ends the mount and mounts the vault again, as it is on the disk.
    fn again(&mut self) {
        self.mounted.take().unwrap().end().unwrap();
        assert_eq!(fs::read_dir(self.at("")).unwrap().count(), 0, "nothing is mounted");
        let blocks = FileBlocks::open(&self.folder.path().join("vault")).unwrap();
        self.mount(Files::open(blocks, Zstd, &root()).unwrap()).unwrap();
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("mount").join(path)
    }
}

fn noise(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

#[test]
fn files_are_written_read_moved_and_removed_and_stay_so() {
    let Some(mut place) = Place::new() else { return };
    let content = noise(3_000_000);
    fs::create_dir_all(place.at("a/b")).unwrap();
    fs::write(place.at("a/b/file"), &content).unwrap();
    symlink("b/file", place.at("a/link")).unwrap();
    fs::hard_link(place.at("a/b/file"), place.at("other name")).unwrap();
    fs::set_permissions(place.at("a/b/file"), fs::Permissions::from_mode(0o640)).unwrap();
    for _ in 0..2 {
        assert_eq!(fs::read(place.at("a/link")).unwrap(), content);
        let metadata = fs::metadata(place.at("other name")).unwrap();
        assert_eq!((metadata.nlink(), metadata.mode() & 0o7777, metadata.len()), (2, 0o640, 3_000_000));
        place.again();
    }
    fs::rename(place.at("a/b"), place.at("moved")).unwrap();
    fs::remove_file(place.at("other name")).unwrap();
    assert_eq!(fs::remove_dir(place.at("moved")).unwrap_err().raw_os_error(), Some(39));
    place.again();
    let mut names: Vec<_> =
        fs::read_dir(place.at("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a", "moved"]);
    assert_eq!(fs::read(place.at("moved/file")).unwrap(), content);
}

#[test]
fn a_file_is_written_anywhere_and_its_holes_are_found() {
    let Some(mut place) = Place::new() else { return };
    let path = place.at("file");
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
    let mut expected = vec![0; 5_000_000];
    for (at, size) in [(4_000_000, 999_999), (17, 5_000), (16, 2), (2_000_000, 70_000), (4_999_998, 2)] {
        let bytes = noise(size);
        file.write_all_at(&bytes, at as u64).unwrap();
        expected[at..at + size].copy_from_slice(&bytes);
    }
    file.sync_all().unwrap();
    assert_eq!(fs::read(&path).unwrap(), expected);
    drop(file);
    place.again();
    assert_eq!(fs::read(&path).unwrap(), expected);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(3_000_000).unwrap();
    file.set_len(6_000_000).unwrap();
    expected.truncate(3_000_000);
    expected.resize(6_000_000, 0);
    assert_eq!(fs::read(&path).unwrap(), expected);
}

#[test]
fn a_file_that_was_removed_is_there_for_whoever_has_it_open() {
    let Some(place) = Place::new() else { return };
    let mut file = File::create_new(place.at("file")).unwrap();
    fs::remove_file(place.at("file")).unwrap();
    file.write_all(b"still here").unwrap();
    drop(file);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(place.at("file")).unwrap();
    file.write_all(b"something").unwrap();
    fs::write(place.at("other"), b"other").unwrap();
    fs::rename(place.at("other"), place.at("file")).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut content = String::new();
    file.read_to_string(&mut content).unwrap();
    assert_eq!(content, "something");
    assert_eq!(fs::read(place.at("file")).unwrap(), b"other");
}

#[test]
fn programs_that_know_nothing_of_it_work_in_it() {
    let Some(mut place) = Place::new() else { return };
    let run = |place: &Place, program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(place.at("")).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&place, "git", &["init", "-q", "repository"]);
    let here = &["-C", "repository", "-c", "user.name=n", "-c", "user.email=e"][..];
    let git = |place: &Place, arguments: &[&str]| run(place, "git", &[here, arguments].concat());
    for number in 0..200 {
        fs::write(place.at(&format!("repository/file {number}")), noise(number * 50)).unwrap();
    }
    git(&place, &["add", "-A"]);
    git(&place, &["commit", "-q", "-m", "first"]);
    git(&place, &["gc", "-q"]);
    place.again();
    assert_eq!(git(&place, &["status", "--porcelain"]), "");
    git(&place, &["fsck", "--strict"]);
    run(&place, "tar", &["cf", "archive.tar", "repository"]);
    run(&place, "mkdir", &["out"]);
    run(&place, "tar", &["xf", "archive.tar", "-C", "out"]);
    run(&place, "diff", &["-r", "repository", "out/repository"]);
    run(&place, "rm", &["-rf", "repository"]);
    assert!(!place.at("repository").exists());
}

#[test]
fn snapshots_are_taken_read_and_let_go_in_a_directory_that_is_not_listed() {
    let Some(mut place) = Place::new() else { return };
    let content = noise(700_000);
    fs::create_dir(place.at("a")).unwrap();
    fs::write(place.at("a/file"), &content).unwrap();
    symlink("a/file", place.at("link")).unwrap();
    let names = |path: &str, place: &Place| -> Vec<String> {
        let entries = fs::read_dir(place.at(path)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    fs::create_dir(place.at(".snapshots/first")).unwrap();
    assert_eq!(fs::create_dir(place.at(".snapshots/first")).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::create_dir(place.at(".snapshots/a:b")).unwrap_err().raw_os_error(), Some(22));
    fs::write(place.at("a/file"), b"other").unwrap();
    fs::remove_file(place.at("link")).unwrap();
    fs::create_dir(place.at(".snapshots/second")).unwrap();
    for _ in 0..2 {
        assert_eq!(names("", &place), ["a"]);
        assert_eq!(names(".snapshots", &place), ["first", "second"]);
        assert_eq!(names(".snapshots/first", &place), ["a", "link"]);
        assert_eq!(fs::read(place.at(".snapshots/first/a/file")).unwrap(), content);
        assert_eq!(fs::read_link(place.at(".snapshots/first/link")).unwrap(), PathBuf::from("a/file"));
        assert_eq!(fs::read(place.at(".snapshots/second/a/file")).unwrap(), b"other");
        place.again();
    }
    // Nothing in it is changed.
    let is_refused = |done: std::io::Result<()>| done.unwrap_err().kind() == ErrorKind::ReadOnlyFilesystem;
    let file = place.at(".snapshots/first/a/file");
    assert!(is_refused(fs::write(&file, b"x")));
    assert!(is_refused(fs::remove_file(&file)));
    assert!(is_refused(fs::rename(&file, place.at("a/moved"))));
    assert!(is_refused(fs::hard_link(&file, place.at("a/linked"))));
    assert!(is_refused(fs::create_dir(place.at(".snapshots/first/new"))));
    assert!(is_refused(fs::set_permissions(&file, fs::Permissions::from_mode(0o600))));
    assert!(is_refused(fs::write(place.at(".snapshots/new"), b"x")));
    assert!(fs::remove_dir(place.at(".snapshots")).is_err());
    assert!(fs::rename(place.at(".snapshots"), place.at("b")).is_err());
    // What is open can be read to its end.
    let mut open = File::open(&file).unwrap();
    fs::remove_dir(place.at(".snapshots/first")).unwrap();
    assert_eq!(names(".snapshots", &place), ["second"]);
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, content);
    assert_eq!(fs::remove_dir(place.at(".snapshots/first")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_mount_in_use_is_not_ended_from_outside_but_at_once() {
    let Some(place) = Place::new() else { return };
    fs::write(place.at("file"), b"content").unwrap();
    let open = File::open(place.at("file")).unwrap();
    assert_eq!(unmount(&place.at(""), false).unwrap_err().kind(), ErrorKind::ResourceBusy);
    drop(open);
    unmount(&place.at(""), false).unwrap();
    assert_eq!(fs::read_dir(place.at("")).unwrap().count(), 0);
}

#[test]
fn several_write_large_files_at_once_and_change_them_while_they_are_sealed() {
    let Some(mut place) = Place::new() else { return };
    const SIZE: usize = 24 << 20;
    let contents: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let write = |number: usize| {
            let path = place.at(&format!("file {number}"));
            let mut content = noise(SIZE);
            move || {
                let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
                for (at, piece) in content.chunks(1 << 20).enumerate() {
                    file.write_all(piece).unwrap();
                    if at % 10 == 9 {
                        file.sync_all().unwrap();
                    }
                }
                // What was written just now is on its way into objects.
                for at in (0..SIZE).step_by(3 << 20) {
                    let other = noise(5000);
                    file.write_all_at(&other, at as u64).unwrap();
                    content[at..at + 5000].copy_from_slice(&other);
                }
                let mut back = vec![0; SIZE];
                file.read_exact_at(&mut back, 0).unwrap();
                assert!(back == content);
                content
            }
        };
        let threads: Vec<_> = (0..3).map(|number| scope.spawn(write(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    place.again();
    for (number, content) in contents.iter().enumerate() {
        // In pieces, so that what follows is opened ahead.
        let mut file = File::open(place.at(&format!("file {number}"))).unwrap();
        let mut back = Vec::new();
        file.read_to_end(&mut back).unwrap();
        assert!(back == *content);
    }
}

/// What somebody sees without opening anything anew, as far as that was seen before.
fn names(path: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn nothing_of_before_is_seen_after_files_were_changed_beside_the_kernel() {
    let Some(place) = Place::new() else { return };
    let mut handle = place.mounted.as_ref().unwrap().handle();
    let (old, new) = (noise(300_000), noise(200_000));
    fs::create_dir_all(place.at("a/b")).unwrap();
    fs::write(place.at("a/file"), &old).unwrap();
    fs::write(place.at("a/b/goes"), b"goes").unwrap();
    fs::write(place.at("still"), b"still").unwrap();
    fs::create_dir(place.at(".snapshots/then")).unwrap();
    let mut open = OpenOptions::new().read(true).write(true).open(place.at("a/file")).unwrap();
    let gone = File::open(place.at("a/b/goes")).unwrap();
    let snapshot = File::open(place.at(".snapshots/then/a/file")).unwrap();
    // Forth and back, and each time all of it is known to the kernel.
    for round in 0..10 {
        open.set_len(0).unwrap();
        open.write_all_at(&new, 0).unwrap();
        fs::rename(place.at("a/b"), place.at("moved")).unwrap();
        fs::write(place.at("a/only now"), b"x").unwrap();
        assert_eq!(names(place.at("a")), ["file", "only now"]);
        assert_eq!(names(place.at("")), ["a", "moved", "still"]);
        assert_eq!(fs::read(place.at("moved/goes")).unwrap(), b"goes");
        assert_eq!(fs::read(place.at("still")).unwrap(), b"still");
        handle
            .change(|files, _| {
                let snapshot = files.open_snapshot(b"then").unwrap();
                files.revert(snapshot).unwrap();
            })
            .unwrap();
        assert_eq!(names(place.at("a")), ["b", "file"], "{round}");
        assert_eq!(names(place.at("")), ["a", "still"]);
        assert!(fs::metadata(place.at("moved")).is_err());
        assert_eq!(fs::metadata(place.at("a/file")).unwrap().len(), 300_000);
        assert!(fs::read(place.at("a/file")).unwrap() == old);
        open.seek(SeekFrom::Start(0)).unwrap();
        let mut bytes = Vec::new();
        open.read_to_end(&mut bytes).unwrap();
        assert!(bytes == old, "through what was open");
        assert_eq!(fs::read(place.at("a/b/goes")).unwrap(), b"goes");
    }
    // What goes while somebody has it open stays for them.
    let at = handle.look(|files| files.read().lookup(Ino::ROOT, b"a").unwrap().ino);
    let time = Time { seconds: 9, nanoseconds: 0 };
    handle
        .change(|files, is_open| assert!(remove(files, (at, b"b"), time, is_open, &mut || true).unwrap()))
        .unwrap();
    assert_eq!(names(place.at("a")), ["file"]);
    assert!(fs::metadata(place.at("a/b/goes")).is_err());
    let mut bytes = [0; 4];
    gone.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"goes");
    drop(gone);
    // A snapshot of the same name is another one, and what is open in the first can be read on.
    fs::write(place.at("still"), b"other").unwrap();
    handle
        .change(|files, _| {
            files.remove_snapshot(b"then").unwrap();
            files.snapshot(b"then", time).unwrap();
        })
        .unwrap();
    assert_eq!(fs::read(place.at(".snapshots/then/still")).unwrap(), b"other");
    assert_eq!(names(place.at(".snapshots/then/a")), ["file"]);
    let mut bytes = vec![0; old.len()];
    snapshot.read_exact_at(&mut bytes, 0).unwrap();
    assert!(bytes == old);
}

#[test]
fn programs_go_on_while_files_are_changed_beside_the_kernel_and_see_each_state_whole() {
    let Some(place) = Place::new() else { return };
    let handle = place.mounted.as_ref().unwrap().handle();
    fs::create_dir(place.at("d")).unwrap();
    for number in 0..20 {
        fs::write(place.at(&format!("d/{number}")), noise(20_000)).unwrap();
    }
    fs::create_dir(place.at(".snapshots/one")).unwrap();
    fs::rename(place.at("d"), place.at("e")).unwrap();
    fs::create_dir(place.at(".snapshots/two")).unwrap();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (place, is_over) = (&place, &is_over);
            scope.spawn(move || {
                let mut number = 0;
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    number += 1;
                    for directory in ["d", "e"] {
                        let _ = fs::read(place.at(&format!("{directory}/{}", number % 20)));
                        let _ = fs::read_dir(place.at(directory)).map(Iterator::count);
                    }
                    let own = place.at(&format!("own {thread}"));
                    let _ = fs::write(&own, b"x").and_then(|()| fs::remove_file(&own));
                }
            });
        }
        for round in 0..30 {
            let mut handle = handle.clone();
            let (name, is, other) = if round % 2 == 0 { ("one", "d", "e") } else { ("two", "e", "d") };
            handle
                .change(|files, _| {
                    let snapshot = files.open_snapshot(name.as_bytes()).unwrap();
                    files.revert(snapshot).unwrap();
                })
                .unwrap();
            assert_eq!(names(place.at(is)).len(), 20, "{round}");
            assert!(fs::metadata(place.at(other)).is_err(), "{round}");
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn room_is_made_while_files_are_used_and_nobody_waits_long() {
    let Some(place) = Place::new() else { return };
    let mut handle = place.mounted.as_ref().unwrap().handle();
    for number in 0..60 {
        fs::write(place.at(&format!("{number}")), noise(1_000_000)).unwrap();
    }
    for number in (0..60).step_by(2) {
        fs::remove_file(place.at(&format!("{number}"))).unwrap();
    }
    let kept = fs::read(place.at("33")).unwrap();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut longest = std::time::Duration::ZERO;
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                let begun = std::time::Instant::now();
                fs::write(place.at("seen"), b"x").unwrap();
                fs::remove_file(place.at("seen")).unwrap();
                longest = longest.max(begun.elapsed());
            }
            longest
        });
        let mut collecting = handle.with(|files| files.begin_collecting(95)).unwrap();
        while collecting.goes_on() {
            handle.with(|files| files.collect_step(&mut collecting)).unwrap();
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(collecting.cleaned().removed > 10, "{collecting:?}");
        // How long is for people to see: a machine under load is slow at any time.
        eprintln!("the longest that somebody waited: {:?}", looks.join().unwrap());
    });
    assert!(fs::read(place.at("33")).unwrap() == kept);
}

#[test]
fn a_mount_that_is_in_use_ends_when_it_is_not_any_more() {
    let Some(mut place) = Place::new() else { return };
    let mut file = File::create(place.at("held")).unwrap();
    file.write_all(b"to the end").unwrap();
    let holds = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        drop(file);
    });
    // It ends, and is not given up because of whoever still has something open.
    place.again();
    holds.join().unwrap();
    assert_eq!(fs::read(place.at("held")).unwrap(), b"to the end");
    // Where somebody goes on using it, that is said.
    let file = File::open(place.at("held")).unwrap();
    let why = place.mounted.take().unwrap().end().unwrap_err();
    assert!(matches!(&why, MountError::System { source, .. } if source.kind() == ErrorKind::ResourceBusy));
    drop(file);
    let _ = allod_disk::unmount(&place.at(""), true);
}
