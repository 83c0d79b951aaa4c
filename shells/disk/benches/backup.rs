//! A first backup, an unchanged repeat and a restore, of the sources that cargo keeps, and of
//! large files that cannot be compressed; beside restic and borg where they are installed, on
//! the same data in the same run, in turn, several times.
//!
//! All are processes of their own, and are used as they come: restic with its default
//! compression, borg with lz4. What each does to protect its key with a password is a part of
//! what its users wait for; a vault's key comes from an identity, and is at hand. The data is
//! read from memory, and nothing waits to be written to the disk when one begins.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../node/benches/figure/mod.rs"]
mod figure;
mod peers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use allod_crypto::Secret;
use allod_disk::{FileBlocks, Zstd, export, import};
use allod_vault::Geometry;
use allod_vault::files::{Files, Ino, Time};

use figure::Figure;
use peers::{Cost, is_installed, median};

/// Bytes of the files that cannot be compressed.
const LARGE: usize = 256 << 20;

/// How often each is measured.
const ROUNDS: usize = 3;

/// What one program took, and bytes of what it keeps.
#[derive(Clone, Copy, Debug)]
struct Took {
    first: Cost,
    repeat: Cost,
    restore: Cost,
    size: f64,
}

/// Backs something up into a folder.
type Program = fn(&Path, &Path) -> Took;

/// A figure's name, and where it is.
type Named<'a> = (&'a str, fn(&Took) -> f64);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, vault, place] = &arguments[..]
        && matches!(verb.as_str(), "first" | "repeat" | "restore")
    {
        return act(verb, Path::new(vault), Path::new(place));
    }
    let json = arguments.iter().any(|argument| argument == "--json");
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
    let mut programs: Vec<(&str, Program)> = vec![("allod", allod)];
    for (name, program) in [("restic", restic as Program), ("borg", borg)] {
        match is_installed(name) {
            true => programs.push((name, program)),
            false => eprintln!("{name} is not installed"),
        }
    }
    for (what, data) in sets {
        // All read it from memory.
        let read = warm(&data);
        eprintln!("{what}: {} MB in {}", read / 1_000_000, data.display());
        let mut all = vec![Vec::new(); programs.len()];
        for round in 0..ROUNDS {
            // Each is the first in turn. Nothing is removed meanwhile: disks take their time for
            // that when others write.
            for at in (0..programs.len()).map(|at| (at + round) % programs.len()) {
                let (name, program) = programs[at];
                // Systems that are short of memory forget what was not read for some seconds.
                warm(&data);
                let one = program(&data, &work.path().join(format!("{what}, {name} {round}")));
                eprintln!("{name}: {one:?}");
                all[at].push(one);
            }
        }
        print(what, &programs, &all, json);
    }
}

