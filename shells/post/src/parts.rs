//! Files as parts that are carried on their own: sealed objects of a vault, under keys from a
//! secret of the file's own. A part is its place (16 bytes, a keyed hash of its number and of what is
//! there), the object's id (32 bytes) and its sealed bytes. Without the place, whoever carries two parts
//! could give each the other's tag, and both would open.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use allod_courier::bundle::{Bundle, Lifetime, Priority, Seconds, Terms};
use allod_courier::carry::{COPIES, SPREAD};
use allod_courier::messenger::{CHUNKS_MAX, LIST_MAX, Reference};
use allod_crypto::hash::blake3_keyed;
use allod_crypto::{CryptoRng, Secret};
use allod_vault::Compress;
use allod_vault::object::{CONTENT_MAX, Keys, Kind, ObjectId, SEALED_MAX, Sealed};

use crate::{PostError, disk, now};

/// The most bytes of a part.
pub const PART_MAX: usize = PLACE + 32 + SEALED_MAX;

const PLACE: usize = 16;

/// Where files that are coming are kept until they are whole, and then until they are brought out.
#[derive(Clone, Debug)]
pub struct Parts {
    folder: PathBuf,
}

/// Divides a file into parts, and hands each to `leave` as a bundle. What its message is to
/// say of it. `begun` is told how many bytes were read.
///
/// # Errors
/// [`PostError::File`], [`PostError::TooLarge`], and what `leave` says.
pub fn divide(
    path: &Path,
    is_for_many: bool,
    lifetime: Lifetime,
    compress: &impl Compress,
    rng: &mut impl CryptoRng,
    mut leave: impl FnMut(Bundle) -> Result<(), PostError>,
    mut begun: impl FnMut(u64),
) -> Result<Reference, PostError> {
    let failed = |why| PostError::at(path)(why);
    let mut file = File::open(path).map_err(failed)?;
    let secret = Secret::random(rng);
    // Its tags do not depend on what is in it.
    let tags = Reference::new(secret.clone(), [0; 32], 0, 0, is_for_many);
    let keys = Keys::new(&tags.keys(), 0);
    let chunker = keys.chunker();
    let base = rng.next_u32() as u16;
    let mut out = |number: u32, object: &Sealed| {
        let terms = Terms {
            created: Seconds::at(now()),
            sequence: base.wrapping_add(number as u16),
            lifetime,
            priority: Priority::Bulk,
            copies: if is_for_many { SPREAD } else { COPIES },
            custody: false,
        };
        let place = place(&tags, number, &object.id);
        leave(Bundle::new(&[&tags.tag(number).0[..], &place, &object.id.0, &object.bytes].concat(), terms)?)
    };
    let (mut ids, mut buffer, mut size) = (Vec::new(), Vec::with_capacity(2 * CONTENT_MAX), 0_u64);
    loop {
        let is_end = fill(&mut file, &mut buffer).map_err(failed)?;
        if buffer.is_empty() {
            break;
        }
        let cut = chunker.cut(&buffer);
        let cut = if is_end && cut == 0 { buffer.len() } else { cut.min(buffer.len()) };
        let number = u32::try_from(ids.len()).ok().filter(|number| *number < CHUNKS_MAX);
        let object = keys.seal(Kind::Data, &buffer[..cut], compress);
        out(number.ok_or(PostError::TooLarge)?, &object)?;
        ids.push(object.id);
        size += cut as u64;
        buffer.drain(..cut);
        begun(size);
    }
    // The list, its last piece first, since each names the next one.
    let chunks = ids.len() as u32;
    let mut next = ObjectId([0; 32]);
    let pieces: Vec<&[ObjectId]> =
        if ids.is_empty() { vec![&[]] } else { ids.chunks(LIST_MAX as usize).collect() };
    for (at, piece) in pieces.iter().enumerate().rev() {
        let content: Vec<u8> = std::iter::once(&next).chain(*piece).flat_map(|id| id.0).collect();
        let object = keys.seal(Kind::Node, &content, compress);
        out(chunks + at as u32, &object)?;
        next = object.id;
    }
    Ok(Reference::new(secret, next.0, size, chunks, is_for_many))
}

/// Reads until there is enough for the largest chunk. Whether the file ends.
fn fill(file: &mut File, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let missing = (2 * CONTENT_MAX).saturating_sub(buffer.len());
    let read = file.take(missing as u64).read_to_end(buffer)?;
    Ok(read < missing)
}

