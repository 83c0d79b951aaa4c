//! Locks and offers: what is set aside comes to the one or goes back to the other.

use allod_crypto::hash::sha256;
use allod_wire::{AssetId, Instant, LockId, OfferId};

use super::*;
use crate::holding::{Holding, Title, Units};
use crate::lock::{Lock, lock_id};
use crate::offer::{Offer, offer_id};
use crate::{Action, Rejection};

/// Ann locks what she holds for Ben, for as many blocks.
fn lock(world: &mut World, what: Holding, blocks: u64, release: Option<[u8; 32]>) -> LockId {
    let (recipient, expires) = (world.did(BEN), world.at.plus_ms((blocks + 1) * STEP));
    let operation = world.by(ANN, Action::Lock { what, recipient, expires, release });
    world.ask(operation.clone()).unwrap();
    lock_id(&operation.id())
}

fn claim(lock: LockId, release: Option<[u8; 32]>) -> Action {
    Action::Claim { lock, release }
}

/// Ann offers what she holds for 200 units, for as many blocks.
fn offer(world: &mut World, what: Holding, buyer: Option<usize>, blocks: u64) -> OfferId {
    let (price, buyer) = (world.marks(200), buyer.map(|buyer| world.did(buyer)));
    let expires = world.at.plus_ms((blocks + 1) * STEP);
    let operation = world.by(ANN, Action::Offer { what, price, buyer, expires });
    world.ask(operation.clone()).unwrap();
    offer_id(&operation.id())
}

/// A title of Ann's.
fn title(world: &mut World) -> Holding {
    world.does(ANN, Action::Entitle { content: [5; 32], size: 1, label: "a song".into() }).unwrap();
    Holding::Title(crate::asset::title_id(&world.did(ANN), &[5; 32]))
}

fn title_owner(world: &World, what: &Holding) -> Option<allod_did::Did> {
    let Holding::Title(id) = what else { panic!("no title") };
    world.get::<Title>(id).owner
}

#[test]
fn a_lock_is_claimed_by_its_recipient_and_by_nobody_else() {
    let mut world = World::new();
    let (ann, ben) = (world.wealth(ANN), world.wealth(BEN));
    let what = Holding::Units(world.marks(500));
    let id = lock(&mut world, what.clone(), 5, None);
    let (owner, recipient) = (world.did(ANN), world.did(BEN));
    let expires = world.at.plus_ms(5 * STEP);
    assert_eq!(world.get::<Lock>(&id), Lock { what, owner, recipient, expires, release: None });
    assert_eq!(world.wealth(ANN), ann - 500);
    assert_eq!(world.does(EVE, claim(id, None)), Err(Rejection::NotYours));
    assert_eq!(world.does(ANN, claim(id, None)), Err(Rejection::NotYours));
    assert_eq!(world.does(BEN, claim(id, Some([1; 32]))), Err(Rejection::WrongRelease), "none was asked");
    assert_eq!(world.does(BEN, claim(id, None)), Ok(()));
    assert_eq!((world.wealth(ANN), world.wealth(BEN)), (ann - 500, ben + 500));
    assert_eq!(world.does(BEN, claim(id, None)), Err(Rejection::NoLock), "once");
    assert_eq!(world.does(ANN, Action::Unlock { lock: id }), Err(Rejection::NoLock));
}

#[test]
fn a_lock_with_a_release_opens_with_the_bytes_whose_hash_it_names() {
    let mut world = World::new();
    let secret = [9; 32];
    let what = Holding::Units(world.marks(500));
    let id = lock(&mut world, what, 10, Some(sha256(&secret)));
    for wrong in [None, Some([8; 32]), Some(sha256(&secret))] {
        assert_eq!(world.does(BEN, claim(id, wrong)), Err(Rejection::WrongRelease));
    }
    assert_eq!(world.does(EVE, claim(id, Some(secret))), Err(Rejection::NotYours), "though she saw it");
    assert_eq!(world.does(BEN, claim(id, Some(secret))), Ok(()));
}

