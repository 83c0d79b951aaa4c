//! What the files are, worked out a second time, slowly, from the rules of `docs/vault.md` (Sync),
//! and compared with what the replica shows.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::month::{Dice, act};
use super::person::{Person, text};
use crate::sync::batch::Signed;
use crate::sync::operation::{Content, Id, Operation, Target};
use crate::sync::replica::{copy_entry, copy_file};

/// A path by its entries and names, whether it is a directory, when, and what it has.
type Shown = (Vec<(Id, String)>, bool, When, String);

/// Where an operation is in the order of all.
type When = (u64, [u8; 32], u64, [u8; 32], usize);

/// Where something was put.
#[derive(Clone)]
enum Where {
    In(Id, String),
    Beside(Id),
}

#[derive(Clone)]
struct Placed {
    when: When,
    id: Id,
    at: Where,
}

#[derive(Clone)]
struct Edit {
    when: When,
    id: Id,
    content: Content,
}

/// All that was said, and what follows from it.
#[derive(Default)]
struct Rules {
    places: BTreeMap<Id, Vec<Placed>>,
    targets: BTreeMap<Id, Target>,
    edits: BTreeMap<Id, Vec<Edit>>,
    /// Places and contents that something was done instead of, or that were removed, with of what.
    over: BTreeSet<(Id, Id)>,
    removed: BTreeSet<(Id, Id)>,
    replaced: BTreeSet<(Id, Id)>,
    /// Copies that became files of their own: of which file, and which of its contents.
    own: BTreeSet<(Id, Id)>,
}

/// What is to be seen.
struct Seen {
    directories: BTreeSet<String>,
    /// A content, and the names that it may be under, or beside.
    contents: Vec<(BTreeSet<String>, String)>,
    /// The content that has a name as it is.
    winners: BTreeMap<String, String>,
}

impl Rules {
    fn of(batches: &[Signed]) -> Self {
        let mut rules = Self::default();
        let mut all: Vec<(When, Id, &Operation)> = Vec::new();
        for signed in batches {
            let batch = signed.batch();
            for (index, operation) in batch.operations.iter().enumerate() {
                let when = (batch.lamport, batch.device.0, batch.number, signed.id().0, index);
                all.push((when, batch.operation_id(index), operation));
            }
        }
        all.sort_by_key(|(when, ..)| *when);
        for (when, id, operation) in all {
            match operation.clone() {
                Operation::Place { entry, parent, name, target, instead } => {
                    let at = Where::In(parent, String::from_utf8(name).unwrap());
                    rules.places.entry(entry).or_default().push(Placed { when, id, at });
                    rules.targets.insert(entry, target);
                    rules.over.extend(instead.into_iter().map(|other| (entry, other)));
                }
                Operation::Remove { entry, places, contents } => {
                    rules.over.extend(places.into_iter().map(|other| (entry, other)));
                    rules.removed.extend(contents.into_iter().map(|content| (entry, content)));
                }
                Operation::Content { file, content, instead } => {
                    rules.edits.entry(file).or_default().push(Edit { when, id, content });
                    rules.replaced.extend(instead.into_iter().map(|other| (file, other)));
                }
                _ => {}
            }
        }
        rules.own_copies(batches);
        rules
    }

    /// Whoever does something to a copy makes a file of it.
    fn own_copies(&mut self, batches: &[Signed]) {
        let mut said = BTreeSet::new();
        for operation in batches.iter().flat_map(|signed| &signed.batch().operations) {
            match operation {
                Operation::Place { entry: of, .. }
                | Operation::Remove { entry: of, .. }
                | Operation::Content { file: of, .. } => said.insert(*of),
                _ => false,
            };
        }
        loop {
            let all =
                self.edits.iter().flat_map(|(file, edits)| edits.iter().map(|edit| (*file, edit.clone())));
            let next = all.into_iter().find(|(file, edit)| {
                let is_said =
                    said.contains(&copy_entry(file, &edit.id)) || said.contains(&copy_file(file, &edit.id));
                is_said && !self.own.contains(&(*file, edit.id))
            });
            let Some((file, edit)) = next else { return };
            self.own.insert((file, edit.id));
            self.copy(file, &edit);
        }
    }

