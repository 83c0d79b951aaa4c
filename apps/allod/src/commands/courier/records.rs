//! The messenger's records, in an image of their own: erasable, of this device alone, in no
//! backup, and at hand whether the vault is mounted or not.
//!
//! A record of the image has at most 16 KiB. A larger one of the messenger is several: each is
//! named by the number of the part (2 bytes, big endian) before the messenger's name, and the
//! first begins with how many there are (2 bytes).

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use allod_courier::messenger::RecordChange;
use allod_crypto::{Secret, SecretBytes, Zeroizing};
use allod_disk::{DiskError, Place, PlaceError, Vault};
use allod_post::PostError;
use allod_post::desk::Records;
use allod_vault::files::LOCAL_MAX;

/// How often it is tried whether the image is free.
const TRIED: Duration = Duration::from_millis(5);

/// How often the image is put in order: when it has grown by so many bytes since it was last.
const GROWN: u64 = 64 << 20;

/// Segments of which more than so many of a hundred bytes are needed are left as they are.
const PERCENT: u32 = 50;

/// A part of a record: its name, and what it is from now on.
type Row = (Vec<u8>, Option<Zeroizing<Vec<u8>>>);

/// The records in an image.
pub(crate) struct ImageRecords {
    place: Place,
    root: Secret<32>,
    vault: Option<Vault>,
    /// In how many parts each is.
    parts: BTreeMap<Vec<u8>, u16>,
    /// The image's size when it was last put in order.
    size: u64,
}

impl ImageRecords {
    /// Those in this place, opened by this key. The image is made when it is first held.
    pub(super) fn new(place: Place, root: Secret<32>) -> Self {
        Self { place, root, vault: None, parts: BTreeMap::new(), size: 0 }
    }

    fn vault(&mut self) -> Result<&mut Vault, PostError> {
        self.vault.as_mut().ok_or_else(|| PostError::Records("the records are not held".into()))
    }

    /// Gives back the room of what was replaced, now and then.
    fn tidy(&mut self) -> Result<(), PostError> {
        let room = self.place.room().unwrap_or_default();
        if self.size == 0 {
            self.size = room;
        }
        if room > self.size.saturating_add(GROWN) {
            self.vault()?.collect(PERCENT).map_err(said)?;
            self.size = self.place.room().unwrap_or_default();
        }
        Ok(())
    }
}

fn said(why: impl std::fmt::Display) -> PostError {
    PostError::Records(format!("the messages of this device: {why}"))
}

impl Records for ImageRecords {
    fn hold(&mut self) -> Result<(), PostError> {
        loop {
            let opened = match self.place.is_there() {
                true => self.place.open(&self.root),
                false => self.place.create(&self.root, &mut allod_node::entropy()),
            };
            match opened {
                Ok(vault) => {
                    self.vault = Some(vault);
                    return Ok(());
                }
                Err(PlaceError::Disk(DiskError::InUse(_))) => sleep(TRIED),
                Err(why) => return Err(said(why)),
            }
        }
    }

    fn number(&mut self) -> Result<u64, PostError> {
        Ok(self.vault()?.generation())
    }

    fn all(&mut self) -> Result<Vec<(Vec<u8>, SecretBytes)>, PostError> {
        let mut pieces: BTreeMap<Vec<u8>, BTreeMap<u16, SecretBytes>> = BTreeMap::new();
        for (name, value) in self.vault()?.locals().map_err(said)? {
            let Some((number, name)) = name.split_first_chunk() else { continue };
            pieces.entry(name.to_vec()).or_default().insert(u16::from_be_bytes(*number), value);
        }
        self.parts.clear();
        let mut all = Vec::with_capacity(pieces.len());
        for (name, pieces) in pieces {
            let mut value = Zeroizing::new(Vec::new());
            pieces.values().for_each(|piece| value.extend_from_slice(piece.expose()));
            let count = value.first_chunk().map(|count| u16::from_be_bytes(*count));
            if count.is_none_or(|count| usize::from(count) != pieces.len()) {
                return Err(said("a part of a record is missing"));
            }
            self.parts.insert(name.clone(), count.unwrap_or_default());
            all.push((name, SecretBytes::from(value[2..].to_vec())));
        }
        Ok(all)
    }

    fn change(&mut self, changes: &[RecordChange]) -> Result<(), PostError> {
        let mut rows: Vec<Row> = Vec::new();
        for (name, value) in changes {
            let before = self.parts.get(name).copied().unwrap_or_default();
            let count = match value {
                Some(value) => {
                    let size = value.expose().len() + 2;
                    let count =
                        u16::try_from(size.div_ceil(LOCAL_MAX)).map_err(|_| said("a record is too large"))?;
                    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
                    bytes.extend_from_slice(&count.to_be_bytes());
                    bytes.extend_from_slice(value.expose());
                    for (number, piece) in (0..count).zip(bytes.chunks(LOCAL_MAX)) {
                        rows.push((part_name(number, name), Some(Zeroizing::new(piece.to_vec()))));
                    }
                    count
                }
                None => 0,
            };
            rows.extend((count..before).map(|number| (part_name(number, name), None)));
            match count {
                0 => self.parts.remove(name),
                count => self.parts.insert(name.clone(), count),
            };
        }
        let rows: Vec<(&[u8], Option<&[u8]>)> = rows
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_ref().map(|value| value.as_slice())))
            .collect();
        self.vault()?.set_local(&rows, &mut allod_node::entropy()).map_err(said)?;
        self.tidy()
    }

    fn release(&mut self) {
        self.vault = None;
    }
}

fn part_name(number: u16, name: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], name].concat()
}
