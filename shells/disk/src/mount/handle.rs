//! A mounted vault, for whoever else works on it in the same program; and what the kernel, which
//! remembers names, sizes and contents, is told of such work.
//!
//! What changed is found by comparing the tree of files before and after. The kernel is told when
//! nobody holds the vault, by whoever did the work, and never by a thread that answers: it may wait
//! for an answer before it forgets. What was answered from the files of before is on its way until
//! then, so it is waited for that all who were answering are done.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use allod_vault::files::{Access, Difference, Files, Ino, Moment, SnapshotInfo};
use allod_vault::{Blocks, Compress, VaultError};
use fuser::{INodeNo, Notifier};

use super::past::{SNAPSHOTS, Seen};
use super::{Inside, Shared};
use crate::within_reach::{IsOpen, Use};

/// What is between a mount's threads and the kernel.
#[derive(Default)]
pub(super) struct Kernel {
    /// While it is mounted.
    notifier: Mutex<Option<Notifier>>,
    /// Whoever answers has it together with all others who do.
    answering: RwLock<()>,
    seen: Mutex<Seen>,
}

impl Kernel {
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be held until the kernel has the answer.
    pub(super) fn answering(&self) -> RwLockReadGuard<'_, ()> {
        self.answering.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is mounted, or not any more.
    pub(super) fn is_told_by(&self, notifier: Option<Notifier>) {
        *self.notifier.lock().unwrap_or_else(PoisonError::into_inner) = notifier;
    }

    /// Tells the kernel what it is to forget.
    fn tell(&self, changed: &Changed) {
        if changed.is_nothing() {
            return;
        }
        for name in &changed.snapshots {
            self.seen().forget(name);
        }
        drop(self.answering.write().unwrap_or_else(PoisonError::into_inner));
        let notifier = self.notifier.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(notifier) = notifier else { return };
        // What the kernel does not know, it need not forget.
        for (directory, name) in &changed.names {
            let _ = notifier.inval_entry(INodeNo(directory.0), OsStr::from_bytes(name));
        }
        for ino in &changed.files {
            let _ = notifier.inval_inode(INodeNo(ino.0), 0, 0);
        }
        for name in &changed.snapshots {
            let _ = notifier.inval_entry(INodeNo(SNAPSHOTS), OsStr::from_bytes(name));
        }
        let _ = notifier.inval_inode(INodeNo(SNAPSHOTS), 0, 0);
    }
}

/// Snapshots and what is known of them.
type Snapshots = Vec<(Vec<u8>, SnapshotInfo)>;

/// What is not as the kernel may remember it.
#[derive(Default)]
struct Changed {
    names: Vec<(Ino, Vec<u8>)>,
    files: Vec<Ino>,
    /// Names of snapshots that are gone, or are of others now.
    snapshots: Vec<Vec<u8>>,
}

impl Changed {
    fn is_nothing(&self) -> bool {
        self.names.is_empty() && self.files.is_empty() && self.snapshots.is_empty()
    }

    /// Compares the files with what they were.
    fn since<B: Blocks, C: Compress>(
        inside: &mut Inside<B, C>,
        moment: &Moment,
        snapshots: &Snapshots,
    ) -> Result<Self, VaultError> {
        let mut changed = Self::default();
        inside.files.changed_since(moment, &mut |difference| match difference {
            // The kernel remembers no name that is not there.
            Difference::Name { was: None, .. } => {}
            Difference::Name { directory, name, .. } => changed.names.push((directory, name)),
            Difference::File(ino) => changed.files.push(ino),
        })?;
        changed.files.dedup();
        let now = inside.files.list_snapshots()?;
        let is_gone = |then: &&(Vec<u8>, SnapshotInfo)| !now.contains(then);
        changed.snapshots = snapshots.iter().filter(is_gone).map(|(name, _)| name.clone()).collect();
        Ok(changed)
    }

    /// All that is open, and all names, by those at the top: what is below goes with them.
    fn everything<B: Blocks, C: Compress>(inside: &mut Inside<B, C>, snapshots: &Snapshots) -> Self {
        let names = inside.files.read().names(Ino::ROOT, None, usize::MAX).unwrap_or_default();
        let open = inside.open.keys().copied();
        Self {
            names: names.into_iter().map(|(name, _)| (Ino::ROOT, name)).collect(),
            files: open.chain([Ino::ROOT]).collect(),
            snapshots: snapshots.iter().map(|(name, _)| name.clone()).collect(),
        }
    }
}

/// A vault that is mounted, as the program that has it mounted uses it, too.
pub struct Handle<B, C> {
    pub(super) shared: Arc<Shared<B, C>>,
    pub(super) kernel: Arc<Kernel>,
}

impl<B, C> Clone for Handle<B, C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), kernel: Arc::clone(&self.kernel) }
    }
}

impl<B, C> fmt::Debug for Handle<B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl<B: Blocks, C: Compress + Clone> Access for Handle<B, C> {
    type Blocks = B;
    type Compress = C;

    /// What programs wrote until now is in objects before. What this does to files, the kernel is
    /// not told; that is for [`Use::change`].
    fn with<R>(&mut self, work: impl FnOnce(&mut Files<B, C>) -> R) -> R {
        work(&mut self.shared.settled().files)
    }
}

impl<B: Blocks, C: Compress + Clone> Use for Handle<B, C> {
    fn look<R>(&mut self, work: impl FnOnce(&mut Files<B, C>) -> R) -> R {
        work(&mut self.shared.lock().files)
    }

    fn change<R>(&mut self, work: impl FnOnce(&mut Files<B, C>, &IsOpen<'_>) -> R) -> Result<R, VaultError> {
        let mut inside = self.shared.settled();
        let (moment, snapshots) = (inside.files.moment()?, inside.files.list_snapshots()?);
        let Inside { files, open, .. } = &mut *inside;
        let done = work(files, &|ino| open.contains_key(&ino));
        let changed = Changed::since(&mut inside, &moment, &snapshots);
        let changed = changed.unwrap_or_else(|_| Changed::everything(&mut inside, &snapshots));
        drop(inside);
        self.kernel.tell(&changed);
        Ok(done)
    }
}
