//! A guardian stops at any moment, and goes on from its disk.

use proptest::prelude::*;

use super::life::life;
use super::*;

/// The whole life, with one output of one guardian that goes wrong.
fn life_with(victim: usize, at: usize, fate: Fate) -> Network {
    let mut network = Network::new(GroupName::Ristretto255, 9);
    network.plan = Some((victim, at, fate));
    life(&mut network);
    network.assert_settled(&[]);
    network
}

/// One who is replaced, one who stays, one who comes and goes, one who comes last.
const VICTIMS: [usize; 4] = [0, 2, 7, 8];

#[test]
fn a_crash_at_any_step_of_any_guardian_changes_nothing() {
    for victim in VICTIMS {
        let steps = life_with(victim, usize::MAX, Fate::Done).nodes[victim].outputs;
        assert!(steps >= 5);
        for at in 0..steps {
            for fate in [Fate::CrashBefore, Fate::CrashAfter] {
                let network = life_with(victim, at, fate);
                assert!(network.nodes[victim].outputs > at, "it got there");
            }
        }
    }
}

/// Draws the fate of every output from a hash of its place.
fn drawn(seed: u8, who: usize, number: usize, output: &Output) -> Fate {
    let hash = allod_crypto::hash::blake3(&[seed, who as u8, number as u8, (number >> 8) as u8]);
    match (hash[0], output) {
        (0..30, _) => Fate::CrashBefore,
        (30..60, _) => Fate::CrashAfter,
        (60..90, Output::Persist { .. }) => Fate::Fails,
        (90..120, Output::Persist { .. }) => Fate::SeemsToFail,
        _ => Fate::Done,
    }
}

macro_rules! drawn {
    ($($seed:literal),*) => {
        [$(|who, number, output| drawn($seed, who, number, output)),*]
    };
}

const DRAWN: [fn(usize, usize, &Output) -> Fate; 8] = drawn!(1, 2, 3, 4, 5, 6, 7, 8);

#[test]
fn crashes_and_failing_disks_of_everybody_at_once_lose_no_share() {
    for fate in DRAWN {
        let mut network = Network::new(GroupName::Ristretto255, 9);
        network.fate = fate;
        life(&mut network);
        network.fate = |_, _, _| Fate::Done;
        network.settle();
        network.assert_settled(&[]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_share_in_force_stays_on_disk_whatever_is_shown_and_whenever_it_crashes(
        steps in proptest::collection::vec((0usize..4, 0usize..40, any::<bool>()), 1..40),
    ) {
        let mut network = Network::new(GroupName::Ristretto255, 4);
        network.session(&[0, 1, 2, 3], 3);
        network.session(&[0, 1, 2, 3], 3);
        for (who, past, crash) in steps {
            let view = network.past[past % network.past.len()].view(who);
            network.show(who, view);
            prop_assert_eq!(network.has(who), Some(1));
            if crash {
                network.restart(who);
            }
        }
        network.settle();
        network.assert_settled(&[]);
    }
}
