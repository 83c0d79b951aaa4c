//! How messages are put into frames: each begins with a byte that says of what message it is, with the
//! highest bit set where the next frame has more of the same.

use alloc::vec::Vec;

use super::error::EncounterError;
use super::message::Message;
use super::reconcile;

/// The most bytes of a message that is not of a bundle's bytes.
const MESSAGE_MAX: usize = reconcile::MESSAGE_MAX;

const MORE: u8 = 0x80;

/// Of bytes of bundles.
const DATA: u8 = 7;

impl Message {
    /// The frames of it, of at most `mtu` bytes each.
    pub(super) fn frames(&self, mtu: usize) -> Vec<Vec<u8>> {
        let (kind, body) = (self.kind(), self.body());
        let pieces: Vec<&[u8]> =
            if body.is_empty() { Vec::from([&[][..]]) } else { body.chunks(mtu - 1).collect() };
        let last = pieces.len() - 1;
        let frame = |(at, piece): (usize, &&[u8])| {
            let first = if at < last { kind | MORE } else { kind };
            [&[first][..], piece].concat()
        };
        pieces.iter().enumerate().map(frame).collect()
    }
}

/// A message of which not all frames have come.
#[derive(Clone, Debug, Default)]
pub(super) struct Joining {
    kind: Option<u8>,
    body: Vec<u8>,
}

impl Joining {
    /// Takes a frame. The message, once it is whole.
    pub(super) fn add(&mut self, frame: &[u8]) -> Result<Option<Message>, EncounterError> {
        let (first, piece) = frame.split_first().ok_or(EncounterError::Malformed)?;
        let (kind, more) = (first & !MORE, first & MORE != 0);
        let is_data = kind == DATA;
        // A bundle's bytes are divided by their offsets.
        if self.kind.is_some_and(|before| before != kind) || (more && (is_data || piece.is_empty())) {
            return Err(EncounterError::Malformed);
        }
        if !more && self.kind.is_none() {
            if !is_data && piece.len() > MESSAGE_MAX {
                return Err(EncounterError::MessageTooLong);
            }
            return Message::decode(kind, piece).map(Some);
        }
        if self.body.len() + piece.len() > MESSAGE_MAX {
            return Err(EncounterError::MessageTooLong);
        }
        self.kind = Some(kind);
        self.body.extend_from_slice(piece);
        if more {
            return Ok(None);
        }
        self.kind = None;
        Message::decode(kind, &core::mem::take(&mut self.body)).map(Some)
    }
}