#[test]
fn until_a_lock_expires_only_the_recipient_can_end_it_and_after_that_only_the_owner_gains() {
    let mut world = World::new();
    let wealth = world.wealth(ANN);
    let what = Holding::Units(world.marks(500));
    let id = lock(&mut world, what.clone(), 3, None);
    let until = world.get::<Lock>(&id).expires;
    assert_eq!(world.does(ANN, Action::Unlock { lock: id }), Err(Rejection::TooEarly { until }));
    assert_eq!(world.does(EVE, Action::Unlock { lock: id }), Err(Rejection::NotYours));
    assert_eq!(world.does(ANN, Action::Unlock { lock: id }), Err(Rejection::TooEarly { until }), "just then");
    assert_eq!(world.at, until);
    assert_eq!(world.does(BEN, claim(id, None)), Err(Rejection::LockOver));
    assert_eq!(world.does(EVE, Action::Unlock { lock: id }), Err(Rejection::NotYours));
    assert_eq!(world.does(ANN, Action::Unlock { lock: id }), Ok(()));
    assert_eq!(world.wealth(ANN), wealth);

    let id = lock(&mut world, what.clone(), 3, None);
    assert_eq!(world.does(BEN, Action::Unlock { lock: id }), Ok(()), "the recipient does not want it");
    assert_eq!(world.wealth(ANN), wealth);
    let id = lock(&mut world, what, 1, None);
    assert_eq!(world.does(BEN, claim(id, None)), Ok(()), "in the last moment");
}

#[test]
fn what_is_set_aside_cannot_be_used_otherwise() {
    let mut world = World::new();
    let what = title(&mut world);
    let id = lock(&mut world, what.clone(), 3, None);
    assert_eq!(title_owner(&world, &what), None);
    let (to, expires, price) = (world.did(CLEO), world.at.plus_ms(5 * STEP), world.marks(1));
    let attempts = [
        Action::Transfer { what: what.clone(), to },
        Action::Lock { what: what.clone(), recipient: to, expires, release: None },
        Action::Offer { what: what.clone(), price, buyer: None, expires },
        Action::Retire { what: what.clone() },
    ];
    let attempts = attempts.map(|action| world.by(ANN, action));
    assert_eq!(world.block(&attempts), [(); 4].map(|()| Err(Rejection::NotYours)));
    world.does(BEN, claim(id, None)).unwrap();
    assert_eq!(title_owner(&world, &what), Some(world.did(BEN)));
}

#[test]
fn nothing_is_locked_for_nobody_for_too_long_or_in_the_past() {
    let mut world = World::new();
    let longest = world.rules().lock_max_ms;
    let ask = |world: &mut World, recipient, expires, amount| {
        let what = Holding::Units(world.marks(amount));
        world.does(ANN, Action::Lock { what, recipient, expires, release: None })
    };
    let ben = world.did(BEN);
    let next = |world: &World| world.at.plus_ms(STEP);
    for expires in [Instant(0), next(&world), next(&world).plus_ms(longest + 10 * STEP), Instant(u64::MAX)] {
        assert_eq!(ask(&mut world, ben, expires, 1), Err(Rejection::BadTerm), "{expires:?}");
    }
    let expires = next(&world).plus_ms(longest);
    let nobody = Person::new(70).did();
    assert_eq!(ask(&mut world, nobody, expires, 1), Err(Rejection::NoRecipient));
    assert_eq!(ask(&mut world, ben, expires, 0), Err(Rejection::NoAmount));
    assert_eq!(ask(&mut world, ben, expires, 1), Ok(()));
}

