//! Heads of what is kept elsewhere.

use super::*;
use crate::head::Head;
use crate::{Action, Rejection};

fn tell(of: u8, number: u64) -> Action {
    Action::Tell { of: [of; 32], number, hash: [number as u8; 32] }
}

#[test]
fn a_head_only_ever_grows_newer_and_is_its_owner_s() {
    let mut world = World::new();
    assert_eq!(world.does(ANN, tell(1, 5)), Ok(()));
    let told = world.at;
    for old in [0, 4, 5] {
        assert_eq!(world.does(ANN, tell(1, old)), Err(Rejection::OldHead));
    }
    // What others tell of the same name is about something else.
    assert_eq!(world.does(BEN, tell(1, 1)), Ok(()));
    assert_eq!(world.does(ANN, tell(2, 0)), Ok(()));
    let head = world.get::<Head>(&(world.did(ANN), [1; 32]));
    assert_eq!(head, Head { number: 5, hash: [5; 32], at: told });
    assert_eq!(world.does(ANN, tell(1, u64::MAX)), Ok(()));
    assert_eq!(world.find::<Head>(&(world.did(CLEO), [1; 32])), None);
}
