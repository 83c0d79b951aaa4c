//! The desk: a person's messages on this device, between the messenger's records and the bag.
//!
//! Everything is done in one order: records first, then what leaves, then what carriers are
//! told. So a crash at any point loses nothing: what was said to have come is kept, and what
//! was to leave is in the records until the bag has it.

mod sweep;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use allod_courier::CourierError;
use allod_courier::carry::Refused;
use allod_courier::contact::Own;
use allod_courier::messenger::{Messenger, RecordChange};
use allod_courier::ratchet::Tag;
use allod_crypto::{CryptoRng, SecretBytes};
use allod_wire::Instant;

use crate::bag::Bag;
use crate::parts::Parts;
use crate::{PostError, now};
pub use sweep::{Swept, name_of};

/// Where the messenger's records are: on this device alone, erasable, in no backup.
pub trait Records: Send {
    /// Holds them, so that no other process changes them until they are let go. Waits.
    ///
    /// # Errors
    /// [`PostError::Records`].
    fn hold(&mut self) -> Result<(), PostError>;

    /// Another number after every change by any process; asked while they are held.
    ///
    /// # Errors
    /// [`PostError::Records`].
    fn number(&mut self) -> Result<u64, PostError>;

    /// All of them, while they are held.
    ///
    /// # Errors
    /// [`PostError::Records`].
    fn all(&mut self) -> Result<Vec<(Vec<u8>, SecretBytes)>, PostError>;

    /// Changes them as one, durably, while they are held.
    ///
    /// # Errors
    /// [`PostError::Records`].
    fn change(&mut self, changes: &[RecordChange]) -> Result<(), PostError>;

    /// Lets them go.
    fn release(&mut self);
}

/// A person's messages on this device.
#[derive(Debug)]
pub struct Desk<R> {
    own: Own,
    inside: Mutex<Inside<R>>,
    /// The messenger as of the last change, for contacts, which hold the bag when they ask it.
    wanted: Mutex<Option<(u64, Messenger)>>,
    bag: Arc<Mutex<Bag>>,
    parts: Parts,
}

#[derive(Debug)]
struct Inside<R> {
    records: R,
    /// As of this number.
    cached: Option<(u64, Messenger)>,
}

impl<R: Records> Desk<R> {
    /// Of this device, with its records, and the bag and the folder of files in `folder`.
    pub fn new(own: Own, records: R, bag: Arc<Mutex<Bag>>, folder: &Path) -> Self {
        let parts = Parts::new(folder.join("files"));
        let inside = Mutex::new(Inside { records, cached: None });
        Self { own, inside, wanted: Mutex::new(None), bag, parts }
    }

    /// Files that came.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The bag.
    pub fn bag(&self) -> MutexGuard<'_, Bag> {
        self.bag.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the messenger. What changed is durable, and what is to leave is in the
    /// bag, when this returns; where it failed, nothing changed, but for [`PostError::NotLeft`].
    ///
    /// # Errors
    /// What it says, and [`PostError`].
    pub fn with<T>(
        &self,
        rng: &mut impl CryptoRng,
        act: impl FnOnce(&mut Messenger) -> Result<T, CourierError>,
    ) -> Result<T, PostError> {
        match self.transact(rng, |messenger, _| Ok(act(messenger)?))? {
            (done, None) => Ok(done),
            (_, Some(why)) => Err(PostError::NotLeft(Box::new(why))),
        }
    }

    /// Looks at the messenger as it is now.
    ///
    /// # Errors
    /// [`PostError::Records`].
    pub fn look<T>(&self, look: impl FnOnce(&Messenger) -> T) -> Result<T, PostError> {
        let mut inside = self.inside();
        inside.held(|inside| {
            let (number, messenger) = inside.messenger(&self.own)?;
            self.show(number, messenger);
            Ok(look(messenger))
        })
    }

