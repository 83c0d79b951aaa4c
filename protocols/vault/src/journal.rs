//! The journal: what has to be durable at once, before it becomes objects. It is a chain
//! of records, and a record is one write.
//!
//! A record is a sealed head and a sealed body, together whole blocks. The head names the
//! body by the nonce that it is sealed with, and is bound to its number and to the head
//! before; so the chain ends at the first record that was not written whole, and nothing
//! that was written at its place in another life of the image is taken for the next one.
//! A record without a body tells in which segment the journal goes on.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::aead::{NONCE, OVERHEAD, SyntheticKey};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::blocks::{BLOCK, Blocks, BlocksError};
use crate::error::VaultError;
use crate::log::{Log, SegmentState, pad, unpad};

/// The most bytes of what is written as one record.
pub const RECORD_MAX: usize = 1 << 20;

/// Bytes that are written behind a small record, as long as nothing is there: what is written
/// over them later changes nothing of where a file system has the image's blocks, so that
/// making it durable is one write and not several.
const AHEAD: usize = 256 << 10;

/// Bytes that stay reserved when an image is closed.
const KEPT: u32 = 512 << 10;

/// Bytes of a sealed head.
const HEAD: usize = 96;

/// Where the journal goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Position {
    /// In which segment.
    #[n(0)]
    segment: u32,
    /// From where in it, in bytes: whole blocks.
    #[n(1)]
    offset: u32,
    /// The number of the next record.
    #[n(2)]
    number: u64,
    /// The nonce of the last record's head.
    #[n(3)]
    before: ByteArray<NONCE>,
}

impl Position {
    /// In which segment it goes on.
    pub(crate) fn segment(&self) -> u32 {
        self.segment
    }

    /// Where a journal begins that has this segment.
    pub(crate) fn start(segment: u32) -> Self {
        Self { segment, offset: 0, number: 0, before: [0; NONCE].into() }
    }
}

#[derive(Encode, Decode)]
struct Head {
    /// Bytes of the sealed body; 0 where the journal goes on elsewhere.
    #[n(0)]
    size: u32,
    /// The segment where it goes on.
    #[n(1)]
    next: u32,
    /// The body's nonce.
    #[n(2)]
    body: ByteArray<NONCE>,
}

/// The journal of one image.
#[derive(Debug)]
pub(crate) struct Journal {
    key: SyntheticKey,
    position: Position,
    /// Segments that it goes through since the last checkpoint.
    segments: Vec<u32>,
    /// Bytes that were written since the last checkpoint.
    size: u64,
    /// Up to where something was written, in this segment.
    ahead: u32,
    /// Up to where this segment's room is reserved. After the image was opened nobody knows.
    reserved: u32,
}

impl Journal {
    pub(crate) fn new(key: SyntheticKey, position: Position) -> Self {
        Self { key, position, segments: vec![position.segment], size: 0, ahead: 0, reserved: 0 }
    }

    /// Bytes that were written since the last checkpoint.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Reads what follows, up to where the chain ends, and goes on from there.
    pub(crate) fn replay<B: Blocks>(
        &mut self,
        log: &mut Log<B>,
        see: &mut dyn FnMut(&[u8]),
    ) -> Result<(), VaultError> {
        while let Some((head, nonce)) = self.head(log)? {
            if head.size == 0 {
                self.go_on(head.next, nonce);
                log.table.set(head.next, SegmentState::Journal);
                continue;
            }
            let size = head.size as usize;
            let end = self.position.offset as usize + HEAD + size;
            if !end.is_multiple_of(BLOCK) || end > log.segment_size as usize {
                break;
            }
            let mut sealed = vec![0; size];
            log.blocks
                .read(log.at(self.position.segment, self.position.offset + HEAD as u32), &mut sealed)?;
            if sealed.get(..NONCE) != Some(&head.body[..]) {
                break;
            }
            let Ok(plain) = self.key.open(b"allod vault journal body", &sealed) else { break };
            let Some(content) = unpad(plain.expose()) else { break };
            see(content);
            self.advance((HEAD + size) as u32, nonce);
        }
        Ok(())
    }

