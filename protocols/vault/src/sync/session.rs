//! A session: two devices of one space tell each other what each lacks, over any link that
//! carries messages in order.
//!
//! # Roles and flow
//! One side *begins*, the other *answers*. At any time at most one of them asks, so that no
//! link is filled from both ends:
//!
//! 1. Both say hello: which space, and the newest batch of each device that they have. What was
//!    done to the files is made a batch now.
//! 2. The side that began reconciles, asks for the batches that it lacks, offers those that
//!    the other side lacks, and gives it the turn.
//! 3. The other side asks for the batches that it was offered, then for the objects of the
//!    files that follow, merges, and gives the turn back.
//! 4. The side that began asks for objects, merges, and says that all is done.
//!
//! A session can be cut at any point. Objects that came stay for a while, so that the next one
//! does not get them again; batches count only when they are merged.
//!
//! # What a device learns about itself
//! Every device remembers the newest batch of each. Whose image was put back to an earlier
//! state is told by the others that it did more than it knows, and has it back in the same
//! session, before it says anything under a number that it used already.
//!
//! # What it never does
//! It takes nothing that it did not ask for, keeps nothing of more than bounded size before
//! it is checked, and makes nothing durable that is not whole.
//!
//! # Driving it
//! Hand in each message by [`Session::handle`]; after each, and at the start, send what
//! [`Session::poll`] gives until it gives nothing; stop when [`Session::is_done`].

mod asking;
mod serving;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::batch::{BatchId, Device, Signed};
use super::error::SyncError;
use super::merge::{Known, Me, Now};
use super::message::{Head, Message, VERSION};
use super::reconcile::{Answering, Asking, Item, Items, MESSAGE_MAX, NEED_MAX};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::Files;
use crate::object::{ObjectId, Sealed};
use crate::share::Writers;

/// Which side this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It began.
    Begins,
    /// It was called.
    Answers,
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// This device's vault was put back to an earlier state: it had made batches up to this
    /// number that it did not know of any more. It has them again when the session is done.
    PutBack {
        /// The number of the newest.
        number: u64,
    },
    /// The other device's vault was put back to an earlier state.
    OtherPutBack {
        /// Which.
        device: Device,
    },
    /// A device's state was copied, and both copies were used. What both did is kept.
    Copied {
        /// Which.
        device: Device,
        /// The number that two of its batches have.
        number: u64,
    },
    /// The other device sent what a device did that does not belong any more, and nobody says that it
    /// did this before. It was not taken.
    Refused {
        /// Which.
        device: Device,
        /// The number of the first batch that was not taken.
        number: u64,
    },
}

/// What a session came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Batches that came.
    pub batches_received: usize,
    /// Batches that the other side asked for.
    pub batches_sent: usize,
    /// Objects that came.
    pub objects_received: usize,
    /// Objects that the other side asked for.
    pub objects_sent: usize,
    /// Bytes of all messages that came.
    pub bytes_received: u64,
    /// Bytes of all messages that were sent.
    pub bytes_sent: u64,
    /// The files changed.
    pub is_changed: bool,
    /// Files of which neither side has the last content. They are shown as they were, or not at
    /// all, until somebody brings it.
    pub files_pending: usize,
    /// There is something that the other side was not told: another session would do that.
    pub is_more: bool,
}

/// What a session works with.
pub struct With<'a> {
    /// The device that this is.
    pub me: &'a Me,
    /// The time, and the like.
    pub now: Now<'a>,
    /// What is taken of what devices did.
    pub writers: &'a Writers,
}

/// What is due next.
#[derive(Debug)]
enum State {
    Hello,
    /// It began, and reconciles.
    Reconciling(Asking),
    /// It waits for what the other side asks, or for the turn.
    Serving,
    /// It asked for batches.
    Batches,
    /// It asked for objects.
    Objects,
    Done,
}

/// One side of a session.
#[derive(Debug)]
pub struct Session {
    role: Role,
    state: State,
    known: Known,
    index: BTreeMap<BatchId, usize>,
    answering: Option<Answering>,
    /// The number that the other side says this device's newest batch has.
    claimed: Option<u64>,
    wanted: VecDeque<BatchId>,
    have: Vec<BatchId>,
    asked_batches: BTreeSet<BatchId>,
    asked_objects: BTreeSet<ObjectId>,
    missing: VecDeque<ObjectId>,
    /// Objects that the other side does not have either.
    absent: BTreeSet<ObjectId>,
    arrived: Vec<Signed>,
    arrived_size: usize,
    objects_size: usize,
    /// What was asked for, to be sent.
    batches_out: VecDeque<BatchId>,
    objects_out: VecDeque<ObjectId>,
    is_answering: bool,
    out: VecDeque<Message>,
    events: Vec<Event>,
    summary: Summary,
}

