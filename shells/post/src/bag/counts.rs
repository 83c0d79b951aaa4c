//! What was refused, by why, for as long as there has been this bag: as people see it. It is no
//! loss where a crash takes the last of it, so nothing waits for the disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use allod_courier::bundle::BundleError;
use allod_courier::carry;
use allod_courier::encounter::Faults;

use super::rows;

const FIELDS: usize = 16;

/// How much was refused since the bag was made, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bundles that had expired.
    pub expired: u64,
    /// Bundles that are said to be made in the future.
    pub ahead: u64,
    /// Bundles that were here already.
    pub known: u64,
    /// Bundles that were delivered, or called back.
    pub delivered: u64,
    /// Bundles for which there was no room.
    pub no_room: u64,
    /// Bundles of those who had brought as much as they may.
    pub over_quota: u64,
    /// Bundles that were carried until others were taken in their place.
    pub gave_way: u64,
    /// What was no bundle, or not whole.
    pub malformed: u64,
    /// Bundles for endpoints of other kinds.
    pub foreign: u64,
    /// Bundles that were larger than any is.
    pub too_large: u64,
    /// Bundles that contradict themselves.
    pub inconsistent: u64,
    /// Bundles whose bytes were not those that were shown on a contact.
    pub corrupt: u64,
    /// Bundles that were asked for on a contact and are not here.
    pub unknown: u64,
    /// Tokens of what is not carried here.
    pub made_up: u64,
    /// Bundles that had a tag of this device's, and that nobody who knows the keys has sealed.
    pub forged: u64,
    /// Contacts that ended by what the other side did.
    pub contacts: u64,
}

impl Counts {
    /// Each with its name, in words.
    pub fn named(&self) -> [(&'static str, u64); FIELDS] {
        let names = [
            "expired",
            "from the future",
            "known already",
            "delivered already",
            "no room",
            "too much from one carrier",
            "gave way to others",
            "no bundle",
            "for another kind of endpoint",
            "too large",
            "contradicts itself",
            "not what was shown",
            "asked for and not here",
            "tokens of nothing",
            "not for this device, though it looked so",
            "contacts broken off",
        ];
        let mut all = names.into_iter().zip(self.fields());
        std::array::from_fn(|_| all.next().unwrap_or_default())
    }

    fn fields(&self) -> [u64; FIELDS] {
        let Self { expired, ahead, known, delivered, no_room, over_quota, gave_way, .. } = *self;
        let Self { malformed, foreign, too_large, inconsistent, .. } = *self;
        let Self { corrupt, unknown, made_up, forged, contacts, .. } = *self;
        [
            expired,
            ahead,
            known,
            delivered,
            no_room,
            over_quota,
            gave_way,
            malformed,
            foreign,
            too_large,
            inconsistent,
            corrupt,
            unknown,
            made_up,
            forged,
            contacts,
        ]
    }

    fn of(fields: [u64; FIELDS]) -> Self {
        let [expired, ahead, known, delivered, no_room, over_quota, gave_way, rest @ ..] = fields;
        let [malformed, foreign, too_large, inconsistent, corrupt, unknown, made_up, forged, contacts] = rest;
        Self {
            expired,
            ahead,
            known,
            delivered,
            no_room,
            over_quota,
            gave_way,
            malformed,
            foreign,
            too_large,
            inconsistent,
            corrupt,
            unknown,
            made_up,
            forged,
            contacts,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut fields = self.fields();
        fields.iter_mut().zip(other.fields()).for_each(|(one, more)| *one = one.saturating_add(more));
        Self::of(fields)
    }

    /// What a store has refused since its counts were `before`.
    pub(super) fn since(before: &carry::Counts, now: &carry::Counts) -> Self {
        Self {
            expired: now.expired.saturating_sub(before.expired),
            ahead: now.ahead.saturating_sub(before.ahead),
            known: now.known.saturating_sub(before.known),
            delivered: now.delivered.saturating_sub(before.delivered),
            no_room: now.no_room.saturating_sub(before.no_room),
            over_quota: now.over_quota.saturating_sub(before.over_quota),
            gave_way: now.gave_way.saturating_sub(before.gave_way),
            ..Self::default()
        }
    }

    /// What was wrong on a contact, and whether it ended so.
    pub(super) fn of_contact(faults: &Faults, has_failed: bool) -> Self {
        Self {
            corrupt: faults.corrupt.into(),
            unknown: faults.unknown.into(),
            made_up: faults.made_up.into(),
            contacts: has_failed.into(),
            ..Self::default()
        }
    }

    /// So many bundles that were for this device as far as their tags tell.
    pub(super) fn forged(count: u64) -> Self {
        Self { forged: count, ..Self::default() }
    }

    /// Something that was no bundle.
    pub(super) fn one(why: BundleError) -> Self {
        let mut counts = Self::default();
        *match why {
            BundleError::Malformed => &mut counts.malformed,
            BundleError::Foreign => &mut counts.foreign,
            BundleError::TooLarge => &mut counts.too_large,
            BundleError::Inconsistent => &mut counts.inconsistent,
        } = 1;
        counts
    }

    /// What a file has; nothing where it is harmed.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let mut bytes = [0; rows::size(FIELDS * 8)];
        let read = file.read_at(&mut bytes, 0)?;
        let mut found = rows::decode::<{ FIELDS * 8 }>(bytes.get(..read).unwrap_or_default());
        let Some(row) = found.next() else { return Ok(Self::default()) };
        let mut fields = [0; FIELDS];
        let (numbers, _) = row.as_chunks();
        fields.iter_mut().zip(numbers).for_each(|(field, number)| *field = u64::from_le_bytes(*number));
        Ok(Self::of(fields))
    }

    /// Puts it in the place of what a file has.
    pub(super) fn write(&self, file: &File) -> io::Result<()> {
        let numbers = self.fields().map(u64::to_le_bytes);
        file.write_all_at(&rows::encode([numbers.as_flattened()]), 0)
    }
}
