//! Assets and titles: defined, issued, handed on, destroyed.

use alloc::string::String;

use allod_wire::{AssetId, TitleId};

use super::*;
use crate::asset::{asset_id, title_id};
use crate::holding::{Asset, Balance, Holding, Title, Units};
use crate::{Action, Rejection};

/// An asset that Ann issues, of which there may be 1000.
fn define(world: &mut World) -> AssetId {
    let action = Action::DefineAsset { name: "hour".into(), decimals: 2, supply_max: 1000 };
    let operation = world.by(ANN, action);
    world.ask(operation.clone()).unwrap();
    asset_id(&operation.id())
}

fn issue(asset: AssetId, amount: u64, to: allod_did::Did) -> Action {
    Action::Issue { units: Units { asset, amount }, to }
}

fn entitle(content: [u8; 32], label: &str) -> Action {
    Action::Entitle { content, size: 5, label: label.into() }
}

fn transfer(what: Holding, to: allod_did::Did) -> Action {
    Action::Transfer { what, to }
}

#[test]
fn the_first_asset_is_all_issued_and_nobody_issues_more() {
    let mut world = World::new();
    let asset = world.asset(world.mark());
    assert_eq!((asset.issuer, asset.issued, asset.retired), (None, 5 * WEALTH, 0));
    assert_eq!(asset.supply_max, asset.issued);
    let bonds: u64 = (0..4).map(|number| world.guardian(number).bond).sum();
    let held: u64 = (0..5).map(|person| world.wealth(person)).sum();
    assert_eq!(bonds + held, asset.issued, "bonds come out of what the operators had");
    let action = issue(world.mark(), 1, world.did(ANN));
    assert_eq!(world.does(ANN, action), Err(Rejection::NotYours));
}

#[test]
fn an_issuer_issues_no_more_than_it_said() {
    let mut world = World::new();
    let asset = define(&mut world);
    let (ann, ben) = (world.did(ANN), world.did(BEN));
    assert_eq!(world.does(ANN, issue(asset, 600, ben)), Ok(()));
    assert_eq!(world.does(ANN, issue(asset, 401, ben)), Err(Rejection::SupplyExceeded));
    assert_eq!(world.does(ANN, issue(asset, u64::MAX, ben)), Err(Rejection::SupplyExceeded));
    assert_eq!(world.does(ANN, issue(asset, 0, ben)), Err(Rejection::NoAmount));
    assert_eq!(world.does(BEN, issue(asset, 1, ben)), Err(Rejection::NotYours));
    assert_eq!(world.does(ANN, issue(AssetId([1; 32]), 1, ben)), Err(Rejection::NoAsset));
    assert_eq!(world.does(ANN, issue(asset, 1, Person::new(77).did())), Err(Rejection::NoRecipient));
    assert_eq!(world.does(ANN, issue(asset, 400, ann)), Ok(()));
    assert_eq!((world.held(asset, ANN), world.held(asset, BEN)), (400, 600));
    // What is destroyed is not issued anew.
    let what = Holding::Units(Units { asset, amount: 100 });
    assert_eq!(world.does(ANN, Action::Retire { what }), Ok(()));
    let expected = Asset {
        issuer: Some(ann),
        name: "hour".into(),
        decimals: 2,
        supply_max: 1000,
        issued: 1000,
        retired: 100,
    };
    assert_eq!(world.asset(asset), expected);
    assert_eq!(world.does(ANN, issue(asset, 1, ann)), Err(Rejection::SupplyExceeded));
}

#[test]
fn an_asset_of_another_operation_is_another_asset() {
    let mut world = World::new();
    assert_ne!(define(&mut world), define(&mut world));
}

#[test]
fn what_people_read_is_short_and_shows_what_it_is() {
    let mut world = World::new();
    let define =
        |name: &str, decimals, supply_max| Action::DefineAsset { name: name.into(), decimals, supply_max };
    for (name, decimals, supply_max) in [
        ("", 0, 1),
        ("  ", 0, 1),
        (&*"x".repeat(33), 0, 1),
        ("a\nb", 0, 1),
        ("a\u{202E}b", 0, 1),
        ("a\u{200B}b", 0, 1),
        ("a\u{FEFF}b", 0, 1),
        ("good", 19, 1),
        ("good", 0, 0),
    ] {
        assert_eq!(world.does(ANN, define(name, decimals, supply_max)), Err(Rejection::BadAsset), "{name:?}");
    }
    assert_eq!(world.does(ANN, define(&"x".repeat(32), 18, u64::MAX)), Ok(()));
    for label in [String::new(), "x".repeat(65), "\u{2066}x".into()] {
        assert_eq!(world.does(ANN, entitle([1; 32], &label)), Err(Rejection::BadAsset), "{label:?}");
    }
    assert_eq!(world.does(ANN, entitle([1; 32], &"ü".repeat(32))), Ok(()));
}

