//! Merging: what was done here becomes operations, what others did is done here too, and both are
//! durable as one, or nothing is.
//!
//! A vault keeps every batch in its table of sync, in the order of Lamport times. All that
//! is kept is applied: a batch becomes durable together with the files that follow from it, and
//! only when all objects of these are here. So whatever fails in between, the next sync
//! begins where the last one ended, and does not get twice what it has.
//!
//! # Memory
//! All operations of a space, about twice, and all names of its files, while a sync goes on.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use allod_crypto::sign::SigningKey;

use super::apply::{Target, lacks};
use super::author::Author;
use super::batch::{BatchId, Device, Seen, Signed};
use super::collect::collect;
use super::error::SyncError;
use super::here::Here;
use super::log::Log;
use super::operation::{DEVICE_NAME_MAX, Data, Id, Operation, SEEN_MAX};
use super::parts::{lists, objects};
use super::replica::{Replica, Tree};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::{Damage, Part, VaultError};
use crate::files::{Files, Ino, Table, Time};
use crate::object::ObjectId;

const BATCH: u8 = b'b';
/// The row with the count of batches, by which somebody finds out that others merged.
const COUNT: &[u8] = b"c";
/// The row with the files of which the content is not here yet.
const PENDING: &[u8] = b"p";
const KEEP: u8 = b'k';

/// The device that this is.
#[derive(Clone, Debug)]
pub struct Me {
    /// What it signs with.
    pub key: SigningKey,
    /// What it is called, for people. What no device can be called is cut off.
    pub name: alloc::string::String,
}

/// What a merge depends on beside the files.
pub struct Now<'a> {
    /// The time.
    pub time: Time,
    /// Random bytes.
    pub nonce: [u8; 16],
    /// Whether somebody has a file open, so that it stays when it loses its last name.
    pub is_open: &'a dyn Fn(Ino) -> bool,
}

/// What comes from another device.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Batches, each after those that it had seen.
    pub batches: &'a [Signed],
    /// Objects that the other device does not have either.
    pub absent: &'a BTreeSet<ObjectId>,
    /// Batches that are known, and that others would not take if this device did not vouch for
    /// them.
    pub vouched: &'a [BatchId],
}

/// What a merge came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It is done, and durable.
    Done {
        /// Batches of this device that are new.
        told: usize,
        /// The files changed by what others did.
        is_changed: bool,
        /// Files of which the content is not here yet.
        pending: usize,
    },
    /// Nothing was done, since these objects are not here. There may be more when they are.
    Missing(Vec<ObjectId>),
}

/// All batches that are applied to a vault's files.
#[derive(Clone, Debug, Default)]
pub struct Known {
    log: Log,
    batches: Vec<Signed>,
}

impl Known {
    /// Reads them from a vault.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn read<B: Blocks, C: Compress>(files: &mut Files<B, C>) -> Result<Self, VaultError> {
        let damaged = VaultError::Damaged(Damage { part: Part::Tree, at: 0 });
        let mut known = Self::default();
        let mut from = Vec::from([BATCH]);
        loop {
            let page = files.table(Table::Sync).page(&from, 256)?;
            let Some((last, _)) = page.last() else { return Ok(known) };
            from = last.clone();
            from.push(0);
            for (key, value) in page {
                if key.first() != Some(&BATCH) {
                    return Ok(known);
                }
                let signed = Signed::trust(&value).map_err(|_| damaged)?;
                known.log.take(&signed).map_err(|_| damaged)?;
                known.batches.push(signed);
            }
        }
    }

    /// Reads them again, where another sync of the same vault merged some meanwhile.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn refresh<B: Blocks, C: Compress>(&mut self, files: &mut Files<B, C>) -> Result<(), VaultError> {
        let count = files.table(Table::Sync).get(COUNT)?.unwrap_or_default();
        if count != count_row(self.batches.len()) {
            *self = Self::read(files)?;
        }
        Ok(())
    }

    /// Which they are.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The batches themselves.
    pub fn batches(&self) -> &[Signed] {
        &self.batches
    }

    /// What every device said that it has. It follows from the batches alone, so that no device
    /// gives up what another still counts on.
    fn known_to_all(&self) -> BTreeMap<Device, u64> {
        let heads: BTreeMap<Device, u64> =
            self.log.heads().map(|(device, number, _)| (device, number)).collect();
        let mut newest: BTreeMap<Device, &Signed> = BTreeMap::new();
        for signed in &self.batches {
            let device = signed.batch().device;
            if heads.get(&device) == Some(&signed.batch().number) {
                newest.insert(device, signed);
            }
        }
        let mut known = heads;
        for (device, signed) in newest {
            let seen: BTreeMap<Device, u64> =
                signed.batch().seen.iter().map(|Seen { device, number }| (*device, *number)).collect();
            for (of, number) in &mut known {
                if *of != device {
                    *number = (*number).min(seen.get(of).copied().unwrap_or_default());
                }
            }
        }
        known
    }
}

