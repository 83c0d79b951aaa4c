//! Giving what others lack, and removing what nobody wants any more.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;

use allod_courier::bundle::compact::FRAGMENT_HEADER;
use allod_courier::bundle::{Bundle, BundleId};
use allod_courier::ratchet::Token;
use allod_wire::Instant;

use super::notes::Notes;
use super::place::Place;
use super::{ENDING, Folder, Given, NOTES, is_full, is_parcel, is_read_only};
use crate::narrow_error::NarrowError;
use crate::parcel::{Entry, Reader, Record, Writer};

/// Bytes after which a new parcel is begun, so that little is lost when a stick is pulled out,
/// and little is written again when part of it is wanted no more.
const PARCEL: u64 = 16 << 20;

/// Parcels smaller than this are put together when there are more than so many.
const SMALL: (u64, usize) = (1 << 20, 16);

/// A carrier that has noted nothing for so many milliseconds is not waited for.
const AWAY: u64 = 90 * 24 * 3600 * 1000;

/// A parcel of this carrier's own.
struct Own {
    name: String,
    length: u64,
    entries: Vec<Entry>,
}

/// What there is to do.
#[derive(Default)]
struct Plan {
    remove: Vec<String>,
    /// Parcels that are removed when what is wanted of them is in new ones.
    renew: Vec<String>,
    write: Vec<Entry>,
}

impl Folder {
    /// Gives bundles, in their order while there is room, and tokens of delivered ones. `load`
    /// has a bundle with the copies that it is given with: many will take it. What is not
    /// among the bundles any more is removed from this carrier's own folder.
    ///
    /// # Errors
    /// [`NarrowError::Io`], [`NarrowError::NotAFolder`]. That a stick is full or read-only is
    /// no error.
    pub fn give(
        &mut self,
        bundles: &[Entry],
        load: &mut dyn FnMut(&BundleId) -> Option<Bundle>,
        delivered: &[(Token, Instant)],
        now: Instant,
    ) -> Result<Given, NarrowError> {
        let mut given = Given::default();
        let own = match self.own() {
            Err(why) if is_read_only(&why) => {
                given.is_read_only = true;
                return Ok(given);
            }
            own => own?,
        };
        let parcels = self.own_parcels(&own, &mut given)?;
        let used = parcels.iter().map(|parcel| parcel.length).sum::<u64>();
        let free = own.free()?.saturating_add(used) / self.limits.share.max(1);
        let budget = free.min(self.limits.bytes);
        let there: BTreeSet<_> =
            parcels.iter().flat_map(|parcel| &parcel.entries).map(|entry| entry.id).collect();
        let wanted = self.wanted(bundles, &there, budget, now, &mut given)?;
        let plan = plan(parcels, &wanted, budget);
        given.there = wanted.len() - plan.write.len();
        self.carry_out(&own, plan, load, now, &mut given)?;
        self.notes.set_tokens(delivered);
        match self.store_notes(now) {
            Err(why) if is_read_only(&why) => given.is_read_only = true,
            Err(why) if is_full(&why) => given.is_full = true,
            stored => stored?,
        }
        Ok(given)
    }

    /// This carrier's parcels. What is left of failures, or nobody can read, is removed.
    fn own_parcels(&self, own: &Place, given: &mut Given) -> Result<Vec<Own>, NarrowError> {
        let mut parcels = Vec::new();
        for name in own.list()?.names {
            if name.eq_ignore_ascii_case(NOTES) {
                continue;
            }
            let entries = if is_parcel(&name) { self.own_entries(own, &name) } else { None };
            match entries {
                Some(entries) => {
                    let length = own.stamp(&name)?.length;
                    parcels.push(Own { name, length, entries });
                }
                None => given.removed += usize::from(is_ours(&name) && own.remove(&name)),
            }
        }
        Ok(parcels)
    }

