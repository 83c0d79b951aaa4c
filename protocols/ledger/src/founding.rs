//! The ledger at height 0, as a genesis has it.

use alloc::vec::Vec;

use allod_wire::BlockId;

use crate::account::{Account, LogEntry};
use crate::beacon::{self, Beacon};
use crate::draft::{Changes, Draft, Stop, Values};
use crate::guardian::{Guardian, Roster};
use crate::holding::{Asset, Units, give_units, take_units};
use crate::jellyfish::KeyHash;
use crate::shared_key::{self, Keys};
use crate::{Chain, Error, Genesis, Rejection, asset, committee};

/// The values with which the network of `genesis` begins, at height 0.
///
/// # Errors
/// [`Error::BadGenesis`].
pub fn begin(genesis: &Genesis) -> Result<Changes, Error> {
    genesis.check()?;
    let nothing = Nothing;
    let mut draft = Draft::new(&nothing);
    match found(&mut draft, genesis) {
        Ok(()) => draft.into_changes(),
        Err(Stop::Rejected(_)) => Err(Error::BadGenesis { part: "an identity, a bond or a key" }),
        Err(Stop::Broken(error)) => Err(error),
    }
}

fn found(draft: &mut Draft<'_, Nothing>, genesis: &Genesis) -> Result<(), Stop> {
    let network = genesis.network();
    let rules = genesis.parameters;
    let block = BlockId(*network.as_bytes());
    let chain = Chain {
        network,
        genesis: genesis.at,
        height: 0,
        at: genesis.at,
        mark: block,
        mark_before: block,
        round: beacon::unknown_at(genesis.at, &rules, genesis.at),
    };
    draft.put(&(), &chain);
    draft.put(&(), &rules);
    draft.put(&(), &Beacon { round: 0, randomness: genesis.seed });
    draft.put(&(), &Keys::default());

    let first = asset::first_asset(&network);
    let issued = genesis.endowments.iter().try_fold(0u64, |sum, endowment| sum.checked_add(endowment.amount));
    let issued = issued.ok_or(Rejection::SupplyExceeded)?;
    let name = genesis.asset.clone();
    draft.put(&first, &Asset { issuer: None, name, decimals: 0, supply_max: issued, issued, retired: 0 });
    let sponsor = genesis.founders.first().map(|founder| founder.guardian);
    for endowment in &genesis.endowments {
        let state = allod_did::State::found(&endowment.identity).map_err(Rejection::Log)?;
        let did = state.did();
        draft.put(&did, &Account::new(state, sponsor, genesis.at, &rules));
        draft.put(&(did, 0), &LogEntry(endowment.identity.clone()));
        give_units(draft, &Units { asset: first, amount: endowment.amount }, did)?;
    }
    let mut roster = Vec::new();
    for founder in &genesis.founders {
        founder.terms.check()?;
        if founder.bond < rules.bond_min {
            return Err(Rejection::BondTooSmall { needed: rules.bond_min }.into());
        }
        take_units(draft, &Units { asset: first, amount: founder.bond }, founder.operator)?;
        let guardian = Guardian::new(founder.operator, founder.terms.clone(), founder.bond, 0);
        draft.put(&founder.guardian, &guardian);
        roster.push(founder.guardian);
    }
    roster.sort_unstable();
    if roster.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Rejection::GuardianPresent.into());
    }
    draft.put(&(), &Roster(roster));
    for spec in &genesis.keys {
        spec.check()?;
        shared_key::establish(draft, spec, None, 0)?;
    }
    committee::seat(draft, &rules, 0)?;
    Ok(())
}

/// The ledger before there is one.
struct Nothing;

impl Values for Nothing {
    fn value(&self, _: &KeyHash) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }
}
