//! The side of a session that wants something: it finds out what it lacks, asks for it, checks what
//! comes, and merges.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Event, Role, Session, State, With};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::files::Files;
use crate::object::{ObjectId, Sealed};
use crate::sync::batch::{BatchId, Device, Signed};
use crate::sync::error::SyncError;
use crate::sync::log::{Log, Taken};
use crate::sync::merge::{Heard, Merged, merge};
use crate::sync::message::{BATCHES_MAX, Head, Message, OBJECTS_MAX};
use crate::sync::reconcile::{Asking, MESSAGE_MAX};

/// Bytes of batches that are taken before they are merged.
const STAGED_MAX: usize = 256 << 20;

/// Bytes of objects after which they are made durable.
const DURABLE: usize = 32 << 20;

impl Session {
    pub(super) fn hello<B: Blocks, C: Compress>(
        &mut self,
        files: &mut Files<B, C>,
        with: &With<'_>,
        other: Device,
        heads: &[Head],
    ) -> Result<(), SyncError> {
        let me = Device::of(&with.me.key);
        let number = |log: &Log, device: &Device| log.head(device).map_or(0, |(number, _)| number);
        let theirs = |device: &Device| heads.iter().find(|head| head.device == *device);
        if theirs(&other).map_or(0, |head| head.number) < number(self.known.log(), &other) {
            self.events.push(Event::OtherPutBack { device: other });
        }
        self.claimed = theirs(&me).map(|head| head.number);
        self.claimed = self.claimed.filter(|claimed| *claimed > number(self.known.log(), &me));
        if self.claimed.is_none() {
            self.tell(files, with)?;
        }
        self.reindex();
        self.state = State::Serving;
        if self.role == Role::Begins {
            let (asking, first) = Asking::new(self.items(), MESSAGE_MAX)?;
            self.state = State::Reconciling(asking);
            self.out.push_back(Message::Reconcile(first));
        }
        Ok(())
    }

    /// Makes batches of what was done here.
    pub(super) fn tell<B: Blocks, C: Compress>(
        &mut self,
        files: &mut Files<B, C>,
        with: &With<'_>,
    ) -> Result<(), SyncError> {
        let mut absent = BTreeSet::new();
        self.known.refresh(files)?;
        let vouched = with.writers.to_vouch(self.known.batches());
        loop {
            let heard = Heard { batches: &[], absent: &absent, vouched: &vouched };
            match merge(files, &mut self.known, heard, with.me, &with.now)? {
                Merged::Done { is_changed, .. } => {
                    self.summary.is_changed |= is_changed;
                    return Ok(());
                }
                // What was not here before is not here now.
                Merged::Missing(ids) => absent.extend(ids),
            }
        }
    }

    pub(super) fn reconciled<B: Blocks, C: Compress>(
        &mut self,
        files: &mut Files<B, C>,
        with: &With<'_>,
    ) -> Result<(), SyncError> {
        let State::Reconciling(asking) = core::mem::replace(&mut self.state, State::Batches) else {
            return Err(SyncError::Message);
        };
        let differences = asking.differences();
        self.wanted = differences.need.into_iter().map(BatchId).collect();
        self.have = differences.have.into_iter().map(BatchId).collect();
        self.ask_batches(files, with)
    }

    /// Asks for the next batches, or goes on.
    pub(super) fn ask_batches<B: Blocks, C: Compress>(
        &mut self,
        files: &mut Files<B, C>,
        with: &With<'_>,
    ) -> Result<(), SyncError> {
        let count = self.wanted.len().min(BATCHES_MAX);
        let ids: Vec<BatchId> = self.wanted.drain(..count).collect();
        if !ids.is_empty() {
            self.state = State::Batches;
            self.asked_batches = ids.iter().copied().collect();
            self.out.push_back(Message::AskBatches(ids));
            return Ok(());
        }
        self.stage(with)?;
        match self.role {
            Role::Answers => self.merge(files, with),
            Role::Begins => {
                for ids in core::mem::take(&mut self.have).chunks(BATCHES_MAX) {
                    self.out.push_back(Message::Offer(ids.to_vec()));
                }
                self.out.push_back(Message::Turn);
                self.state = State::Serving;
                Ok(())
            }
        }
    }

