//! Frames of any bytes, and the bytes of enough frames.

use std::collections::BTreeSet;

use allod_crypto::hash::tagged;
use raptorq::{
    EncodingPacket, ObjectTransmissionInformation, PayloadId, SourceBlockDecoder, SourceBlockEncoder,
};

use super::base45;
use crate::narrow_error::NarrowError;

/// The most bytes that are shown, and a hash: some minutes of codes.
pub const TRANSFER_MAX: usize = 1 << 20;

/// Transfers that are collected at a time. When there are more, the oldest one is given up.
const TRANSFERS_MAX: usize = 4;
/// Symbols that may be needed more than there are parts.
const MORE_MAX: usize = 64;
const PREFIX: &str = "ALLOD:";
const SUFFIX: &str = ":";
const VERSION: u8 = 1;
const HASH: usize = 32;
const FRONT: usize = 1 + 4 + 4 + 4;
const CHECK: usize = 4;
/// What symbols' sizes are a multiple of.
const ALIGNMENT: u8 = 8;
/// Numbers of symbols there are (RFC 6330, section 3.2).
const SYMBOLS: u32 = 1 << 24;

/// How large codes are: larger ones have more in them, and are harder to film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// Version 10, 57 modules wide: 240 bytes.
    Small,
    /// Version 15, 77 modules wide: 480 bytes.
    Medium,
    /// Version 20, 97 modules wide: 808 bytes.
    Large,
}

impl Size {
    /// All of them, the largest first.
    pub const ALL: [Self; 3] = [Self::Large, Self::Medium, Self::Small];

    /// The version of the QR code.
    pub fn version(self) -> i16 {
        match self {
            Self::Small => 10,
            Self::Medium => 15,
            Self::Large => 20,
        }
    }

    /// Bytes of a symbol. The frame and what is around it fill the code's alphanumeric characters
    /// (ISO/IEC 18004, table 7): 395, 758 or 1,249.
    pub fn symbol(self) -> usize {
        match self {
            Self::Small => 240,
            Self::Medium => 480,
            Self::Large => 808,
        }
    }

    fn of_symbol(symbol: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.symbol() == symbol)
    }
}

/// An endless row of codes' texts.
pub struct Frames {
    head: [u8; 9],
    parts: Vec<EncodingPacket>,
    encoder: SourceBlockEncoder,
    next: u32,
}

impl Frames {
    /// Of these bytes.
    ///
    /// # Errors
    /// [`NarrowError::TooLong`].
    pub fn new(bytes: &[u8], size: Size) -> Result<Self, NarrowError> {
        let length = bytes.len() + HASH;
        if length > TRANSFER_MAX {
            return Err(NarrowError::TooLong(bytes.len()));
        }
        let hash = hash(bytes);
        let mut all = [&hash[..], bytes].concat();
        all.resize(length.next_multiple_of(size.symbol()), 0);
        let encoder = SourceBlockEncoder::new(0, &parameters(length, size), &all);
        let mut head = [VERSION; 9];
        head[1..5].copy_from_slice(&hash[..4]);
        head[5..].copy_from_slice(&(length as u32).to_le_bytes());
        Ok(Self { head, parts: encoder.source_packets(), encoder, next: 0 })
    }

    /// How many codes have to be read, and a few more.
    pub fn needed(&self) -> usize {
        self.parts.len()
    }
}

impl Iterator for Frames {
    type Item = String;

    /// The text of the next code. There is always one.
    fn next(&mut self) -> Option<String> {
        let count = self.parts.len() as u32;
        let number = self.next;
        self.next = (number + 1) % SYMBOLS;
        let packet = match self.parts.get(number as usize) {
            Some(packet) => packet.clone(),
            None => self.encoder.repair_packets(number - count, 1).pop()?,
        };
        let mut frame = [&self.head[..], &number.to_le_bytes(), packet.data()].concat();
        frame.extend(check(&frame));
        Some(format!("{PREFIX}{}{SUFFIX}", base45::encode(&frame)))
    }
}

