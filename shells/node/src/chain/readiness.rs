//! Whether a guardian's chain does its part.
//!
//! A chain without operations still makes a block each [`Tuning::idle_ms`], so that
//! its last block is never old. A voter that does not answer costs a view, which
//! is given up after `idle_ms` and `patience_ms`, or after twice the patience at
//! the most; a third of the voters may be like that, and their turns may follow on
//! each other.

use allod_wire::Instant;

use super::Standing;
use super::ordering::simplex::Tuning;
use super::ordering::{Ended, Role};

/// How many views may be given up one after the other before a chain counts as
/// stalled.
const VIEWS_LOST: u64 = 10;

/// How many final heights may wait to be applied: as many as ordering hands on at
/// once. A guardian that keeps up has one or two.
const BEHIND_MAX: u64 = 32;

/// Why a chain does not do its part at present.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// It has ended, and so does the guardian.
    #[error("the chain has ended: {0}")]
    Ended(Ended),
    /// It has not begun to follow the others.
    #[error("the chain is being started")]
    Starting,
    /// The others are ahead.
    #[error("the chain catches up: it is at height {height} of {known}")]
    Behind {
        /// The last height in the ledger.
        height: u64,
        /// The last one known to be final.
        known: u64,
    },
    /// Too few voters are heard for anything to become final.
    #[error("the chain has no quorum: {heard} other voters of {others} are heard, and {needed} are needed")]
    Alone {
        /// Other voters.
        others: usize,
        /// Those that are heard.
        heard: usize,
        /// How many of them it takes.
        needed: usize,
    },
    /// There was no block for long.
    #[error("the chain has stalled: its last block, {height}, is {age_s} s old by this guardian's clock")]
    Stalled {
        /// The last height in the ledger.
        height: u64,
        /// Its age in seconds.
        age_s: u64,
    },
    /// This guardian's clock is wrong, or that of more than a third of the voters.
    #[error("this guardian's clock is {behind_s} s behind the last block's time")]
    Clock {
        /// How much, in seconds.
        behind_s: u64,
    },
}

/// After how many milliseconds without a block a chain counts as stalled.
pub fn stalled_ms(tuning: &Tuning) -> u64 {
    VIEWS_LOST.saturating_mul(tuning.idle_ms.saturating_add(2 * tuning.patience_ms))
}

/// Judges where a chain stands, by a clock that says `now`.
///
/// # Errors
/// [`Unready`]: the first reason that explains the others.
pub(super) fn judge(standing: &Standing, tuning: &Tuning, now: Instant) -> Result<(), Unready> {
    let status = &standing.ordering;
    if status.voters == 0 {
        return Err(Unready::Starting);
    }
    let (height, known) = (status.height_applied, status.height_final);
    if known.saturating_sub(height) > BEHIND_MAX {
        return Err(Unready::Behind { height, known });
    }
    // With 3f + 1 voters, f may be silent; a voter hears itself. One that only
    // follows needs somebody to follow, who has a quorum.
    let (others, needed) = match status.role {
        Role::Voter => {
            let quorum = status.voters - (status.voters - 1) / 3;
            (status.voters - 1, quorum - 1)
        }
        Role::Observer => (status.voters, 1),
    };
    if status.voters_heard < needed {
        return Err(Unready::Alone { others, heard: status.voters_heard, needed });
    }
    let age_ms = standing.block_age_ms(now);
    if age_ms > stalled_ms(tuning) {
        return Err(Unready::Stalled { height: standing.height, age_s: age_ms / 1000 });
    }
    let behind_ms = standing.at.ms_since(now);
    if behind_ms > stalled_ms(tuning) {
        return Err(Unready::Clock { behind_s: behind_ms / 1000 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use allod_wire::{GuardianId, NetworkId};

    use super::super::ordering::Status;
    use super::*;

    const NOW: Instant = Instant(1_000_000_000);

    /// One of seven voters, all of which are heard.
    fn well() -> Standing {
        Standing {
            network: NetworkId([1; 32]),
            guardian: GuardianId([2; 32]),
            height: 500,
            at: Instant(NOW.0 - 700),
            epoch: 7,
            certified: Some(496),
            keys: Vec::new(),
            ordering: Status {
                role: Role::Voter,
                epoch: 7,
                view: 12,
                height_applied: 500,
                height_final: 501,
                voters: 7,
                voters_heard: 6,
                peers: 8,
                pool_operations: 0,
                pool_bytes: 0,
            },
        }
    }

    fn judged(change: impl FnOnce(&mut Standing)) -> Result<(), Unready> {
        let mut standing = well();
        change(&mut standing);
        judge(&standing, &Tuning::default(), NOW)
    }

    #[test]
    fn a_chain_that_goes_on_is_ready() {
        assert_eq!(judged(|_| {}), Ok(()));
        assert_eq!(judged(|standing| standing.ordering.height_final = 500 + BEHIND_MAX), Ok(()));
        assert_eq!(judged(|standing| standing.at = Instant(NOW.0 - stalled_ms(&Tuning::default()))), Ok(()));
    }

    #[test]
    fn the_bounds_are_what_is_documented() {
        assert_eq!((stalled_ms(&Tuning::default()), BEHIND_MAX), (35_000, 32));
    }

    #[test]
    fn a_quorum_is_more_than_two_thirds_with_oneself() {
        for (voters, needed) in [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (6, 4), (7, 4), (10, 6), (64, 42)] {
            let heard = |voters_heard: usize| {
                judged(|standing| {
                    standing.ordering.voters = voters;
                    standing.ordering.voters_heard = voters_heard;
                })
            };
            assert_eq!(heard(needed), Ok(()), "{voters}");
            if let Some(less) = needed.checked_sub(1) {
                assert_eq!(heard(less), Err(Unready::Alone { others: voters - 1, heard: less, needed }));
            }
        }
    }

    #[test]
    fn one_that_only_follows_needs_somebody_to_follow() {
        let heard = |voters_heard: usize| {
            judged(|standing| {
                standing.ordering.role = Role::Observer;
                standing.ordering.voters_heard = voters_heard;
            })
        };
        assert_eq!(heard(1), Ok(()));
        assert_eq!(heard(0), Err(Unready::Alone { others: 7, heard: 0, needed: 1 }));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(judged(|standing| standing.ordering.voters = 0), Err(Unready::Starting));
        assert_eq!(
            judged(|standing| standing.ordering.height_final = 533),
            Err(Unready::Behind { height: 500, known: 533 })
        );
        assert_eq!(
            judged(|standing| standing.at = Instant(NOW.0 - 40_000)),
            Err(Unready::Stalled { height: 500, age_s: 40 })
        );
        assert_eq!(
            judged(|standing| standing.at = Instant(NOW.0 + 90_000)),
            Err(Unready::Clock { behind_s: 90 })
        );
        assert_eq!(
            judged(|standing| standing.ordering.voters_heard = 1).unwrap_err().to_string(),
            "the chain has no quorum: 1 other voters of 6 are heard, and 4 are needed"
        );
    }
}
