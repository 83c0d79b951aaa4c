//! The image as a log. It is divided into segments of equal size; segment 0 has the two
//! checkpoints, and every other one is filled from its start and not written again until
//! all that is still needed of it was copied elsewhere.
//!
//! There are two streams, each with a segment that it fills: data, which stays, and
//! metadata, which is soon replaced. Whenever a stream is flushed, a *summary* of what was
//! appended goes last and fills the block; it names the one before. A full segment ends
//! with a *footer*, one block that names its last summary. Summaries tell the cleaner what
//! is in a segment, and the index can be made again from them.
//!
//! Nothing here is readable, and nothing can be told from random bytes, without the key.

mod parts;
mod table;

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::aead::{NONCE, OVERHEAD, SyntheticKey};
use minicbor::{Decode, Encode};

pub(crate) use parts::{Content, HeadState, Link, Listed, Spot, Summary, pad, unpad};
pub(crate) use table::{COUNT_MAX, PAGE, SegmentState, Table};

use crate::blocks::{BLOCK, Blocks, BlocksError};
use crate::error::{Damage, Part, VaultError};

/// Bytes that a stream keeps before it writes them.
const GATHER: usize = 256 << 10;

/// Bytes for metadata that stay reserved when an image is closed, so that things can be removed
/// when it is opened on a disk that others filled meanwhile.
const KEPT: u32 = 1 << 20;

/// Which stream something is appended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// What people stored.
    Data = 0,
    /// Nodes, pages, and what else is soon replaced.
    Meta = 1,
}

/// Which room may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// What is not kept for the store's own needs.
    Spare,
    /// All, for what makes room or lets others do so.
    All,
}

/// The segment that a stream fills.
#[derive(Debug)]
struct Head {
    segment: u32,
    /// Where the buffer belongs: all before is written.
    start: u32,
    buffer: Vec<u8>,
    /// What was appended since the last summary.
    listed: Vec<Listed>,
    /// How many bytes the next summary will take at most.
    summary_size: usize,
    summary: Option<Link>,
    slots: u16,
    /// Up to where its room is reserved. After the image was opened nobody knows.
    reserved: u32,
}

impl Head {
    fn filled(&self) -> usize {
        self.start as usize + self.buffer.len()
    }
}

/// The log of one image.
#[derive(Debug)]
pub(crate) struct Log<B> {
    pub(crate) blocks: B,
    key: SyntheticKey,
    pub(crate) segment_size: u32,
    pub(crate) table: Table,
    heads: [Option<Head>; 2],
}

impl<B: Blocks> Log<B> {
    /// A log with these segments, which goes on where the heads were.
    pub(crate) fn new(
        blocks: B,
        key: SyntheticKey,
        segment_size: u32,
        table: Table,
        heads: [Option<HeadState>; 2],
    ) -> Self {
        let heads = heads.map(|head| {
            head.map(|head| Head {
                segment: head.segment,
                start: head.filled,
                buffer: Vec::new(),
                listed: Vec::new(),
                summary_size: 0,
                summary: head.summary,
                slots: head.slots,
                reserved: head.filled,
            })
        });
        Self { blocks, key, segment_size, table, heads }
    }

    /// Where a segment begins, in bytes from the image's start.
    pub(crate) fn at(&self, segment: u32, offset: u32) -> u64 {
        u64::from(segment) * u64::from(self.segment_size) + u64::from(offset)
    }

