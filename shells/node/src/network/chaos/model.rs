//! How the guardians are while a script goes on, as far as the script alone
//! decides: who could be killed by then, whom chance picks, and what is still
//! there to be undone.

use std::collections::BTreeMap;

use super::super::{Order, Place};
use super::script::{Action, Deed, Item, Whom};

/// How a guardian is by the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Running,
    Lying,
    Paused { lying: bool },
    Killed,
}

/// What is changed for a time. Who changed it last may undo it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Condition(usize),
    Clock(usize),
    Partition,
    Delay(usize),
    DelayLink(Place, Place),
}

/// One order, with the one that undoes it.
pub(super) struct Done {
    pub(super) order: Order,
    /// Which change it is.
    pub(super) tag: usize,
    pub(super) undo: Option<(Slot, Order)>,
}

/// The guardians by the script.
pub(super) struct Model {
    /// In order of their numbers, each with the line that made it so.
    guardians: Vec<(Condition, usize)>,
    /// Which change was the last.
    last: BTreeMap<Slot, usize>,
    tags: usize,
    chance: Chance,
    /// Whether nothing is known of how the guardians are.
    blind: bool,
}

impl Model {
    pub(super) fn new(guardians: usize, seed: u64) -> Self {
        Self {
            guardians: vec![(Condition::Running, 0); guardians],
            last: BTreeMap::new(),
            tags: 0,
            chance: Chance(seed),
            blind: false,
        }
    }

    /// One for guardians of which nothing is known, so that every order may make
    /// sense.
    pub(super) fn blind(guardians: usize, seed: u64) -> Self {
        Self { blind: true, ..Self::new(guardians, seed) }
    }

    /// Does what a line says, or says why it makes no sense.
    pub(super) fn act(&mut self, action: &Action, line: usize) -> Result<Vec<Done>, String> {
        match action {
            Action::Guardian(deed, whom) => {
                let mut done = Vec::new();
                for guardian in self.guardians(whom, Some(*deed), &[])? {
                    self.change(guardian, *deed, line)?;
                    done.push(self.deed(guardian, *deed));
                }
                Ok(done)
            }
            Action::Partition(groups) => {
                let groups = self.groups(groups)?;
                let order = Order::Partition { groups };
                Ok(vec![self.done(order, Some((Slot::Partition, Order::Heal)))])
            }
            Action::Heal => {
                let healed = self.done(Order::Heal, None);
                self.last.insert(Slot::Partition, healed.tag);
                Ok(vec![healed])
            }
            &Action::Delay { ref whom, delay_ms, jitter_ms } => {
                let order = |guardian, delay_ms, jitter_ms| Order::Delay { guardian, delay_ms, jitter_ms };
                let guardians = self.guardians(whom, None, &[])?;
                let done = guardians.into_iter().map(|guardian| {
                    let undo = (Slot::Delay(guardian), order(guardian, 0, 0));
                    self.done(order(guardian, delay_ms, jitter_ms), Some(undo))
                });
                Ok(done.collect())
            }
            &Action::DelayLinks { ref from, ref to, delay_ms, jitter_ms } => {
                let from = self.places(from, &[])?;
                // Chance picks two.
                let to = self.places(to, &from)?;
                let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
                let pairs: Vec<_> = pairs.filter(|(from, to)| from != to).collect();
                if pairs.is_empty() {
                    return Err("nobody would send anything to another".into());
                }
                let order =
                    |from, to, delay_ms, jitter_ms| Order::DelayLink { from, to, delay_ms, jitter_ms };
                let done = pairs.into_iter().map(|(from, to)| {
                    let undo = (Slot::DelayLink(from, to), order(from, to, 0, 0));
                    self.done(order(from, to, delay_ms, jitter_ms), Some(undo))
                });
                Ok(done.collect())
            }
        }
    }

