//! What is done to traffic between two places.

use std::collections::BTreeMap;

use super::super::{Order, Place};

/// What is done to what one place sends another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Treatment {
    /// It does not arrive.
    pub(in super::super) cut: bool,
    /// How long it is on its way, in milliseconds.
    pub(in super::super) delay_ms: u64,
    /// How much longer or shorter it may be, by chance.
    pub(in super::super) jitter_ms: u64,
}

/// A delay with its jitter, in milliseconds.
type Delay = (u64, u64);

/// All rules that are in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Rules {
    groups: Vec<Vec<Place>>,
    guardians: BTreeMap<usize, Delay>,
    links: BTreeMap<(Place, Place), Delay>,
}

impl Rules {
    /// Changes the rules as ordered. Orders about anything else change nothing.
    pub(in super::super) fn obey(&mut self, order: &Order) {
        match order {
            Order::Partition { groups } => self.groups.clone_from(groups),
            Order::Heal => self.groups.clear(),
            Order::Delay { guardian, delay_ms, jitter_ms } => {
                set(&mut self.guardians, *guardian, (*delay_ms, *jitter_ms));
            }
            Order::DelayLink { from, to, delay_ms, jitter_ms } => {
                set(&mut self.links, (*from, *to), (*delay_ms, *jitter_ms));
            }
            _ => {}
        }
    }

    /// What is done to what `from` sends `to`. The delays of both ends and of
    /// the way between them add up.
    pub(in super::super) fn between(&self, from: Place, to: Place) -> Treatment {
        let group = |place| self.groups.iter().position(|group| group.contains(&place));
        let cut = matches!((group(from), group(to)), (Some(a), Some(b)) if a != b);
        let of = |place: Place| match place {
            Place::Guardian(number) => self.guardians.get(&number),
            Place::Outside => None,
        };
        let delays = [of(from), of(to), self.links.get(&(from, to))];
        let (delay_ms, jitter_ms) =
            delays.into_iter().flatten().fold((0, 0), |(ms, jitter), delay| (ms + delay.0, jitter + delay.1));
        Treatment { cut, delay_ms, jitter_ms }
    }

    /// The group that a guardian is in, counted from 1.
    pub(in super::super) fn group_of(&self, guardian: usize) -> Option<usize> {
        let place = Place::Guardian(guardian);
        self.groups.iter().position(|group| group.contains(&place)).map(|group| group + 1)
    }

    /// The longest delay that is in force for a guardian alone, in milliseconds.
    pub(in super::super) fn delay_of(&self, guardian: usize) -> Option<u64> {
        let place = Place::Guardian(guardian);
        let links = self.links.iter().filter(|((from, to), _)| *from == place || *to == place);
        self.guardians
            .get(&guardian)
            .into_iter()
            .chain(links.map(|(_, delay)| delay))
            .map(|(ms, _)| *ms)
            .max()
    }
}

fn set<K: Ord>(delays: &mut BTreeMap<K, Delay>, key: K, delay: Delay) {
    if delay.0 == 0 {
        delays.remove(&key);
    } else {
        delays.insert(key, delay);
    }
}