/// Prints what was measured of some data: the medians.
fn print(what: &str, programs: &[(&str, Program)], all: &[Vec<Took>], json: bool) {
    let of = |program: &str, value: fn(&Took) -> f64| {
        let at = programs.iter().position(|(name, _)| *name == program)?;
        Some(median(all[at].iter().map(value).collect()))
    };
    let faster = |value: fn(&Took) -> f64| {
        let all = ["restic", "borg"].into_iter().filter_map(|program| of(program, value));
        all.min_by(f64::total_cmp)
    };
    let print = |name: &str, value: Option<f64>, unit: &str, aim: Option<&str>, peer: Option<f64>| {
        let value = value.unwrap_or(f64::NAN);
        Figure { name: &format!("{what}: {name}"), value, unit, aim, peer }.print(json);
    };
    let half = Some("<= 0.5x");
    let times: [Named<'_>; 3] = [
        ("first backup", |took| took.first.seconds),
        ("unchanged repeat", |took| took.repeat.seconds),
        ("restore", |took| took.restore.seconds),
    ];
    for (name, value) in times {
        let name = format!("{name}, beside the faster of restic and borg");
        print(&name, of("allod", value), "s", half, faster(value));
    }
    let size = |took: &Took| took.size / 1e6;
    print("size, beside restic's", of("allod", size), "MB", Some("<= 1x"), of("restic", size));
    let memories: [Named<'_>; 2] =
        [("first backup", |took| took.first.memory / 1e6), ("restore", |took| took.restore.memory / 1e6)];
    for (name, value) in memories {
        let name = format!("{name}, memory at the peak, beside restic's");
        print(&name, of("allod", value), "MB", None, of("restic", value));
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

/// What a vault does, as a process of its own.
fn act(verb: &str, vault: &Path, place: &Path) {
    let root = Secret::from([1; 32]);
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let open = || Files::open(FileBlocks::open(vault).unwrap(), Zstd, &root).unwrap();
    let mut files = if verb == "first" {
        let rng = &mut getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let blocks = FileBlocks::create(vault).unwrap();
        Files::create(blocks, Zstd, &root, Geometry::VAULT, (0, 0, Time::default()), rng).unwrap()
    } else {
        open()
    };
    if verb == "restore" {
        let ino = files.read().lookup(Ino::ROOT, b"data").unwrap().ino;
        let (_, damaged) = export(&mut files, None, ino, place, threads, &mut |_| true).unwrap();
        assert!(damaged.is_empty(), "{damaged:?}");
    } else {
        let (_, skipped) = import(&mut files, place, (Ino::ROOT, b"data"), threads, &mut |_| {}).unwrap();
        assert!(skipped.is_empty(), "{skipped:?}");
        files.give_back().unwrap();
    }
}

fn allod(data: &Path, place: &Path) -> Took {
    fs::create_dir(place).unwrap();
    let vault = place.join("vault");
    let act = |verb: &str, place: &Path| {
        rustix::fs::sync();
        peers::run(Command::new(std::env::current_exe().unwrap()).arg(verb).arg(&vault).arg(place))
    };
    let first = act("first", data);
    let repeat = act("repeat", data);
    let restore = act("restore", &place.join("out"));
    let size = disk_usage(&vault);
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

fn run(program: &str, arguments: &[&str], place: &Path, folder: &Path) -> Cost {
    rustix::fs::sync();
    peers::run(
        Command::new(program)
            .args(arguments)
            .env("RESTIC_PASSWORD", "a password")
            .env("BORG_PASSPHRASE", "a password")
            .env("RESTIC_CACHE_DIR", place.join("cache"))
            .env("BORG_BASE_DIR", place.join("base"))
            .current_dir(folder),
    )
}

fn restic(data: &Path, place: &Path) -> Took {
    fs::create_dir(place).unwrap();
    let data = data.to_str().unwrap();
    let run =
        |arguments: &[&str]| run("restic", &[&["-q", "-r", "repository"], arguments].concat(), place, place);
    let first = run(&["init"]).and(run(&["backup", data]));
    let repeat = run(&["backup", data]);
    let restore = run(&["restore", "latest", "--target", "out"]);
    let size = disk_usage(&place.join("repository"));
    Took { first, repeat, restore, size }
}

fn borg(data: &Path, place: &Path) -> Took {
    fs::create_dir(place).unwrap();
    let data = data.to_str().unwrap();
    let repository = place.join("repository");
    let kept = repository.to_str().unwrap();
    let archive = |name: &str| format!("{kept}::{name}");
    let run =
        |arguments: &[&str], folder: &Path| run("borg", &[&["--error"], arguments].concat(), place, folder);
    let first = run(&["init", "-e", "repokey-blake2", kept], place);
    let first = first.and(run(&["create", &archive("one"), data], place));
    let repeat = run(&["create", &archive("two"), data], place);
    let out = place.join("out");
    fs::create_dir(&out).unwrap();
    // It extracts into where it is.
    let restore = run(&["extract", &archive("two")], &out);
    let size = disk_usage(&repository);
    Took { first, repeat, restore, size }
}
