//! What five people try: now and then anything at all, mostly what could be done.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::model::{Model, Standing, Step, Thing};
use super::{PEOPLE, STEP};

/// Somebody tries something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try {
    who: usize,
    step: Step,
    /// Chooses among what could be done; none for trying the step as it is.
    pick: Option<usize>,
}

/// What a few people try in one block.
pub(super) fn tries() -> impl Strategy<Value = Vec<Try>> {
    let pick = prop_oneof![1 => Just(None), 4 => any::<usize>().prop_map(Some)];
    let one = (0..PEOPLE, step(), pick).prop_map(|(who, step, pick)| Try { who, step, pick });
    prop_oneof![1 => Just(Vec::new()), 4 => proptest::collection::vec(one, 1..6)]
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 8 => 1u64..400, 2 => 400u64..4000, 1 => Just(u64::MAX)]
}

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        3 => (0usize..2, amount()).prop_map(|(asset, amount)| Thing::Units { asset, amount }),
        3 => (0usize..3).prop_map(Thing::Name),
        3 => (0..PEOPLE, 0u8..2).prop_map(|(maker, content)| Thing::Title { maker, content }),
    ]
}

/// Few different times, so that some are just right: whole blocks, and a
/// millisecond more or less.
fn time() -> impl Strategy<Value = u64> {
    (0u64..12, prop_oneof![Just(0u64), Just(1), Just(STEP - 1)]).prop_map(|(blocks, ms)| blocks * STEP + ms)
}

/// What anybody tries, whether it makes sense or not.
fn step() -> impl Strategy<Value = Step> {
    let person = 0..PEOPLE;
    let number = 0usize..6;
    let guardian = 0usize..5;
    prop_oneof![
        1 => prop_oneof![1 => Just(0), 4 => 1u64..2000].prop_map(|supply| Step::Define { supply }),
        3 => (0usize..3, amount(), person.clone())
            .prop_map(|(asset, amount, to)| Step::Issue { asset, amount, to }),
        1 => thing().prop_map(Step::Retire),
        3 => (0u8..2).prop_map(Step::Entitle),
        3 => (thing(), person.clone()).prop_map(|(what, to)| Step::Transfer(what, to)),
        4 => (0usize..3).prop_map(Step::Commit),
        6 => (0usize..3, time()).prop_map(|(name, ms)| Step::Register { name, ms }),
        2 => (0usize..3, time()).prop_map(|(name, ms)| Step::Renew { name, ms }),
        5 => (thing(), person.clone(), time()).prop_map(|(what, to, ms)| Step::Lock { what, to, ms }),
        3 => number.clone().prop_map(Step::Claim),
        3 => number.clone().prop_map(Step::Unlock),
        5 => (thing(), 0u64..4, proptest::option::of(person), time())
            .prop_map(|(what, price, buyer, ms)| Step::Offer { what, price, buyer, ms }),
        4 => (number.clone(), 0u64..4).prop_map(|(offer, price)| Step::Accept { offer, price }),
        2 => number.prop_map(Step::Withdraw),
        1 => (guardian.clone(), 50u64..900).prop_map(|(guardian, bond)| Step::Join { guardian, bond }),
        1 => (guardian.clone(), amount()).prop_map(|(guardian, amount)| Step::Bond { guardian, amount }),
        4 => (guardian.clone(), 0usize..5).prop_map(|(guardian, voter)| Step::Admit { guardian, voter }),
        2 => guardian.clone().prop_map(Step::Leave),
        5 => guardian.clone().prop_map(Step::Unbond),
        1 => guardian.prop_map(Step::Accuse),
    ]
}

fn choose<T: Copy>(pick: usize, all: impl Iterator<Item = T>) -> Option<T> {
    let all: Vec<T> = all.collect();
    all.get(pick % all.len().max(1)).copied()
}