    /// The index of a parcel of this carrier's own, if the file is as long as it was made.
    fn own_entries(&self, own: &Place, name: &str) -> Option<Vec<Entry>> {
        let mut reader = Reader::new(BufReader::new(own.read(name).ok()?)).ok()?;
        let head = *reader.head();
        if head.carrier.0 != self.key.verifying_key().0 || head.length != own.stamp(name).ok()?.length {
            return None;
        }
        reader.skip_to_index().ok()?;
        let mut entries = Vec::new();
        while let Some(record) = reader.read().ok()? {
            if let Record::Holds(entry) = record {
                entries.push(entry);
            }
        }
        Some(entries)
    }

    /// Which bundles are to lie there, and their places in the order: those that others lack,
    /// and then those that lie there already, while there is room.
    fn wanted(
        &self,
        bundles: &[Entry],
        there: &BTreeSet<BundleId>,
        budget: u64,
        now: Instant,
        given: &mut Given,
    ) -> Result<BTreeMap<BundleId, (usize, Entry)>, NarrowError> {
        let (offered, others) = self.others(now)?;
        let (mut wanted, mut spare, mut bytes) = (BTreeMap::new(), Vec::new(), 0);
        for (place, entry) in bundles.iter().enumerate().filter(|(_, entry)| entry.expires >= now) {
            let all_have = !others.is_empty() && others.iter().all(|notes| notes.has(&entry.id));
            if all_have || offered.contains(&entry.id) {
                if there.contains(&entry.id) {
                    spare.push((place, *entry));
                } else if all_have {
                    given.had += 1;
                } else {
                    given.offered += 1;
                }
                continue;
            }
            if bytes + cost(entry) > budget {
                given.no_room += 1;
                continue;
            }
            bytes += cost(entry);
            wanted.insert(entry.id, (place, *entry));
        }
        for (place, entry) in spare {
            if bytes + cost(&entry) <= budget {
                bytes += cost(&entry);
                wanted.insert(entry.id, (place, entry));
            }
        }
        Ok(wanted)
    }

    /// What others offer that was read from them, and what those have noted who were there of late.
    fn others(&self, now: Instant) -> Result<(BTreeSet<BundleId>, Vec<Notes>), NarrowError> {
        let (mut offered, mut notes) = (BTreeSet::new(), Vec::new());
        let Some(root) = self.root()? else { return Ok((offered, notes)) };
        for carrier in self.carriers(&root)?.0 {
            let Ok(Some(folder)) = root.enter(&carrier) else { continue };
            let Ok(listing) = folder.list() else { continue };
            for name in listing.names.iter().filter(|name| is_parcel(name)) {
                // What an index says is believed of what was read there.
                let ids = Self::offered(&folder, &carrier, name).unwrap_or_default();
                offered.extend(ids.into_keys().filter(|id| self.notes.has_read(id)));
            }
            let noted = Notes::load(&folder, &carrier_key(&carrier));
            if noted.made.0.saturating_add(AWAY) >= now.0 {
                notes.push(noted);
            }
        }
        Ok((offered, notes))
    }

    fn carry_out(
        &mut self,
        own: &Place,
        plan: Plan,
        load: &mut dyn FnMut(&BundleId) -> Option<Bundle>,
        now: Instant,
        given: &mut Given,
    ) -> Result<(), NarrowError> {
        let Plan { remove, mut renew, write } = plan;
        given.removed += remove.iter().filter(|name| own.remove(name)).count();
        let mut rest = &write[..];
        while !rest.is_empty() {
            match self.write_parcel(own, rest, load, now, given) {
                Ok(count) => rest = rest.get(count..).unwrap_or(&[]),
                Err(why) if is_full(&why) && !renew.is_empty() => {
                    given.removed += renew.drain(..).filter(|name| own.remove(name)).count();
                }
                Err(why) if is_full(&why) => {
                    given.is_full = true;
                    given.no_room += rest.len();
                    break;
                }
                Err(why) if is_read_only(&why) => {
                    given.is_read_only = true;
                    return Ok(());
                }
                Err(why) => return Err(why),
            }
        }
        given.removed += renew.iter().filter(|name| own.remove(name)).count();
        Ok(())
    }

