//! Taking what others left.

use std::collections::BTreeMap;
use std::io::{BufReader, Seek};

use allod_courier::bundle::{Bundle, BundleId};
use allod_courier::carry::PeerId;
use allod_courier::ratchet::Token;
use allod_wire::Instant;

use super::place::Place;
use super::{
    Folder, NOTES, PARCEL_MAX, READ_MAX, Skipped, Taken, carrier_name, is_full, is_parcel, is_read_only,
};
use crate::narrow_error::{Damage, NarrowError};
use crate::parcel::{Entry, Reader, Record, TOKENS_MAX};

/// Something that another carrier left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// A bundle that is not known.
    Bundle(PeerId, Bundle),
    /// A bundle was delivered, to be remembered until then, as the carrier says.
    Delivered(PeerId, Token, Instant),
}

/// How far the reading of one carrier's folder may go.
struct Rest {
    bytes: u64,
    tokens: u32,
}

impl Folder {
    /// Takes what is there and not known. `sink` keeps what it is given durably and says
    /// whether it is done with it; what it is not done with is shown again the next time.
    ///
    /// # Errors
    /// [`NarrowError::Io`], [`NarrowError::NotAFolder`] where the folder itself cannot be read.
    pub fn take(
        &mut self,
        known: &dyn Fn(&BundleId) -> bool,
        sink: &mut dyn FnMut(Arrived) -> bool,
        now: Instant,
    ) -> Result<Taken, NarrowError> {
        let mut taken = Taken::default();
        let Some(root) = self.root()? else { return Ok(taken) };
        let (carriers, more) = self.carriers(&root)?;
        taken.skip_many(Skipped::TooMany, more);
        let mut unchanged = BTreeMap::new();
        for carrier in carriers {
            let folder = match root.enter(&carrier) {
                Ok(Some(folder)) => folder,
                Ok(None) => continue,
                Err(why) => {
                    taken.skip(why.into());
                    continue;
                }
            };
            taken.carriers += 1;
            let Ok(listing) = folder.list() else {
                taken.skip(Skipped::Unreadable);
                continue;
            };
            taken.skip_many(Skipped::TooMany, usize::from(listing.is_more));
            let mut rest = Rest { bytes: READ_MAX, tokens: TOKENS_MAX };
            for name in listing.names {
                if !is_parcel(&name) {
                    taken.skip(Skipped::Named);
                    continue;
                }
                let stamp = match folder.stamp(&name) {
                    Ok(stamp) => stamp,
                    Err(why) => {
                        taken.skip(why.into());
                        continue;
                    }
                };
                let at = (carrier.clone(), name);
                let skipped = match self.unchanged.get(&at) {
                    Some((before, skipped)) if *before == stamp => *skipped,
                    _ if !stamp.is_regular => Some(Skipped::NotAFile),
                    _ if stamp.length > PARCEL_MAX => Some(Skipped::TooLarge),
                    _ if stamp.length > rest.bytes => {
                        taken.skip(Skipped::TooMany);
                        continue;
                    }
                    _ => {
                        rest.bytes -= stamp.length;
                        let left = taken.left;
                        let skipped =
                            self.take_parcel(&folder, &at, known, sink, now, &mut rest, &mut taken).err();
                        if taken.left > left {
                            // Something in it is still to be taken.
                            skipped.into_iter().for_each(|why| taken.skip(why));
                            continue;
                        }
                        skipped
                    }
                };
                skipped.into_iter().for_each(|why| taken.skip(why));
                unchanged.insert(at, (stamp, skipped));
            }
        }
        self.unchanged = unchanged;
        if taken.carriers > 0 {
            match self.store_notes(now) {
                Err(why) if is_read_only(&why) => taken.is_read_only = true,
                // Others then bring once more what was taken.
                Err(why) if is_full(&why) => {}
                stored => stored?,
            }
        }
        Ok(taken)
    }

    /// Writes the notes.
    pub(super) fn store_notes(&mut self, now: Instant) -> Result<(), NarrowError> {
        let own = self.own()?;
        self.notes.store(&own, &self.key, now)
    }

