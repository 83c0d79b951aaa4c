//! Reading a parcel, a block at a time.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::Path;

use allod_courier::bundle::{Bundle, BundleError};
use allod_courier::ratchet::Token;
use allod_crypto::hash::Blake3;
use allod_crypto::sign::{Signature, VerifyingKey};
use allod_wire::Instant;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat};

use super::{BODY_MAX, Entry, FRONT, HEAD, Head, Kind, SIGNATURE, take};
use crate::narrow_error::{Damage, NarrowError, at};

/// One thing in a parcel. Its carrier signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A bundle was delivered, which is to be remembered until then, as the carrier says.
    Delivered(Token, Instant),
    /// A bundle.
    Bundle(Bundle),
    /// Something that is no bundle, where one should be.
    Refused(BundleError),
    /// The index has this bundle.
    Holds(Entry),
    /// The carrier gave this bundle to the folder that the parcel is in.
    Given(Entry),
    /// The carrier has read this bundle in the folder that the parcel is in.
    Read(Entry),
}

/// A parcel that is being read.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    head: Head,
    hash: Blake3,
    /// Where it was begun; another place than the first block where only the index is read.
    from: u32,
    number: u32,
    kind: Kind,
    body: Vec<u8>,
    at: usize,
    bundles: u32,
    bytes: u64,
    tokens: u32,
    damage: Option<Damage>,
}

impl Reader<BufReader<File>> {
    /// The parcel in this file.
    ///
    /// # Errors
    /// [`NarrowError::Io`], [`NarrowError::NotAFile`], [`NarrowError::Damaged`].
    pub fn open(path: &Path) -> Result<Self, NarrowError> {
        // A person may name a link; only in a folder of others none is followed.
        let path = path.canonicalize().map_err(at(path))?;
        Self::new(BufReader::new(open_regular_at(CWD, &path, &path)?))
    }
}

impl<R: Read> Reader<R> {
    /// Reads the head, after which it is known how much there is.
    ///
    /// # Errors
    /// [`NarrowError::Read`], [`NarrowError::Damaged`].
    pub fn new(mut source: R) -> Result<Self, NarrowError> {
        let mut head = [0; HEAD];
        fill(&mut source, &mut head)?;
        let head = Head::decode(&head)?;
        Ok(Self {
            source,
            head,
            hash: Blake3::new(),
            from: 0,
            number: 0,
            kind: Kind::Tokens,
            body: Vec::new(),
            at: 0,
            bundles: 0,
            bytes: 0,
            tokens: 0,
            damage: None,
        })
    }

    /// What it says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next thing in it; `None` at the end. What came before a damage is whole.
    ///
    /// # Errors
    /// [`NarrowError::Damaged`], again and again; [`NarrowError::Read`].
    pub fn read(&mut self) -> Result<Option<Record>, NarrowError> {
        if let Some(damage) = self.damage {
            return Err(damage.into());
        }
        let record = self.read_on();
        if let Err(NarrowError::Damaged(damage)) = record {
            self.damage = Some(damage);
        }
        record
    }

    fn read_on(&mut self) -> Result<Option<Record>, NarrowError> {
        while self.at >= self.body.len() {
            if self.number == self.head.blocks {
                return self.check_end().map(|()| None);
            }
            self.read_block()?;
        }
        let mut rest = self.body.get(self.at..).unwrap_or(&[]);
        let (record, size) = record(self.kind, &mut rest).ok_or(Damage::Untrue)?;
        self.at = self.body.len() - rest.len();
        match &record {
            Record::Delivered(..) => self.tokens += 1,
            Record::Bundle(_) | Record::Refused(_) => {
                self.bundles += 1;
                self.bytes += size as u64;
            }
            Record::Holds(_) | Record::Given(_) | Record::Read(_) => {}
        }
        // Less than said is found out at the end.
        let is_more = self.bundles > self.head.bundles
            || self.bytes > self.head.bytes
            || self.tokens > self.head.tokens;
        if is_more { Err(Damage::Untrue.into()) } else { Ok(Some(record)) }
    }

