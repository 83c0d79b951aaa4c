//! Files as they should be: maps in memory, and operations by path.

use super::*;

#[derive(Clone, Debug)]
struct Node {
    seen: Seen,
    names: BTreeMap<String, u64>,
}

/// Files in memory.
#[derive(Clone, Debug)]
pub(super) struct Model {
    nodes: BTreeMap<u64, Node>,
    next: u64,
}

/// Something that is done by path, so that nothing is known of numbers.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Make(String, FileKind),
    Link(String, String),
    Unlink(String),
    RemoveDirectory(String),
    Rename(String, String, Existing),
    Write(String, u64, Vec<u8>),
    Resize(String, u64),
    Punch(String, u64, u64),
    Permit(String, u16),
    Attribute(String, u8, Option<Vec<u8>>),
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap()
}

impl Model {
    pub(super) fn new() -> Self {
        let seen = Seen {
            kind: FileKind::Directory,
            permissions: 0o755,
            owner: 1000,
            links: 2,
            modified: at(0),
            changed: at(0),
            content: Vec::new(),
            attributes: BTreeMap::new(),
        };
        Self { nodes: BTreeMap::from([(1, Node { seen, names: BTreeMap::new() })]), next: 2 }
    }

    fn find(&self, path: &str) -> Option<u64> {
        path.split('/').skip(1).try_fold(1, |at, name| self.nodes[&at].names.get(name).copied())
    }

    fn is_directory(&self, ino: u64) -> bool {
        self.nodes[&ino].seen.kind == FileKind::Directory
    }

    fn node(&mut self, ino: u64) -> &mut Node {
        self.nodes.get_mut(&ino).unwrap()
    }

    /// A directory's names change by one directory more or less.
    fn change_names(&mut self, directory: u64, links: i32, now: Time) {
        let seen = &mut self.node(directory).seen;
        seen.links = seen.links.checked_add_signed(links).unwrap();
        (seen.modified, seen.changed) = (now, now);
    }

    fn drop_name(&mut self, ino: u64, now: Time) {
        let is_directory = self.is_directory(ino);
        let seen = &mut self.node(ino).seen;
        seen.links -= 1;
        seen.changed = now;
        if seen.links == 0 || is_directory {
            self.nodes.remove(&ino);
        }
    }

    /// Whether it was done.
    pub(super) fn apply(&mut self, step: &Step, now: Time) -> Option<()> {
        match step {
            Step::Make(path, kind) => {
                let (parent, name) = split(path);
                let parent = self.find(parent).filter(|parent| self.is_directory(*parent))?;
                if self.nodes[&parent].names.contains_key(name) {
                    return None;
                }
                let is_directory = *kind == FileKind::Directory;
                let content = if *kind == FileKind::Symlink { b"somewhere".to_vec() } else { Vec::new() };
                let seen = Seen {
                    kind: *kind,
                    permissions: 0o644,
                    owner: 1000,
                    links: 1 + u32::from(is_directory),
                    modified: now,
                    changed: now,
                    content,
                    attributes: BTreeMap::new(),
                };
                let ino = self.next;
                self.next += 1;
                self.nodes.insert(ino, Node { seen, names: BTreeMap::new() });
                self.node(parent).names.insert(name.into(), ino);
                self.change_names(parent, i32::from(is_directory), now);
            }
            Step::Link(path, new) => {
                let ino = self.find(path).filter(|ino| !self.is_directory(*ino))?;
                let (parent, name) = split(new);
                let parent = self.find(parent).filter(|parent| self.is_directory(*parent))?;
                if self.nodes[&parent].names.contains_key(name) {
                    return None;
                }
                let seen = &mut self.node(ino).seen;
                seen.links += 1;
                seen.changed = now;
                self.node(parent).names.insert(name.into(), ino);
                self.change_names(parent, 0, now);
            }
            Step::Unlink(path) | Step::RemoveDirectory(path) => {
                let wants_directory = matches!(step, Step::RemoveDirectory(_));
                let (parent, name) = split(path);
                let parent = self.find(parent)?;
                let ino = *self.nodes[&parent].names.get(name)?;
                if self.is_directory(ino) != wants_directory || !self.nodes[&ino].names.is_empty() {
                    return None;
                }
                self.node(parent).names.remove(name);
                self.change_names(parent, -i32::from(wants_directory), now);
                self.drop_name(ino, now);
            }
            Step::Rename(path, new, existing) => return self.rename(path, new, *existing, now),
            Step::Write(path, offset, bytes) => {
                let content = self.content(path, now)?;
                let end = *offset as usize + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset as usize..end].copy_from_slice(bytes);
            }
            Step::Resize(path, size) => self.content(path, now)?.resize(*size as usize, 0),
            Step::Punch(path, offset, size) => {
                let content = self.content(path, now)?;
                let from = (*offset as usize).min(content.len());
                let to = (from + *size as usize).min(content.len());
                content[from..to].fill(0);
            }
            Step::Permit(path, permissions) => {
                let ino = self.find(path)?;
                let seen = &mut self.node(ino).seen;
                (seen.permissions, seen.changed) = (*permissions, now);
            }
            Step::Attribute(path, name, value) => {
                let ino = self.find(path)?;
                let seen = &mut self.node(ino).seen;
                match value {
                    Some(value) => drop(seen.attributes.insert(alloc::vec![*name], value.clone())),
                    None => drop(seen.attributes.remove(&alloc::vec![*name])?),
                }
                seen.changed = now;
            }
        }
        Some(())
    }

    fn content(&mut self, path: &str, now: Time) -> Option<&mut Vec<u8>> {
        let ino = self.find(path)?;
        let seen = &mut self.node(ino).seen;
        if seen.kind != FileKind::File {
            return None;
        }
        (seen.modified, seen.changed) = (now, now);
        Some(&mut seen.content)
    }

    fn rename(&mut self, path: &str, new: &str, existing: Existing, now: Time) -> Option<()> {
        let ((from, name), (to, new_name)) = (split(path), split(new));
        let from = self.find(from)?;
        let to = self.find(to).filter(|to| self.is_directory(*to))?;
        let moved = *self.nodes[&from].names.get(name)?;
        let replaced = self.nodes[&to].names.get(new_name).copied();
        match (existing, replaced) {
            (Existing::Keep, Some(_)) | (Existing::Exchange, None) => return None,
            (_, Some(other)) if other == moved => return Some(()),
            _ => {}
        }
        let is_below = |above: &str, below: &str| below.starts_with(&alloc::format!("{above}/"));
        if (self.is_directory(moved) && is_below(path, new))
            || (existing == Existing::Exchange && is_below(new, path))
        {
            return None;
        }
        let directory = |model: &Self, ino: u64| i32::from(model.is_directory(ino));
        let comes = directory(self, moved);
        match (existing, replaced) {
            (Existing::Exchange, Some(other)) => {
                let goes = directory(self, other);
                self.node(from).names.insert(name.into(), other);
                self.node(to).names.insert(new_name.into(), moved);
                self.change_names(from, goes - comes, now);
                self.change_names(to, comes - goes, now);
                self.node(other).seen.changed = now;
            }
            _ => {
                if let Some(other) = replaced {
                    if comes != directory(self, other) || !self.nodes[&other].names.is_empty() {
                        return None;
                    }
                    self.change_names(to, -directory(self, other), now);
                    self.drop_name(other, now);
                }
                self.node(from).names.remove(name);
                self.node(to).names.insert(new_name.into(), moved);
                self.change_names(from, -comes, now);
                self.change_names(to, comes, now);
            }
        }
        self.node(moved).seen.changed = now;
        Some(())
    }

    /// All that somebody sees, by path.
    pub(super) fn see(&self) -> BTreeMap<String, Seen> {
        let mut seen = BTreeMap::new();
        let mut rest = alloc::vec![(String::new(), 1)];
        while let Some((path, ino)) = rest.pop() {
            let node = &self.nodes[&ino];
            seen.insert(path.clone(), node.seen.clone());
            rest.extend(node.names.iter().map(|(name, ino)| (alloc::format!("{path}/{name}"), *ino)));
        }
        seen
    }
}

