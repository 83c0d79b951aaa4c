//! Writing a parcel: beside its place, and moved there when all of it is durable.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use allod_courier::bundle::Bundle;
use allod_courier::carry::PeerId;
use allod_courier::ratchet::Token;
use allod_crypto::hash::Blake3;
use allod_crypto::sign::SigningKey;
use allod_wire::Instant;
use rustix::fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, unlinkat};

use super::{BUNDLES_MAX, ENTRY, Entry, FILE_MAX, FRONT, HEAD, Head, Kind, SIGNATURE, TOKEN, TOKENS_MAX};
use crate::narrow_error::{NarrowError, at};

/// A body is signed when it has so many bytes.
const BODY: usize = 1 << 20;

/// A parcel that is being written. One that is dropped before it is finished leaves nothing.
pub struct Writer {
    folder: OwnedFd,
    place: PathBuf,
    name: String,
    temporary: String,
    file: BufWriter<File>,
    key: SigningKey,
    pub(super) head: Head,
    hash: Blake3,
    kind: Kind,
    body: Vec<u8>,
    index: Vec<Entry>,
    is_finished: bool,
}

impl Writer {
    /// A parcel that will be at this path; what is there is replaced when it is finished.
    ///
    /// # Errors
    /// [`NarrowError::Io`], [`NarrowError::NotAFile`] where the path has no name.
    pub fn create(path: &Path, key: &SigningKey, now: Instant) -> Result<Self, NarrowError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| NarrowError::NotAFile(path.to_owned()))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(folder, flags, Mode::empty()).map_err(at(folder))?;
        Self::create_at(opened, folder, name, key, now)
    }

    /// A parcel that will have this name in a folder that is open.
    pub(crate) fn create_at(
        folder: OwnedFd,
        place: &Path,
        name: &str,
        key: &SigningKey,
        now: Instant,
    ) -> Result<Self, NarrowError> {
        let place = place.join(name);
        let temporary = format!(".{name}.tmp");
        // Nobody else writes under this name: what is there was left by a failure.
        let _ = unlinkat(&folder, &temporary, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o644);
        let file = openat(&folder, &temporary, flags, mode).map_err(at(&place))?;
        let mut file = BufWriter::new(File::from(file));
        file.write_all(&[0; HEAD]).map_err(at(&place))?;
        let head = Head {
            carrier: PeerId(key.verifying_key().0),
            made: now,
            length: HEAD as u64,
            bundles: 0,
            bytes: 0,
            tokens: 0,
            blocks: 0,
            index: (0, 0),
            hash: [0; 32],
        };
        Ok(Self {
            folder,
            place,
            name: name.to_owned(),
            temporary,
            file,
            key: key.clone(),
            head,
            hash: Blake3::new(),
            kind: Kind::Tokens,
            body: Vec::new(),
            index: Vec::new(),
            is_finished: false,
        })
    }

    /// Adds the token of a bundle that was delivered, to be remembered until then.
    ///
    /// # Errors
    /// [`NarrowError::Full`], [`NarrowError::Io`].
    pub fn delivered(&mut self, token: Token, until: Instant) -> Result<(), NarrowError> {
        if self.head.tokens >= TOKENS_MAX {
            return Err(NarrowError::Full);
        }
        let mut bytes = [0; TOKEN];
        bytes[..Token::SIZE].copy_from_slice(&token.0);
        bytes[Token::SIZE..].copy_from_slice(&until.0.to_le_bytes());
        self.put(Kind::Tokens, &[&bytes])?;
        self.head.tokens += 1;
        Ok(())
    }

    /// Adds a bundle.
    ///
    /// # Errors
    /// [`NarrowError::Full`], [`NarrowError::Io`].
    pub fn add(&mut self, bundle: &Bundle) -> Result<(), NarrowError> {
        let compact = bundle.to_compact();
        if self.head.bundles >= BUNDLES_MAX || self.size() + compact.len() as u64 + 256 > FILE_MAX {
            return Err(NarrowError::Full);
        }
        let size = compact.len() as u32;
        self.put(Kind::Bundles, &[&size.to_le_bytes(), &compact])?;
        self.head.bundles += 1;
        self.head.bytes += u64::from(size);
        let (id, expires) = (bundle.id(), bundle.terms.expires());
        self.index.push(Entry { id, size: bundle.payload.len() as u32, expires });
        Ok(())
    }

    /// Adds that its carrier gave or read a bundle in a folder.
    pub(crate) fn noted(&mut self, entry: &Entry, was_read: bool) -> Result<(), NarrowError> {
        self.put_entry(if was_read { Kind::Read } else { Kind::Given }, entry)
    }

    /// Says of a bundle that it is here, although it is not.
    #[cfg(test)]
    pub(crate) fn lie(&mut self, entry: Entry) {
        self.index.push(entry);
        self.head.bundles += 1;
    }

    /// Bytes that it will have, if nothing is added.
    pub fn size(&self) -> u64 {
        let index = self.index.len() * ENTRY;
        let blocks = 2 + index.div_ceil(BODY);
        self.head.length + (self.body.len() + index + blocks * (FRONT + SIGNATURE)) as u64
    }

    /// Writes all of it and moves it to its place. What it says of itself.
    ///
    /// # Errors
    /// [`NarrowError::Io`]; then there is nothing.
    pub fn finish(mut self) -> Result<Head, NarrowError> {
        self.sign()?;
        self.head.index = (self.head.blocks, self.head.length);
        for entry in mem::take(&mut self.index) {
            self.put_entry(Kind::Index, &entry)?;
        }
        self.sign()?;
        self.head.hash = self.hash.finish();
        let signature = self.key.sign(&self.head.to_sign());
        let place = at(&self.place);
        self.file.seek(SeekFrom::Start(0)).map_err(&place)?;
        self.file.write_all(&[&self.head.signed()[..], &signature.0].concat()).map_err(&place)?;
        self.file.flush().map_err(&place)?;
        self.file.get_ref().sync_all().map_err(&place)?;
        let folder = self.folder.as_fd();
        renameat(folder, &self.temporary, folder, &self.name).map_err(at(&self.place))?;
        self.is_finished = true;
        // Some file systems cannot do this for a folder; the file is whole or missing all the same.
        let _ = fsync(folder);
        Ok(self.head)
    }

    fn put_entry(&mut self, kind: Kind, entry: &Entry) -> Result<(), NarrowError> {
        self.put(kind, &[&entry.id.0, &entry.size.to_le_bytes(), &entry.expires.0.to_le_bytes()])
    }

    pub(super) fn put(&mut self, kind: Kind, parts: &[&[u8]]) -> Result<(), NarrowError> {
        if kind != self.kind || self.body.len() >= BODY {
            self.sign()?;
            self.kind = kind;
        }
        parts.iter().for_each(|part| self.body.extend_from_slice(part));
        Ok(())
    }

    /// Ends the block.
    fn sign(&mut self) -> Result<(), NarrowError> {
        if self.body.is_empty() {
            return Ok(());
        }
        let kind = self.kind as u8;
        let hash = self.head.block_hash(self.head.blocks, kind, &self.body);
        let size = (self.body.len() as u32).to_le_bytes();
        let signature = self.key.sign(&hash);
        for part in [&[kind][..], &size, &self.body, &signature.0] {
            self.file.write_all(part).map_err(at(&self.place))?;
        }
        self.hash.add(&hash);
        self.head.length += (FRONT + self.body.len() + SIGNATURE) as u64;
        self.head.blocks += 1;
        self.body.clear();
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_finished {
            // It is of no use to anybody, and is not read under this name.
            let _ = unlinkat(&self.folder, &self.temporary, AtFlags::empty());
        }
    }
}