    /// Appends bytes. With where they are and their number in the segment.
    pub(crate) fn append(
        &mut self,
        stream: Stream,
        room: Room,
        bytes: &[u8],
        content: Content,
    ) -> Result<(Spot, u16), VaultError> {
        let listing = content.listing_size();
        let segment_size = self.segment_size as usize;
        let fits = |head: &Head| {
            let summary = parts::padded(head.summary_size + listing + parts::SUMMARY_OVERHEAD) + BLOCK;
            head.filled() + bytes.len() + summary + BLOCK <= segment_size && head.slots < u16::MAX
        };
        match &self.heads[stream as usize] {
            Some(head) if !fits(head) => self.close(stream)?,
            Some(head) if head.buffer.len() >= GATHER => self.write_out(stream)?,
            _ => {}
        }
        let head = match &mut self.heads[stream as usize] {
            Some(head) => head,
            none => {
                let segment = self.table.open(&mut self.blocks, segment_size as u64, room)?;
                none.insert(Head {
                    segment,
                    start: 0,
                    buffer: Vec::new(),
                    listed: Vec::new(),
                    summary_size: 0,
                    summary: None,
                    slots: 0,
                    reserved: segment_size as u32,
                })
            }
        };
        if !fits(head) {
            return Err(VaultError::TooLarge { size_max: segment_size - 3 * BLOCK });
        }
        let end = parts::padded(
            head.filled() + bytes.len() + head.summary_size + listing + parts::SUMMARY_OVERHEAD + BLOCK,
        );
        reserve(&mut self.blocks, head, end.min(segment_size), segment_size)?;
        let (Ok(offset), Ok(size)) = (u32::try_from(head.filled()), u32::try_from(bytes.len())) else {
            return Err(VaultError::TooLarge { size_max: segment_size });
        };
        let (spot, slot) = (Spot { segment: head.segment, offset, size }, head.slots);
        head.buffer.extend_from_slice(bytes);
        head.slots += 1;
        head.summary_size += listing;
        head.listed.push(Listed { offset, size, content });
        self.table.add(spot.segment, size);
        Ok((spot, slot))
    }

    /// The bytes of a spot.
    pub(crate) fn read(&self, spot: Spot) -> Result<Vec<u8>, VaultError> {
        let mut bytes = vec![0; spot.size as usize];
        let mut stored = bytes.len();
        let heads = self.heads.iter().flatten();
        if let Some(head) = heads.into_iter().find(|head| head.segment == spot.segment) {
            // Its end may not be written yet.
            stored = (head.start.saturating_sub(spot.offset) as usize).min(bytes.len());
            let from = spot.offset.saturating_sub(head.start) as usize;
            let rest = head.buffer.get(from..from + (bytes.len() - stored));
            match rest {
                Some(rest) => bytes[stored..].copy_from_slice(rest),
                None => {
                    return Err(VaultError::Damaged(Damage { part: Part::Summary, at: self.place(spot) }));
                }
            }
        }
        if stored > 0 {
            let at = self.place(spot);
            if at + stored as u64 > self.blocks.capacity() {
                return Err(VaultError::Damaged(Damage { part: Part::Index, at }));
            }
            self.blocks.read(at, &mut bytes[..stored])?;
        }
        Ok(bytes)
    }

    /// Where a spot is, in bytes from the image's start.
    pub(crate) fn place(&self, spot: Spot) -> u64 {
        self.at(spot.segment, spot.offset)
    }

    /// Seals a part of the vault's own and appends it to the metadata.
    pub(crate) fn store(&mut self, part: Part, plain: &[u8], content: Content) -> Result<Link, VaultError> {
        let sealed = self.key.seal(parts::purpose(part), plain);
        let (spot, _) = self.append(Stream::Meta, Room::All, &sealed, content)?;
        Ok(Link::new(spot, &sealed))
    }

    /// A part of the vault's own, as it was stored.
    pub(crate) fn fetch(&self, part: Part, link: &Link) -> Result<Vec<u8>, VaultError> {
        let sealed = self.read(link.spot)?;
        let is_its_own = sealed.get(..NONCE) == Some(&link.check[..]);
        let plain = self.key.open(parts::purpose(part), &sealed).ok().filter(|_| is_its_own);
        let damage = Damage { part, at: self.place(link.spot) };
        plain.map(|plain| plain.expose().to_vec()).ok_or(VaultError::Damaged(damage))
    }

    /// Something that a link leads to is not needed any more.
    pub(crate) fn release(&mut self, spot: Spot) {
        self.table.subtract(spot.segment, spot.size);
    }

