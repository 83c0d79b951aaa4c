//! From directories to a tree in which every name is there once.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::places::Directories;
use super::{Rank, Replica, Stamp};
use crate::files::NAME_MAX;
use crate::sync::operation::{Data, Id, Target};

/// Files as they are shown: the top directory first, and every node after the directory that
/// it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// A directory or a file with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The directory that it is in, by its number among the nodes. The top is in itself.
    pub parent: usize,
    /// Its name.
    pub name: Vec<u8>,
    /// What is shown: of what is shown as one, the one that counts first. All are directories, or
    /// all files.
    pub members: Vec<Member>,
}

/// An entry that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The entry.
    pub entry: Id,
    /// The file that it leads to; nothing where it is a directory.
    pub file: Option<Id>,
}

impl Node {
    /// The entry that counts.
    pub fn entry(&self) -> Id {
        self.members.first().map_or(Id::TOP, |member| member.entry)
    }

    /// The file that counts, where it is one.
    pub fn file(&self) -> Option<Id> {
        self.members.first()?.file
    }
}

/// Something that is to get a name in a directory.
struct Child<'a> {
    name: &'a [u8],
    member: Member,
    rank: Rank,
    is_copy: bool,
}

/// What has to get another name than it was to have, and since when it was to have it.
type Lost<'a> = (Rank, &'a [u8], Vec<Member>);

impl Replica {
    /// The tree as it is shown.
    pub fn tree(&self) -> Tree {
        let directories = self.directories();
        let mut children = self.children(&directories);
        let top = Node { parent: 0, name: Vec::new(), members: vec![Member { entry: Id::TOP, file: None }] };
        let mut tree = Tree { nodes: vec![top] };
        let mut at = 0;
        while let Some(node) = tree.nodes.get(at) {
            if node.members.iter().all(|member| member.file.is_none()) {
                let within = node.members.iter().filter_map(|member| children.remove(&member.entry));
                let within: Vec<Child<'_>> = within.flatten().collect();
                for (name, members) in self.name(within) {
                    tree.nodes.push(Node { parent: at, name, members });
                }
            }
            at += 1;
        }
        tree
    }

