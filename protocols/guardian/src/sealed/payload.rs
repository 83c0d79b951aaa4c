//! A file's content under its own key, in chunks, so that files of any size go
//! through little memory.
//!
//! ```text
//! payload = salt chunk .. chunk
//! ```
//!
//! The online encryption STREAM of V. T. Hoang, R. Reyhanitabar, P. Rogaway and D.
//! Vizár, "Online authenticated-encryption and its nonce-reuse misuse-resistance",
//! CRYPTO 2015: each chunk is sealed for its number and for whether it is
//! the last. STREAM puts both in the nonce; here they go into the chunk's key, which
//! is derived from the file key, the header's hash and the salt, and used for this
//! one chunk, so there is no nonce that could come twice. The salt is drawn for each
//! payload, so that sealing another content under a header that was used already
//! gives nothing away. A chunk that was moved, left out, taken from another file, or
//! made the last one does not open.
//!
//! Every chunk but the last holds [`CHUNK`] bytes. The last holds less or as many,
//! and is empty in an empty file only.

use alloc::vec::Vec;

use allod_crypto::{CryptoRng, Secret, Zeroizing, aead, kdf};

use super::{Error, Header};

/// Bytes of content in a chunk.
pub const CHUNK: usize = 64 * 1024;

/// Bytes that sealing adds to each chunk.
pub const TAG: usize = 16;

/// Bytes of the salt in front of the first chunk.
pub const SALT: usize = 32;

/// A file's own key. Wiped on drop, never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileKey(Secret<32>);

impl FileKey {
    pub(super) fn new(key: Secret<32>) -> Self {
        Self(key)
    }
}

/// What both directions keep.
#[derive(Debug)]
struct Stream {
    key: FileKey,
    /// Of the header.
    digest: [u8; 32],
    salt: [u8; SALT],
    /// The next chunk's number.
    chunk: u64,
}

impl Stream {
    /// The next chunk's key. All parts are of fixed length.
    fn next_key(&mut self, is_last: bool) -> Secret<32> {
        let chunk = self.chunk.to_be_bytes();
        self.chunk = self.chunk.saturating_add(1);
        let info = [b"allod/sealed/chunk", &self.digest[..], &chunk, &[u8::from(is_last)]];
        kdf::derive(self.key.0.expose(), &self.salt, &info)
    }
}

/// Seals a file's content.
#[derive(Debug)]
pub struct Encryptor {
    stream: Stream,
    /// Content that waits for more, at most a chunk.
    held: Zeroizing<Vec<u8>>,
}

impl Encryptor {
    /// Seals what belongs to this header, with which the key came, and begins the
    /// payload in `out`.
    pub fn new(header: &Header, key: FileKey, rng: &mut impl CryptoRng, out: &mut Vec<u8>) -> Self {
        let mut salt = [0; SALT];
        rng.fill_bytes(&mut salt);
        out.extend_from_slice(&salt);
        let stream = Stream { key, digest: header.digest(), salt, chunk: 0 };
        Self { stream, held: Zeroizing::new(Vec::with_capacity(CHUNK)) }
    }

    /// Takes content in, and appends what is sealed of it to `out`. Memory grows by
    /// as much as is given at once.
    pub fn write(&mut self, mut content: &[u8], out: &mut Vec<u8>) {
        while !content.is_empty() {
            // A full chunk goes only when more follows, since the last is marked.
            if self.held.len() == CHUNK {
                out.extend_from_slice(&aead::seal_once(self.stream.next_key(false), &self.held));
                self.held.clear();
            }
            content = fill(&mut self.held, content, CHUNK);
        }
    }

    /// Seals the rest. Without it the file is cut short.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&aead::seal_once(self.stream.next_key(true), &self.held));
    }
}

/// Opens a file's content.
#[derive(Debug)]
pub struct Decryptor {
    stream: Stream,
    /// How much of the salt is there.
    salted: usize,
    /// Sealed bytes that wait for more, at most a chunk.
    held: Vec<u8>,
    /// The first chunk that did not open.
    failed: Option<u64>,
}

impl Decryptor {
    /// Opens what belongs to this header.
    pub fn new(header: &Header, key: FileKey) -> Self {
        let stream = Stream { key, digest: header.digest(), salt: [0; SALT], chunk: 0 };
        Self { stream, salted: 0, held: Vec::with_capacity(CHUNK + TAG), failed: None }
    }

    /// Takes sealed bytes in, and appends the content of them to `out`. What comes
    /// out was in the file at that place; that the file goes no further is known
    /// after [`Self::finish`] alone.
    ///
    /// # Errors
    /// [`Error::Changed`], also from then on.
    pub fn write(&mut self, mut sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        while !sealed.is_empty() {
            if let Some(rest @ [_, ..]) = self.stream.salt.get_mut(self.salted..) {
                let (head, tail) = sealed.split_at(sealed.len().min(rest.len()));
                rest.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
                self.salted += head.len();
                sealed = tail;
                continue;
            }
            // A full chunk that more follows is not the last.
            if self.held.len() == CHUNK + TAG {
                self.open(false, out)?;
            }
            sealed = fill(&mut self.held, sealed, CHUNK + TAG);
        }
        Ok(())
    }

    /// Opens the last chunk: only now is it known that nothing was cut off.
    ///
    /// # Errors
    /// [`Error::Cut`]; [`Error::Changed`] where a chunk before did not open.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        // An empty last chunk behind others would be a second form of one content.
        let is_second_form = self.held.len() == TAG && self.stream.chunk > 0;
        if self.failed.is_none() && is_second_form {
            return Err(Error::Cut);
        }
        self.open(true, out)
    }

    fn open(&mut self, is_last: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Some(chunk) = self.failed {
            return Err(Error::Changed { chunk });
        }
        let chunk = self.stream.chunk;
        let Ok(content) = aead::open_once(&self.stream.next_key(is_last), &self.held) else {
            self.failed = Some(chunk);
            return Err(if is_last { Error::Cut } else { Error::Changed { chunk } });
        };
        out.extend_from_slice(content.expose());
        self.held.clear();
        Ok(())
    }
}

/// Moves what fits from `bytes` to `held`; gives the rest.
fn fill<'a>(held: &mut Vec<u8>, bytes: &'a [u8], full: usize) -> &'a [u8] {
    let (head, rest) = bytes.split_at(bytes.len().min(full.saturating_sub(held.len())));
    held.extend_from_slice(head);
    rest
}
