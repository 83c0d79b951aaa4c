//! What a chaos script says, before it is known how many guardians there are
//! and whom chance picks.

use super::super::How;

/// A script, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What chance is drawn from, where the script says so.
    pub seed: Option<u64>,
    /// Its orders.
    pub(super) lines: Vec<Line>,
    /// The line and the time, in milliseconds, of the end.
    pub(super) end: Option<(usize, u64)>,
}

impl Script {
    /// Whether one order, as it stands behind `at TIME` in a script, is for `all` that
    /// it fits. Where it is not known how they are, it goes to those whom it does not
    /// fit too, and they refuse it.
    pub fn is_for_all(order: &str) -> bool {
        let all = |line: &Line| match &line.action {
            Action::Guardian(_, whom) => whom.0.contains(&Item::All),
            _ => false,
        };
        Self::of_order(order).is_ok_and(|script| script.lines.iter().any(all))
    }

    /// Whether chance has a say in it.
    pub fn is_random(&self) -> bool {
        let random = |whom: &Whom| whom.0.contains(&Item::Random);
        self.lines.iter().any(|line| match &line.action {
            Action::Guardian(_, whom) | Action::Delay { whom, .. } => random(whom),
            Action::Partition(groups) => groups.iter().any(random),
            Action::DelayLinks { from, to, .. } => random(from) || random(to),
            Action::Heal => false,
        })
    }
}

/// One order of a script, with when it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) when: When,
    pub(super) action: Action,
    /// After how long it is undone, in milliseconds.
    pub(super) undo_after: Option<u64>,
}

/// When an order is given, in milliseconds from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    At(u64),
    /// First at `from`, then every `period`, for as long as it is before `until`.
    Every {
        period: u64,
        from: u64,
        until: Option<u64>,
    },
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Something that is done to guardians, one by one.
    Guardian(Deed, Whom),
    Partition(Vec<Whom>),
    Heal,
    Delay {
        whom: Whom,
        delay_ms: u64,
        jitter_ms: u64,
    },
    DelayLinks {
        from: Whom,
        to: Whom,
        delay_ms: u64,
        jitter_ms: u64,
    },
}

/// What is done to a guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Kill,
    Start,
    Pause,
    Resume,
    Cut,
    Lie(How),
    Skew(i64),
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whom(pub(super) Vec<Item>);

/// One of those who are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Guardian(usize),
    /// One that chance picks from those that the order fits.
    Random,
    /// All that the order fits.
    All,
    /// Who is no guardian.
    Outside,
    /// The guardians that stand in no other group.
    Rest,
}
