//! A tree of files goes into a vault and comes out of it as it was.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use allod_crypto::Secret;
use allod_disk::{
    DiskError, FileBlocks, Ignored, ImportError, ImportOptions, Skipped, Zstd, export, import, import_with,
};
use allod_vault::files::{FileKind, Files, Ino, Time};
use allod_vault::{Blocks, Geometry};

type Vault = Files<FileBlocks, Zstd>;

fn root() -> Secret<32> {
    Secret::from([1; 32])
}

fn create(path: &Path) -> Vault {
    let rng = &mut getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    let blocks = FileBlocks::create(path).unwrap();
    Files::create(blocks, Zstd, &root(), Geometry::VAULT, (0, 0, Time::default()), rng).unwrap()
}

fn open(path: &Path) -> Vault {
    Files::open(FileBlocks::open(path).unwrap(), Zstd, &root()).unwrap()
}

fn bring(files: &mut Vault, from: &Path) -> (allod_disk::Progress, Skipped) {
    import(files, from, (Ino::ROOT, b"tree"), 2, &mut |_| {}).unwrap()
}

fn take(files: &mut Vault, to: &Path) {
    let ino = files.read().lookup(Ino::ROOT, b"tree").unwrap().ino;
    let (_, damaged) = export(files, None, ino, to, 2, &mut |_| true).unwrap();
    assert!(damaged.is_empty(), "{damaged:?}");
}

/// Bytes without a pattern.
fn noise(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// What somebody sees of a tree: kind and permissions, size or target, times, content, and
/// which names are of one file.
fn see(root: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>, PathBuf)> {
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
        let identity = first.entry(metadata.ino()).or_insert_with(|| path.clone()).clone();
        let times = (metadata.mtime(), metadata.mtime_nsec());
        seen.insert(path, (metadata.mode(), times.0, times.1, content, identity));
    }
    seen
}

fn make(root: &Path) {
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    for (name, size) in [("nothing", 0), ("small", 100), ("a/middle", 5_000), ("a/b/large", 9_000_000)] {
        fs::write(root.join(name), noise(size)).unwrap();
    }
    fs::write(root.join("a/text"), b"the same over and over ".repeat(100_000)).unwrap();
    fs::write(root.join("a/same text"), b"the same over and over ".repeat(100_000)).unwrap();
    symlink("../nowhere", root.join("a/link")).unwrap();
    fs::hard_link(root.join("small"), root.join("a/b/c/also small")).unwrap();
    fs::set_permissions(root.join("small"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(root.join("a/b"), fs::Permissions::from_mode(0o500)).unwrap();
    std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
}

#[test]
fn a_tree_comes_out_as_it_went_in_and_changes_follow() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, vault) = (folder.path().join("tree"), folder.path().join("vault"));
    make(&tree);
    let mut files = create(&vault);
    let (first, skipped) = bring(&mut files, &tree);
    assert!(skipped.is_empty(), "{skipped:?}");
    assert_eq!((first.entries, first.read), (14, 6));
    assert!(first.stored > 9_000_000 && first.stored < 9_400_000, "{first:?}");
    drop(files);
    let mut files = open(&vault);
    take(&mut files, &folder.path().join("one"));
    assert_eq!(see(&tree), see(&folder.path().join("one")));

    // What did not change is not read again.
    let (again, _) = bring(&mut files, &tree);
    assert_eq!((again.entries, again.read, again.stored), (14, 0, 0));

    // What did is, and what is something else now is replaced.
    fs::write(tree.join("a/middle"), noise(70_000)).unwrap();
    fs::remove_file(tree.join("nothing")).unwrap();
    fs::create_dir(tree.join("nothing")).unwrap();
    fs::write(tree.join("nothing/in it"), b"something").unwrap();
    fs::remove_file(tree.join("a/link")).unwrap();
    symlink("elsewhere", tree.join("a/link")).unwrap();
    let (third, _) = bring(&mut files, &tree);
    assert_eq!(third.read, 2);
    take(&mut files, &folder.path().join("two"));
    assert_eq!(see(&tree), see(&folder.path().join("two")));
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_brought() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("a"), b"a").unwrap();
    fs::write(tree.join("z"), b"z").unwrap();
    let mut files = create(&folder.path().join("vault"));
    let (_, skipped) = bring(&mut files, &folder.path().join("none"));
    assert_eq!(skipped.len(), 1);
    let (progress, skipped) = bring(&mut files, &tree);
    assert_eq!((progress.read, skipped.len()), (2, 0));
}

