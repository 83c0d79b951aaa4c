//! What is done beside the kernel's requests: making objects of what was written, and opening
//! what is read next.
//!
//! One lock guards the vault. Sealing and opening, which are nearly all of the work, are done
//! without it: by threads that have nothing else to do, and by a thread that answers the kernel
//! where more is written than they can seal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use allod_vault::files::{ContentPart, Ino};
use allod_vault::object::ObjectId;
use allod_vault::{Blocks, Compress, Damage, Part, VaultError};

use super::{Answer, Inside};

/// Written bytes above which whoever writes waits until some are in objects.
const UNSEALED_MAX: usize = 16 << 20;

/// How far ahead is opened of a file that is read from start to end, in bytes.
const AHEAD: u64 = 1 << 20;

/// How far from where the last read ended the next one may begin: the kernel asks for several
/// parts at once, in any order.
const NEAR: u64 = 512 << 10;

/// What is mounted, and what is done to it beside.
pub(super) struct Shared<B, C> {
    inside: Mutex<Inside<B, C>>,
    /// There is something to do.
    wanted: Condvar,
    /// Something was done.
    done: Condvar,
}

/// What is being done.
#[derive(Default)]
pub(super) struct Beside {
    /// How often somebody began to seal, and how often that ended.
    begun: u64,
    ended: u64,
    /// Objects that somebody opens.
    opening: BTreeSet<ObjectId>,
    /// Objects that are to be opened before somebody asks for them.
    ahead: VecDeque<ObjectId>,
    /// How far each file was read from start to end, and in how many reads.
    reads: BTreeMap<Ino, (u64, u32)>,
    is_over: bool,
}

impl Beside {
    /// Nobody has a file open any more.
    pub(super) fn closed(&mut self, ino: Ino) {
        self.reads.remove(&ino);
    }

    /// A part of a file is read. Whether it is read from start to end.
    fn read(&mut self, ino: Ino, from: u64, to: u64) -> bool {
        let (reached, count) = self.reads.entry(ino).or_default();
        if from.abs_diff(*reached) <= NEAR {
            (*reached, *count) = (to.max(*reached), count.saturating_add(1));
        } else {
            (*reached, *count) = (to, 0);
        }
        *count > 2
    }
}

type Guard<'a, B, C> = MutexGuard<'a, Inside<B, C>>;

impl<B: Blocks, C: Compress + Clone> Shared<B, C> {
    pub(super) fn new(inside: Inside<B, C>) -> Self {
        Self { inside: Mutex::new(inside), wanted: Condvar::new(), done: Condvar::new() }
    }