    /// Undoes a change; returns false where a later one took its place.
    pub(super) fn undo(
        &mut self,
        slot: Slot,
        tag: usize,
        order: &Order,
        line: usize,
    ) -> Result<bool, String> {
        if self.last.get(&slot) != Some(&tag) {
            return Ok(false);
        }
        match *order {
            Order::Start { guardian } => self.change(guardian, Deed::Start, line)?,
            Order::Resume { guardian } => self.change(guardian, Deed::Resume, line)?,
            Order::Skew { guardian, .. } => self.change(guardian, Deed::Skew(0), line)?,
            _ => {}
        }
        Ok(true)
    }

    fn deed(&mut self, guardian: usize, deed: Deed) -> Done {
        let condition = Slot::Condition(guardian);
        let (order, slot, undo) = match deed {
            Deed::Kill => (Order::Kill { guardian }, Some(condition), Some(Order::Start { guardian })),
            Deed::Start => (Order::Start { guardian }, Some(condition), None),
            Deed::Pause => (Order::Pause { guardian }, Some(condition), Some(Order::Resume { guardian })),
            Deed::Resume => (Order::Resume { guardian }, Some(condition), None),
            Deed::Cut => (Order::Cut { guardian }, None, None),
            Deed::Lie(how) => {
                let order = Order::Lie { guardian, how: how.name().into() };
                (order, Some(condition), Some(Order::Start { guardian }))
            }
            Deed::Skew(skew_ms) => {
                let order = |skew_ms| Order::Skew { guardian, skew_ms };
                (order(skew_ms), Some(Slot::Clock(guardian)), Some(order(0)))
            }
        };
        let done = self.done(order, slot.zip(undo));
        if let Some(slot) = slot {
            self.last.insert(slot, done.tag);
        }
        done
    }

    fn done(&mut self, order: Order, undo: Option<(Slot, Order)>) -> Done {
        self.tags += 1;
        if let Some((slot, _)) = &undo {
            self.last.insert(*slot, self.tags);
        }
        Done { order, tag: self.tags, undo }
    }

    /// Changes how a guardian is, where that makes sense.
    fn change(&mut self, guardian: usize, deed: Deed, line: usize) -> Result<(), String> {
        let (condition, since) = self.condition(guardian)?;
        if self.blind {
            return Ok(());
        }
        let next = match (deed, condition) {
            (Deed::Kill | Deed::Pause | Deed::Cut, Condition::Killed) => {
                return Err(format!("guardian {guardian} is killed already (line {since})"));
            }
            (Deed::Pause | Deed::Skew(_), Condition::Paused { .. }) => {
                return Err(format!("guardian {guardian} is paused (line {since})"));
            }
            (Deed::Start, Condition::Paused { .. }) => {
                return Err(format!("guardian {guardian} is paused (line {since}); `resume` lets it run on"));
            }
            (Deed::Start, Condition::Running) => return Err(format!("guardian {guardian} is running")),
            (Deed::Resume, Condition::Running | Condition::Lying | Condition::Killed) => {
                return Err(format!("guardian {guardian} is not paused"));
            }
            (Deed::Kill, _) => Condition::Killed,
            (Deed::Pause, before) => Condition::Paused { lying: before == Condition::Lying },
            (Deed::Resume, Condition::Paused { lying: false }) | (Deed::Start, _) => Condition::Running,
            (Deed::Resume, Condition::Paused { lying: true }) | (Deed::Lie(_), _) => Condition::Lying,
            (Deed::Cut | Deed::Skew(_), _) => return Ok(()),
        };
        if let Some(known) = self.guardians.get_mut(guardian - 1) {
            *known = (next, line);
        }
        Ok(())
    }

    fn condition(&self, guardian: usize) -> Result<(Condition, usize), String> {
        let known = guardian.checked_sub(1).and_then(|place| self.guardians.get(place));
        known.copied().ok_or_else(|| {
            format!("there is no guardian {guardian}; they are numbered 1 to {}", self.guardians.len())
        })
    }

