//! A folder of parts: what is read from it, what is wrong with it, and what a loss of power leaves.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use allod_crypto::Secret;
use allod_crypto::hash::tagged;
use allod_vault::files::{FileKind, Files, Ino, Operation, Time};
use allod_vault::{Blocks, Geometry};
use getrandom::rand_core::UnwrapErr;

use super::*;
use crate::{FileBlocks, Zstd};

const PART: u64 = 64 << 10;

fn create(folder: &Path) -> FileBlocks {
    FileBlocks::create_in_parts(folder, PART).unwrap()
}

fn named(folder: &Path) -> PartsError {
    match FileBlocks::open(folder) {
        Err(DiskError::Parts(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_over_the_borders_of_parts_is_read_and_what_is_behind_all_is_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let mut blocks = create(&path);
    let bytes: Vec<u8> = (0..3 * PART).map(|at| (at / 1000) as u8 | 1).collect();
    blocks.write(PART / 2, &bytes).unwrap();
    blocks.reserve(5 * PART, PART).unwrap();
    let check = |blocks: &FileBlocks| {
        let mut read = vec![9; 8 * PART as usize];
        blocks.read(0, &mut read).unwrap();
        let (before, rest) = read.split_at(PART as usize / 2);
        let (written, behind) = rest.split_at(bytes.len());
        assert!(written == bytes && before.iter().chain(behind).all(|byte| *byte == 0));
    };
    check(&blocks);
    blocks.sync().unwrap();
    assert_eq!(fs::read_to_string(path.join("count")).unwrap(), "6\n");
    drop(blocks);
    let mut blocks = FileBlocks::open(&path).unwrap();
    check(&blocks);
    assert!(blocks.is_in_parts() && blocks.size().unwrap() == 6 * PART);
    // What is discarded takes no room, and what never was there is not made for it.
    let room = || fs::metadata(path_of(&path, 1)).unwrap().blocks() * 512;
    assert_eq!(room(), PART);
    blocks.discard(PART, 20 * PART).unwrap();
    assert_eq!((room(), blocks.size().unwrap()), (0, 6 * PART));
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(path_of(&path, 1)).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn more_parts_than_can_be_open_at_once_keep_what_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let mut blocks = create(&path);
    let all = A_FOLDER as u64 + 50;
    for number in 0..all {
        blocks.write(number * PART, &[number as u8; 4096]).unwrap();
    }
    blocks.sync().unwrap();
    drop(blocks);
    let blocks = FileBlocks::open(&path).unwrap();
    for number in 0..all {
        let mut byte = [0];
        blocks.read(number * PART + 4095, &mut byte).unwrap();
        assert_eq!(byte, [number as u8]);
    }
    assert!(path.join("0001/0049").exists() && !path.join("0001/0050").exists());
}

#[test]
fn it_is_open_once_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let blocks = create(&path);
    assert!(matches!(FileBlocks::open(&path), Err(DiskError::InUse(at)) if at == path));
    drop(blocks);
    assert!(matches!(FileBlocks::create_in_parts(&path, PART), Err(DiskError::File { .. })));
    assert_eq!(FileBlocks::open(&path).unwrap().at_most(PART).capacity(), PART);
}

#[test]
fn a_part_that_is_missing_short_long_doubled_or_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let mut blocks = create(&path);
    blocks.write(0, &vec![1; 4 * PART as usize]).unwrap();
    blocks.sync().unwrap();
    drop(blocks);
    let part = |number| path_of(&path, number);
    let away = folder.path().join("away");
    for number in [0, 2, 3] {
        fs::rename(part(number), &away).unwrap();
        assert_eq!(named(&path), PartsError::Missing(part(number)));
        fs::rename(&away, part(number)).unwrap();
    }
    for size in [0, PART - 1, PART + 1] {
        let file = OpenOptions::new().write(true).open(part(3)).unwrap();
        file.set_len(size).unwrap();
        assert_eq!(named(&path), PartsError::Size { path: part(3), size, part_size: PART });
        file.set_len(PART).unwrap();
    }
    for (name, is_doubled) in [
        ("0000/0002 (1)", true),
        ("0000/0002.sync-conflict-20261121-101112-ABCDEFG", true),
        ("count (conflicted copy)", true),
        ("header~", true),
        ("0000/2", false),
        ("0000/1024", false),
        ("notes.txt", false),
        ("0000/notes.txt", false),
    ] {
        let file = path.join(name);
        fs::write(&file, b"").unwrap();
        let expected = match is_doubled {
            true => PartsError::Doubled(file.clone()),
            false => PartsError::Surplus(file.clone()),
        };
        assert_eq!(named(&path), expected);
        fs::remove_file(file).unwrap();
    }
    // What systems leave everywhere is nobody's.
    fs::write(path.join(".DS_Store"), b"").unwrap();
    fs::write(path.join("0000/.nfs0001"), b"").unwrap();
    drop(FileBlocks::open(&path).unwrap());
    for (name, texts) in [
        (
            "header",
            &[
                "",
                "allod vault in parts, format 2\npart 65536\n",
                "allod vault in parts, format 1\npart 65537\n",
            ][..],
        ),
        ("count", &["", "four\n", "-1\n", "4", "1048577\n"]),
    ] {
        let whole = fs::read(path.join(name)).unwrap();
        for text in texts {
            fs::write(path.join(name), text).unwrap();
            assert_eq!(named(&path), PartsError::Header(path.join(name)), "{text:?}");
        }
        fs::write(path.join(name), whole).unwrap();
    }
    fs::remove_file(path.join("count")).unwrap();
    assert_eq!(named(&path), PartsError::Header(path.join("count")));
}

#[test]
fn parts_that_are_not_counted_yet_are_taken_as_far_as_they_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let mut blocks = create(&path);
    blocks.write(0, &vec![1; 5 * PART as usize]).unwrap();
    blocks.sync().unwrap();
    drop(blocks);
    // As if power had failed when two were durable, or as if the count had been copied first.
    fs::write(path.join("count"), "2\n").unwrap();
    fs::write(path.join("count.new"), "").unwrap();
    OpenOptions::new().write(true).open(path_of(&path, 3)).unwrap().set_len(7).unwrap();
    let mut blocks = FileBlocks::open(&path).unwrap();
    assert_eq!(blocks.size().unwrap(), 3 * PART);
    let mut bytes = vec![0; 4 * PART as usize];
    blocks.read(0, &mut bytes).unwrap();
    let (there, behind) = bytes.split_at(3 * PART as usize);
    assert!(there.iter().all(|byte| *byte == 1) && behind.iter().all(|byte| *byte == 0));
    blocks.write(4 * PART, &[2; 4096]).unwrap();
    blocks.sync().unwrap();
    drop(blocks);
    assert_eq!(fs::read_to_string(path.join("count")).unwrap(), "5\n");
    assert_eq!(FileBlocks::open(&path).unwrap().size().unwrap(), 5 * PART);
}