/// Merges what was heard, which follows on what is known. A file of which the content is nowhere
/// yet is shown as it was, or not at all if it is new; what is done to it meanwhile replaces
/// nothing.
///
/// # Errors
/// [`SyncError`]. Nothing is durable then that was not before.
pub fn merge<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    known: &mut Known,
    heard: Heard<'_>,
    me: &Me,
    now: &Now<'_>,
) -> Result<Merged, SyncError> {
    let device = Device::of(&me.key);
    known.refresh(files)?;
    let mut log = known.log.clone();
    for signed in heard.batches {
        log.take(signed)?;
    }
    let pending = pending(files)?;
    let shown = Replica::new(&known.batches);
    let shown_tree = shown.tree();
    let mut here = Here::at_base(files, &shown_tree)?;
    let number = log.head(&device).map_or(1, |(number, _)| number + 1);
    let mut author = Author::new(&shown, device, number, now.nonce, &pending);
    if number == 1 {
        author.add(Operation::Name { name: named(&me.name) });
    }
    for last in heard.vouched.chunks(SEEN_MAX) {
        author.add(Operation::Vouch { last: last.to_vec() });
    }
    collect(files, &mut here, &shown_tree, &mut author)?;
    let mut told = Vec::new();
    for written in author.finish() {
        let seen = known.log.seen(&device);
        let batch = log.next(files.space(), device, seen, (now.time, written.nonce), written.operations);
        let signed = Signed::new(batch, &me.key)?;
        log.take(&signed)?;
        told.push(signed);
    }
    let count_told = told.len();
    let staged: Vec<&Signed> = heard.batches.iter().filter(|signed| !known.has(signed)).collect();
    if staged.iter().any(|signed| removes(signed)) {
        // Others may forget what was removed when all know.
        let mut nonce = now.nonce;
        nonce.iter_mut().rev().take(1).for_each(|byte| *byte ^= 0x80);
        let seen = log.seen(&device);
        let batch = log.next(files.space(), device, seen, (now.time, nonce), Vec::new());
        let signed = Signed::new(batch, &me.key)?;
        log.take(&signed)?;
        told.push(signed);
    }
    if told.is_empty() && staged.is_empty() && pending.is_empty() {
        return Ok(Merged::Done { told: 0, is_changed: false, pending: 0 });
    }
    let before = Replica::new(known.batches.iter().chain(&told));
    let after = Replica::new(known.batches.iter().chain(&told).chain(staged.iter().copied()));
    let tree = after.tree();
    let target =
        Target { me: device, shown: &shown, before: &before, after: &after, tree: &tree, pending: &pending };
    let known_to_all = {
        let mut all = Known { log: log.clone(), batches: Vec::new() };
        all.batches.extend(known.batches.iter().chain(&told).chain(staged.iter().copied()).cloned());
        all.known_to_all()
    };
    let is_known =
        |device: &Device, number: u64| known_to_all.get(device).is_some_and(|known| *known >= number);
    let retained: Vec<&Data> = after.retained(is_known).map(|content| &content.data).collect();
    let mut missing = target.missing(files, &here, heard.absent)?;
    for data in &retained {
        lacks(files, data, heard.absent, &mut missing)?;
    }
    if !missing.is_empty() {
        return Ok(Merged::Missing(missing.into_iter().collect()));
    }
    let mut all = Known { log, batches: core::mem::take(&mut known.batches) };
    let count = all.batches.len();
    all.batches.extend(told.iter().cloned());
    all.batches.extend(staged.into_iter().cloned());
    let done = files.rewrite(|files| {
        let (is_changed, pending) = target.apply(files, &here, now.time, now.is_open)?;
        files.table(Table::Sync).insert(PENDING, &allod_wire::encode(&pending))?;
        for signed in all.batches.iter().skip(count) {
            files.table(Table::Sync).insert(&row(signed.batch().lamport, signed.id()), signed.bytes())?;
        }
        files.table(Table::Sync).insert(COUNT, &count_row(all.batches.len()))?;
        keep(files, &retained, &after, &tree)?;
        files.settle()?;
        Ok((is_changed, pending.len()))
    });
    if done.is_err() {
        all.batches.truncate(count);
        known.batches = all.batches;
    } else {
        *known = all;
    }
    let (is_changed, pending) = done?;
    Ok(Merged::Done { told: count_told, is_changed, pending })
}

