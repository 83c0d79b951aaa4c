//! Objects: what a vault stores as one. A chunk of a file or a node of a tree, known by
//! the keyed hash of its content, compressed and sealed.
//!
//! Everything here is a function of its arguments, so that a shell may seal many objects
//! at once on as many cores as it has.
//!
//! An object is sealed as nonce ‖ ciphertext ‖ tag with a synthetic nonce, bound to its
//! id. Inside is one byte for the form, then the content: as it is (0), or as its length
//! (4 bytes, little endian) and a zstd frame (1).

use alloc::vec::Vec;
use core::fmt;

use allod_crypto::Secret;
use allod_crypto::aead::{NONCE, OVERHEAD, SyntheticKey};
use allod_crypto::hash::{blake3_keyed, tagged};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use crate::chunk::{Chunker, Sizes};
use crate::compress::Compress;

/// The most bytes of content that an object has: one chunk.
pub const CONTENT_MAX: usize = Sizes::VAULT.max;

/// The most bytes of a sealed object.
pub const SEALED_MAX: usize = CONTENT_MAX + 5 + OVERHEAD;

const AS_IT_IS: u8 = 0;
const ZSTD: u8 = 1;

/// The keyed hash of an object's content. Equal contents have equal ids under one key,
/// and without the key nobody can tell which content an id is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub [u8; 32]);

/// What an object is, which is a part of what its id is the hash of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes of a file.
    Data,
    /// A node of a tree.
    Node,
}

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its id.
    pub id: ObjectId,
    /// What it is.
    pub kind: Kind,
    /// The number of the keys that it is sealed under, as their holder counts them.
    pub keys: u32,
    /// The sealed bytes, at most [`SEALED_MAX`].
    pub bytes: Vec<u8>,
}

/// An object's bytes are not what was sealed under its id, or do not hold a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// The keys of everything that is deduplicated together and read by the same people:
/// one epoch of one folder.
#[derive(Clone, Debug)]
pub struct Keys {
    number: u32,
    data: Secret<32>,
    node: Secret<32>,
    gear: Secret<32>,
    seal: SyntheticKey,
}

impl Keys {
    /// From one secret that is used for nothing else, and the number under which its
    /// holder knows it.
    pub fn new(secret: &Secret<32>, number: u32) -> Self {
        let derive = |context| Secret::from(tagged(context, &[secret.expose()]));
        Self {
            number,
            data: derive("allod 2026 vault, ids of data"),
            node: derive("allod 2026 vault, ids of nodes"),
            gear: derive("allod 2026 vault, chunking"),
            seal: SyntheticKey::new(&derive("allod 2026 vault, sealing of objects")),
        }
    }

    /// The number under which their holder knows them.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Finds where files are cut into objects.
    pub fn chunker(&self) -> Chunker {
        Chunker::new(&self.gear, Sizes::VAULT)
    }

    /// The id that an object with this content has.
    pub fn id(&self, kind: Kind, content: &[u8]) -> ObjectId {
        let key = match kind {
            Kind::Data => &self.data,
            Kind::Node => &self.node,
        };
        ObjectId(blake3_keyed(key, &[content]))
    }

    /// Seals a content of at most [`CONTENT_MAX`] bytes.
    pub fn seal(&self, kind: Kind, content: &[u8], compress: &impl Compress) -> Sealed {
        self.seal_as(self.id(kind, content), kind, content, compress)
    }

    /// The same, where the content's [id](Self::id) is known already.
    pub fn seal_as(&self, id: ObjectId, kind: Kind, content: &[u8], compress: &impl Compress) -> Sealed {
        let frame = compress.compress(content).filter(|frame| frame.len() + 4 < content.len());
        let bytes = match (&frame, u32::try_from(content.len())) {
            (Some(frame), Ok(size)) => self.seal.seal_parts(&id.0, &[&[ZSTD], &size.to_le_bytes(), frame]),
            _ => self.seal.seal_parts(&id.0, &[&[AS_IT_IS], content]),
        };
        Sealed { id, kind, keys: self.number, bytes }
    }

    /// The content of an object that was sealed under these keys.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn open(&self, id: &ObjectId, bytes: &[u8], compress: &impl Compress) -> Result<Vec<u8>, Unreadable> {
        self.open_owned(id, bytes.to_vec(), compress)
    }

    /// The same, with the sealed bytes' memory.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn open_owned(
        &self,
        id: &ObjectId,
        mut bytes: Vec<u8>,
        compress: &impl Compress,
    ) -> Result<Vec<u8>, Unreadable> {
        let inside = self.seal.open_in_place(&id.0, &mut bytes).map_err(|_| Unreadable)?;
        match inside.split_first() {
            Some((&AS_IT_IS, content)) if content.len() <= CONTENT_MAX => {
                let size = content.len();
                bytes.copy_within(NONCE + 1..NONCE + 1 + size, 0);
                bytes.truncate(size);
                Ok(bytes)
            }
            Some((&ZSTD, rest)) => {
                let (size, frame) = rest.split_first_chunk::<4>().ok_or(Unreadable)?;
                let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| Unreadable)?;
                let content = (size <= CONTENT_MAX).then(|| compress.decompress(frame, size));
                content.flatten().filter(|content| content.len() == size).ok_or(Unreadable)
            }
            _ => Err(Unreadable),
        }
    }

    /// The same, of an object that somebody else sealed who has these keys: the content
    /// has to be the one that the id is the hash of, too.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn check(&self, object: &Sealed, compress: &impl Compress) -> Result<Vec<u8>, Unreadable> {
        let content = self.open(&object.id, &object.bytes, compress)?;
        let is_its_own = self.id(object.kind, &content) == object.id;
        is_its_own.then_some(content).ok_or(Unreadable)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

