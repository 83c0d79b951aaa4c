//! Files that are written and read through a mounted vault, and through gocryptfs where it is
//! installed: on the same data, in the same run, in turn, several times.
//!
//! Both keep what is encrypted on the same disk, and both are mounted by root for everybody.
//! gocryptfs encrypts each file by itself, in place; it keeps no snapshots and finds no
//! duplicates. *Cold* is after the mount ended and was made again: the kernel has nothing of
//! what was mounted, and all of what is below. The data of the large file cannot be compressed.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../node/benches/figure/mod.rs"]
mod figure;
mod peers;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use allod_crypto::Secret;
use allod_disk::{FileBlocks, Mounted, Users, Zstd};
use allod_vault::Geometry;
use allod_vault::files::{Files, Time};

use figure::Figure;
use peers::{Held, is_installed, is_mounted, median, peak, wait_until};

/// Bytes of the large file.
const LARGE: usize = 1 << 30;

/// Small writes, each of which is made durable.
const SMALL: u64 = 1000;

/// Files of the tree, about.
const TREE: usize = 12_000;

/// How often each is measured.
const ROUNDS: usize = 3;

/// What is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Allod,
    Gocryptfs,
}

/// Seconds, in the order of [`NAMES`]; and bytes of memory at the peak.
type Took = Vec<f64>;

/// What is measured.
const NAMES: [&str; 7] = [
    "writing 1 GiB in sequence, with fsync",
    "reading 1 GiB in sequence, cold",
    "1000 writes of 4 KiB at random places, each with fsync",
    "unpacking a tree",
    "git status, cold",
    "git status, warm",
    "memory at the peak",
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, image, point] = &arguments[..]
        && verb == "hold"
    {
        return hold(Path::new(image), Path::new(point));
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let work = tempfile::tempdir_in(std::env::var_os("CARGO_TARGET_TMPDIR").unwrap_or_else(|| ".".into()));
    let work = work.or_else(|_| tempfile::tempdir()).unwrap();
    let large = noise(LARGE);
    let Some(tree) = tree(work.path()) else {
        eprintln!("cargo keeps no sources here, of which a tree could be made");
        std::process::exit(1);
    };
    let mut programs = vec![Program::Allod];
    match is_installed("gocryptfs") {
        true => programs.push(Program::Gocryptfs),
        false => eprintln!("gocryptfs is not installed"),
    }
    let mut all: Vec<Vec<Took>> = vec![Vec::new(); programs.len()];
    for round in 0..ROUNDS {
        // Each is the first in turn. Nothing is removed meanwhile: disks take their time for
        // that when others write.
        for at in (0..programs.len()).map(|at| (at + round) % programs.len()) {
            let program = programs[at];
            let one = measure(program, &work.path().join(format!("{program:?}{round}")), &large, &tree);
            eprintln!("{program:?}: {}", shown(&one));
            all[at].push(one);
        }
    }
    for (at, name) in NAMES.iter().enumerate() {
        let of = |took: &Vec<Took>| median(took.iter().map(|took| took[at]).collect());
        let (value, peer) = (of(&all[0]), all.get(1).map(of));
        let (scale, unit) = if name.starts_with("memory") { (1e6, "MB") } else { (1e-3, "ms") };
        let name = format!("{name}, beside gocryptfs");
        let aim = (unit == "ms").then_some("<= 1x");
        Figure { name: &name, value: value / scale, unit, aim, peer: peer.map(|peer| peer / scale) }
            .print(json);
    }
}

fn shown(took: &Took) -> String {
    let (memory, seconds) = took.split_last().unwrap();
    let seconds: Vec<String> = seconds.iter().map(|seconds| format!("{seconds:.3}")).collect();
    format!("{} s, {:.0} MB", seconds.join(" "), memory / 1e6)
}

/// Bytes without a pattern (xorshift64*, Vigna 2016).
fn noise(size: usize) -> Vec<u8> {
    let mut state = getrandom::u64().unwrap() | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// An archive of sources that cargo keeps.
fn tree(work: &Path) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let sources = home?.join("registry/src");
    let registry = fs::read_dir(&sources).ok()?.next()?.ok()?.path();
    let mut names: Vec<_> = fs::read_dir(&registry).ok()?.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let (mut chosen, mut files) = (Vec::new(), 0);
    for name in names {
        files += count(&registry.join(&name));
        chosen.push(name);
        if files > TREE {
            break;
        }
    }
    let archive = work.join("tree.tar");
    let status = Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&registry).args(&chosen).status();
    assert!(status.unwrap().success(), "tar");
    eprintln!("a tree of {files} files, {} MB", fs::metadata(&archive).unwrap().len() / 1_000_000);
    Some(archive)
}

fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let of = |entry: fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => count(&entry.path()),
        false => 1,
    };
    entries.map(of).sum()
}

/// A vault that is mounted until the standard input ends.
fn hold(image: &Path, point: &Path) {
    let root = Secret::from([1; 32]);
    let files = if image.exists() {
        Files::open(FileBlocks::open(image).unwrap(), Zstd, &root).unwrap()
    } else {
        let rng = &mut getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let blocks = FileBlocks::create(image).unwrap();
        Files::create(blocks, Zstd, &root, Geometry::VAULT, (0, 0, Time::default()), rng).unwrap()
    };
    let mounted = Mounted::new(files, point, Users::All).unwrap();
    println!("mounted");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    mounted.end().unwrap();
}

/// Something that is mounted, until it is ended.
struct Mount {
    program: Program,
    process: Held,
    point: PathBuf,
}

impl Mount {
    fn new(program: Program, place: &Path) -> Self {
        let point = place.join("point");
        fs::create_dir_all(&point).unwrap();
        let kept = place.join("kept");
        let mut command = match program {
            Program::Allod => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.arg("hold").arg(&kept).arg(&point);
                command
            }
            Program::Gocryptfs => {
                let password = ["-q", "-extpass", "echo password"];
                if !kept.exists() {
                    fs::create_dir(&kept).unwrap();
                    let init = Command::new("gocryptfs")
                        .args(password)
                        .args(["-init", "-scryptn", "10"])
                        .arg(&kept)
                        .status();
                    assert!(init.unwrap().success(), "gocryptfs -init");
                }
                let mut command = Command::new("gocryptfs");
                command.args(password).args(["-fg", "-allow_other"]).arg(&kept).arg(&point);
                command
            }
        };
        let mut process =
            Held(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        if program == Program::Allod {
            let mut line = String::new();
            BufReader::new(process.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "mounted\n");
        }
        wait_until("mounting", || is_mounted(&point));
        Self { program, process, point }
    }

    /// Unmounts. With the most memory that the program had.
    fn end(mut self) -> f64 {
        let memory = peak(self.process.0.id());
        match self.program {
            Program::Allod => drop(self.process.0.stdin.take()),
            Program::Gocryptfs => {
                let unmounted = Command::new("fusermount").arg("-u").arg(&self.point).status();
                assert!(unmounted.unwrap().success(), "fusermount");
            }
        }
        assert!(self.process.0.wait().unwrap().success(), "{:?} did not end well", self.program);
        memory
    }
}

/// How long something takes, when nothing waits to be written to the disk any more.
fn seconds(what: impl FnOnce()) -> f64 {
    rustix::fs::sync();
    let begun = Instant::now();
    what();
    begun.elapsed().as_secs_f64()
}

fn command(program: &str, arguments: &[&str], folder: &Path) {
    let status = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{program} {arguments:?}");
}

fn measure(program: Program, place: &Path, large: &[u8], tree: &Path) -> Took {
    fs::create_dir(place).unwrap();
    let mount = Mount::new(program, place);
    let file = mount.point.join("large");
    let write = seconds(|| {
        let mut file = File::create(&file).unwrap();
        large.chunks(1 << 20).for_each(|piece| file.write_all(piece).unwrap());
        file.sync_all().unwrap();
    });
    let mut memory = mount.end();

    let mount = Mount::new(program, place);
    let read = seconds(|| {
        let mut file = File::open(&file).unwrap();
        let mut piece = vec![0; 1 << 20];
        for expected in large.chunks(1 << 20) {
            file.read_exact(&mut piece).unwrap();
            assert!(piece == expected, "what was written is read");
        }
    });
    let small = {
        let file = OpenOptions::new().write(true).open(&file).unwrap();
        seconds(|| {
            for number in 0..SMALL {
                // Multiplying by an odd number goes through all places, in no order.
                let place = number.wrapping_mul(0x9E37_79B1) % (LARGE as u64 / 4096);
                file.write_all_at(&large[number as usize * 64..][..4096], place * 4096).unwrap();
                file.sync_data().unwrap();
            }
        })
    };
    let folder = mount.point.join("tree");
    fs::create_dir(&folder).unwrap();
    let unpack = seconds(|| command("tar", &["-xf", tree.to_str().unwrap()], &folder));
    command("git", &["init", "-q"], &folder);
    command("git", &["add", "-A"], &folder);
    memory = memory.max(mount.end());

    let mount = Mount::new(program, place);
    let status = || seconds(|| command("git", &["status", "--porcelain"], &folder));
    let cold = status();
    let warm = median((0..5).map(|_| status()).collect());
    memory = memory.max(mount.end());
    vec![write, read, small, unpack, cold, warm, memory]
}
