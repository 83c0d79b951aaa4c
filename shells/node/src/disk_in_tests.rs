//! A disk that remembers what was written and what was synced, and so can tell
//! everything that a crash or a power cut may leave of it.

use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

/// One of the store's two files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    file: Arc<Mutex<File>>,
}

#[derive(Debug, Default)]
struct File {
    /// As a reader sees it.
    content: Vec<u8>,
    /// As it was when it was last synced.
    durable: Vec<u8>,
    /// What came since.
    since: Vec<Step>,
    /// Steps so far, syncs among them.
    steps: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64, Vec<u8>),
    Length(u64),
}

/// What happens to steps that were not synced when the power is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsynced {
    /// The process alone died: the system still writes them all.
    Kept,
    /// None reached the disk.
    Lost,
    /// Some did, in no order: those whose bit is set in this word, counted
    /// around.
    Some(u64),
}

impl Step {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let (start, end) = (*offset as usize, *offset as usize + bytes.len());
                content.resize(content.len().max(end), 0);
                content[start..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length as usize, 0),
        }
    }
}

impl Disk {
    /// A disk that holds this, durably.
    pub(crate) fn holding(content: Vec<u8>) -> Self {
        let file = File { durable: content.clone(), content, since: Vec::new(), steps: 0 };
        Self { file: Arc::new(Mutex::new(file)) }
    }

    fn take(&self, step: Step) {
        let mut file = self.file.lock().unwrap();
        step.apply(&mut file.content);
        file.since.push(step);
        file.steps += 1;
    }

    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) {
        self.take(Step::Write(offset, bytes.to_vec()));
    }

    pub(crate) fn synced(&self) {
        let mut file = self.file.lock().unwrap();
        file.durable = file.content.clone();
        file.since.clear();
        file.steps += 1;
    }

    /// How much happened so far.
    pub(crate) fn steps(&self) -> u64 {
        self.file.lock().unwrap().steps
    }

    /// What a crash at this moment leaves.
    pub(crate) fn after_crash(&self, unsynced: Unsynced) -> Vec<u8> {
        let file = self.file.lock().unwrap();
        let mut content = file.durable.clone();
        for (i, step) in file.since.iter().enumerate() {
            let kept = match unsynced {
                Unsynced::Kept => true,
                Unsynced::Lost => false,
                Unsynced::Some(word) => word >> (i % 64) & 1 == 1,
            };
            if kept {
                step.apply(&mut content);
            }
        }
        content
    }
}

/// The database on such a disk; `seen` is called after every step.
pub(crate) struct Watched<F> {
    pub(crate) disk: Disk,
    pub(crate) seen: F,
}

impl<F> std::fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

impl<F: Fn() + Send + Sync + 'static> StorageBackend for Watched<F> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.file.lock().unwrap().content.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let file = self.disk.file.lock().unwrap();
        let start = offset as usize;
        let bytes = file.content.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.take(Step::Length(len));
        (self.seen)();
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.synced();
        (self.seen)();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.write_at(offset, data);
        (self.seen)();
        Ok(())
    }
}
