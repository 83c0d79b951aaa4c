//! Assets and titles: defined, issued, handed on, destroyed.

use allod_crypto::hash;
use allod_did::Did;
use allod_wire::{AssetId, NetworkId, OperationId, TitleId};

use crate::Rejection;
use crate::account::Account;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::holding::{Asset, Holding, Title, Units, destroy_units, give, give_units, take};
use crate::label::is_label;
use crate::name::NameRecord;

/// Bytes of an asset's name.
pub(crate) const ASSET_NAME_MAX: usize = 32;
/// Bytes of a title's label.
const LABEL_MAX: usize = 64;
/// Decimal places: a unit of 64 bits has at most 19 digits.
const DECIMALS_MAX: u8 = 18;

/// The id of the asset that the operation `by` defines.
pub fn asset_id(by: &OperationId) -> AssetId {
    AssetId(hash::tagged("allod/ledger/asset", &[by.as_bytes()]))
}

/// The id of a network's first asset.
pub fn first_asset(network: &NetworkId) -> AssetId {
    AssetId(hash::tagged("allod/ledger/first asset", &[network.as_bytes()]))
}

/// The id of the title to `content` by `maker`. There is one of each: the same
/// maker cannot sell the same thing twice.
pub fn title_id(maker: &Did, content: &[u8; 32]) -> TitleId {
    TitleId(hash::tagged("allod/ledger/title", &[maker.as_bytes(), content]))
}

/// [`crate::Action::DefineAsset`].
pub(crate) fn define<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    issuer: Did,
    name: &str,
    decimals: u8,
    supply_max: u64,
) -> Result<(), Stop> {
    if !is_label(name, ASSET_NAME_MAX) || decimals > DECIMALS_MAX || supply_max == 0 {
        return Err(Rejection::BadAsset.into());
    }
    let asset =
        Asset { issuer: Some(issuer), name: name.into(), decimals, supply_max, issued: 0, retired: 0 };
    draft.put(&asset_id(&context.operation), &asset);
    Ok(())
}

/// [`crate::Action::Issue`].
pub(crate) fn issue<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    issuer: Did,
    units: &Units,
    to: Did,
) -> Result<(), Stop> {
    if units.amount == 0 {
        return Err(Rejection::NoAmount.into());
    }
    let mut asset = draft.find::<Asset>(&units.asset)?.ok_or(Rejection::NoAsset)?;
    if asset.issuer != Some(issuer) {
        return Err(Rejection::NotYours.into());
    }
    let issued = asset.issued.checked_add(units.amount).filter(|issued| *issued <= asset.supply_max);
    asset.issued = issued.ok_or(Rejection::SupplyExceeded)?;
    draft.put(&units.asset, &asset);
    check_recipient(draft, &to)?;
    give_units(draft, units, to)
}

/// [`crate::Action::Retire`].
pub(crate) fn retire<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    owner: Did,
    what: &Holding,
) -> Result<(), Stop> {
    take(draft, context, what, owner, context.operation.as_bytes())?;
    match what {
        Holding::Name(name) => draft.remove::<NameRecord>(name),
        Holding::Units(units) => destroy_units(draft, units)?,
        // The record stays, without an owner: the same title is not made again.
        Holding::Title(_) => {}
    }
    Ok(())
}

/// [`crate::Action::Entitle`].
pub(crate) fn entitle<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    maker: Did,
    content: &[u8; 32],
    size: u64,
    label: &str,
) -> Result<(), Stop> {
    if !is_label(label, LABEL_MAX) {
        return Err(Rejection::BadAsset.into());
    }
    let id = title_id(&maker, content);
    if draft.find::<Title>(&id)?.is_some() {
        return Err(Rejection::TitlePresent.into());
    }
    let title =
        Title { owner: Some(maker), maker, content: *content, size, label: label.into(), made: context.at };
    draft.put(&id, &title);
    Ok(())
}

/// [`crate::Action::Transfer`].
pub(crate) fn transfer<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    owner: Did,
    what: &Holding,
    to: Did,
) -> Result<(), Stop> {
    check_recipient(draft, &to)?;
    let aside = context.operation.as_bytes();
    take(draft, context, what, owner, aside)?;
    give(draft, what, to, aside)
}

/// Nothing is given to an identity that the ledger does not know: a mistyped one
/// could never hand it on.
pub(crate) fn check_recipient<V: Values + ?Sized>(draft: &Draft<'_, V>, to: &Did) -> Result<(), Stop> {
    match draft.find::<Account>(to)? {
        Some(_) => Ok(()),
        None => Err(Rejection::NoRecipient.into()),
    }
}
