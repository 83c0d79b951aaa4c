//! Which names of a vault's files are which entries: the tree of files as it was at the last
//! sync, beside the tree that follows from the operations that were known then. Both have the
//! same names.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::operation::Id;
use super::replica::{Member, Tree};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::{Entry, FileKind, Files, Ino};

/// A name in a directory.
pub(super) type Name = (Ino, Vec<u8>);

/// What the files of a vault are, as others know them.
#[derive(Debug, Default)]
pub(super) struct Here {
    /// All names, as they are now.
    pub(super) names: BTreeMap<Name, Entry>,
    /// The names of the last sync, and which node each is.
    pub(super) nodes: BTreeMap<Name, usize>,
    /// Names of the last sync that are no node. There are none, unless another program wrote them.
    pub(super) strays: Vec<Name>,
    /// The entries of each directory, the first of which counts.
    pub(super) directories: BTreeMap<Ino, Vec<Id>>,
    /// The file of each that is no directory.
    pub(super) files: BTreeMap<Ino, Id>,
}

impl Here {
    /// As it was at the last sync, when this tree was shown.
    pub(super) fn at_base<B: Blocks, C: Compress>(
        files: &mut Files<B, C>,
        tree: &Tree,
    ) -> Result<Self, VaultError> {
        let mut children: BTreeMap<(usize, &[u8]), usize> = BTreeMap::new();
        for (number, node) in tree.nodes.iter().enumerate().skip(1) {
            children.insert((node.parent, &node.name), number);
        }
        let mut here = Self::default();
        here.directories.insert(Ino::ROOT, [Id::TOP].into());
        let mut numbers = BTreeMap::from([(Ino::ROOT, 0)]);
        files.names_at_base(&mut |directory, name, entry| {
            let node = numbers.get(&directory).and_then(|parent| children.get(&(*parent, name)));
            let node = node.and_then(|number| Some((*number, tree.nodes.get(*number)?)));
            let key = (directory, name.to_vec());
            here.names.insert(key.clone(), entry);
            match node.map(|(number, node)| (number, node, node.file())) {
                Some((number, node, None)) if entry.kind == FileKind::Directory => {
                    numbers.insert(entry.ino, number);
                    let entries = node.members.iter().map(|member| member.entry).collect();
                    here.directories.insert(entry.ino, entries);
                    here.nodes.insert(key, number);
                }
                Some((number, _, Some(file))) if entry.kind != FileKind::Directory => {
                    here.files.insert(entry.ino, file);
                    here.nodes.insert(key, number);
                }
                _ => here.strays.push(key),
            }
        })?;
        Ok(here)
    }

    /// What a name of the last sync was shown as.
    pub(super) fn members<'a>(&self, tree: &'a Tree, name: &Name) -> &'a [Member] {
        let node = self.nodes.get(name).and_then(|number| tree.nodes.get(*number));
        node.map_or(&[], |node| node.members.as_slice())
    }

    /// What a file or a directory is to others.
    pub(super) fn id(&self, ino: Ino) -> Option<Id> {
        self.files.get(&ino).or_else(|| self.directories.get(&ino)?.first()).copied()
    }
}