    fn copy(&mut self, file: Id, edit: &Edit) {
        let (entry, copy) = (copy_entry(&file, &edit.id), copy_file(&file, &edit.id));
        let place = Placed { when: edit.when, id: edit.id, at: Where::Beside(file) };
        let places = self.places.entry(entry).or_default();
        places.push(place);
        places.sort_by_key(|place| place.when);
        self.targets.entry(entry).or_insert(Target::File(copy));
        let edits = self.edits.entry(copy).or_default();
        edits.push(edit.clone());
        edits.sort_by_key(|edit| edit.when);
    }

    fn entries(&self, file: &Id) -> Vec<Id> {
        let all = self.targets.iter().filter(|(_, target)| **target == Target::File(*file));
        all.map(|(entry, _)| *entry).collect()
    }

    fn alive(&self, entry: &Id) -> Vec<&Placed> {
        let places = self.places.get(entry).into_iter().flatten();
        places.filter(|place| !self.over.contains(&(*entry, place.id))).collect()
    }

    fn last(&self, entry: &Id) -> Option<&Placed> {
        self.alive(entry).last().copied().or(self.places.get(entry)?.last())
    }

    /// Contents of a file that nobody knowingly replaced or removed.
    fn kept(&self, file: &Id) -> Vec<&Edit> {
        let entries = self.entries(file);
        let is_removed = |edit: &Edit| entries.iter().any(|entry| self.removed.contains(&(*entry, edit.id)));
        let edits = self.edits.get(file).into_iter().flatten();
        edits
            .filter(|edit| {
                !self.replaced.contains(&(*file, edit.id)) && !self.own.contains(&(*file, edit.id))
            })
            .filter(|edit| !is_removed(edit))
            .collect()
    }

    fn content(&self, file: &Id) -> Option<&Content> {
        if let Some(edit) = self.kept(file).last() {
            return Some(&edit.content);
        }
        // It was removed by one who did not know of a name that it has.
        let edits = self.edits.get(file)?;
        let is_own = |edit: &&Edit| self.own.contains(&(*file, edit.id));
        let others = edits.iter().rev().filter(|edit| !is_own(edit));
        let mut unreplaced = others.clone().filter(|edit| !self.replaced.contains(&(*file, edit.id)));
        unreplaced.next().or(others.clone().next()).or(edits.last()).map(|edit| &edit.content)
    }

    /// The names that a file has: those that nobody took away, or where it was last, if somebody
    /// edited it that did not know of the removal.
    fn names(&self, file: &Id) -> Vec<Id> {
        let entries = self.entries(file);
        let placed: Vec<Id> = entries.iter().copied().filter(|entry| !self.alive(entry).is_empty()).collect();
        if !placed.is_empty() || self.kept(file).is_empty() {
            return placed;
        }
        entries.into_iter().max_by_key(|entry| self.last(entry).map(|place| place.when)).into_iter().collect()
    }

