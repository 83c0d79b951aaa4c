//! A first backup, an unchanged repeat and a restore, of the sources that cargo keeps, and of
//! large files that cannot be compressed; beside restic and borg where they are installed, on
//! the same data in the same run.
//!
//! All are used as they come: restic with its default compression, borg with lz4. What each
//! does to protect its key with a password is a part of what its users wait for; a vault's key
//! comes from an identity, and is at hand.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../node/benches/figure/mod.rs"]
mod figure;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use allod_crypto::Secret;
use allod_disk::{FileBlocks, Zstd, export, import};
use allod_vault::Geometry;
use allod_vault::files::{Files, Ino, Time};

use figure::Figure;

/// Bytes of the files that cannot be compressed.
const LARGE: usize = 256 << 20;

/// What one program took: seconds of the first backup, of the repeat and of the restore, and
/// bytes of what it keeps.
#[derive(Clone, Copy, Debug)]
struct Took {
    first: f64,
    repeat: f64,
    restore: f64,
    size: f64,
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let work = tempfile::tempdir_in(std::env::var_os("CARGO_TARGET_TMPDIR").unwrap_or_else(|| ".".into()));
    let work = work.or_else(|_| tempfile::tempdir()).unwrap();
    let large = work.path().join("large");
    fs::create_dir(&large).unwrap();
    for number in 0..2 {
        let mut bytes = vec![0; LARGE];
        getrandom::fill(&mut bytes).unwrap();
        fs::write(large.join(format!("{number}")), bytes).unwrap();
    }
    let mut sets = vec![("large files", large)];
    match sources() {
        Some(sources) => sets.insert(0, ("sources", sources)),
        None => eprintln!("cargo keeps no sources here: they are left out"),
    }
    for (what, data) in sets {
        // All read it from memory.
        let read = warm(&data);
        eprintln!("{what}: {} MB in {}", read / 1_000_000, data.display());
        let ours = allod(&data, &work.path().join("ours"));
        let restic = restic(&data, &work.path().join("restic"));
        let borg = borg(&data, &work.path().join("borg"));
        let faster = |of: fn(&Took) -> f64| {
            let all = restic.iter().chain(&borg).map(of);
            all.fold(None, |best: Option<f64>, one| Some(best.map_or(one, |best| best.min(one))))
        };
        let print = |name: &str, value: f64, unit: &str, aim: Option<&str>, peer: Option<f64>| {
            Figure { name: &format!("{what}: {name}"), value, unit, aim, peer }.print(json);
        };
        let half = Some("<= 0.5x");
        print(
            "first backup, beside the faster of restic and borg",
            ours.first,
            "s",
            half,
            faster(|took| took.first),
        );
        print("unchanged repeat, beside the faster", ours.repeat, "s", half, faster(|took| took.repeat));
        print("restore, beside the faster", ours.restore, "s", half, faster(|took| took.restore));
        let size = |took: Took| took.size / 1e6;
        print("size, beside restic's", size(ours), "MB", Some("<= 1x"), restic.map(size));
        for (program, took) in [("restic", restic), ("borg", borg)] {
            match took {
                Some(took) => eprintln!("{program}: {took:?}"),
                None => eprintln!("{program} is not installed"),
            }
        }
    }
}

/// Where cargo keeps the sources of what it built.
fn sources() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    home.map(|home| home.join("registry/src")).filter(|folder| folder.is_dir())
}

/// Reads everything once.
fn warm(folder: &Path) -> u64 {
    let mut size = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            size += warm(&path);
        } else if metadata.is_file() {
            size += fs::read(&path).unwrap().len() as u64;
        }
    }
    size
}

fn seconds(what: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    what();
    begun.elapsed().as_secs_f64()
}