impl<C> Encode<C> for ObjectId {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ObjectId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let bytes = <[u8; 32]>::try_from(d.bytes()?);
        bytes.map(Self).map_err(|_| DecodeError::message("not an object id"))
    }
}

impl<C> Encode<C> for Kind {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.u8(match self {
            Self::Data => 0,
            Self::Node => 1,
        })?
        .ok()
    }
}

impl<'b, C> Decode<'b, C> for Kind {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        match d.u8()? {
            0 => Ok(Self::Data),
            1 => Ok(Self::Node),
            _ => Err(DecodeError::message("not a kind of objects")),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::compress::Uncompressed;

    /// Writes runs of one byte shorter, in no format that anybody else has.
    struct Runs;

    impl Compress for Runs {
        fn compress(&self, plain: &[u8]) -> Option<Vec<u8>> {
            let first = plain.first()?;
            plain.iter().all(|byte| byte == first).then(|| vec![*first])
        }

        fn decompress(&self, frame: &[u8], size: usize) -> Option<Vec<u8>> {
            frame.first().map(|byte| vec![*byte; size])
        }
    }

    fn keys(secret: u8) -> Keys {
        Keys::new(&Secret::from([secret; 32]), 3)
    }

    #[test]
    fn a_content_comes_back_compressed_or_not() {
        let keys = keys(1);
        for content in [&[][..], b"something", &[7; 1000]] {
            let short = keys.seal(Kind::Data, content, &Runs);
            let long = keys.seal(Kind::Data, content, &Uncompressed);
            assert_eq!(short.id, long.id);
            assert_eq!(keys.open(&short.id, &short.bytes, &Runs).unwrap(), content);
            assert_eq!(keys.open(&long.id, &long.bytes, &Runs).unwrap(), content);
            assert_eq!(keys.check(&short, &Runs).unwrap(), content);
        }
        assert!(keys.seal(Kind::Data, &[7; 1000], &Runs).bytes.len() < 100);
    }

    #[test]
    fn no_byte_of_an_object_can_be_changed_nor_its_place_taken() {
        let keys = keys(1);
        let object = keys.seal(Kind::Data, b"something", &Uncompressed);
        for place in 0..object.bytes.len() {
            let mut bytes = object.bytes.clone();
            bytes[place] ^= 1;
            assert_eq!(keys.open(&object.id, &bytes, &Uncompressed), Err(Unreadable));
            assert_eq!(keys.open(&object.id, &object.bytes[..place], &Uncompressed), Err(Unreadable));
        }
        let other = keys.seal(Kind::Data, b"something else", &Uncompressed);
        assert_eq!(keys.open(&object.id, &other.bytes, &Uncompressed), Err(Unreadable));
    }

    #[test]
    fn other_keys_give_other_ids_and_open_nothing() {
        let (ours, theirs) = (keys(1), keys(2));
        let object = ours.seal(Kind::Data, b"something", &Uncompressed);
        assert_ne!(object.id, theirs.id(Kind::Data, b"something"));
        assert_ne!(object.id, ours.id(Kind::Node, b"something"));
        assert_eq!(theirs.open(&object.id, &object.bytes, &Uncompressed), Err(Unreadable));
    }

    #[test]
    fn somebody_who_has_the_keys_cannot_give_a_content_the_id_of_another() {
        let keys = keys(1);
        let id = keys.id(Kind::Data, b"what was agreed");
        let bytes = keys.seal.seal(&id.0, b"\0something else");
        let object = Sealed { id, kind: Kind::Data, keys: 3, bytes };
        assert!(keys.open(&id, &object.bytes, &Uncompressed).is_ok());
        assert_eq!(keys.check(&object, &Uncompressed), Err(Unreadable));
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused() {
        let keys = keys(1);
        let id = keys.id(Kind::Data, b"");
        let mut inside = vec![ZSTD];
        inside.extend_from_slice(&u32::MAX.to_le_bytes());
        inside.push(7);
        assert_eq!(keys.open(&id, &keys.seal.seal(&id.0, &inside), &Runs), Err(Unreadable));
    }
}