impl Known {
    fn has(&self, signed: &Signed) -> bool {
        self.log.has(&signed.batch().device, signed.batch().number, &signed.id())
    }
}

/// The files of which the content is not here yet.
fn pending<B: Blocks, C: Compress>(files: &mut Files<B, C>) -> Result<BTreeSet<Id>, VaultError> {
    let Some(row) = files.table(Table::Sync).get(PENDING)? else { return Ok(BTreeSet::new()) };
    let ids: Vec<Id> =
        minicbor::decode(&row).map_err(|_| VaultError::Damaged(Damage { part: Part::Tree, at: 0 }))?;
    Ok(ids.into_iter().collect())
}

/// Whether a batch removes contents.
fn removes(signed: &Signed) -> bool {
    let removes = |operation: &Operation| matches!(operation, Operation::Remove { contents, .. } if !contents.is_empty());
    signed.batch().operations.iter().any(removes)
}

fn count_row(count: usize) -> Vec<u8> {
    if count == 0 { Vec::new() } else { (count as u64).to_be_bytes().to_vec() }
}

fn row(lamport: u64, id: BatchId) -> Vec<u8> {
    [&[BATCH], &lamport.to_be_bytes()[..], &id.0].concat()
}

/// Keeps the objects that no file has and others may ask for: lists of parts, and contents that
/// come back when somebody is heard of who did not know that they were removed.
fn keep<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    retained: &[&Data],
    replica: &Replica,
    tree: &Tree,
) -> Result<(), VaultError> {
    let mut wanted: BTreeSet<ObjectId> = BTreeSet::new();
    for file in tree.nodes.iter().filter_map(|node| node.file()) {
        let Some(content) = replica.content(&file) else { continue };
        lists(files, &content.data, &mut |files, id| {
            if files.has(&id)? {
                wanted.insert(id);
            }
            Ok(())
        })?;
    }
    for data in retained {
        objects(files, data, &mut |files, id| {
            if files.has(&id)? {
                wanted.insert(id);
            }
            Ok(())
        })?;
    }
    let mut kept = BTreeSet::new();
    let mut from = Vec::from([KEEP]);
    'pages: loop {
        let page = files.table(Table::Sync).keys(&from, 1024)?;
        let Some(last) = page.last() else { break };
        from = last.clone();
        from.push(0);
        for key in page {
            match key.split_first() {
                Some((&KEEP, id)) => kept.extend(<[u8; 32]>::try_from(id).ok().map(ObjectId)),
                _ => break 'pages,
            }
        }
    }
    let key = |id: &ObjectId| [&[KEEP], &id.0[..]].concat();
    for id in kept.difference(&wanted) {
        files.table(Table::Sync).remove(&key(id))?;
    }
    for id in wanted.difference(&kept) {
        files.table(Table::Sync).keep(&key(id), id)?;
    }
    Ok(())
}

/// What a device can be called.
fn named(name: &str) -> alloc::string::String {
    let mut name: alloc::string::String =
        name.chars().filter(|letter| !letter.is_control() && *letter != '/').collect();
    while name.len() > DEVICE_NAME_MAX {
        name.pop();
    }
    if name.is_empty() { "device".into() } else { name }
}
