//! Devices without vaults: what they know, what they are shown, and what they do to it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::sync::author::{Author, Gone};
use crate::sync::batch::{Device, Signed};
use crate::sync::log::Log;
use crate::sync::operation::{Content, Data, Id, Operation, Part, PartBytes, Parts, Target};
use crate::sync::replica::{Node, Replica, Tree};

/// A device that keeps all batches that it was told of.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    number: u8,
    nonces: u8,
    pub(crate) day: i64,
    log: Log,
    pub(crate) batches: Vec<Signed>,
    /// Contents that were replaced or removed by somebody who was shown them.
    pub(crate) given_up: BTreeSet<String>,
}

impl Person {
    pub(crate) fn new(number: u8, name: &str) -> Self {
        let mut person = Self {
            number,
            nonces: 0,
            day: 0,
            log: Log::default(),
            batches: Vec::new(),
            given_up: BTreeSet::new(),
        };
        person.write(|author, _| {
            author.add(Operation::Name { name: name.to_string() });
        });
        person
    }

    pub(crate) fn replica(&self) -> Replica {
        Replica::new(&self.batches)
    }

    /// Does something to what is shown.
    pub(crate) fn write(&mut self, act: impl FnOnce(&mut Author<'_>, &Tree)) {
        let replica = self.replica();
        let device = Device::of(&key(self.number));
        let number = self.log.head(&device).map_or(1, |(number, _)| number + 1);
        self.nonces += 1;
        let pending = BTreeSet::new();
        let mut author = Author::new(&replica, device, number, [self.nonces; 16], &pending);
        act(&mut author, &replica.tree());
        for written in author.finish() {
            let (time, seen) = (at(self.day * 86_400), self.log.seen(&device));
            let batch = self.log.next(SPACE, device, seen, (time, written.nonce), written.operations);
            assert_eq!(batch.number, written.number);
            self.take(&Signed::new(batch, &key(self.number)).unwrap());
        }
    }

    pub(crate) fn take(&mut self, signed: &Signed) {
        if self.log.take(signed).unwrap() != crate::sync::log::Taken::Known {
            self.batches.push(signed.clone());
        }
    }

    /// Another device with the same state.
    pub(crate) fn copied(&self) -> Self {
        Self { nonces: self.nonces + 100, ..self.clone() }
    }

    /// Is told some of what another knows, the first first.
    pub(crate) fn hear_of(&mut self, other: &Self, count: usize) {
        other.batches.iter().take(count).for_each(|signed| self.take(signed));
    }

    /// Is told all that another knows.
    pub(crate) fn hear(&mut self, other: &Self) {
        other.batches.iter().for_each(|signed| self.take(signed));
    }

    /// What is shown, by path: contents, and nothing for directories.
    pub(crate) fn see(&self) -> BTreeMap<String, Option<String>> {
        let replica = self.replica();
        let tree = replica.tree();
        let paths = paths(&tree);
        let shown = tree.nodes.iter().zip(paths).skip(1);
        let content = |node: &Node| node.file().map(|file| text(replica.content(&file).unwrap()));
        let seen: Vec<_> = shown.map(|(node, path)| (path, content(node))).collect();
        let count = seen.len();
        let seen = BTreeMap::from_iter(seen);
        assert_eq!(seen.len(), count, "a name twice");
        seen
    }

    /// What is shown, in lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(path, content): (String, Option<String>)| match content {
            Some(content) => format!("{path}: {content}"),
            None => format!("{path}/"),
        };
        self.see().into_iter().map(line).collect()
    }

    pub(crate) fn make(&mut self, path: &str, content: &str) {
        self.write(|author, tree| {
            let (parent, name) = split(tree, path);
            let file = author.make(of(content));
            author.place(parent, name.as_bytes(), Target::File(file));
        });
    }

    pub(crate) fn make_directory(&mut self, path: &str) {
        self.write(|author, tree| {
            let (parent, name) = split(tree, path);
            author.place(parent, name.as_bytes(), Target::Directory);
        });
    }

    pub(crate) fn link(&mut self, path: &str, new: &str) {
        self.write(|author, tree| {
            let file = node(tree, path).file().unwrap();
            let (parent, name) = split(tree, new);
            author.place(parent, name.as_bytes(), Target::File(file));
        });
    }

    pub(crate) fn edit(&mut self, path: &str, content: &str) {
        let before = self.see()[path].clone().unwrap();
        self.given_up.insert(before);
        self.write(|author, tree| author.edit(&node(tree, path).members, of(content)));
    }

    pub(crate) fn rename(&mut self, path: &str, new: &str) {
        self.write(|author, tree| {
            let (parent, name) = split(tree, new);
            author.move_to(&node(tree, path).members, parent, name.as_bytes());
        });
    }

    /// Removes a file, or a directory with all that is in it.
    pub(crate) fn remove(&mut self, path: &str) {
        let within = format!("{path}/");
        let is_gone = |other: &String| other == path || other.starts_with(&within);
        let gone: Vec<String> = self.see().into_keys().filter(is_gone).collect();
        let seen = self.see();
        // What has a name elsewhere is not given up.
        let stays: BTreeSet<_> =
            seen.iter().filter(|(path, _)| !gone.contains(path)).map(|(_, c)| c).collect();
        let given_up = gone.iter().filter_map(|path| seen[path].clone());
        self.given_up.extend(given_up.filter(|content| !stays.contains(&Some(content.clone()))));
        self.write(|author, tree| {
            let nodes: Vec<&Node> = gone.iter().rev().map(|path| node(tree, path)).collect();
            let entries =
                nodes.iter().flat_map(|node| node.members.iter().map(|member| member.entry)).collect();
            let mut gone = Gone::new(entries);
            nodes.iter().for_each(|node| author.remove(&node.members, &mut gone));
        });
    }
}

pub(crate) fn of(content: &str) -> Content {
    let part = Part { start: 0, bytes: PartBytes::Here(content.as_bytes().to_vec()) };
    let parts = if content.is_empty() { Vec::new() } else { vec![part] };
    Content { data: Data::File { size: content.len() as u64, parts: Parts::Here(parts) }, modified: at(0) }
}

pub(crate) fn text(content: &Content) -> String {
    match &content.data {
        Data::File { parts: Parts::Here(parts), .. } => match parts.first().map(|part| &part.bytes) {
            Some(PartBytes::Here(bytes)) => String::from_utf8(bytes.clone()).unwrap(),
            _ => String::new(),
        },
        _ => unreachable!("these tests have files of few bytes"),
    }
}

fn paths(tree: &Tree) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for (number, node) in tree.nodes.iter().enumerate() {
        let name = String::from_utf8(node.name.clone()).unwrap();
        let above = paths.get(node.parent).filter(|above| number > 0 && !above.is_empty());
        paths.push(above.map_or(name.clone(), |above| format!("{above}/{name}")));
    }
    paths
}

fn node<'a>(tree: &'a Tree, path: &str) -> &'a Node {
    let place = paths(tree).iter().position(|other| other == path);
    &tree.nodes[place.unwrap_or_else(|| panic!("no {path} in {:?}", paths(tree)))]
}

fn split<'a>(tree: &Tree, path: &'a str) -> (Id, &'a str) {
    match path.rsplit_once('/') {
        Some((parent, name)) => (node(tree, parent).entry(), name),
        None => (Id::TOP, path),
    }
}