#[test]
fn units_go_from_one_to_another() {
    let mut world = World::new();
    let (ann, ben) = (world.wealth(ANN), world.wealth(BEN));
    assert_eq!(world.does(ANN, world.pay(BEN, 300)), Ok(()));
    assert_eq!((world.wealth(ANN), world.wealth(BEN)), (ann - 300, ben + 300));
    assert_eq!(world.does(ANN, world.pay(ANN, 300)), Ok(()), "to oneself");
    assert_eq!(world.wealth(ANN), ann - 300);
    assert_eq!(world.does(ANN, world.pay(BEN, 0)), Err(Rejection::NoAmount));
    let held = world.wealth(ANN);
    assert_eq!(world.does(ANN, world.pay(BEN, held + 1)), Err(Rejection::TooLittle { held }));
    assert_eq!(world.does(ANN, world.pay(BEN, u64::MAX)), Err(Rejection::TooLittle { held }));
    let what = Holding::Units(world.marks(1));
    assert_eq!(world.does(ANN, transfer(what, Person::new(77).did())), Err(Rejection::NoRecipient));
    let unknown = Holding::Units(Units { asset: AssetId([9; 32]), amount: 1 });
    let to = world.did(BEN);
    assert_eq!(world.does(ANN, transfer(unknown, to)), Err(Rejection::TooLittle { held: 0 }));
}

#[test]
fn an_empty_balance_is_no_record() {
    let mut world = World::new();
    let all = world.wealth(EVE);
    assert_eq!(world.does(EVE, world.pay(BEN, all)), Ok(()));
    assert_eq!(world.find::<Balance>(&(world.mark(), world.did(EVE))), None);
    assert_eq!(world.does(BEN, world.pay(EVE, 1)), Ok(()));
    assert_eq!(world.wealth(EVE), 1);
}

#[test]
fn the_same_units_are_not_spent_twice_in_one_block() {
    let mut world = World::new();
    let all = world.wealth(EVE);
    let twice = [world.by(EVE, world.pay(ANN, all)), world.by(EVE, world.pay(BEN, all))];
    assert_eq!(world.block(&twice), [Ok(()), Err(Rejection::TooLittle { held: 0 })]);
    // What came in the same block can go out again in it.
    let held = world.wealth(DAN);
    let both = [world.by(ANN, world.pay(DAN, 10)), world.by(DAN, world.pay(BEN, held + 10))];
    assert_eq!(world.block(&both), [Ok(()), Ok(())]);
}

#[test]
fn a_title_is_made_once_by_one_maker_and_has_one_owner() {
    let mut world = World::new();
    let content = [5; 32];
    assert_eq!(world.does(ANN, entitle(content, "a song")), Ok(()));
    assert_eq!(world.does(ANN, entitle(content, "the same song")), Err(Rejection::TitlePresent));
    assert_eq!(world.does(BEN, entitle(content, "a song")), Ok(()), "another maker's is another title");
    let id = title_id(&world.did(ANN), &content);
    assert_ne!(id, title_id(&world.did(BEN), &content));
    let made = Title {
        owner: Some(world.did(ANN)),
        maker: world.did(ANN),
        content,
        size: 5,
        label: "a song".into(),
        made: allod_wire::Instant(world.genesis.at.0 + STEP),
    };
    assert_eq!(world.get::<Title>(&id), made);
    let (ben, cleo) = (world.did(BEN), world.did(CLEO));
    assert_eq!(world.does(BEN, transfer(Holding::Title(id), cleo)), Err(Rejection::NotYours));
    let twice =
        [world.by(ANN, transfer(Holding::Title(id), ben)), world.by(ANN, transfer(Holding::Title(id), cleo))];
    assert_eq!(world.block(&twice), [Ok(()), Err(Rejection::NotYours)]);
    assert_eq!(world.get::<Title>(&id), Title { owner: Some(ben), ..made });
    assert_eq!(world.does(ANN, transfer(Holding::Title(TitleId([1; 32])), ben)), Err(Rejection::NoTitle));
}

#[test]
fn a_title_that_was_destroyed_is_not_made_again() {
    let mut world = World::new();
    let content = [5; 32];
    world.does(ANN, entitle(content, "a song")).unwrap();
    let id = title_id(&world.did(ANN), &content);
    assert_eq!(world.does(BEN, Action::Retire { what: Holding::Title(id) }), Err(Rejection::NotYours));
    assert_eq!(world.does(ANN, Action::Retire { what: Holding::Title(id) }), Ok(()));
    assert_eq!(world.get::<Title>(&id).owner, None);
    assert_eq!(world.does(ANN, entitle(content, "a song")), Err(Rejection::TitlePresent));
    let to = world.did(ANN);
    assert_eq!(world.does(ANN, transfer(Holding::Title(id), to)), Err(Rejection::NotYours));
}

#[test]
fn units_that_are_destroyed_are_counted() {
    let mut world = World::new();
    let before = world.wealth(ANN);
    assert_eq!(world.does(ANN, Action::Retire { what: Holding::Units(world.marks(70)) }), Ok(()));
    assert_eq!(world.wealth(ANN), before - 70);
    assert_eq!(world.asset(world.mark()).retired, 70);
    assert_eq!(world.asset(world.mark()).issued, 5 * WEALTH);
}