    pub(super) fn batch<B: Blocks, C: Compress>(
        &mut self,
        files: &Files<B, C>,
        with: &With<'_>,
        bytes: &[u8],
    ) -> Result<(), SyncError> {
        let signed = Signed::check(bytes, files.space())?;
        if !self.asked_batches.remove(&signed.id()) {
            return Err(SyncError::Message);
        }
        if with.writers.get(&signed.batch().device).is_none() {
            return Err(SyncError::Stranger(signed.batch().device));
        }
        self.arrived_size += bytes.len();
        if self.arrived_size > STAGED_MAX {
            return Err(SyncError::TooMuch);
        }
        self.summary.batches_received += 1;
        self.arrived.push(signed);
        Ok(())
    }

    /// Puts what arrived in its order, and sees whether it follows on what is known.
    pub(super) fn stage(&mut self, with: &With<'_>) -> Result<(), SyncError> {
        self.arrived.sort_by_key(|signed| (signed.batch().lamport, signed.id()));
        self.refuse(with);
        let mut log = self.known.log().clone();
        let me = Device::of(&with.me.key);
        for signed in &self.arrived {
            let batch = signed.batch();
            if log.take(signed)? == Taken::Copied {
                self.events.push(Event::Copied { device: batch.device, number: batch.number });
            }
        }
        if let Some(claimed) = self.claimed {
            let number = log.head(&me).map_or(0, |(number, _)| number);
            if number < claimed {
                return Err(SyncError::Unproven);
            }
            self.events.push(Event::PutBack { number });
            self.claimed = None;
            self.summary.is_more = true;
        }
        Ok(())
    }

    /// Leaves out what devices did that did not belong any more.
    pub(super) fn refuse(&mut self, with: &With<'_>) {
        let refused = with.writers.refused(self.known.batches(), &self.arrived);
        let mut first: BTreeMap<Device, u64> = BTreeMap::new();
        self.arrived.retain(|signed| {
            let is_refused = refused.contains(&signed.id());
            if is_refused {
                let batch = signed.batch();
                let number = first.entry(batch.device).or_insert(batch.number);
                *number = batch.number.min(*number);
            }
            !is_refused
        });
        self.events.extend(first.into_iter().map(|(device, number)| Event::Refused { device, number }));
    }

    /// Merges, or asks for objects without which that cannot be done.
    pub(super) fn merge<B: Blocks, C: Compress>(
        &mut self,
        files: &mut Files<B, C>,
        with: &With<'_>,
    ) -> Result<(), SyncError> {
        let heard = Heard { batches: &self.arrived, absent: &self.absent, vouched: &[] };
        match merge(files, &mut self.known, heard, with.me, &with.now)? {
            Merged::Missing(ids) => {
                self.missing = ids.into();
                self.ask_objects();
            }
            Merged::Done { told, is_changed, pending } => {
                self.summary.is_more |= told > 0;
                self.summary.is_changed |= is_changed;
                self.summary.files_pending = pending;
                self.arrived.clear();
                self.reindex();
                match self.role {
                    Role::Answers => {
                        self.out.push_back(Message::Turn);
                        self.state = State::Serving;
                    }
                    Role::Begins => {
                        self.out.push_back(Message::Done);
                        self.state = State::Done;
                    }
                }
            }
        }
        Ok(())
    }

    /// Asks for the next objects that are missing.
    pub(super) fn ask_objects(&mut self) {
        let count = self.missing.len().min(OBJECTS_MAX);
        let ids: Vec<ObjectId> = self.missing.drain(..count).collect();
        self.asked_objects = ids.iter().copied().collect();
        self.out.push_back(Message::AskObjects(ids));
        self.state = State::Objects;
    }

    pub(super) fn object<B: Blocks, C: Compress>(
        &mut self,
        files: &mut Files<B, C>,
        object: Sealed,
    ) -> Result<(), SyncError> {
        if !self.asked_objects.remove(&object.id) {
            return Err(SyncError::Message);
        }
        if files.ring().check(&object, files.compress()).is_err() {
            return Err(SyncError::Object(object.id));
        }
        files.put(&object)?;
        self.summary.objects_received += 1;
        self.objects_size += object.bytes.len();
        if self.objects_size > DURABLE {
            files.keep_objects()?;
            self.objects_size = 0;
        }
        Ok(())
    }
}