    /// Writes all that was appended. It is durable after the next [`Self::sync`].
    pub(crate) fn flush(&mut self) -> Result<(), VaultError> {
        for stream in [Stream::Data, Stream::Meta] {
            self.summarize(stream)?;
            self.write_out(stream)?;
        }
        Ok(())
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&mut self) -> Result<(), VaultError> {
        Ok(self.blocks.sync()?)
    }

    /// Where the streams are. Nothing may have been appended since they were flushed.
    pub(crate) fn heads(&self) -> [Option<HeadState>; 2] {
        self.heads.each_ref().map(|head| {
            head.as_ref().map(|head| HeadState {
                segment: head.segment,
                filled: head.start,
                slots: head.slots,
                summary: head.summary,
            })
        })
    }

    /// The segment that a stream fills.
    pub(crate) fn head(&self, stream: Stream) -> Option<u32> {
        self.heads[stream as usize].as_ref().map(|head| head.segment)
    }

    /// Whether a stream fills this segment.
    pub(crate) fn is_head(&self, segment: u32) -> bool {
        self.heads.iter().flatten().any(|head| head.segment == segment)
    }

    /// All that is in a full segment, in its order. Entries that its summaries do not have
    /// were never finished.
    pub(crate) fn listed(&self, segment: u32) -> Result<Vec<Listed>, VaultError> {
        let (listed, damage) = self.readable(segment);
        damage.map_or(Ok(listed), Err)
    }

    /// What is in a segment as far as its summaries can be read, in its order, and why not
    /// all of them could be. Where some cannot be read, those before them are unknown too.
    pub(crate) fn readable(&self, segment: u32) -> (Vec<Listed>, Option<VaultError>) {
        let head = self.heads.iter().flatten().find(|head| head.segment == segment);
        let mut next = match head {
            Some(head) => head.summary,
            None => match self.footer(segment) {
                Ok(link) => Some(link),
                Err(why) => return (Vec::new(), Some(why)),
            },
        };
        let (mut summaries, mut damage) = (Vec::new(), None);
        while let Some(link) = next.filter(|link| link.spot.segment == segment) {
            match self.summary(&link) {
                Ok(summary) => {
                    next = summary.before;
                    summaries.push(summary.listed);
                }
                Err(why) => {
                    damage = Some(why);
                    break;
                }
            }
        }
        (summaries.into_iter().rev().flatten().collect(), damage)
    }

    /// The last summary of a full segment.
    fn footer(&self, segment: u32) -> Result<Link, VaultError> {
        let at = self.at(segment, self.segment_size - BLOCK as u32);
        let damaged = VaultError::Damaged(Damage { part: Part::Summary, at });
        let mut block = vec![0; BLOCK];
        self.blocks.read(at, &mut block)?;
        let footer = self.key.open(&parts::footer_purpose(segment), &block).map_err(|_| damaged)?;
        let footer = parts::unpad(footer.expose()).ok_or(damaged)?;
        minicbor::decode::<Link>(footer).map_err(|_| damaged)
    }

    fn summary(&self, link: &Link) -> Result<Summary, VaultError> {
        let plain = self.fetch(Part::Summary, link)?;
        let damaged = VaultError::Damaged(Damage { part: Part::Summary, at: self.place(link.spot) });
        parts::unpad(&plain).and_then(|plain| minicbor::decode(plain).ok()).ok_or(damaged)
    }

    /// Appends the summary of what was appended since the last one, so that the stream
    /// ends with a whole block.
    fn summarize(&mut self, stream: Stream) -> Result<(), VaultError> {
        let Some(head) = &mut self.heads[stream as usize] else { return Ok(()) };
        if head.listed.is_empty() {
            return Ok(());
        }
        let summary = Summary { before: head.summary, listed: core::mem::take(&mut head.listed) };
        let plain = parts::encode(&summary);
        let filled = head.filled();
        let end = parts::padded(filled + parts::PREFIX + plain.len() + OVERHEAD);
        let sealed =
            self.key.seal(parts::purpose(Part::Summary), &parts::pad(&plain, end - filled - OVERHEAD));
        let (offset, size) = (filled as u32, sealed.len() as u32);
        head.summary = Some(Link::new(Spot { segment: head.segment, offset, size }, &sealed));
        head.summary_size = 0;
        head.buffer.extend_from_slice(&sealed);
        Ok(())
    }