/// Bytes of a part, of which four are a segment.
const QUARTER: u64 = 512 << 10;

/// Blocks that keep a copy of what is durable, and remember what is not.
struct Watched {
    inside: FileBlocks,
    folder: PathBuf,
    durable: PathBuf,
    /// Blocks that were written since the last sync.
    since: BTreeMap<u64, Vec<u8>>,
}

impl Blocks for Watched {
    fn capacity(&self) -> u64 {
        self.inside.capacity()
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), BlocksError> {
        self.inside.read(at, into)
    }

    fn reserve(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        self.inside.reserve(at, size)
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), BlocksError> {
        for (number, block) in from.chunks(4096).enumerate() {
            self.since.insert(at + 4096 * number as u64, block.to_vec());
        }
        self.inside.write(at, from)
    }

    fn sync(&mut self) -> Result<(), BlocksError> {
        self.inside.sync()?;
        let _ = fs::remove_dir_all(&self.durable);
        copy(&self.folder, &self.durable);
        self.since.clear();
        Ok(())
    }

    fn discard(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        self.inside.discard(at, size)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// Throws dice that always fall the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 += 1;
        let [a, b, c, d, ..] = tagged("a test's dice", &[&self.0.to_le_bytes()]);
        u64::from(u32::from_le_bytes([a, b, c, d])) % end
    }
}