    /// Writes the first of these bundles into a new parcel. How many it went through.
    fn write_parcel(
        &mut self,
        own: &Place,
        entries: &[Entry],
        load: &mut dyn FnMut(&BundleId) -> Option<Bundle>,
        now: Instant,
        given: &mut Given,
    ) -> Result<usize, NarrowError> {
        let name = |made: u64| format!("{made:016x}{ENDING}");
        let made = (now.0..).find(|made| own.stamp(&name(*made)).is_err()).unwrap_or(now.0);
        let folder = own.again()?;
        let mut writer = Writer::create_at(folder, own.here(), &name(made), &self.key, Instant(made))?;
        let (mut count, mut missing, mut written) = (0, 0, Vec::new());
        for entry in entries {
            if writer.size() >= PARCEL {
                break;
            }
            count += 1;
            match load(&entry.id).filter(|bundle| bundle.id() == entry.id) {
                Some(bundle) => {
                    writer.add(&bundle)?;
                    written.push(Entry { size: bundle.payload.len() as u32, ..*entry });
                }
                None => missing += 1,
            }
        }
        if !written.is_empty() {
            writer.finish()?;
        }
        given.missing += missing;
        given.bundles += written.len();
        given.bytes += written.iter().map(|entry| u64::from(entry.size)).sum::<u64>();
        written.into_iter().for_each(|entry| self.notes.add_given(entry));
        Ok(count)
    }
}

/// Bytes that a bundle takes in a parcel.
fn cost(entry: &Entry) -> u64 {
    u64::from(entry.size) + (4 + FRAGMENT_HEADER + 44) as u64
}

/// Whether a file in this carrier's folder may be one that it made, whole or not.
fn is_ours(name: &str) -> bool {
    is_parcel(name) || (name.starts_with('.') && name.ends_with(".tmp"))
}

/// A parcel that stays as it is, unless room is short.
struct Kept {
    parcel: Own,
    /// What is wanted of it, and is in none before it.
    fresh: Vec<BundleId>,
    /// Bytes that nobody wants.
    dead: u64,
}

fn plan(parcels: Vec<Own>, wanted: &BTreeMap<BundleId, (usize, Entry)>, budget: u64) -> Plan {
    let mut plan = Plan::default();
    let (mut kept, mut have) = (Vec::new(), BTreeSet::new());
    for parcel in parcels {
        let is_fresh = |entry: &&Entry| wanted.contains_key(&entry.id) && !have.contains(&entry.id);
        let fresh: Vec<_> = parcel.entries.iter().filter(is_fresh).copied().collect();
        let dead = parcel.length.saturating_sub(fresh.iter().map(cost).sum());
        if fresh.is_empty() {
            plan.remove.push(parcel.name);
        } else if dead * 2 > parcel.length {
            plan.renew.push(parcel.name);
        } else {
            let fresh: Vec<_> = fresh.iter().map(|entry| entry.id).collect();
            have.extend(fresh.iter().copied());
            kept.push(Kept { parcel, fresh, dead });
        }
    }
    let new = wanted.values().filter(|(_, entry)| !have.contains(&entry.id));
    let lengths = kept.iter().map(|kept| kept.parcel.length).sum::<u64>();
    let mut over = (lengths + new.map(|(_, entry)| cost(entry)).sum::<u64>()).saturating_sub(budget);
    // What has most in it that nobody wants is made anew first.
    kept.sort_by_key(|kept| kept.dead);
    let mut again = Vec::new();
    while over > 0 {
        let Some(most) = kept.pop() else { break };
        over = over.saturating_sub(most.dead);
        again.push(most);
    }
    kept.retain(|kept| kept.parcel.length < SMALL.0);
    if kept.len() > SMALL.1 {
        again.append(&mut kept);
    }
    for Kept { parcel, fresh, .. } in again {
        for id in &fresh {
            have.remove(id);
        }
        plan.renew.push(parcel.name);
    }
    let mut write: Vec<_> = wanted.values().filter(|(_, entry)| !have.contains(&entry.id)).collect();
    write.sort_unstable();
    plan.write = write.into_iter().map(|(_, entry)| *entry).collect();
    plan
}

/// The first half of the key of a carrier whose folder has this name.
fn carrier_key(name: &str) -> Vec<u8> {
    let digit =
        |place: usize| name.get(place..place + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    (0..name.len()).step_by(2).filter_map(digit).collect()
}