impl Session {
    /// Begins, or answers.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn new<B: Blocks, C: Compress>(
        files: &mut Files<B, C>,
        role: Role,
        with: &With<'_>,
    ) -> Result<Self, VaultError> {
        let known = Known::read(files)?;
        let mut session = Self {
            role,
            state: State::Hello,
            known,
            index: BTreeMap::new(),
            answering: None,
            claimed: None,
            wanted: VecDeque::new(),
            have: Vec::new(),
            asked_batches: BTreeSet::new(),
            asked_objects: BTreeSet::new(),
            missing: VecDeque::new(),
            absent: BTreeSet::new(),
            arrived: Vec::new(),
            arrived_size: 0,
            objects_size: 0,
            batches_out: VecDeque::new(),
            objects_out: VecDeque::new(),
            is_answering: false,
            out: VecDeque::new(),
            events: Vec::new(),
            summary: Summary::default(),
        };
        let heads =
            session.known.log().heads().map(|(device, number, known)| Head { device, number, id: known.id });
        let (space, device, heads) = (files.space(), Device::of(&with.me.key), heads.collect());
        session.out.push_back(Message::Hello { version: VERSION, space, device, heads });
        Ok(session)
    }

    /// Takes a message.
    ///
    /// # Errors
    /// [`SyncError`]. The session is over then.
    pub fn handle<B: Blocks, C: Compress>(
        &mut self,
        files: &mut Files<B, C>,
        with: &With<'_>,
        message: &[u8],
    ) -> Result<(), SyncError> {
        self.summary.bytes_received += message.len() as u64;
        let message: Message = allod_wire::decode(message).map_err(|_| SyncError::Message)?;
        if !message.is_bounded() {
            return Err(SyncError::TooMuch);
        }
        match (&mut self.state, message) {
            (State::Hello, Message::Hello { version, space, device, heads }) => {
                if version != VERSION {
                    return Err(SyncError::Version(version));
                }
                if space != files.space() {
                    return Err(SyncError::OtherSpace);
                }
                self.hello(files, with, device, &heads)
            }
            (State::Reconciling(asking), Message::Reconcile(answer)) => match asking.handle(&answer)? {
                Some(next) => {
                    self.out.push_back(Message::Reconcile(next));
                    Ok(())
                }
                None => self.reconciled(files, with),
            },
            (State::Serving, Message::Reconcile(asked)) if self.role == Role::Answers => {
                if self.answering.is_none() {
                    self.answering = Some(Answering::new(self.items(), MESSAGE_MAX)?);
                }
                let answering = self.answering.as_mut().ok_or(SyncError::Message)?;
                let answer = answering.handle(&asked)?;
                self.out.push_back(Message::Reconcile(answer));
                Ok(())
            }
            (State::Serving, Message::Offer(ids)) if self.role == Role::Answers => {
                if self.wanted.len() + ids.len() > NEED_MAX {
                    return Err(SyncError::TooMuch);
                }
                self.wanted.extend(ids.into_iter().filter(|id| !self.index.contains_key(id)));
                Ok(())
            }
            (State::Serving, Message::AskBatches(ids)) => self.serve(ids, Vec::new()),
            (State::Serving, Message::AskObjects(ids)) => self.serve(Vec::new(), ids),
            (State::Serving, Message::Turn) => match self.role {
                Role::Answers => self.ask_batches(files, with),
                Role::Begins => self.merge(files, with),
            },
            (State::Serving, Message::Done) if self.role == Role::Answers => {
                self.state = State::Done;
                Ok(())
            }
            (State::Batches, Message::Batch(bytes)) => self.batch(files, with, &bytes),
            // Somebody made room meanwhile, or asks for what the other side does not have.
            (State::Batches, Message::Absent) => Ok(()),
            (State::Batches, Message::End) => {
                self.asked_batches.clear();
                self.ask_batches(files, with)
            }
            (State::Objects, Message::Object { id, kind, keys, bytes }) => {
                self.object(files, Sealed { id, kind, keys, bytes })
            }
            (State::Objects, Message::Absent) => Ok(()),
            (State::Objects, Message::End) => {
                // What did not come is not there.
                self.absent.append(&mut self.asked_objects);
                if self.missing.is_empty() {
                    return self.merge(files, with);
                }
                self.ask_objects();
                Ok(())
            }
            _ => Err(SyncError::Message),
        }
    }

    /// The next message to send.
    ///
    /// # Errors
    /// [`SyncError::Vault`].
    pub fn poll<B: Blocks, C: Compress>(
        &mut self,
        files: &mut Files<B, C>,
    ) -> Result<Option<Vec<u8>>, SyncError> {
        let message = match self.out.pop_front() {
            Some(message) => message,
            None if !self.is_answering => return Ok(None),
            None => self.answer(files)?,
        };
        let bytes = allod_wire::encode(&message);
        self.summary.bytes_sent += bytes.len() as u64;
        Ok(Some(bytes))
    }

    /// Whether nothing more will come of it, when all is sent that [`Self::poll`] gives.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// What happened since this was asked last.
    pub fn events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// What it came to so far.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    fn items(&self) -> Items {
        let item = |signed: &Signed| Item { at: signed.batch().lamport, id: signed.id().0 };
        self.known.batches().iter().map(item).collect()
    }

    fn reindex(&mut self) {
        let batches = self.known.batches().iter().enumerate();
        self.index = batches.map(|(place, signed)| (signed.id(), place)).collect();
    }
}
