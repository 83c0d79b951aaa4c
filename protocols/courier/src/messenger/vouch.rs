//! Contacts who stand in for a lost card: dealing pieces among them, and what is known of it here.

use alloc::vec::Vec;

use allod_crypto::{CryptoRng, SecretBytes};
use allod_did::Did;
use allod_wire::{Instant, Wire};
use minicbor::{Decode, Encode};

use super::Messenger;
use super::record::Name;
use crate::CourierError;
use crate::bundle::Seconds;
use crate::voucher::{HOLDERS_MAX, Piece, deal};

/// Who keeps pieces of this device's person's card.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Dealt {
    #[n(0)]
    version: u8,
    /// Of which dealing they are: a higher one is newer.
    #[n(1)]
    pub generation: u32,
    /// How many of them are needed.
    #[n(2)]
    pub needed: u8,
    /// Who was given one.
    #[n(3)]
    pub holders: Vec<Did>,
    /// How often the card had been renewed that they are of.
    #[n(4)]
    pub card_generation: u32,
}

impl Wire for Dealt {
    const SIZE_MAX: usize = 64 + 40 * HOLDERS_MAX;
}

const VERSION: u8 = 1;

impl Dealt {
    pub(super) fn store(&self) -> SecretBytes {
        SecretBytes::from(allod_wire::encode(self))
    }

    pub(super) fn load(bytes: &SecretBytes) -> Result<Self, CourierError> {
        let dealt: Self = allod_wire::decode(bytes.expose()).map_err(|_| CourierError::Malformed)?;
        if dealt.version == VERSION { Ok(dealt) } else { Err(CourierError::Malformed) }
    }
}

impl Messenger {
    /// Deals this person's card among contacts, any `needed` of whom give it back together, and
    /// lets the pieces leave. What another device of the person dealt is older, as long as clocks are right.
    ///
    /// # Errors
    /// As [`deal`], and as [`send`](Messenger::send); nothing is to be made durable then.
    pub fn deal_card(
        &mut self,
        (card, card_generation): (&SecretBytes, u32),
        holders: &[Did],
        needed: u8,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let before = self.dealt.as_ref().map_or(0, |dealt| dealt.generation);
        let generation = Seconds::at(now).0.max(before.saturating_add(1));
        let pieces = deal((self.did(), generation), card.expose(), holders, needed, rng)?;
        for (holder, piece) in holders.iter().zip(&pieces) {
            self.give_piece(*holder, &piece.encode(), now, rng)?;
        }
        let holders = holders.to_vec();
        self.dealt = Some(Dealt { version: VERSION, generation, needed, holders, card_generation });
        self.dirty.insert(Name::Dealt);
        Ok(())
    }

    /// Keeps a piece that a contact gave, unless it is an older one than the one that is kept. Whether it is.
    pub(super) fn take_piece(&mut self, from: Did, bytes: &SecretBytes) -> Result<bool, CourierError> {
        let piece = Piece::decode(bytes.expose())?;
        if piece.vouched().did() != from || piece.holder() != self.did() {
            return Err(CourierError::Malformed);
        }
        let known = self.pieces.get(&from).and_then(|known| Piece::decode(known.expose()).ok());
        if known.is_some_and(|known| known.vouched().generation() > piece.vouched().generation()) {
            return Ok(false);
        }
        self.pieces.insert(from, bytes.clone());
        self.dirty.insert(Name::Piece(from));
        Ok(true)
    }

    /// Who was given pieces of this person's card by this device, if anybody was.
    pub fn dealt(&self) -> Option<&Dealt> {
        self.dealt.as_ref()
    }
}