#[test]
fn a_damaged_chunk_costs_its_file_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, vault) = (folder.path().join("tree"), folder.path().join("vault"));
    fs::create_dir(&tree).unwrap();
    for number in 0..8 {
        fs::write(tree.join(format!("file {number}")), noise(600_000)).unwrap();
    }
    let mut files = create(&vault);
    bring(&mut files, &tree);
    let ino = files.read().lookup(Ino::ROOT, b"tree").unwrap().ino;
    let victim = files.read().lookup(ino, b"file 3").unwrap();
    assert_eq!(victim.kind, FileKind::File);
    let part = files.read().parts(victim.ino).unwrap().unwrap()[0];
    let sealed = files.sealed(&part.id).unwrap();
    drop(files);
    // Where those bytes are in the image, one is changed.
    let image = fs::read(&vault).unwrap();
    let at = image.windows(64).position(|bytes| bytes == &sealed.bytes[100..164]).unwrap();
    let mut blocks = FileBlocks::open(&vault).unwrap();
    let mut block = vec![0; 4096];
    let start = at as u64 / 4096 * 4096;
    blocks.read(start, &mut block).unwrap();
    block[at % 4096] ^= 1;
    blocks.write(start, &block).unwrap();
    drop(blocks);

    let mut files = open(&vault);
    let to = folder.path().join("out");
    let (_, damaged) = export(&mut files, None, ino, &to, 2, &mut |_| true).unwrap();
    let [damage] = &damaged[..] else { panic!("{damaged:?}") };
    assert!(damage.to_string().starts_with(to.join("file 3").to_str().unwrap()), "{damage}");
    let (seen, expected) = (see(&to), see(&tree));
    assert_eq!(seen.len(), expected.len() - 1);
    assert!(seen.iter().all(|(path, shown)| path.as_os_str().is_empty() || expected[path].3 == shown.3));
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let mut files = create(&folder.path().join("vault"));
    bring(&mut files, &tree);
    let ino = files.read().lookup(Ino::ROOT, b"tree").unwrap().ino;
    assert!(export(&mut files, None, ino, &tree, 1, &mut |_| true).is_err());
    assert!(matches!(FileBlocks::open(&folder.path().join("vault")), Err(DiskError::InUse(_))));
}

/// Blocks of a file that take room, in bytes.
fn room(path: &Path) -> u64 {
    fs::metadata(path).unwrap().blocks() * 512
}