#[test]
fn a_thing_and_its_price_change_hands_together() {
    let mut world = World::new();
    let what = title(&mut world);
    let (ann, ben) = (world.wealth(ANN), world.wealth(BEN));
    let id = offer(&mut world, what.clone(), None, 9);
    let right = world.marks(200);
    assert_eq!(title_owner(&world, &what), None);
    for price in [world.marks(199), world.marks(201), Units { asset: AssetId([1; 32]), ..right }] {
        assert_eq!(world.does(BEN, Action::Accept { offer: id, price }), Err(Rejection::OtherPrice));
    }
    let poor = world.wealth(EVE);
    world.does(EVE, world.pay(DAN, poor - 199)).unwrap();
    let result = world.does(EVE, Action::Accept { offer: id, price: right });
    assert_eq!(result, Err(Rejection::TooLittle { held: 199 }));
    let two = [BEN, CLEO].map(|buyer| world.by(buyer, Action::Accept { offer: id, price: right }));
    assert_eq!(world.block(&two), [Ok(()), Err(Rejection::NoOffer)], "one of two buyers has it");
    assert_eq!((world.wealth(ANN), world.wealth(BEN)), (ann + 200, ben - 200));
    assert_eq!(title_owner(&world, &what), Some(world.did(BEN)));
    assert_eq!(world.find::<Offer>(&id), None);
}

#[test]
fn an_offer_to_one_buyer_is_taken_by_nobody_else() {
    let mut world = World::new();
    let what = title(&mut world);
    let id = offer(&mut world, what.clone(), Some(BEN), 5);
    let price = world.marks(200);
    assert_eq!(world.does(CLEO, Action::Accept { offer: id, price }), Err(Rejection::NotYours));
    assert_eq!(world.does(BEN, Action::Accept { offer: id, price }), Ok(()));
    assert_eq!(title_owner(&world, &what), Some(world.did(BEN)));
}

#[test]
fn an_offer_ends_with_its_time_and_its_thing_goes_back() {
    let mut world = World::new();
    let what = title(&mut world);
    let id = offer(&mut world, what.clone(), None, 1);
    let price = world.marks(200);
    world.empty(1);
    assert_eq!(world.does(BEN, Action::Accept { offer: id, price }), Err(Rejection::OfferOver));
    assert_eq!(world.does(BEN, Action::Withdraw { offer: id }), Err(Rejection::NotYours));
    assert_eq!(world.does(ANN, Action::Withdraw { offer: id }), Ok(()));
    assert_eq!(title_owner(&world, &what), Some(world.did(ANN)));
    assert_eq!(world.does(ANN, Action::Withdraw { offer: id }), Err(Rejection::NoOffer));
    let id = offer(&mut world, what.clone(), None, 1);
    assert_eq!(world.does(BEN, Action::Accept { offer: id, price }), Ok(()), "in the last moment");
    let id = world.by(ANN, Action::Veto).id();
    assert_eq!(world.does(BEN, Action::Accept { offer: offer_id(&id), price }), Err(Rejection::NoOffer));
}

#[test]
fn an_offer_has_a_price_in_an_asset_that_there_is() {
    let mut world = World::new();
    let what = title(&mut world);
    let ask = |world: &mut World, price, expires| {
        world.does(ANN, Action::Offer { what: what.clone(), price, buyer: None, expires })
    };
    let expires = world.at.plus_ms(20 * STEP);
    let free = world.marks(0);
    assert_eq!(ask(&mut world, free, expires), Err(Rejection::NoAmount));
    let unknown = Units { asset: AssetId([1; 32]), amount: 1 };
    assert_eq!(ask(&mut world, unknown, expires), Err(Rejection::NoAsset));
    let price = world.marks(1);
    assert_eq!(ask(&mut world, price, Instant(1)), Err(Rejection::BadTerm));
    assert_eq!(ask(&mut world, price, expires), Ok(()));
}

#[test]
fn units_are_offered_for_units() {
    let mut world = World::new();
    let (ann, ben) = (world.wealth(ANN), world.wealth(BEN));
    let what = Holding::Units(world.marks(1000));
    let id = offer(&mut world, what, None, 5);
    assert_eq!(world.wealth(ANN), ann - 1000);
    let price = world.marks(200);
    assert_eq!(world.does(BEN, Action::Accept { offer: id, price }), Ok(()));
    assert_eq!((world.wealth(ANN), world.wealth(BEN)), (ann - 800, ben + 800));
}
