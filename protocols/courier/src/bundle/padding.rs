//! Padding: what is sealed has one of a few sizes, so that its size tells little of it.
//!
//! The sizes are those of whole messages: one packet of a LoRa-class link, then powers of two
//! with one step between, and from 64 KiB on those of Padmé, which are at most 6 % more than
//! what is in them (Nikitin et al., *Reducing Metadata Leakage from Encrypted Files*, PETS
//! 2019, section 4).

use alloc::vec::Vec;

use super::compact::HEADER;
use crate::ratchet::Tag;

/// Bytes of a packet on the links that compact bundles are for.
pub const PACKET: usize = 230;

/// What stands behind the message; zeros follow.
const END: u8 = 0x80;

/// Bytes of the smallest message that has room for so many.
fn bucket(size: usize) -> usize {
    // The tag stands in the header too, and the message has it.
    let packet = PACKET - HEADER + Tag::SIZE;
    if size <= packet {
        return packet;
    }
    let log = size.ilog2();
    let kept = if log < 16 { 1 } else { log.ilog2() + 1 };
    size.next_multiple_of(1 << (log - kept))
}

/// What is to be sealed, with so many bytes behind it that the sealed message has a usual size.
/// `overhead` is how many bytes sealing adds.
pub fn pad(plain: &[u8], overhead: usize) -> Vec<u8> {
    pad_to(bucket(plain.len() + 1 + overhead) - overhead, plain)
}

/// The same to a size that the caller chose, which has room for one byte more than there are.
pub(crate) fn pad_to(size: usize, plain: &[u8]) -> Vec<u8> {
    let mut padded = Vec::with_capacity(size);
    padded.extend_from_slice(plain);
    padded.push(END);
    padded.resize(size, 0);
    padded
}

/// What was padded. `None` where nothing was.
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    (padded[end] == END).then_some(&padded[..end])
}