impl Parts {
    /// Those in this folder. Nothing is made before something is kept.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps a part, durably. Whether it is one: it opens under the file's keys.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn keep(
        &self,
        name: &str,
        reference: &Reference,
        number: u32,
        bytes: &[u8],
        compress: &impl Compress,
    ) -> Result<bool, PostError> {
        let keys = Keys::new(&reference.keys(), 0);
        if open(&keys, reference, number, bytes, compress).is_none() {
            return Ok(false);
        }
        let folder = self.folder.join(name);
        disk::folder(&folder)?;
        disk::put(&folder.join(number.to_string()), &[bytes])?;
        disk::sync(&folder)?;
        Ok(true)
    }

    /// Whether all parts of a file are here.
    pub fn is_whole(&self, name: &str, reference: &Reference) -> bool {
        (0..reference.parts()).all(|number| self.folder.join(name).join(number.to_string()).exists())
    }

    /// Puts a file together, in the place of nothing. What was sent, or an error; nothing in between.
    ///
    /// # Errors
    /// [`PostError::File`], also where there is something already; [`PostError::NotWhatWasSent`].
    pub fn bring_out(
        &self,
        name: &str,
        reference: &Reference,
        to: &Path,
        compress: &impl Compress,
        mut told: impl FnMut(u64),
    ) -> Result<(), PostError> {
        let folder = self.folder.join(name);
        let keys = Keys::new(&reference.keys(), 0);
        let content = |number: u32, id: &ObjectId| -> Result<Vec<u8>, PostError> {
            let path = folder.join(number.to_string());
            let bytes = fs::read(&path).map_err(PostError::at(&path))?;
            let (kept, content) = open(&keys, reference, number, &bytes, compress)
                .ok_or(PostError::NotWhatWasSent("a part does not open"))?;
            match kept == *id {
                true => Ok(content),
                false => Err(PostError::NotWhatWasSent("a part is another one")),
            }
        };
        let parent = to.parent().unwrap_or(Path::new(""));
        if to.symlink_metadata().is_ok() {
            return Err(PostError::at(to)(io::ErrorKind::AlreadyExists.into()));
        }
        // What another one that was interrupted left is made anew, and nothing else is followed.
        let new = parent.join(format!(".allod-{name}.part"));
        let _ = fs::remove_file(&new);
        let mut out = File::create_new(&new).map_err(PostError::at(&new))?;
        let mut write = || -> Result<(), PostError> {
            let (mut size, mut number, mut piece) = (0_u64, 0, ObjectId(*reference.list()));
            for at in 0..reference.pieces() {
                let list = content(reference.chunks() + at, &piece)?;
                let (ids, rest) = list.as_chunks::<32>();
                let (next, ids) = ids.split_first().ok_or(PostError::NotWhatWasSent("its list is cut"))?;
                let left = (reference.chunks() - number).min(LIST_MAX) as usize;
                if !rest.is_empty() || ids.len() != left {
                    return Err(PostError::NotWhatWasSent("its list has another length"));
                }
                for id in ids {
                    let chunk = content(number, &ObjectId(*id))?;
                    out.write_all(&chunk).map_err(PostError::at(&new))?;
                    (size, number) = (size + chunk.len() as u64, number + 1);
                    told(size);
                }
                piece = ObjectId(*next);
            }
            if size != reference.size() {
                return Err(PostError::NotWhatWasSent("it has another size"));
            }
            out.sync_all().map_err(PostError::at(&new))?;
            // Another program may have made one meanwhile.
            match fs::hard_link(&new, to) {
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Err(PostError::at(to)(why)),
                // A file system without links, as sticks have.
                Err(_) => copy(&new, to).map_err(PostError::at(to)),
                Ok(()) => Ok(()),
            }
        };
        let written = write();
        let _ = fs::remove_file(&new);
        written
    }

    /// Forgets a file's parts.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn forget(&self, name: &str) -> Result<(), PostError> {
        let folder = self.folder.join(name);
        match fs::remove_dir_all(&folder) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(PostError::at(&folder)(why)),
            _ => Ok(()),
        }
    }
}

/// Puts a copy in the place of nothing.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut out) = (File::open(from)?, File::create_new(to)?);
    io::copy(&mut from, &mut out)?;
    out.sync_all()
}

/// What shows that a part belongs where it is.
fn place(reference: &Reference, number: u32, id: &ObjectId) -> [u8; PLACE] {
    let what = [b"allod 2026 post, place of a part".as_slice(), &number.to_le_bytes(), &id.0];
    let hash = blake3_keyed(&reference.keys(), &what);
    let mut place = [0; PLACE];
    place.copy_from_slice(&hash[..PLACE]);
    place
}

/// A part's id and its content.
fn open(
    keys: &Keys,
    reference: &Reference,
    number: u32,
    bytes: &[u8],
    compress: &impl Compress,
) -> Option<(ObjectId, Vec<u8>)> {
    let kind = if number < reference.chunks() { Kind::Data } else { Kind::Node };
    let (there, rest) = bytes.split_first_chunk::<PLACE>()?;
    let (id, sealed) = rest.split_first_chunk()?;
    let id = ObjectId(*id);
    if place(reference, number, &id) != *there {
        return None;
    }
    let object = Sealed { id, kind, keys: 0, bytes: sealed.to_vec() };
    keys.check(&object, compress).ok().map(|content| (object.id, content))
}