fn allod(data: &Path, place: &Path) -> Took {
    fs::create_dir(place).unwrap();
    let vault = place.join("vault");
    let root = Secret::from([1; 32]);
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let bring = |mut files: Files<FileBlocks, Zstd>| {
        let (_, skipped) = import(&mut files, data, (Ino::ROOT, b"data"), threads, &mut |_| {}).unwrap();
        assert!(skipped.is_empty(), "{skipped:?}");
    };
    let open = || Files::open(FileBlocks::open(&vault).unwrap(), Zstd, &root).unwrap();
    let first = seconds(|| {
        let rng = &mut getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let blocks = FileBlocks::create(&vault).unwrap();
        bring(Files::create(blocks, Zstd, &root, Geometry::VAULT, (0, 0, Time::default()), rng).unwrap());
    });
    let repeat = seconds(|| bring(open()));
    let restore = seconds(|| {
        let mut files = open();
        let ino = files.read().lookup(Ino::ROOT, b"data").unwrap().ino;
        let (_, damaged) = export(&mut files, None, ino, &place.join("out"), threads, &mut |_| {}).unwrap();
        assert!(damaged.is_empty(), "{damaged:?}");
    });
    let size = disk_usage(&vault);
    fs::remove_dir_all(place).unwrap();
    Took { first, repeat, restore, size }
}

/// Bytes that something takes on the disk.
fn disk_usage(path: &Path) -> f64 {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::symlink_metadata(path).unwrap();
    let mut size = metadata.blocks() as f64 * 512.0;
    if metadata.is_dir() {
        size += fs::read_dir(path).unwrap().map(|entry| disk_usage(&entry.unwrap().path())).sum::<f64>();
    }
    size
}

fn run(program: &str, arguments: &[&str], folder: &Path) {
    let status = Command::new(program)
        .args(arguments)
        .env("RESTIC_PASSWORD", "a password")
        .env("BORG_PASSPHRASE", "a password")
        .env("RESTIC_CACHE_DIR", folder.join("cache"))
        .env("BORG_BASE_DIR", folder.join("base"))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{program} {arguments:?}");
}

fn is_installed(program: &str) -> bool {
    let probe = Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    probe.is_ok()
}

fn restic(data: &Path, place: &Path) -> Option<Took> {
    if !is_installed("restic") {
        return None;
    }
    fs::create_dir(place).unwrap();
    let data = data.to_str()?;
    let run = |arguments: &[&str]| run("restic", &[&["-r", "repository"], arguments].concat(), place);
    let first = seconds(|| {
        run(&["init"]);
        run(&["backup", data]);
    });
    let repeat = seconds(|| run(&["backup", data]));
    let restore = seconds(|| run(&["restore", "latest", "--target", "out"]));
    let size = disk_usage(&place.join("repository"));
    fs::remove_dir_all(place).unwrap();
    Some(Took { first, repeat, restore, size })
}

fn borg(data: &Path, place: &Path) -> Option<Took> {
    if !is_installed("borg") {
        return None;
    }
    fs::create_dir(place).unwrap();
    let data = data.to_str()?;
    let run = |arguments: &[&str], folder: &Path| run("borg", arguments, folder);
    let repository = place.join("repository");
    let repository = repository.to_str()?;
    let archive = |name: &str| format!("{repository}::{name}");
    let first = seconds(|| {
        run(&["init", "-e", "repokey-blake2", repository], place);
        run(&["create", &archive("one"), data], place);
    });
    let repeat = seconds(|| run(&["create", &archive("two"), data], place));
    let out = place.join("out");
    fs::create_dir(&out).unwrap();
    let restore = seconds(|| {
        // Its keys and caches are beside the repository.
        let status = Command::new("borg")
            .args(["extract", &archive("two")])
            .env("BORG_PASSPHRASE", "a password")
            .env("BORG_BASE_DIR", place.join("base"))
            .current_dir(&out)
            .status();
        assert!(status.unwrap().success());
    });
    let size = disk_usage(Path::new(repository));
    fs::remove_dir_all(place).unwrap();
    Some(Took { first, repeat, restore, size })
}