    #[expect(clippy::too_many_arguments, reason = "where it is, what is done with it, and what is counted")]
    fn take_parcel(
        &mut self,
        folder: &Place,
        (carrier, name): &(String, String),
        known: &dyn Fn(&BundleId) -> bool,
        sink: &mut dyn FnMut(Arrived) -> bool,
        now: Instant,
        rest: &mut Rest,
        taken: &mut Taken,
    ) -> Result<(), Skipped> {
        let mut file = folder.read(name)?;
        let mut reader = Reader::new(BufReader::new(&file))?;
        let head = *reader.head();
        if !carrier_name(&head.carrier.0).eq_ignore_ascii_case(carrier) {
            return Err(Skipped::NotTheirs);
        }
        // One whose end has not come yet has no index; what is there of it is read all the same.
        let index = reader.skip_to_index().and_then(|()| index(&mut reader)).ok();
        let is_done = |entry: &Entry| entry.expires < now || self.notes.has_read(&entry.id);
        let is_read = index.as_ref().is_some_and(|index| index.values().all(is_done));
        if is_read && head.tokens == 0 {
            return Ok(());
        }
        file.rewind().map_err(|_| Skipped::Unreadable)?;
        let mut reader = Reader::new(BufReader::new(&file))?;
        let (mut index, has_index) = (index.clone().unwrap_or_default(), index.is_some());
        let mut is_untrue = false;
        while let Some(record) = reader.read()? {
            match record {
                Record::Delivered(token, until) if rest.tokens > 0 => {
                    rest.tokens -= 1;
                    taken.tokens += 1;
                    sink(Arrived::Delivered(head.carrier, token, until));
                }
                Record::Bundle(bundle) => {
                    let (id, expires) = (bundle.id(), bundle.terms.expires());
                    let size = bundle.payload.len() as u32;
                    is_untrue |= index.remove(&id).is_none() && has_index;
                    if expires < now {
                        taken.expired += 1;
                        continue;
                    } else if known(&id) {
                        taken.known += 1;
                    } else if sink(Arrived::Bundle(head.carrier, bundle)) {
                        taken.bundles += 1;
                        taken.bytes += u64::from(size);
                    } else {
                        taken.left += 1;
                        continue;
                    }
                    self.notes.add_read(Entry { id, size, expires });
                }
                Record::Refused(_) => taken.skip(Skipped::NoBundle),
                Record::Delivered(..) => taken.skip(Skipped::TooMany),
                Record::Holds(_) | Record::Given(_) | Record::Read(_) => {}
            }
        }
        // An index that has what is not there would keep others from giving it.
        if is_untrue || !index.is_empty() { Err(Skipped::Damaged(Damage::Untrue)) } else { Ok(()) }
    }

    /// The bundles that another carrier offers in a parcel.
    pub(super) fn offered(folder: &Place, carrier: &str, name: &str) -> Option<BTreeMap<BundleId, Entry>> {
        if name.eq_ignore_ascii_case(NOTES) || folder.stamp(name).ok()?.length > PARCEL_MAX {
            return None;
        }
        let mut reader = Reader::new(BufReader::new(folder.read(name).ok()?)).ok()?;
        if !carrier_name(&reader.head().carrier.0).eq_ignore_ascii_case(carrier) {
            return None;
        }
        reader.skip_to_index().ok()?;
        index(&mut reader).ok()
    }
}

/// The index, from which on the reader reads.
fn index<R: std::io::Read>(reader: &mut Reader<R>) -> Result<BTreeMap<BundleId, Entry>, NarrowError> {
    let mut index = BTreeMap::new();
    while let Some(record) = reader.read()? {
        if let Record::Holds(entry) = record {
            index.insert(entry.id, entry);
        }
    }
    // Each bundle once.
    if index.len() == reader.head().bundles as usize { Ok(index) } else { Err(Damage::Untrue.into()) }
}

impl From<NarrowError> for Skipped {
    fn from(why: NarrowError) -> Self {
        match why {
            NarrowError::Damaged(damage) => Self::Damaged(damage),
            NarrowError::NotAFile(_) | NarrowError::NotAFolder(_) => Self::NotAFile,
            _ => Self::Unreadable,
        }
    }
}

impl Taken {
    fn skip(&mut self, why: Skipped) {
        self.skip_many(why, 1);
    }

    fn skip_many(&mut self, why: Skipped, count: usize) {
        if count > 0 {
            *self.skipped.entry(why).or_default() += count;
        }
    }
}