    /// In which directory each directory is.
    fn parents(&self) -> BTreeMap<Id, Id> {
        let all: Vec<Id> =
            self.targets.keys().copied().filter(|id| self.targets[id] == Target::Directory).collect();
        let mut steps: BTreeMap<Id, Vec<(When, Id)>> = BTreeMap::new();
        for id in &all {
            let alive: BTreeSet<Id> = self.alive(id).iter().map(|place| place.id).collect();
            let mut places: Vec<&Placed> = self.places[id].iter().collect();
            places.sort_by_key(|place| (alive.contains(&place.id), place.when));
            let within = places.into_iter().filter_map(|place| match &place.at {
                Where::In(parent, _) => Some((place.when, *parent)),
                Where::Beside(_) => None,
            });
            steps.insert(*id, within.collect());
        }
        let parent = |steps: &BTreeMap<Id, Vec<(When, Id)>>, id: &Id| {
            let parent = steps[id].last().map(|(_, parent)| *parent);
            parent.filter(|parent| steps.contains_key(parent)).unwrap_or(Id::TOP)
        };
        'again: loop {
            for id in &all {
                let mut circle = Vec::from([*id]);
                let mut at = parent(&steps, id);
                while at != Id::TOP && !circle.contains(&at) {
                    circle.push(at);
                    at = parent(&steps, &at);
                }
                if at == *id {
                    let last = circle.into_iter().max_by_key(|id| steps[id].last().map(|(when, _)| *when));
                    steps.get_mut(&last.unwrap()).unwrap().pop();
                    continue 'again;
                }
            }
            return all.iter().map(|id| (*id, parent(&steps, id))).collect();
        }
    }

    /// The names of the directory that an entry may be in, and the name there.
    fn spots(&self, entry: &Id, parents: &BTreeMap<Id, Id>, depth: usize) -> Vec<(Id, String)> {
        match self.last(entry).map(|place| &place.at) {
            Some(Where::In(parent, name)) => {
                let parent = if parents.contains_key(parent) { *parent } else { Id::TOP };
                Vec::from([(parent, name.clone())])
            }
            Some(Where::Beside(file)) if depth < 64 => {
                let mut names = self.names(file);
                if names.is_empty() {
                    let all = self.entries(file).into_iter();
                    names.extend(all.max_by_key(|entry| self.last(entry).map(|place| place.when)));
                }
                names.iter().flat_map(|entry| self.spots(entry, parents, depth + 1)).collect()
            }
            _ => Vec::from([(Id::TOP, "copy".to_string())]),
        }
    }

    fn path(&self, directory: &Id, parents: &BTreeMap<Id, Id>) -> String {
        let mut path = String::new();
        let mut at = *directory;
        while at != Id::TOP {
            let Some(Where::In(_, name)) = self.last(&at).map(|place| &place.at) else { unreachable!() };
            path = format!("{name}/{path}");
            at = parents[&at];
        }
        path
    }

    fn see(mut self) -> Seen {
        // What lost against another edit is beside it.
        let files: Vec<Id> = self.edits.keys().copied().collect();
        let mut lost = Vec::new();
        for file in files.iter().filter(|file| !self.entries(file).is_empty()) {
            let kept: Vec<Edit> = self.kept(file).into_iter().cloned().collect();
            if let Some((last, others)) = kept.split_last() {
                let differs = |edit: &&Edit| edit.content.data != last.content.data;
                lost.extend(others.iter().filter(differs).map(|edit| (*file, edit.clone())));
            }
        }
        for (file, edit) in &lost {
            self.copy(*file, edit);
        }
        let parents = self.parents();
        let mut living: BTreeSet<Id> = BTreeSet::new();
        let mut found: Vec<Shown> = Vec::new();
        for file in self.edits.keys() {
            let Some(content) = self.content(file) else { continue };
            for entry in self.names(file) {
                let place = self.last(&entry).unwrap();
                let is_copy = matches!(place.at, Where::Beside(_));
                let spots = self.spots(&entry, &parents, 0);
                living.extend(spots.iter().take(1).map(|(directory, _)| *directory));
                found.push((spots, is_copy, place.when, text(content)));
            }
        }
        living.extend(parents.keys().filter(|id| !self.alive(id).is_empty()));
        let within: Vec<Id> = living.iter().copied().collect();
        for mut at in within {
            while at != Id::TOP {
                living.insert(at);
                at = parents[&at];
            }
        }
        living.remove(&Id::TOP);
        let directories: BTreeSet<String> =
            living.iter().map(|id| self.path(id, &parents).trim_end_matches('/').to_string()).collect();
        let (mut contents, mut winners) = (Vec::new(), BTreeMap::new());
        found.sort_by_key(|(_, _, when, _)| *when);
        for (spots, is_copy, _, text) in found {
            let paths: BTreeSet<String> =
                spots.iter().map(|(directory, name)| self.path(directory, &parents) + name).collect();
            for path in paths.iter().filter(|path| !is_copy && !directories.contains(*path)) {
                winners.insert(path.clone(), text.clone());
            }
            contents.push((paths, text));
        }
        Seen { directories, contents, winners }
    }
}