/// Something that `who` holds.
fn held(model: &Model, who: usize, pick: usize, amount: u64) -> Option<Thing> {
    let units = model.held.iter().filter(|((_, person), held)| *person == who && **held > 0);
    let units = units.map(|((asset, _), held)| Thing::Units { asset: *asset, amount: amount % held + 1 });
    let names = model.names.iter().filter(|(_, name)| name.owner == Some(who));
    let names = names.map(|(number, _)| Thing::Name(*number));
    let titles = model.titles.iter().filter(|(_, owner)| **owner == Some(who));
    let titles = titles.map(|((maker, content), _)| Thing::Title { maker: *maker, content: *content });
    choose(pick, units.chain(names.clone()).chain(names).chain(titles))
}

/// A time for which `what` can be set aside: of a name about as much as is left.
fn lasting(model: &Model, what: Thing, ms: u64) -> u64 {
    match what {
        Thing::Name(number) => {
            let left = model.names.get(&number).map_or(0, |name| name.until.saturating_sub(model.at));
            ms.min(left + ms % 2)
        }
        _ => ms,
    }
}

/// What is tried, and by whom: something like the step that makes sense as the
/// world is.
pub(super) fn guide(model: &Model, attempt: &Try) -> (usize, Step) {
    let Try { who, step, pick } = *attempt;
    let sensible = pick.and_then(|pick| sensible(model, who, step, pick));
    sensible.unwrap_or((who, step))
}

fn sensible(model: &Model, who: usize, step: Step, pick: usize) -> Option<(usize, Step)> {
    let mine = || held(model, who, pick, pick as u64 / 7);
    let locks = || model.locks.iter().enumerate().filter_map(|(number, lock)| Some((number, (*lock)?)));
    let offers = || model.offers.iter().enumerate().filter_map(|(number, offer)| Some((number, (*offer)?)));
    let operator = |guardian: usize| Some(model.guardians.get(&guardian)?.operator);
    Some(match step {
        Step::Define { .. } | Step::Entitle(_) | Step::Commit(_) => (who, step),
        Step::Accuse(_) | Step::Join { .. } => (who, step),
        Step::Retire(_) => (who, Step::Retire(mine()?)),
        Step::Transfer(_, to) => (who, Step::Transfer(mine()?, to)),
        Step::Lock { to, ms, .. } => {
            let what = mine()?;
            (who, Step::Lock { what, to, ms: lasting(model, what, ms) })
        }
        Step::Offer { price, buyer, ms, .. } => {
            let what = mine()?;
            (who, Step::Offer { what, price, buyer, ms: lasting(model, what, ms) })
        }
        Step::Issue { amount, to, .. } => {
            let assets = model.assets.iter().enumerate().filter(|(_, of)| of.supply > of.issued);
            let (asset, of) = choose(pick, assets)?;
            let amount = amount % (of.supply - of.issued) + 1;
            (of.issuer?, Step::Issue { asset, amount, to })
        }
        Step::Register { ms, .. } => {
            let (name, who) = choose(pick, model.announced.keys().copied())?;
            (who, Step::Register { name, ms })
        }
        Step::Renew { ms, .. } => {
            let (name, held) = choose(pick, model.names.iter().map(|(name, held)| (*name, *held)))?;
            (held.owner?, Step::Renew { name, ms: held.until.saturating_sub(model.at) + ms })
        }
        Step::Claim(_) => {
            let (number, lock) = choose(pick, locks())?;
            (lock.to, Step::Claim(number))
        }
        Step::Unlock(_) => {
            let (number, lock) = choose(pick, locks())?;
            (if pick.is_multiple_of(3) { lock.to } else { lock.owner }, Step::Unlock(number))
        }
        Step::Accept { .. } => {
            let (number, offer) = choose(pick, offers())?;
            (offer.buyer.unwrap_or(who), Step::Accept { offer: number, price: offer.price })
        }
        Step::Withdraw(_) => {
            let (number, offer) = choose(pick, offers())?;
            (offer.seller, Step::Withdraw(number))
        }
        Step::Bond { guardian, amount } => (operator(guardian)?, Step::Bond { guardian, amount }),
        Step::Admit { voter, .. } => {
            let waiting = model.guardians.iter().filter(|(_, of)| of.standing == Standing::Candidate);
            (who, Step::Admit { guardian: choose(pick, waiting.map(|(number, _)| *number))?, voter })
        }
        Step::Leave(guardian) => (operator(guardian)?, step),
        Step::Unbond(guardian) => (operator(guardian)?, step),
    })
}
