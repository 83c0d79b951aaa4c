//! The working copy of a block: what its operations have changed so far.
//!
//! An operation writes to the draft. If it is rejected, all that it wrote is
//! dropped; if it is accepted, it is kept. What the block changed in the end is
//! taken out once, when all operations were seen.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::jellyfish::KeyHash;
use crate::record::{Record, place};
use crate::{Error, Rejection};

/// The ledger's values as of the block before: what a shell keeps on disk.
pub trait Values {
    /// The value at `place`, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot tell. The block is then not
    /// applied at all.
    fn value(&self, place: &KeyHash) -> Result<Option<Vec<u8>>, Error>;
}

/// Why an operation stopped: it was refused, or the block cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The operation is refused; the block goes on without it.
    Rejected(Rejection),
    /// The store failed, or holds what this version does not understand.
    Broken(Error),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// Values by place; `None` where the value was taken away.
pub type Changes = BTreeMap<KeyHash, Option<Vec<u8>>>;

/// The values of the block before, and what was written over them.
pub(crate) struct Draft<'a, V: Values + ?Sized> {
    base: &'a V,
    kept: Changes,
    /// Written by the operation under way.
    written: Changes,
}

impl<'a, V: Values + ?Sized> Draft<'a, V> {
    pub(crate) fn new(base: &'a V) -> Self {
        Self { base, kept: Changes::new(), written: Changes::new() }
    }

    /// The record that `id` names.
    pub(crate) fn find<R: Record>(&self, id: &R::Id) -> Result<Option<R>, Error> {
        let place = place::<R>(id);
        let decode = |bytes: &[u8]| {
            allod_wire::decode(bytes).map_err(|reason| Error::BadRecord { kind: R::KIND, reason })
        };
        match self.written.get(&place).or_else(|| self.kept.get(&place)) {
            Some(value) => value.as_deref().map(decode).transpose(),
            None => self.base.value(&place)?.as_deref().map(decode).transpose(),
        }
    }

    /// The record that `id` names, which the ledger cannot be without.
    pub(crate) fn expect<R: Record>(&self, id: &R::Id) -> Result<R, Error> {
        self.find(id)?.ok_or(Error::NoRecord { kind: R::KIND })
    }

    /// Writes a record.
    pub(crate) fn put<R: Record>(&mut self, id: &R::Id, record: &R) {
        self.written.insert(place::<R>(id), Some(allod_wire::encode(record)));
    }

    /// Takes a record away.
    pub(crate) fn remove<R: Record>(&mut self, id: &R::Id) {
        self.written.insert(place::<R>(id), None);
    }

    /// Keeps what was written since the last call of this or of [`Self::drop_written`].
    pub(crate) fn keep(&mut self) {
        // Not `append`, which goes through all that is kept already: that is much in a
        // block of thousands of operations.
        self.kept.extend(core::mem::take(&mut self.written));
    }

    /// Forgets what was written since the last [`Self::keep`].
    pub(crate) fn drop_written(&mut self) {
        self.written.clear();
    }

    /// What changed against the block before. Values written as they were are
    /// left out.
    pub(crate) fn into_changes(mut self) -> Result<Changes, Error> {
        self.keep();
        let mut changes = Changes::new();
        for (place, value) in self.kept {
            if self.base.value(&place)? != value {
                changes.insert(place, value);
            }
        }
        Ok(changes)
    }
}