/// The path that something was to have before it was told apart.
fn wished(path: &str) -> String {
    let (above, name) = path.rsplit_once('/').map_or(("", path), |(above, name)| (above, name));
    let name = match (name.find(" ("), name.rfind(')')) {
        (Some(from), Some(to)) => {
            let ending = name[to + 1..].find('.').map_or("", |dot| &name[to + 1 + dot..]);
            format!("{}{ending}", &name[..from])
        }
        _ => name.to_string(),
    };
    if above.is_empty() { name } else { format!("{above}/{name}") }
}

fn compare(person: &Person, what: &str) {
    let expected = Rules::of(&person.batches).see();
    let shown = person.see();
    let lines = person.lines();
    let directories: BTreeSet<String> =
        shown.iter().filter(|(_, content)| content.is_none()).map(|(path, _)| path.clone()).collect();
    assert_eq!(directories, expected.directories, "{what}: directories");
    let files: Vec<(&String, &String)> =
        shown.iter().filter_map(|(path, content)| Some((path, content.as_ref()?))).collect();
    for (paths, content) in &expected.contents {
        let is_there = files.iter().any(|(path, text)| *text == content && paths.contains(&wished(path)));
        assert!(is_there, "{what}: {content} under {paths:?} in {lines:?}");
    }
    for (path, text) in &files {
        let is_right =
            |(paths, content): &(BTreeSet<String>, String)| content == *text && paths.contains(&wished(path));
        assert!(expected.contents.iter().any(is_right), "{what}: {path}: {text}");
    }
    for (path, content) in &expected.winners {
        assert_eq!(shown.get(path), Some(&Some(content.clone())), "{what}: {path} in {lines:?}");
    }
    for (path, _) in files.iter().filter(|(path, _)| wished(path) == **path) {
        assert!(expected.winners.contains_key(*path), "{what}: {path} is nobody's");
    }
}

fn history(seed: u64) {
    let mut dice = Dice::new(seed ^ 0xA110D);
    let mut written = BTreeSet::new();
    let count = 2 + dice.below(3);
    let mut people: Vec<Person> = (0..count)
        .map(|number| Person::new(number as u8 + 1, ["laptop", "phone", "tablet", "desk"][number]))
        .collect();
    if dice.below(3) == 0 {
        // The state of one was copied, and both copies are used.
        let copied = people[0].copied();
        people.push(copied);
    }
    let steps = 5 + dice.below(60);
    for step in 0..steps {
        let who = dice.below(people.len());
        people[who].day = step as i64;
        if dice.below(3) == 0 {
            // All that is shown may be moved into each other.
            let directories: Vec<String> =
                people[who].see().into_iter().filter(|(_, c)| c.is_none()).map(|(path, _)| path).collect();
            if let (Some(from), Some(to)) = (dice.pick(&directories), dice.pick(&directories)) {
                let new = format!("{to}/{}", ["a", "b", "c"][dice.below(3)]);
                let is_free = !people[who].see().contains_key(&new);
                if is_free && from != to && !to.starts_with(&format!("{from}/")) {
                    people[who].rename(from, &new);
                }
            }
        } else {
            act(&mut people[who], &mut dice, &mut written);
        }
        if dice.below(6) == 0 {
            // Somebody hears a part of what another knows.
            let other = people[dice.below(people.len())].clone();
            let part = dice.below(other.batches.len() + 1);
            people[who].hear_of(&other, part);
            compare(&people[who], &format!("seed {seed}, step {step}"));
        }
    }
    let mut all = people[0].clone();
    people.iter().for_each(|person| all.hear(person));
    compare(&all, &format!("seed {seed}, all"));
    for person in &people {
        let mut person = person.clone();
        person.hear(&all);
        assert_eq!(person.lines(), all.lines(), "seed {seed}");
    }
    let shown: BTreeSet<String> = all.see().into_values().flatten().collect();
    let given_up: BTreeSet<&String> = people.iter().flat_map(|person| &person.given_up).collect();
    let lost: Vec<&String> =
        written.iter().filter(|content| !shown.contains(*content) && !given_up.contains(content)).collect();
    assert!(lost.is_empty(), "seed {seed}: {lost:?} lost");
}

#[test]
fn what_is_shown_is_what_the_rules_say_worked_out_a_second_time() {
    (0..400).for_each(history);
}
