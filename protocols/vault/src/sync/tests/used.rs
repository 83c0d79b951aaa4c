//! Vaults that are used apart from each other for a month, with all that files have, and vaults
//! that lose their power while they sync.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::home::{CAPACITY, Home, homes, sync};
use super::month::Dice;
use crate::files::FileKind;
use crate::tests::disk::{Disk, Event, Image, apply};
use crate::tests::noise;

/// Somebody does something, to names of which there are few.
fn act(home: &mut Home, dice: &mut Dice, count: &mut u64) {
    let seen = home.see();
    let directories: Vec<&String> =
        seen.iter().filter(|(_, seen)| seen.kind == FileKind::Directory).map(|(path, _)| path).collect();
    let files: Vec<&String> =
        seen.iter().filter(|(_, seen)| seen.kind == FileKind::File).map(|(path, _)| path).collect();
    let all: Vec<&String> = seen.keys().collect();
    let within = if dice.below(3) == 0 { None } else { dice.pick(&directories) };
    let name = ["a", "b", "c", "d.txt"][dice.below(4)];
    let path = within.map_or(name.into(), |within| format!("{within}/{name}"));
    let is_free = !seen.contains_key(&path);
    *count += 1;
    let size = [5, 300, 3000, 200 << 10][dice.below(4)];
    let content = [format!("{count} ").as_bytes(), &noise(*count, size)].concat();
    match dice.below(14) {
        0 | 1 if is_free => home.put(&path, &content),
        2 if is_free => {
            home.make(&path, FileKind::Directory);
        }
        3 if is_free => {
            let kind = [FileKind::Symlink, FileKind::Pipe][dice.below(2)];
            home.make(&path, kind);
        }
        4 | 5 => {
            if let Some(file) = dice.pick(&files) {
                home.put(file, &content);
            }
        }
        6 => {
            if let Some(file) = dice.pick(&files) {
                home.write(file, dice.below(1 << 20) as u64, &content);
            }
        }
        7 | 8 => {
            if let Some(moved) = dice.pick(&all)
                && !path.starts_with(&format!("{moved}/"))
            {
                home.rename(moved, &path);
            }
        }
        9 if is_free => {
            if let Some(file) = dice.pick(&files) {
                home.link(file, &path);
            }
        }
        10 if dice.below(2) == 0 => {
            if let Some(gone) = dice.pick(&all) {
                home.remove(gone);
            }
        }
        11 => {
            if let Some(path) = dice.pick(&all) {
                let value = if dice.below(3) == 0 { None } else { Some(&content[..5]) };
                home.attribute(path, "user.a", value);
            }
        }
        12 => {
            if let Some(path) = dice.pick(&all).filter(|path| seen[**path].kind != FileKind::Symlink) {
                home.permit(path, [0o600, 0o644, 0o755][dice.below(3)]);
            }
        }
        // An editor writes a new file and has it take the name of the old.
        13 => {
            if let Some(file) = dice.pick(&files) {
                let other = format!("{file}~");
                if other.len() < 200 && !seen.contains_key(&other) {
                    home.put(&other, &content);
                    home.rename(&other, file);
                }
            }
        }
        _ => {}
    }
}

fn contents(home: &mut Home) -> BTreeSet<Vec<u8>> {
    let seen = home.see().into_values().filter(|seen| seen.kind == FileKind::File);
    seen.map(|seen| seen.content).collect()
}

fn month(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut count = 0;
    let mut homes: [Home; 3] = homes();
    let (mut written, mut given_up) = (BTreeSet::new(), BTreeSet::new());
    for day in 0..30 {
        for who in 0..3 {
            let home = &mut homes[who];
            home.now = 1_000_000 + day * 86_400;
            let before = contents(home);
            act(home, &mut dice, &mut count);
            let after = contents(home);
            given_up.extend(before.difference(&after).cloned());
            written.extend(after);
            if dice.below(15) == 0 {
                let mut disks = homes.each_mut();
                let [one, other, ..] = &mut disks;
                sync(one, other);
            }
            if dice.below(10) == 0 {
                homes[who].files.collect(80).unwrap();
            }
        }
    }
    // Joined by turns, until all know all.
    let [laptop, phone, tablet] = &mut homes;
    for turn in 0..3 {
        match (seed + turn) % 3 {
            0 => sync(laptop, phone),
            1 => sync(phone, tablet),
            _ => sync(tablet, laptop),
        };
    }
    sync(laptop, phone);
    sync(tablet, laptop);
    sync(phone, laptop);
    let seen = laptop.see();
    assert!(seen == phone.see() && seen == tablet.see(), "seed {seed}: the same tree");
    let shown = contents(laptop);
    let lost = written.iter().filter(|content| !shown.contains(*content) && !given_up.contains(*content));
    let lost: Vec<_> =
        lost.map(|content| String::from_utf8_lossy(&content[..content.len().min(8)])).collect();
    assert!(lost.is_empty(), "seed {seed}: {lost:?} lost");
    // What is durable is the same.
    let disk = Disk::of(phone.disk.image(), CAPACITY);
    phone.reopen(disk);
    assert!(phone.see() == seen, "seed {seed}: after it was opened again");
}

#[test]
fn three_vaults_used_offline_for_a_month_then_joined_in_any_order_are_the_same_and_no_byte_is_lost() {
    (0..12).for_each(month);
}

/// The disk after a loss of power at an event: what was synced is there, and of the rest any blocks.
fn after(before: &Image, events: &[Event], dice: &mut Dice) -> Image {
    let mut image = before.clone();
    let synced = events.iter().rposition(|event| matches!(event, Event::Sync)).unwrap_or(0);
    for (number, event) in events.iter().enumerate() {
        let Event::Write(blocks) = event else { continue };
        for block in blocks.iter().filter(|_| number < synced || dice.below(2) == 0) {
            apply(&mut image, block);
        }
    }
    image
}

#[test]
fn a_vault_that_loses_its_power_at_any_write_of_a_sync_is_as_before_or_as_after_and_goes_on() {
    let mut dice = Dice::new(7);
    let [mut laptop, mut phone] = homes();
    laptop.put("common", b"old");
    laptop.make("d", FileKind::Directory);
    laptop.put("d/moved", &noise(3, 100 << 10));
    sync(&mut laptop, &mut phone);
    laptop.put("common", b"of laptop");
    laptop.put("d/new", &noise(1, 600 << 10));
    laptop.rename("d", "e");
    phone.put("common", b"of phone");
    phone.put("d/of phone", &noise(2, 400 << 10));
    phone.files.sync().unwrap();
    let (image, old) = (phone.disk.image(), phone.see());
    phone.disk.0.borrow_mut().events.clear();
    sync(&mut laptop, &mut phone);
    let new = phone.see();
    assert_eq!(new.len(), 6, "{:?}", new.keys());
    let events = phone.disk.0.borrow().events.clone();
    let (mut outcomes, kept) = (BTreeSet::new(), contents(&mut phone));
    for end in 0..=events.len() {
        let disk = Disk::of(after(&image, &events[..end], &mut dice), CAPACITY);
        phone.reopen(disk);
        let seen = phone.see();
        assert!(seen == old || seen == new, "after {end} of {} writes", events.len());
        outcomes.insert(seen == new);
        sync(&mut phone, &mut laptop);
        sync(&mut laptop, &mut phone);
        assert!(phone.see() == laptop.see(), "after {end}");
        // Nothing came twice.
        assert_eq!(phone.see().len(), new.len(), "after {end}");
        assert_eq!(contents(&mut phone), kept, "after {end}");
    }
    assert_eq!(outcomes.len(), 2);
}