/// What may be on the disk when the power fails now.
fn after_power_loss(blocks: &Watched, to: &Path, dice: &mut Dice) {
    copy(&blocks.durable, to);
    let durable: u32 = fs::read_to_string(to.join("count")).unwrap().trim().parse().unwrap();
    for number in durable..(blocks.inside.size().unwrap() / QUARTER) as u32 {
        fs::create_dir_all(to.join(folder_of(number / A_FOLDER))).unwrap();
        let size = match dice.below(4) {
            0 => continue,
            1 => 0,
            2 => dice.below(QUARTER),
            _ => QUARTER,
        };
        File::create(path_of(to, number)).unwrap().set_len(size).unwrap();
    }
    let share = dice.below(5);
    for (at, block) in &blocks.since {
        let file = OpenOptions::new().write(true).open(path_of(to, (at / QUARTER) as u32));
        let Ok(file) = file else { continue };
        let is_whole = file.metadata().unwrap().len() == QUARTER;
        if is_whole && dice.below(4) < share {
            file.write_all_at(block, at % QUARTER).unwrap();
        }
    }
    if dice.below(2) == 0 {
        fs::write(to.join("count.new"), "9").unwrap();
    }
}

#[test]
fn whenever_the_power_fails_all_that_was_synced_is_there() {
    let root = Secret::from([1; 32]);
    let rng = &mut UnwrapErr(getrandom::SysRng);
    let now = Time { seconds: 1, nanoseconds: 0 };
    let mut grew = false;
    for seed in 0..2 {
        let mut dice = Dice(seed << 32);
        let place = tempfile::tempdir().unwrap();
        let (folder, durable) = (place.path().join("vault"), place.path().join("durable"));
        let inside = FileBlocks::create_in_parts(&folder, QUARTER).unwrap();
        let blocks = Watched { inside, folder, durable, since: BTreeMap::new() };
        let geometry = Geometry { segment_size: 4 * QUARTER as u32 };
        let mut files = Files::create(blocks, Zstd, &root, geometry, (0, 0, now), rng).unwrap();
        let mut synced = 0;
        for number in 0..30_u64 {
            let mut bytes: Vec<u8> = vec![0; dice.below(200_000) as usize];
            getrandom::fill(&mut bytes).unwrap();
            bytes.push(number as u8);
            let name = number.to_string().into_bytes();
            let (kind, permissions, target) = (FileKind::File, 0o644, Vec::new());
            let make = Operation::Make {
                parent: Ino::ROOT,
                name,
                kind,
                permissions,
                owner: 0,
                group: 0,
                target,
                now,
            };
            let ino = files.apply(&make).unwrap().unwrap();
            files.apply(&Operation::Write { ino, offset: 0, bytes, now }).unwrap();
            match dice.below(6) {
                0 => files.commit().unwrap(),
                1 | 2 => files.sync().unwrap(),
                _ => {
                    // What is cut and stored is not durable yet.
                    files.flush().unwrap();
                    continue;
                }
            }
            synced = number + 1;
        }
        // The image grows, and nobody waits until that is durable.
        let entry = files.read().lookup(Ino::ROOT, b"0").unwrap();
        let mut bytes = vec![0; 500_000];
        for number in 0..8 {
            getrandom::fill(&mut bytes).unwrap();
            files.write_at(entry.ino, 300_000 + number * 500_000, &bytes, now).unwrap();
        }
        files.flush().unwrap();
        let blocks = files.into_blocks();
        let lost = place.path().join("lost");
        for _ in 0..8 {
            after_power_loss(&blocks, &lost, &mut dice);
            let counted: u64 = fs::read_to_string(lost.join("count")).unwrap().trim().parse().unwrap();
            grew |= blocks.inside.size().unwrap() / QUARTER > counted;
            let mut files = Files::open(FileBlocks::open(&lost).unwrap(), Zstd, &root).unwrap();
            for number in 1..synced {
                let entry = files.read().lookup(Ino::ROOT, number.to_string().as_bytes()).unwrap();
                let bytes = files.read().read(entry.ino, 0, usize::MAX).unwrap();
                assert_eq!(bytes.last(), Some(&(number as u8)));
            }
            // It goes on from there.
            files.commit().unwrap();
            drop(files);
            FileBlocks::open(&lost).unwrap();
            fs::remove_dir_all(&lost).unwrap();
        }
    }
    assert!(grew, "no power failed while there were parts that were not counted");
}
