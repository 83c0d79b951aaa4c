//! From what somebody did to the files that they were shown, to operations: each names all
//! that it replaces or removes, which is what was shown.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::batch::{Device, operation_id};
use super::operation::{Content, Id, Operation, SEEN_MAX, Target};
use super::replica::{Member, Replica};

/// Bytes of operations that are put into one batch, about.
const SIZE: usize = 64 << 10;

/// Writes the next batches of a device.
#[derive(Debug)]
pub struct Author<'a> {
    shown: &'a Replica,
    device: Device,
    number: u64,
    nonce: [u8; 16],
    /// Batches that are full.
    done: Vec<Written>,
    operations: Vec<Operation>,
    size: usize,
    /// Entries and files of which something was said.
    said: BTreeSet<Id>,
    pending: &'a BTreeSet<Id>,
    /// Names of files that were looked at, to see whether the last one goes.
    #[cfg(test)]
    pub(crate) looked: usize,
}

/// Entries that are removed together.
#[derive(Clone, Debug, Default)]
pub struct Gone {
    entries: BTreeSet<Id>,
    /// Of files that have been looked at: the contents that go, which are some where all names do. So a file
    /// of many names is looked at once, not at each.
    contents: BTreeMap<Id, Vec<Id>>,
}

impl Gone {
    /// These.
    pub fn new(entries: BTreeSet<Id>) -> Self {
        Self { entries, contents: BTreeMap::new() }
    }
}

/// The operations of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub number: u64,
    /// Its nonce, from which the ids of its operations come.
    pub nonce: [u8; 16],
    /// The operations.
    pub operations: Vec<Operation>,
}

impl<'a> Author<'a> {
    /// For a device that was shown this, and whose next batch has this number. `nonce` is
    /// random.
    ///
    /// `pending` are files that are shown with an older content than their last, or not at all.
    pub fn new(
        shown: &'a Replica,
        device: Device,
        number: u64,
        nonce: [u8; 16],
        pending: &'a BTreeSet<Id>,
    ) -> Self {
        let (done, operations, said) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self {
            shown,
            device,
            number,
            nonce,
            done,
            operations,
            size: 0,
            said,
            pending,
            #[cfg(test)]
            looked: 0,
        }
    }

    /// Whose batches they are.
    pub fn device(&self) -> Device {
        self.device
    }

    /// What the operations name as seen.
    pub fn shown(&self) -> &'a Replica {
        self.shown
    }

    /// Adds an operation. With its id.
    pub fn add(&mut self, operation: Operation) -> Id {
        self.add_with(|_| operation)
    }

    /// A file that is new. With its id.
    pub fn make(&mut self, content: Content) -> Id {
        self.add_with(|id| Operation::Content { file: id, content, instead: Vec::new() })
    }

    /// An entry that is new. With its id.
    pub fn place(&mut self, parent: Id, name: &[u8], target: Target) -> Id {
        let name = name.to_vec();
        self.add_with(|id| Operation::Place { entry: id, parent, name, target, instead: Vec::new() })
    }

    /// What these are shown as has another content. Those that were shown as one are from now
    /// on.
    pub fn edit(&mut self, members: &[Member], content: Content) {
        let Some(file) = members.first().and_then(|member| member.file) else { return };
        let instead = self.contents(&file);
        self.add(Operation::Content { file, content, instead });
        self.unite(members);
    }

    /// What these are shown as is somewhere else.
    pub fn move_to(&mut self, members: &[Member], parent: Id, name: &[u8]) {
        let directories = members.iter().filter(|member| member.file.is_none());
        for member in directories.chain(members.first().filter(|member| member.file.is_some())) {
            let target = member.file.map_or(Target::Directory, Target::File);
            let instead = few(self.shown.places(&member.entry));
            let (entry, name) = (member.entry, name.to_vec());
            self.add(Operation::Place { entry, parent, name, target, instead });
        }
        self.unite(members);
    }

    /// What these are shown as is removed; what is edited or moved at the same time comes
    /// before. `gone` has all entries that are removed with it; of a
    /// file of which they are all names, the contents go.
    pub fn remove(&mut self, members: &[Member], gone: &mut Gone) {
        for member in members {
            let contents = member.file.map(|file| self.contents_of(&file, gone)).unwrap_or_default();
            self.add(Operation::Remove {
                entry: member.entry,
                places: few(self.shown.places(&member.entry)),
                contents,
            });
        }
    }

    /// The contents that go with a file's names, if all of them go. Copies beside it stay, and stay
    /// copies.
    fn contents_of(&mut self, file: &Id, gone: &mut Gone) -> Vec<Id> {
        if let Some(contents) = gone.contents.get(file) {
            return contents.clone();
        }
        let shown = self.shown;
        #[cfg(test)]
        {
            self.looked += shown.entries(file).count();
        }
        let mut contents = Vec::new();
        if shown.entries(file).all(|entry| gone.entries.contains(entry)) {
            contents = self.contents(file);
            for (entry, copy, id, content) in shown.copies(file) {
                // One of which something is said anyway is a file of its own by that. A device of others
                // is not told again as this one's: it gets the name that becomes free.
                if !content.data.is_device()
                    && !gone.entries.contains(&entry)
                    && !self.said.contains(&entry)
                    && !self.said.contains(&copy)
                {
                    let (content, instead) = (content.clone(), [id].into());
                    self.add(Operation::Content { file: copy, content, instead });
                }
            }
        }
        gone.contents.insert(*file, contents.clone());
        contents
    }

    /// The batches, none of them empty.
    pub fn finish(mut self) -> Vec<Written> {
        self.close();
        self.done
    }

    /// The contents of a file that were shown.
    fn contents(&self, file: &Id) -> Vec<Id> {
        if self.pending.contains(file) { Vec::new() } else { few(self.shown.contents(file)) }
    }

    /// Of equal files that were shown as one, one stays.
    fn unite(&mut self, members: &[Member]) {
        let others = members.get(1..).unwrap_or_default();
        if others.iter().any(|member| member.file.is_some()) {
            let gone = others.iter().map(|member| member.entry).collect();
            self.remove(others, &mut Gone::new(gone));
        }
    }

    fn add_with(&mut self, make: impl FnOnce(Id) -> Operation) -> Id {
        if self.size > SIZE {
            self.close();
        }
        let (number, nonce) = self.at();
        let id = operation_id(&self.device, number, &nonce, self.operations.len());
        let operation = make(id);
        match &operation {
            Operation::Place { entry: of, .. }
            | Operation::Remove { entry: of, .. }
            | Operation::Content { file: of, .. } => {
                self.said.insert(*of);
            }
            _ => {}
        }
        self.size += allod_wire::encode(&operation).len();
        self.operations.push(operation);
        id
    }

    /// The number and the nonce of the batch that is written.
    fn at(&self) -> (u64, [u8; 16]) {
        let mut nonce = self.nonce;
        let count = self.done.len() as u64;
        nonce.iter_mut().zip(count.to_le_bytes()).for_each(|(byte, other)| *byte ^= other);
        (self.number + count, nonce)
    }

    fn close(&mut self) {
        if self.operations.is_empty() {
            return;
        }
        let (number, nonce) = self.at();
        let operations = core::mem::take(&mut self.operations);
        self.done.push(Written { number, nonce, operations });
        self.size = 0;
    }
}

/// What is more stays, and is shown again.
fn few(mut ids: Vec<Id>) -> Vec<Id> {
    ids.truncate(SEEN_MAX);
    ids
}