/// What a code was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// None of ours.
    Foreign,
    /// One of ours, that was changed, or says what cannot be.
    Damaged,
    /// One that was seen already.
    Repeated,
    /// A new one: so many of this transfer have been seen, of about so many.
    New {
        /// That have been seen.
        have: usize,
        /// That are needed at least.
        need: usize,
    },
    /// The last one that was needed: the bytes.
    Done(Vec<u8>),
    /// Enough have been seen, but together they are not what they say: some were made by
    /// somebody else. It begins anew.
    Wrong,
}

struct Transfer {
    /// Which one, as all its frames say, and bytes of a symbol.
    key: ([u8; 8], usize),
    length: usize,
    need: usize,
    decoder: SourceBlockDecoder,
    seen: BTreeSet<u32>,
}

/// What puts together what was filmed.
#[derive(Default)]
pub struct Collector {
    /// The one that was begun last is last.
    transfers: Vec<Transfer>,
}

impl Collector {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the text of a code.
    pub fn take(&mut self, text: &str) -> Seen {
        let text = text.trim().strip_prefix(PREFIX).and_then(|text| text.strip_suffix(SUFFIX));
        let Some(text) = text else { return Seen::Foreign };
        let frame = base45::decode(text).unwrap_or_default();
        let Some((frame, sum)) = frame.split_last_chunk() else { return Seen::Damaged };
        if *sum != check(frame) {
            return Seen::Damaged;
        }
        let Some((front, symbol)) = frame.split_first_chunk::<FRONT>() else { return Seen::Damaged };
        let [version, key @ .., a, b, c, d] = *front;
        let [_, _, _, _, length @ ..] = key;
        let (number, length) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(length) as usize);
        let is_fit = version == VERSION && (HASH..=TRANSFER_MAX).contains(&length) && number < SYMBOLS;
        let Some(size) = Size::of_symbol(symbol.len()).filter(|_| is_fit) else { return Seen::Damaged };
        self.take_symbol((key, symbol.len()), length, size, number, symbol)
    }

    fn take_symbol(
        &mut self,
        key: ([u8; 8], usize),
        length: usize,
        size: Size,
        number: u32,
        symbol: &[u8],
    ) -> Seen {
        let place = self.transfers.iter().position(|transfer| transfer.key == key).unwrap_or_else(|| {
            if self.transfers.len() >= TRANSFERS_MAX {
                self.transfers.remove(0);
            }
            let decoder = SourceBlockDecoder::new(0, &parameters(length, size), padded(length, size));
            let need = length.div_ceil(size.symbol());
            self.transfers.push(Transfer { key, length, need, decoder, seen: BTreeSet::new() });
            self.transfers.len() - 1
        });
        let Some(transfer) = self.transfers.get_mut(place) else { return Seen::Damaged };
        if !transfer.seen.insert(number) {
            return Seen::Repeated;
        }
        let packet = EncodingPacket::new(PayloadId::new(0, number), symbol.to_vec());
        match transfer.decoder.decode([packet]) {
            Some(mut all) => {
                all.truncate(transfer.length);
                self.transfers.remove(place);
                match all.split_first_chunk() {
                    Some((sum, bytes)) if *sum == hash(bytes) && key.0[..4] == sum[..4] => {
                        Seen::Done(bytes.to_vec())
                    }
                    _ => Seen::Wrong,
                }
            }
            // Nobody shows so many that say nothing new but to fill the memory.
            None if transfer.seen.len() > transfer.need + MORE_MAX => {
                self.transfers.remove(place);
                Seen::Wrong
            }
            None => Seen::New { have: transfer.seen.len(), need: transfer.need },
        }
    }
}

fn padded(length: usize, size: Size) -> u64 {
    length.next_multiple_of(size.symbol()) as u64
}

/// What RaptorQ has to know: it follows from what each frame says.
fn parameters(length: usize, size: Size) -> ObjectTransmissionInformation {
    ObjectTransmissionInformation::new(padded(length, size), size.symbol() as u16, 1, 1, ALIGNMENT)
}

fn hash(bytes: &[u8]) -> [u8; HASH] {
    tagged("allod 2026 links, what is shown", &[bytes])
}

fn check(frame: &[u8]) -> [u8; CHECK] {
    let hash = tagged("allod 2026 links, check of a code", &[frame]);
    let mut check = [0; CHECK];
    check.copy_from_slice(&hash[..CHECK]);
    check
}
