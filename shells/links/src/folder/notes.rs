//! What a carrier notes in a folder: which bundles it gave or read there, and which were delivered.

use std::collections::BTreeMap;

use allod_courier::bundle::BundleId;
use allod_courier::ratchet::Token;
use allod_crypto::sign::SigningKey;
use allod_wire::Instant;

use super::place::Place;
use super::{NOTES, PARCEL_MAX};
use crate::narrow_error::NarrowError;
use crate::parcel::{Entry, Reader, Record, TOKENS_MAX, Writer};

/// The most bundles that are noted as given, and as read.
pub(super) const NOTED_MAX: usize = 65_536;

/// After so many milliseconds a carrier says again that it is still there.
const AGAIN: u64 = 24 * 3600 * 1000;

/// What a carrier notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub(super) made: Instant,
    given: BTreeMap<BundleId, Entry>,
    read: BTreeMap<BundleId, Entry>,
    tokens: Vec<(Token, Instant)>,
    is_changed: bool,
}

impl Notes {
    /// The notes of a carrier in its folder; none where they cannot be read, or are of somebody else.
    pub(super) fn load(folder: &Place, carrier: &[u8]) -> Self {
        Self::try_load(folder, carrier).unwrap_or_default()
    }

    fn try_load(folder: &Place, carrier: &[u8]) -> Option<Self> {
        if folder.stamp(NOTES).ok()?.length > PARCEL_MAX {
            return None;
        }
        let mut reader = Reader::new(std::io::BufReader::new(folder.read(NOTES).ok()?)).ok()?;
        if !reader.head().carrier.0.starts_with(carrier) {
            return None;
        }
        let mut notes = Self { made: reader.head().made, ..Self::default() };
        // What was whole before a damage is of use.
        while let Ok(Some(record)) = reader.read() {
            match record {
                Record::Given(entry) if notes.given.len() < NOTED_MAX => {
                    notes.given.insert(entry.id, entry);
                }
                Record::Read(entry) if notes.read.len() < NOTED_MAX => {
                    notes.read.insert(entry.id, entry);
                }
                Record::Delivered(token, until) => notes.tokens.push((token, until)),
                _ => {}
            }
        }
        Some(notes)
    }

    /// Writes them where they have changed, or were not written for a day.
    pub(super) fn store(
        &mut self,
        folder: &Place,
        key: &SigningKey,
        now: Instant,
    ) -> Result<(), NarrowError> {
        self.forget(now);
        if !self.is_changed && now.0 < self.made.0.saturating_add(AGAIN) {
            return Ok(());
        }
        // Notes that are younger than others are told by their time, whatever the clock does.
        let made = Instant(now.0.max(self.made.0 + 1));
        let mut writer = Writer::create_at(folder.again()?, folder.here(), NOTES, key, made)?;
        for (token, until) in &self.tokens {
            writer.delivered(*token, *until)?;
        }
        for entry in self.given.values() {
            writer.noted(entry, false)?;
        }
        for entry in self.read.values() {
            writer.noted(entry, true)?;
        }
        writer.finish()?;
        (self.made, self.is_changed) = (made, false);
        Ok(())
    }

    pub(super) fn has_read(&self, id: &BundleId) -> bool {
        self.read.contains_key(id)
    }

    /// Whether the carrier has or had this bundle.
    pub(super) fn has(&self, id: &BundleId) -> bool {
        self.read.contains_key(id) || self.given.contains_key(id)
    }

    pub(super) fn add_read(&mut self, entry: Entry) {
        self.is_changed |= self.read.insert(entry.id, entry).is_none();
    }

    pub(super) fn add_given(&mut self, entry: Entry) {
        self.is_changed |= self.given.insert(entry.id, entry).is_none();
    }

    pub(super) fn set_tokens(&mut self, tokens: &[(Token, Instant)]) {
        let tokens = tokens.get(..TOKENS_MAX as usize).unwrap_or(tokens);
        if self.tokens != tokens {
            self.tokens = tokens.to_vec();
            self.is_changed = true;
        }
    }

    /// What has expired, and if there is too much, what expires first.
    fn forget(&mut self, now: Instant) {
        for all in [&mut self.given, &mut self.read] {
            let before = all.len();
            all.retain(|_, entry| entry.expires >= now);
            if all.len() > NOTED_MAX {
                let mut ends: Vec<_> = all.values().map(|entry| (entry.expires, entry.id)).collect();
                ends.sort_unstable();
                let over = all.len() - NOTED_MAX;
                for (_, id) in ends.iter().take(over) {
                    all.remove(id);
                }
            }
            self.is_changed |= all.len() < before;
        }
    }
}