#[test]
fn holes_stay_holes_and_attributes_come_along() {
    use rustix::fs::{XattrFlags, lgetxattr, lremovexattr, lsetxattr};
    // Not where temporary files are in memory only: that file system may take no attributes.
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let file = fs::File::create(tree.join("sparse")).unwrap();
    let (one, other) = (noise(700_000), noise(50));
    std::os::unix::fs::FileExt::write_all_at(&file, &one, 20_000_000).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &other, 40_000_000).unwrap();
    file.set_len(60_000_000).unwrap();
    fs::File::create(tree.join("all hole")).unwrap().set_len(1 << 40).unwrap();
    fs::write(tree.join("plain"), b"plain").unwrap();
    let has = lsetxattr(tree.join("plain"), "user.colour", b"green", XattrFlags::empty()).is_ok();
    if has {
        lsetxattr(tree.join("plain"), "user.taste", b"sour", XattrFlags::empty()).unwrap();
        lsetxattr(&tree, "user.of", &[7; 3000], XattrFlags::empty()).unwrap();
    } else {
        eprintln!("skipped: temporary files have no extended attributes here");
    }
    fs::set_permissions(tree.join("plain"), fs::Permissions::from_mode(0o400)).unwrap();
    let vault = folder.path().join("vault");
    let mut files = create(&vault);
    let (progress, skipped) = bring(&mut files, &tree);
    assert!(skipped.is_empty(), "{skipped:?}");
    assert!(progress.bytes < 2_000_000, "the holes are not read: {progress:?}");
    assert_eq!(progress.passed, 60_000_000 + (1 << 40) + 5);
    if has {
        // One goes, one changes.
        lremovexattr(tree.join("plain"), "user.taste").unwrap();
        lsetxattr(tree.join("plain"), "user.colour", b"red", XattrFlags::empty()).unwrap();
    }
    assert_eq!(bring(&mut files, &tree).0.read, 0);
    let out = folder.path().join("out");
    take(&mut files, &out);
    assert_eq!(fs::metadata(out.join("all hole")).unwrap().len(), 1 << 40);
    assert!(room(&out.join("all hole")) < 100_000 && room(&out.join("sparse")) < 2_000_000);
    assert_eq!(fs::read(out.join("sparse")).unwrap(), fs::read(tree.join("sparse")).unwrap());
    if has {
        let get = |path: &Path, name: &str| {
            let mut value = vec![0; 4096];
            lgetxattr(path, name, &mut value[..]).map(|size| value[..size].to_vec())
        };
        assert_eq!(get(&out.join("plain"), "user.colour"), Ok(b"red".to_vec()));
        assert!(get(&out.join("plain"), "user.taste").is_err());
        assert_eq!(get(&out, "user.of"), Ok(vec![7; 3000]));
    }
}

#[test]
fn what_ignore_files_name_is_left_out_and_what_went_outside_goes() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    for directory in ["a/build", "a/.git/info", "b"] {
        fs::create_dir_all(tree.join(directory)).unwrap();
    }
    for (name, content) in [
        (".allodignore", "*.tmp\n/b/secret\n"),
        ("x.tmp", ""),
        ("a/y.tmp", ""),
        ("a/kept.tmp", ""),
        ("a/.allodignore", "!kept.tmp\n"),
        ("a/.gitignore", "build/\n*.o\n"),
        ("a/.git/info/exclude", "excluded\n"),
        ("a/excluded", ""),
        ("a/main.o", ""),
        ("a/build/result", ""),
        ("b/secret", ""),
        ("b/build", ""),
        ("b/typed", ""),
    ] {
        fs::write(tree.join(name), content).unwrap();
    }
    let bring = |files: &mut Vault, patterns: &[&str], with_git: bool, mirror: bool| {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let ignored = Ignored::new(&patterns, with_git).unwrap();
        let options = ImportOptions { threads: 2, ignored, mirror, ..ImportOptions::default() };
        import_with(files, &tree, (Ino::ROOT, b"tree"), options, &mut |_| {}).unwrap().0
    };
    let names = |files: &mut Vault| {
        let mut all = Vec::new();
        let ino = files.read().lookup(Ino::ROOT, b"tree").unwrap().ino;
        let mut rest = vec![(String::new(), ino)];
        while let Some((path, ino)) = rest.pop() {
            for (name, entry) in files.read().names(ino, None, 100).unwrap() {
                let path = format!("{path}{}", String::from_utf8(name).unwrap());
                match entry.kind {
                    FileKind::Directory => rest.push((format!("{path}/"), entry.ino)),
                    _ => all.push(path),
                }
            }
        }
        all.sort();
        all
    };
    let mut files = create(&folder.path().join("vault"));
    let ignored = Ignored::new(&["typed".into()], true).unwrap();
    let options = ImportOptions { ignored, ..ImportOptions::default() };
    let mut sum = 0;
    allod_disk::survey(&tree, options, &mut |so_far| {
        sum = so_far;
        true
    });
    assert_eq!(bring(&mut files, &["typed"], true, false).passed, sum);
    let with_git =
        [".allodignore", "a/.allodignore", "a/.git/info/exclude", "a/.gitignore", "a/kept.tmp", "b/build"];
    assert_eq!(names(&mut files), with_git);
    // Without git's files, what they name is brought.
    bring(&mut files, &[], false, false);
    let mut all: Vec<&str> =
        [&with_git[..], &["a/excluded", "a/main.o", "a/build/result", "b/typed"]].concat();
    all.sort_unstable();
    assert_eq!(names(&mut files), all);
    // What goes outside stays, unless the vault is to mirror it; what is left out stays.
    fs::remove_dir_all(tree.join("a/build")).unwrap();
    assert_eq!(bring(&mut files, &[], false, false).removed, 0);
    let progress = bring(&mut files, &["b/typed"], false, true);
    assert_eq!(progress.removed, 2);
    all.retain(|name| *name != "a/build/result");
    assert_eq!(names(&mut files), all);
    assert!(Ignored::new(&["a{".into()], false).is_err());
}

