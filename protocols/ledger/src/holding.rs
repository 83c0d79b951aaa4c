//! What can be held, and how it changes hands: taken from one, given to
//! another, never both or neither.

use alloc::string::String;

use allod_did::Did;
use allod_wire::{AssetId, Instant, TitleId, Wire};
use minicbor::{Decode, Encode};

use crate::Rejection;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::name::{Name, NameRecord};
use crate::record::Record;

/// Units of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Units {
    /// Of which asset.
    #[n(0)]
    pub asset: AssetId,
    /// How many; never zero in an operation.
    #[n(1)]
    pub amount: u64,
}

/// Something that an identity can hold and hand on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Holding {
    /// A name.
    #[n(0)]
    Name(#[n(0)] Name),
    /// Units of an asset.
    #[n(1)]
    Units(#[n(0)] Units),
    /// A title.
    #[n(2)]
    Title(#[n(0)] TitleId),
}

/// An asset of equal units.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Asset {
    /// Who may issue units; nobody in the network's first asset.
    #[n(0)]
    pub issuer: Option<Did>,
    /// What people call it.
    #[n(1)]
    pub name: String,
    /// Decimal places that a unit is shown with.
    #[n(2)]
    pub decimals: u8,
    /// Units that there may ever be.
    #[n(3)]
    pub supply_max: u64,
    /// Units that were issued.
    #[n(4)]
    pub issued: u64,
    /// Units that were destroyed.
    #[n(5)]
    pub retired: u64,
}

impl Record for Asset {
    type Id = AssetId;
    const KIND: &'static str = "asset";
}

impl Wire for Asset {
    const SIZE_MAX: usize = 256;
}

/// How many units of an asset an identity holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Balance {
    /// Units.
    #[n(0)]
    pub amount: u64,
}

impl Record for Balance {
    type Id = (AssetId, Did);
    const KIND: &'static str = "balance";
}

impl Wire for Balance {
    const SIZE_MAX: usize = 16;
}

/// A title to a content.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Title {
    /// Who holds it; nobody while it is locked or offered.
    #[n(0)]
    pub owner: Option<Did>,
    /// Who made it.
    #[n(1)]
    pub maker: Did,
    /// BLAKE3 of the content.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub content: [u8; 32],
    /// Bytes of the content.
    #[n(3)]
    pub size: u64,
    /// What people call it.
    #[n(4)]
    pub label: String,
    /// When it was made.
    #[n(5)]
    pub made: Instant,
}

impl Record for Title {
    type Id = TitleId;
    const KIND: &'static str = "title";
}

impl Wire for Title {
    const SIZE_MAX: usize = 512;
}

/// Takes `what` from `owner` and sets it aside under the name `aside`. What was
/// taken must be given on, or it is gone.
pub(crate) fn take<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    what: &Holding,
    owner: Did,
    aside: &[u8; 32],
) -> Result<(), Stop> {
    match what {
        Holding::Name(name) => {
            let mut held = draft.find::<NameRecord>(name)?.ok_or(Rejection::NoName)?;
            if held.owner != Some(owner) {
                return Err(Rejection::NotYours.into());
            }
            if context.at > held.until {
                return Err(Rejection::NameOver.into());
            }
            held.owner = None;
            held.aside = Some(*aside);
            draft.put(name, &held);
        }
        Holding::Units(units) => take_units(draft, units, owner)?,
        Holding::Title(id) => {
            let mut title = draft.find::<Title>(id)?.ok_or(Rejection::NoTitle)?;
            if title.owner != Some(owner) {
                return Err(Rejection::NotYours.into());
            }
            title.owner = None;
            draft.put(id, &title);
        }
    }
    Ok(())
}

/// Gives `what`, which was [taken](take) and set aside under the same name, to
/// `owner`.
pub(crate) fn give<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    what: &Holding,
    owner: Did,
    aside: &[u8; 32],
) -> Result<(), Stop> {
    match what {
        Holding::Name(name) => {
            // The name may have run out and been registered anew while it was
            // set aside: then there is nothing left to give.
            if let Some(mut held) = draft.find::<NameRecord>(name)?
                && held.aside == Some(*aside)
            {
                held.owner = Some(owner);
                held.aside = None;
                draft.put(name, &held);
            }
        }
        Holding::Units(units) => give_units(draft, units, owner)?,
        Holding::Title(id) => {
            let mut title = draft.expect::<Title>(id)?;
            title.owner = Some(owner);
            draft.put(id, &title);
        }
    }
    Ok(())
}

/// Takes units from `owner`.
pub(crate) fn take_units<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    units: &Units,
    owner: Did,
) -> Result<(), Stop> {
    if units.amount == 0 {
        return Err(Rejection::NoAmount.into());
    }
    let place = (units.asset, owner);
    let held = draft.find::<Balance>(&place)?.unwrap_or_default();
    let left = held.amount.checked_sub(units.amount);
    match left.ok_or(Rejection::TooLittle { held: held.amount })? {
        0 => draft.remove::<Balance>(&place),
        amount => draft.put(&place, &Balance { amount }),
    }
    Ok(())
}

/// Gives units to `owner`. The sum over all owners never exceeds what was
/// issued, so nothing overflows.
pub(crate) fn give_units<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    units: &Units,
    owner: Did,
) -> Result<(), Stop> {
    if units.amount == 0 {
        return Ok(());
    }
    let place = (units.asset, owner);
    let held = draft.find::<Balance>(&place)?.unwrap_or_default();
    let amount = held.amount.checked_add(units.amount).ok_or(Rejection::SupplyExceeded)?;
    draft.put(&place, &Balance { amount });
    Ok(())
}

/// Counts units as destroyed that were taken and are not given on.
pub(crate) fn destroy_units<V: Values + ?Sized>(draft: &mut Draft<'_, V>, units: &Units) -> Result<(), Stop> {
    let mut asset = draft.expect::<Asset>(&units.asset)?;
    asset.retired = asset.retired.saturating_add(units.amount);
    draft.put(&units.asset, &asset);
    Ok(())
}