    pub(super) fn lock(&self) -> Guard<'_, B, C> {
        self.inside.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    fn wait<'a>(&self, until: &Condvar, inside: Guard<'a, B, C>) -> Guard<'a, B, C> {
        until.wait(inside).unwrap_or_else(|broken| broken.into_inner())
    }

    /// Does what is to be done, until it is [over](Self::end).
    pub(super) fn work(&self) {
        let mut inside = self.lock();
        while !inside.beside.is_over {
            if let Some(id) = inside.beside.ahead.pop_front() {
                // Whoever asks for it is told what is wrong with it.
                let _ = self.content(inside, &id);
                inside = self.lock();
                continue;
            }
            let (back, sealed) = self.seal(inside);
            inside = if sealed { back } else { self.wait(&self.wanted, back) };
        }
    }

    /// Nothing is done beside any more.
    pub(super) fn end(&self) {
        self.lock().beside.is_over = true;
        self.wanted.notify_all();
    }

    /// Something was written. Waits, or helps, where much of that is in no objects yet.
    pub(super) fn written<'a>(&'a self, mut inside: Guard<'a, B, C>) {
        if inside.files.has_unsealed() {
            self.wanted.notify_one();
        }
        while inside.files.unsealed() > UNSEALED_MAX {
            let (back, sealed) = self.seal(inside);
            inside = back;
            if !sealed {
                if inside.beside.begun == inside.beside.ended {
                    return;
                }
                inside = self.wait(&self.done, inside);
            }
        }
    }

    /// The vault, with no more left to be sealed than cannot be done beside.
    pub(super) fn settled(&self) -> Guard<'_, B, C> {
        let mut inside = self.lock();
        loop {
            let (back, sealed) = self.seal(inside);
            inside = back;
            if !sealed {
                break;
            }
        }
        let begun = inside.beside.begun;
        while inside.beside.ended < begun {
            inside = self.wait(&self.done, inside);
        }
        inside
    }

    /// Makes objects of a part of what was written, if there is one. Whether there was.
    fn seal<'a>(&'a self, mut inside: Guard<'a, B, C>) -> (Guard<'a, B, C>, bool) {
        let Some(mut unsealed) = inside.files.take_unsealed() else { return (inside, false) };
        inside.beside.begun += 1;
        let (chunker, keys) = (inside.files.chunker().clone(), inside.files.ring().newest().clone());
        let compress = inside.files.compress().clone();
        drop(inside);
        unsealed.cut(&chunker);
        let mut inside = self.lock();
        inside.files.was_cut(&unsealed);
        if inside.files.has_unsealed() {
            self.wanted.notify_one();
        }
        drop(inside);
        let objects = unsealed.seal(&keys, &compress);
        let mut inside = self.lock();
        // Where this fails, the bytes stay in memory, and whoever makes them durable is told.
        let _ = inside.files.put_unsealed(&unsealed, &objects);
        inside.beside.ended += 1;
        self.done.notify_all();
        (inside, true)
    }

    /// Gives bytes of a file to somebody.
    pub(super) fn read<T>(
        &self,
        (ino, offset, size): (Ino, u64, usize),
        give: impl FnOnce(&[u8]) -> T,
    ) -> Answer<T> {
        let mut inside = self.lock();
        let end = inside.files.read().inode(ino)?.size.min(offset.saturating_add(size as u64));
        if offset >= end {
            return Ok(give(&[]));
        }
        let Some(parts) = inside.files.read().parts_between(ino, offset, end)? else {
            let bytes = inside.files.read().read(ino, offset, size)?;
            drop(inside);
            return Ok(give(&bytes));
        };
        if inside.beside.read(ino, offset, end) {
            let ahead = inside.files.read().parts_between(ino, end, end + AHEAD)?;
            for ContentPart { id, .. } in ahead.into_iter().flatten() {
                let beside = &inside.beside;
                if !beside.ahead.contains(&id)
                    && !beside.opening.contains(&id)
                    && inside.files.read().recent(&id).is_none()
                {
                    inside.beside.ahead.push_back(id);
                    self.wanted.notify_one();
                }
            }
        }
        let mut free = Some(inside);
        let mut content = |part: &ContentPart| -> Answer<(usize, Arc<Vec<u8>>, usize, usize)> {
            let content = self.content(free.take().unwrap_or_else(|| self.lock()), &part.id)?;
            let (from, to) = (part.start.max(offset), (part.start + u64::from(part.size)).min(end));
            let start = part.from as usize + (from - part.start) as usize;
            let size = (to - from) as usize;
            match start.checked_add(size) {
                Some(end) if end <= content.len() => Ok(((from - offset) as usize, content, start, size)),
                _ => Err(damaged(&part.id)),
            }
        };
        let whole = (end - offset) as usize;
        if let [part] = &parts[..] {
            let (at, content, start, size) = content(part)?;
            if (at, size) == (0, whole) {
                return Ok(give(&content[start..start + size]));
            }
        }
        let mut bytes = vec![0; whole];
        for part in &parts {
            let (at, content, start, size) = content(part)?;
            bytes[at..at + size].copy_from_slice(&content[start..start + size]);
        }
        Ok(give(&bytes))
    }

    /// An object's content. One that somebody else opens is waited for.
    fn content(&self, mut inside: Guard<'_, B, C>, id: &ObjectId) -> Answer<Arc<Vec<u8>>> {
        loop {
            if let Some(content) = inside.files.read().recent(id) {
                return Ok(content);
            }
            if !inside.beside.opening.contains(id) {
                break;
            }
            inside = self.wait(&self.done, inside);
        }
        let sealed = inside.files.sealed(id)?;
        let keys = inside.files.ring().get(sealed.keys).cloned().ok_or(damaged(id))?;
        let compress = inside.files.compress().clone();
        inside.beside.opening.insert(*id);
        drop(inside);
        let opened = keys.open_owned(id, sealed.bytes, &compress).map(Arc::new);
        let mut inside = self.lock();
        inside.beside.opening.remove(id);
        self.done.notify_all();
        let content = opened.map_err(|_| damaged(id))?;
        inside.files.read().remember(*id, Arc::clone(&content));
        Ok(content)
    }
}

fn damaged(id: &ObjectId) -> VaultError {
    VaultError::Damaged(Damage { part: Part::Object(*id), at: 0 })
}