    fn read_block(&mut self) -> Result<(), NarrowError> {
        let mut front = [0; FRONT];
        fill(&mut self.source, &mut front)?;
        let [kind, size @ ..] = front;
        let size = u32::from_le_bytes(size) as usize;
        if size == 0 || size > BODY_MAX {
            return Err(Damage::Altered.into());
        }
        // Nothing of it counts before its signature was checked.
        let mut body = std::mem::take(&mut self.body);
        body.resize(size, 0);
        fill(&mut self.source, &mut body)?;
        let mut signature = [0; SIGNATURE];
        fill(&mut self.source, &mut signature)?;
        let hash = self.head.block_hash(self.number, kind, &body);
        let verified = VerifyingKey(self.head.carrier.0).verify(&hash, &Signature(signature));
        verified.map_err(|_| Damage::Altered)?;
        self.kind = Kind::from_code(kind).ok_or(Damage::Foreign)?;
        self.hash.add(&hash);
        self.number += 1;
        (self.body, self.at) = (body, 0);
        Ok(())
    }

    fn check_end(&self) -> Result<(), NarrowError> {
        let Head { bundles, bytes, tokens, hash, .. } = self.head;
        if self.from > 0 {
            return Ok(());
        }
        let is_all = (self.bundles, self.bytes, self.tokens) == (bundles, bytes, tokens);
        if is_all && self.hash.finish() == hash { Ok(()) } else { Err(Damage::Untrue.into()) }
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Goes to where the index begins, so that nothing else is read. Whether the index is right is
    /// known to who reads all of it.
    ///
    /// # Errors
    /// [`NarrowError::Read`].
    pub fn skip_to_index(&mut self) -> Result<(), NarrowError> {
        let (number, place) = self.head.index;
        self.source.seek(SeekFrom::Start(place)).map_err(NarrowError::Read)?;
        (self.from, self.number) = (number.max(1), number);
        self.body.clear();
        self.at = 0;
        Ok(())
    }
}

/// The next record of a body of this kind, and of a bundle the bytes of its compact form.
fn record(kind: Kind, rest: &mut &[u8]) -> Option<(Record, usize)> {
    let record = match kind {
        Kind::Tokens => {
            let token = Token(take(rest)?);
            Record::Delivered(token, Instant(u64::from_le_bytes(take(rest)?)))
        }
        Kind::Bundles => {
            let size = u32::from_le_bytes(take(rest)?) as usize;
            let (compact, behind) = rest.split_at_checked(size)?;
            *rest = behind;
            return Some((Bundle::from_compact(compact).map_or_else(Record::Refused, Record::Bundle), size));
        }
        Kind::Index => Record::Holds(entry(rest)?),
        Kind::Given => Record::Given(entry(rest)?),
        Kind::Read => Record::Read(entry(rest)?),
    };
    Some((record, 0))
}

fn entry(rest: &mut &[u8]) -> Option<Entry> {
    Some(Entry {
        id: allod_courier::bundle::BundleId(take(rest)?),
        size: u32::from_le_bytes(take(rest)?),
        expires: Instant(u64::from_le_bytes(take(rest)?)),
    })
}

fn fill(source: &mut impl Read, bytes: &mut [u8]) -> Result<(), NarrowError> {
    source.read_exact(bytes).map_err(|why| match why.kind() {
        io::ErrorKind::UnexpectedEof => Damage::Cut.into(),
        _ => NarrowError::Read(why),
    })
}

/// Opens a file to read it, if it is a regular one. Neither a link is followed nor a pipe
/// waited for.
pub(crate) fn open_regular_at(folder: impl AsFd, name: &Path, place: &Path) -> Result<File, NarrowError> {
    let is_regular = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    // To open a device can do something to it.
    let before = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(at(place))?;
    if !is_regular(before) {
        return Err(NarrowError::NotAFile(place.to_owned()));
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(&folder, name, flags, Mode::empty()).map_err(at(place))?;
    if !is_regular(fstat(&file).map_err(at(place))?) {
        return Err(NarrowError::NotAFile(place.to_owned()));
    }
    Ok(File::from(file))
}
