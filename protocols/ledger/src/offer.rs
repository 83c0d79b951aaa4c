//! Offers: a thing and its price change hands together, or not at all.

use allod_crypto::hash;
use allod_did::Did;
use allod_wire::{Instant, OfferId, OperationId, Wire};
use minicbor::{Decode, Encode};

use crate::Rejection;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::holding::{Asset, Holding, Units, give, give_units, take, take_units};
use crate::lock::{check_expiry, check_lasts};
use crate::record::Record;

/// Something offered. It is set aside until it is bought or taken back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    /// What.
    #[n(0)]
    pub what: Holding,
    /// Who has the price.
    #[n(1)]
    pub seller: Did,
    /// The price.
    #[n(2)]
    pub price: Units,
    /// The only one who may buy, or anybody.
    #[n(3)]
    pub buyer: Option<Did>,
    /// Until when it may be bought.
    #[n(4)]
    pub expires: Instant,
}

impl Record for Offer {
    type Id = OfferId;
    const KIND: &'static str = "offer";
}

impl Wire for Offer {
    const SIZE_MAX: usize = 320;
}

/// The id of the offer that the operation `by` makes.
pub fn offer_id(by: &OperationId) -> OfferId {
    OfferId(hash::tagged("allod/ledger/offer", &[by.as_bytes()]))
}

/// [`crate::Action::Offer`].
pub(crate) fn offer<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    offer: &Offer,
) -> Result<(), Stop> {
    check_expiry(context, offer.expires)?;
    if offer.price.amount == 0 {
        return Err(Rejection::NoAmount.into());
    }
    draft.find::<Asset>(&offer.price.asset)?.ok_or(Rejection::NoAsset)?;
    let id = offer_id(&context.operation);
    take(draft, context, &offer.what, offer.seller, id.as_bytes())?;
    check_lasts(draft, &offer.what, offer.expires)?;
    draft.put(&id, offer);
    Ok(())
}

/// [`crate::Action::Accept`].
pub(crate) fn accept<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    buyer: Did,
    id: &OfferId,
    price: &Units,
) -> Result<(), Stop> {
    let offer = draft.find::<Offer>(id)?.ok_or(Rejection::NoOffer)?;
    if offer.buyer.is_some_and(|only| only != buyer) {
        return Err(Rejection::NotYours.into());
    }
    if context.at > offer.expires {
        return Err(Rejection::OfferOver.into());
    }
    if offer.price != *price {
        return Err(Rejection::OtherPrice.into());
    }
    take_units(draft, price, buyer)?;
    give_units(draft, price, offer.seller)?;
    draft.remove::<Offer>(id);
    give(draft, &offer.what, buyer, id.as_bytes())
}

/// [`crate::Action::Withdraw`].
pub(crate) fn withdraw<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    seller: Did,
    id: &OfferId,
) -> Result<(), Stop> {
    let offer = draft.find::<Offer>(id)?.ok_or(Rejection::NoOffer)?;
    if offer.seller != seller {
        return Err(Rejection::NotYours.into());
    }
    draft.remove::<Offer>(id);
    give(draft, &offer.what, seller, id.as_bytes())
}