/// The same step as an operation, by the numbers that the paths have; nothing where a path
/// leads nowhere.
pub(super) fn operation(files: &mut Vault, step: &Step, now: Time) -> Option<Operation> {
    let mut reader = files.read();
    let mut find = |path: &str| {
        path.split('/')
            .skip(1)
            .try_fold(Ino::ROOT, |at, name| reader.lookup(at, name.as_bytes()).ok().map(|entry| entry.ino))
    };
    let mut parent = |path: &str| {
        let (parent, name) = split(path);
        Some((find(parent)?, name.as_bytes().to_vec()))
    };
    Some(match step {
        Step::Make(path, kind) => {
            let (parent, name) = parent(path)?;
            let Operation::Make { permissions, owner, group, target, .. } = make(parent, "", *kind) else {
                unreachable!("it makes something")
            };
            Operation::Make { parent, name, kind: *kind, permissions, owner, group, target, now }
        }
        Step::Link(path, new) => {
            let (parent, name) = parent(new)?;
            Operation::Link { ino: find(path)?, parent, name, now }
        }
        Step::Unlink(path) => {
            let (parent, name) = parent(path)?;
            Operation::Unlink { parent, name, directory: false, open: false, now }
        }
        Step::RemoveDirectory(path) => {
            let (parent, name) = parent(path)?;
            Operation::Unlink { parent, name, directory: true, open: false, now }
        }
        Step::Rename(path, new, existing) => {
            let ((from, name), (to, new_name)) = (parent(path)?, parent(new)?);
            Operation::Rename { from, name, to, new_name, existing: *existing, open: false, now }
        }
        Step::Write(path, offset, bytes) => {
            Operation::Write { ino: find(path)?, offset: *offset, bytes: bytes.clone(), now }
        }
        Step::Resize(path, size) => {
            let changes = Changes { size: Some(*size), ..Changes::default() };
            Operation::Set { ino: find(path)?, changes, now }
        }
        Step::Punch(path, offset, size) => {
            Operation::Punch { ino: find(path)?, offset: *offset, size: *size, now }
        }
        Step::Permit(path, permissions) => {
            let changes = Changes { permissions: Some(*permissions), ..Changes::default() };
            Operation::Set { ino: find(path)?, changes, now }
        }
        Step::Attribute(path, name, value) => {
            let (name, value) = (alloc::vec![*name], value.clone());
            Operation::Attribute { ino: find(path)?, name, value, exists: None, now }
        }
    })
}