    /// The guardians that are meant. `random` and `all` mean those that the deed
    /// fits, without a deed any; and none of the exceptions.
    fn guardians(&mut self, whom: &Whom, deed: Option<Deed>, except: &[usize]) -> Result<Vec<usize>, String> {
        let mut chosen = Vec::new();
        for item in &whom.0 {
            let fitting = self.fitting(deed, &[except, &chosen].concat());
            match item {
                Item::Guardian(number) => {
                    self.condition(*number)?;
                    chosen.extend((!chosen.contains(number)).then_some(*number));
                }
                Item::Random => {
                    chosen.push(self.chance.pick(&fitting).ok_or("there is nobody left whom it fits")?)
                }
                Item::All => chosen.extend(fitting),
                Item::Outside | Item::Rest => {}
            }
        }
        if chosen.is_empty() { Err("there is nobody whom it fits".into()) } else { Ok(chosen) }
    }

    fn fitting(&self, deed: Option<Deed>, except: &[usize]) -> Vec<usize> {
        let fits = |condition: Condition| match deed {
            _ if self.blind => true,
            None => true,
            Some(Deed::Kill | Deed::Pause | Deed::Cut) => {
                matches!(condition, Condition::Running | Condition::Lying)
            }
            Some(Deed::Lie(_) | Deed::Skew(_)) => condition == Condition::Running,
            Some(Deed::Start) => matches!(condition, Condition::Killed | Condition::Lying),
            Some(Deed::Resume) => matches!(condition, Condition::Paused { .. }),
        };
        let numbered =
            self.guardians.iter().enumerate().map(|(place, (condition, _))| (place + 1, *condition));
        numbered
            .filter(|(number, condition)| fits(*condition) && !except.contains(number))
            .map(|(number, _)| number)
            .collect()
    }

    fn places(&mut self, whom: &Whom, except: &[Place]) -> Result<Vec<Place>, String> {
        let number = |place: &Place| match place {
            Place::Guardian(number) => Some(*number),
            Place::Outside => None,
        };
        let except: Vec<usize> = except.iter().filter_map(number).collect();
        let outside = whom.0.contains(&Item::Outside).then_some(Place::Outside);
        let named = Whom(whom.0.iter().copied().filter(|item| *item != Item::Outside).collect());
        let guardians = if named.0.is_empty() { Vec::new() } else { self.guardians(&named, None, &except)? };
        Ok(outside.into_iter().chain(guardians.into_iter().map(Place::Guardian)).collect())
    }

    /// The groups of a partition. Chance picks from those that no group names.
    fn groups(&mut self, groups: &[Whom]) -> Result<Vec<Vec<Place>>, String> {
        let mut taken = Vec::new();
        for item in groups.iter().flat_map(|group| &group.0) {
            if let Item::Guardian(number) = item {
                self.condition(*number)?;
                taken.push(*number);
            }
        }
        let mut resolved: Vec<Vec<Place>> = Vec::new();
        for group in groups {
            let mut places = Vec::new();
            for item in &group.0 {
                match item {
                    Item::Guardian(number) => places.push(Place::Guardian(*number)),
                    Item::Outside => places.push(Place::Outside),
                    Item::Random => {
                        let free = self.fitting(None, &taken);
                        let picked =
                            self.chance.pick(&free).ok_or("every guardian stands in a group already")?;
                        taken.push(picked);
                        places.push(Place::Guardian(picked));
                    }
                    Item::All | Item::Rest => {}
                }
            }
            resolved.push(places);
        }
        // Only now is it known who is left.
        for (group, places) in groups.iter().zip(&mut resolved) {
            if group.0.contains(&Item::Rest) {
                let rest = self.fitting(None, &taken);
                if rest.is_empty() {
                    return Err("every guardian stands in a group already, so `rest` is nobody".into());
                }
                places.extend(rest.into_iter().map(Place::Guardian));
            }
        }
        Ok(resolved)
    }
}

/// Chance that a seed decides: SplitMix64 (Steele, Lea, Flood: Fast splittable
/// pseudorandom number generators, OOPSLA 2014). It guards nothing.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn pick(&mut self, from: &[usize]) -> Option<usize> {
        let count = u64::try_from(from.len()).ok().filter(|count| *count > 0)?;
        let place = usize::try_from(self.next() % count).ok()?;
        from.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers for the seed 1234567, as other implementations have them.
    #[test]
    fn chance_is_splitmix64() {
        let mut chance = Chance(1_234_567);
        let first = [(); 3].map(|()| chance.next());
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