    /// Whether a message with this tag is for this device, as far as was known when something was
    /// last done here, or [looked at](Self::refresh).
    pub fn wants(&self, tag: &Tag) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.as_ref().is_some_and(|(_, messenger)| messenger.wants(tag))
    }

    /// Tags that may come soonest, of each session so many, and at most so many in all; as far as
    /// [`Self::wants`] knows.
    pub fn expected_next(&self, each: usize, most: usize) -> Vec<Tag> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.iter().flat_map(|(_, messenger)| messenger.expected_next(each)).take(most).collect()
    }

    /// Sees what other processes changed. Whether they did.
    ///
    /// # Errors
    /// [`PostError::Records`].
    pub fn refresh(&self) -> Result<bool, PostError> {
        self.inside().held(|inside| {
            let (number, messenger) = inside.messenger(&self.own)?;
            Ok(self.show(number, messenger))
        })
    }

    /// Lets contacts see what is wanted now. Whether that is something else.
    fn show(&self, number: u64, messenger: &Messenger) -> bool {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = wanted.as_ref().is_none_or(|(shown, _)| *shown != number);
        if is_new {
            *wanted = Some((number, messenger.clone()));
        }
        is_new
    }

    /// The records that are there, messages among them.
    ///
    /// # Errors
    /// [`PostError::Records`].
    pub fn records(&self) -> Result<Vec<(Vec<u8>, SecretBytes)>, PostError> {
        self.inside().held(|inside| inside.records.all())
    }

    fn inside(&self) -> MutexGuard<'_, Inside<R>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was done, and why what is to leave could not, if so.
    fn transact<T, G: CryptoRng>(
        &self,
        rng: &mut G,
        act: impl FnOnce(&mut Messenger, &mut G) -> Result<T, PostError>,
    ) -> Result<(T, Option<PostError>), PostError> {
        self.inside().held(|inside| {
            let (_, messenger) = inside.messenger(&self.own)?;
            let acted = act(messenger, rng).and_then(|done| {
                messenger.settle(now(), rng)?;
                Ok(done)
            });
            let done = match acted {
                Ok(done) => done,
                Err(why) => {
                    // Something of it may have been done in memory.
                    inside.cached = None;
                    return Err(why);
                }
            };
            let changes = messenger.changes();
            inside.change(&changes)?;
            let waits = self.let_leave(inside).err();
            if let Some((number, messenger)) = &inside.cached {
                self.show(*number, messenger);
            }
            Ok((done, waits))
        })
    }

    /// Puts into the bag what is to leave. The records say that it has left with the next change:
    /// until then it would be put there again, where it is already.
    fn let_leave(&self, inside: &mut Inside<R>) -> Result<(), PostError> {
        let Some((_, messenger)) = &mut inside.cached else { return Ok(()) };
        if messenger.outgoing().next().is_none() {
            return Ok(());
        }
        let now = now();
        let left = self.bag().with(|bag| {
            let mut left = Vec::new();
            for (number, bundle) in messenger.outgoing() {
                match bag.put_own(bundle, now) {
                    // One was to leave long ago.
                    Ok(()) | Err(PostError::Refused(Refused::Expired)) => left.push(number),
                    // There is no room for it now; it is tried again with whatever is done next.
                    Err(PostError::Refused(_)) => {}
                    Err(why) => return Err(why),
                }
            }
            Ok(left)
        })?;
        messenger.has_left(&left);
        Ok(())
    }

    /// Keys of messages that are late for too long go, and what has expired.
    ///
    /// # Errors
    /// [`PostError`].
    pub fn forget(&self, now: Instant, rng: &mut impl CryptoRng) -> Result<(), PostError> {
        // There may be room then for what is to leave.
        self.bag().with(|bag| bag.expire(now).map(|_| ()))?;
        self.with(rng, |messenger| {
            messenger.forget(now);
            Ok(())
        })
    }
}

impl<R: Records> Inside<R> {
    /// Does something while no other process changes the records.
    fn held<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, PostError>) -> Result<T, PostError> {
        // What a panic left held is let go first.
        self.records.release();
        self.records.hold()?;
        let done = act(self);
        self.records.release();
        done
    }

    fn messenger(&mut self, own: &Own) -> Result<(u64, &mut Messenger), PostError> {
        let number = self.records.number()?;
        let is_current = self.cached.as_ref().is_some_and(|(cached, _)| *cached == number);
        if !is_current {
            let records = self.records.all()?;
            let named = records.iter().map(|(name, record)| (name.as_slice(), record));
            self.cached = Some((number, Messenger::load(own.clone(), named)?));
        }
        match &mut self.cached {
            Some((number, messenger)) => Ok((*number, messenger)),
            None => Err(PostError::Records("the records changed while they were read".into())),
        }
    }

    fn change(&mut self, changes: &[RecordChange]) -> Result<(), PostError> {
        if changes.is_empty() {
            return Ok(());
        }
        let changed = self.records.change(changes);
        match (changed, &mut self.cached) {
            (Ok(()), Some((number, _))) => {
                *number = self.records.number()?;
                Ok(())
            }
            (changed, cached) => {
                *cached = None;
                changed
            }
        }
    }
}