    /// Writes a record. It is durable after the next sync.
    pub(crate) fn append<B: Blocks>(&mut self, log: &mut Log<B>, content: &[u8]) -> Result<(), VaultError> {
        if content.len() > RECORD_MAX {
            return Err(VaultError::TooLarge { size_max: RECORD_MAX });
        }
        let whole = (HEAD + OVERHEAD + 4 + content.len()).div_ceil(BLOCK) * BLOCK;
        if whole + BLOCK > log.segment_size as usize {
            return Err(VaultError::TooLarge { size_max: log.segment_size as usize - 2 * BLOCK });
        }
        // One block is left for the record that tells where it goes on.
        if self.position.offset as usize + whole + BLOCK > log.segment_size as usize {
            let next = log.table.open_journal(&mut log.blocks, u64::from(log.segment_size))?;
            let reserved = self.reserve(log, self.position.offset + BLOCK as u32);
            reserved.inspect_err(|_| log.table.set(next, SegmentState::Free))?;
            let head = self.seal_head(0, next, [0; NONCE]);
            let mut bytes = head.clone();
            bytes.resize(BLOCK, 0);
            // What fills the block looks like the rest.
            bytes[HEAD..].copy_from_slice(&self.filler(&head, BLOCK - HEAD));
            if let Err(why) = log.blocks.write(log.at(self.position.segment, self.position.offset), &bytes) {
                log.table.set(next, SegmentState::Free);
                return Err(why.into());
            }
            self.go_on(next, nonce_of(&head));
        }
        let body = self.key.seal(b"allod vault journal body", &pad(content, whole - HEAD - OVERHEAD));
        let head = self.seal_head(body.len() as u32, 0, nonce_of(&body));
        let mut bytes = [&head[..], &body].concat();
        let end = self.position.offset + whole as u32;
        self.reserve(log, end + BLOCK as u32)?;
        if end > self.ahead && whole < AHEAD {
            let size = AHEAD.min(self.reserved.saturating_sub(end) as usize);
            if size > 0 {
                bytes.extend_from_slice(&self.filler(&head, size));
            }
        }
        log.blocks.write(log.at(self.position.segment, self.position.offset), &bytes)?;
        self.ahead = self.ahead.max(self.position.offset + bytes.len() as u32);
        self.advance(whole as u32, nonce_of(&head));
        Ok(())
    }

    /// Where a checkpoint begins that has all that was written so far, and which segments
    /// it does not need.
    pub(crate) fn cut(&self) -> (Position, &[u32]) {
        let before = self.segments.len().saturating_sub(1);
        (self.position, &self.segments[..before])
    }

    /// A checkpoint was made at the last cut.
    pub(crate) fn was_cut(&mut self) {
        let before = self.segments.len().saturating_sub(1);
        self.segments.drain(..before);
        self.size = 0;
    }

    fn advance(&mut self, size: u32, nonce: [u8; NONCE]) {
        self.position.offset += size;
        self.position.number += 1;
        self.position.before = nonce.into();
        self.size += u64::from(size);
    }

    fn go_on(&mut self, next: u32, nonce: [u8; NONCE]) {
        self.position.segment = next;
        self.position.offset = 0;
        self.ahead = 0;
        self.reserved = 0;
        self.position.number += 1;
        self.position.before = nonce.into();
        self.segments.push(next);
    }

    /// Makes sure that the segment can be written up to a place: all of it, or where the disk is
    /// full only so much.
    fn reserve<B: Blocks>(&mut self, log: &mut Log<B>, end: u32) -> Result<(), VaultError> {
        if end <= self.reserved {
            return Ok(());
        }
        let from = self.position.offset;
        let at = log.at(self.position.segment, from);
        self.reserved = match log.blocks.reserve(at, u64::from(log.segment_size - from)) {
            Ok(()) => log.segment_size,
            Err(BlocksError::Full) => {
                log.blocks.reserve(at, u64::from(end - from))?;
                end
            }
            Err(why) => return Err(why.into()),
        };
        Ok(())
    }

    /// Gives back the room behind, but for a little.
    pub(crate) fn give_back<B: Blocks>(&mut self, log: &mut Log<B>) -> Result<(), VaultError> {
        let from = (self.position.offset + KEPT).min(log.segment_size);
        self.reserved = 0;
        if from < log.segment_size {
            let at = log.at(self.position.segment, from);
            log.blocks.discard(at, u64::from(log.segment_size - from))?;
        }
        Ok(())
    }

    /// So many bytes that say nothing and look like the rest.
    fn filler(&self, head: &[u8], size: usize) -> Vec<u8> {
        self.key.seal(b"allod vault filler", &pad(head, size - OVERHEAD))
    }

    fn purpose(&self) -> Vec<u8> {
        [b"allod vault journal", &self.position.number.to_le_bytes()[..], &self.position.before[..]].concat()
    }

    fn seal_head(&self, size: u32, next: u32, body: [u8; NONCE]) -> Vec<u8> {
        let plain = crate::log::encode(&Head { size, next, body: body.into() });
        self.key.seal(&self.purpose(), &pad(&plain, HEAD - OVERHEAD))
    }

    /// The head of the next record, with its nonce, if there is one.
    fn head<B: Blocks>(&self, log: &Log<B>) -> Result<Option<(Head, [u8; NONCE])>, VaultError> {
        if self.position.offset as usize + BLOCK > log.segment_size as usize {
            return Ok(None);
        }
        let mut sealed = [0; HEAD];
        log.blocks.read(log.at(self.position.segment, self.position.offset), &mut sealed)?;
        let Ok(plain) = self.key.open(&self.purpose(), &sealed) else { return Ok(None) };
        let head = unpad(plain.expose()).and_then(|plain| minicbor::decode::<Head>(plain).ok());
        Ok(head.map(|head| (head, nonce_of(&sealed))))
    }
}

fn nonce_of(sealed: &[u8]) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(&sealed[..NONCE]);
    nonce
}