    /// Writes the whole blocks that a stream keeps.
    fn write_out(&mut self, stream: Stream) -> Result<(), VaultError> {
        let Some(head) = &mut self.heads[stream as usize] else { return Ok(()) };
        let whole = head.buffer.len() / BLOCK * BLOCK;
        if whole == 0 {
            return Ok(());
        }
        let at = u64::from(head.segment) * u64::from(self.segment_size) + u64::from(head.start);
        self.blocks.write(at, &head.buffer[..whole])?;
        head.buffer.drain(..whole);
        head.start += whole as u32;
        Ok(())
    }

    /// Gives back the room that stands by, and that of the streams but for a little metadata.
    /// They must have been flushed. It is reserved again by whoever needs it.
    pub(crate) fn give_back(&mut self) -> Result<(), VaultError> {
        for segment in self.table.take_standby() {
            let at = self.at(segment, 0);
            self.blocks.discard(at, u64::from(self.segment_size))?;
        }
        let last = self.segment_size - BLOCK as u32;
        for (stream, kept) in [(Stream::Data, 0), (Stream::Meta, KEPT)] {
            let Some(head) = &mut self.heads[stream as usize] else { continue };
            let from = (head.start + kept).min(last);
            let at = u64::from(head.segment) * u64::from(self.segment_size) + u64::from(from);
            head.reserved = head.start;
            if from < last {
                self.blocks.discard(at, u64::from(last - from))?;
            }
        }
        Ok(())
    }

    /// Finishes the segment that a stream fills.
    pub(crate) fn close(&mut self, stream: Stream) -> Result<(), VaultError> {
        self.summarize(stream)?;
        self.write_out(stream)?;
        let Some(head) = &self.heads[stream as usize] else { return Ok(()) };
        let last = self.segment_size - BLOCK as u32;
        if let Some(summary) = &head.summary {
            let plain = parts::pad(&parts::encode(summary), BLOCK - OVERHEAD);
            let footer = self.key.seal(&parts::footer_purpose(head.segment), &plain);
            self.blocks.write(self.at(head.segment, last), &footer)?;
        }
        // The gap before the footer was reserved and is not needed.
        if last > head.start {
            self.blocks.discard(self.at(head.segment, head.start), u64::from(last - head.start))?;
        }
        self.heads[stream as usize] = None;
        Ok(())
    }
}

/// Makes sure that a stream's segment can be written up to a place: all of it, or where the
/// disk is full only so much.
fn reserve(
    blocks: &mut impl Blocks,
    head: &mut Head,
    end: usize,
    segment_size: usize,
) -> Result<(), VaultError> {
    if end <= head.reserved as usize {
        return Ok(());
    }
    let at = u64::from(head.segment) * segment_size as u64;
    let mut take = |from: usize, to: usize| blocks.reserve(at + from as u64, (to - from) as u64);
    let from = head.reserved as usize;
    match take(from, segment_size) {
        Err(BlocksError::Full) => {
            take(from, end)?;
            take(segment_size - BLOCK, segment_size)?;
            head.reserved = end as u32;
        }
        done => {
            done?;
            head.reserved = segment_size as u32;
        }
    }
    Ok(())
}

/// Bytes that encode a value of the vault's own.
pub(crate) fn decode<T: for<'b> Decode<'b, ()>>(bytes: &[u8], damage: Damage) -> Result<T, VaultError> {
    minicbor::decode(bytes).map_err(|_| VaultError::Damaged(damage))
}

/// The bytes of a value of the vault's own.
pub(crate) fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    parts::encode(value)
}