#[test]
fn an_import_that_is_stopped_leaves_whole_files_and_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, vault) = (folder.path().join("tree"), folder.path().join("vault"));
    fs::create_dir(&tree).unwrap();
    for number in 0..60 {
        fs::write(tree.join(format!("file {number}")), noise(100_000)).unwrap();
        fs::hard_link(tree.join(format!("file {number}")), tree.join(format!("again {number}"))).unwrap();
    }
    let mut files = create(&vault);
    let stop = AtomicBool::new(false);
    let options = ImportOptions { threads: 2, stop: Some(&stop), ..ImportOptions::default() };
    let mut seen = 0;
    let stopped = import_with(&mut files, &tree, (Ino::ROOT, b"tree"), options, &mut |progress| {
        seen = progress.read;
        stop.store(progress.read >= 20, Ordering::Relaxed);
    });
    assert!(matches!(stopped, Err(ImportError::Stopped)), "{stopped:?}");
    assert!((20..60).contains(&seen), "{seen}");
    drop(files);
    let mut files = open(&vault);
    let ino = files.read().lookup(Ino::ROOT, b"tree").unwrap().ino;
    let names = files.read().names(ino, None, 1000).unwrap();
    assert!(names.len() as u64 >= seen && names.len() < 120);
    for (_, entry) in names {
        assert_eq!(files.read().inode(entry.ino).unwrap().size, 100_000);
    }
    let (again, _) = bring(&mut files, &tree);
    assert_eq!(again.read + seen, 60);
    take(&mut files, &folder.path().join("out"));
    assert_eq!(see(&tree), see(&folder.path().join("out")));
}

#[test]
fn what_cannot_be_read_leaves_no_empty_file_and_a_file_replaces_a_full_directory() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("thing/within")).unwrap();
    fs::write(tree.join("thing/within/it"), b"it").unwrap();
    // A process's memory cannot be read from its start.
    symlink("/proc/self/mem", tree.join("link")).unwrap();
    let mut files = create(&folder.path().join("vault"));
    bring(&mut files, &tree);
    fs::remove_dir_all(tree.join("thing")).unwrap();
    fs::write(tree.join("thing"), b"now a file").unwrap();
    bring(&mut files, &tree);
    take(&mut files, &folder.path().join("out"));
    assert_eq!(see(&tree), see(&folder.path().join("out")));

    let (progress, skipped) = {
        let options = ImportOptions { threads: 1, ..ImportOptions::default() };
        import_with(&mut files, Path::new("/proc/self/mem"), (Ino::ROOT, b"mem"), options, &mut |_| {})
            .unwrap()
    };
    assert_eq!((progress.read, skipped.len()), (0, 1), "{skipped:?}");
    assert!(files.read().lookup(Ino::ROOT, b"mem").is_err());
}