    fn children(&self, directories: &Directories) -> BTreeMap<Id, Vec<Child<'_>>> {
        let mut children: BTreeMap<Id, Vec<Child<'_>>> = BTreeMap::new();
        for entry in self.living(directories) {
            let file = match self.target(&entry) {
                Some(Target::Directory) => None,
                // What has no content is nothing.
                Some(Target::File(file)) if self.content(&file).is_some() => Some(file),
                _ => continue,
            };
            let position = self.position(&entry, directories);
            let child = Child {
                name: position.name,
                member: Member { entry, file },
                rank: self.rank(&entry),
                is_copy: position.is_copy,
            };
            children.entry(position.parent).or_default().push(child);
        }
        children
    }

    /// Gives all that is in a directory a name, each name once.
    fn name(&self, mut within: Vec<Child<'_>>) -> BTreeMap<Vec<u8>, Vec<Member>> {
        let mut named: BTreeMap<Vec<u8>, Vec<Member>> = BTreeMap::new();
        // Directories first, the oldest of them counting; then files, the newest counting;
        // copies last, the oldest of equal ones counting.
        within.sort_by_key(|child| (child.is_copy, child.member.file.is_some(), child.rank));
        let copies = within.split_off(within.partition_point(|child| !child.is_copy));
        let files = within.split_off(within.partition_point(|child| child.member.file.is_none()));
        for child in within {
            named.entry(child.name.to_vec()).or_default().push(child.member);
        }
        // What lost its name, with equal files together.
        let mut lost: Vec<Lost<'_>> = Vec::new();
        let mut files_shown: BTreeMap<(&[u8], Option<&Data>), usize> = BTreeMap::new();
        let mut classes: Vec<Lost<'_>> = Vec::new();
        for child in files.iter().rev() {
            let same = *files_shown.entry((child.name, self.data(&child.member))).or_insert(classes.len());
            match classes.get_mut(same) {
                Some((_, _, members)) => members.push(child.member),
                None => classes.push((child.rank, child.name, vec![child.member])),
            }
        }
        for (rank, name, members) in classes {
            if named.contains_key(name) {
                lost.push((rank, name, members));
            } else {
                named.insert(name.to_vec(), members);
            }
        }
        let others = lost.len();
        let mut copies_shown: BTreeMap<(&[u8], Option<&Data>), usize> = BTreeMap::new();
        for child in &copies {
            let next = lost.len();
            let same = *copies_shown.entry((child.name, self.data(&child.member))).or_insert(next);
            match lost.get_mut(same).filter(|_| same >= others) {
                Some((_, _, members)) => members.push(child.member),
                None => lost.push((child.rank, child.name, vec![child.member])),
            }
        }
        lost.sort_by_key(|(rank, name, _)| (*name, *rank));
        let mut next: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for (rank, name, members) in lost {
            let told = self.told(self.stamp(rank));
            let number = next.entry(beside(name, &told, 1)).or_insert(1);
            let free = loop {
                let free = beside(name, &told, *number);
                *number += 1;
                if !named.contains_key(&free) {
                    break free;
                }
            };
            named.insert(free, members);
        }
        named
    }

    fn data(&self, member: &Member) -> Option<&Data> {
        Some(&self.content(&member.file?)?.data)
    }

    /// When and where something was done, for a name.
    fn told(&self, stamp: Option<&Stamp>) -> String {
        let Some(stamp) = stamp else { return String::from("copy") };
        let date = date(stamp.time.seconds);
        match self.devices.get(&stamp.device) {
            Some(name) => format!("{date} from {name}"),
            None => format!("{date} from {}", stamp.device),
        }
    }
}

/// A name with something told before its last dot: `report (2026-11-21 from laptop).txt`; with a
/// number from the second on.
fn beside(name: &[u8], told: &str, number: u64) -> Vec<u8> {
    let told = if number < 2 { format!(" ({told})") } else { format!(" ({told}) {number}") };
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0);
    let (stem, ending) = name.split_at(dot.unwrap_or(name.len()));
    // A very long ending is none.
    let (stem, ending) = if ending.len() > 32 { (name, &[][..]) } else { (stem, ending) };
    let mut room = NAME_MAX.saturating_sub(told.len() + ending.len()).min(stem.len());
    // No letter is cut in two.
    while room > 0 && room < stem.len() && stem.get(room).is_some_and(|byte| byte & 0xC0 == 0x80) {
        room -= 1;
    }
    [stem.get(..room).unwrap_or_default(), told.as_bytes(), ending].concat()
}

/// The day of a moment (UTC), as in 2026-11-21 (H. Hinnant, *chrono-compatible low-level date
/// algorithms*: days from March on, in eras of 400 years).
fn date(seconds: i64) -> String {
    // Years 1 to 9999.
    let days = seconds.clamp(-62_135_596_800, 253_402_300_799).div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_795_219_200), "2026-11-21");
        assert_eq!(date(i64::MAX), "9999-12-31");
        assert_eq!(date(i64::MIN), "0001-01-01");
    }

    #[test]
    fn a_name_is_told_apart_before_its_ending_and_never_too_long() {
        assert_eq!(beside(b"report.txt", "x", 1), b"report (x).txt");
        assert_eq!(beside(b"report.txt", "x", 2), b"report (x) 2.txt");
        assert_eq!(beside(b".profile", "x", 1), b".profile (x)");
        let long = ["\u{e4}".repeat(127).as_bytes(), b"."].concat();
        let name = beside(&long, "told", 1);
        assert!(name.len() <= NAME_MAX);
        assert!(core::str::from_utf8(&name).is_ok());
    }
}
