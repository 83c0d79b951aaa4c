//! Devices that are used apart from each other for a month, and then told what the others did.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::person::Person;
use crate::sync::replica::Replica;

/// Numbers without a pattern, from a seed (xorshift64*, Vigna 2016).
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }
}

/// Somebody does something, to names of which there are few, so that much collides.
pub(super) fn act(person: &mut Person, dice: &mut Dice, written: &mut BTreeSet<String>) {
    let seen = person.see();
    let directories: Vec<String> =
        seen.iter().filter(|(_, c)| c.is_none()).map(|(path, _)| path.clone()).collect();
    let files: Vec<String> = seen.iter().filter(|(_, c)| c.is_some()).map(|(path, _)| path.clone()).collect();
    let all: Vec<String> = seen.keys().cloned().collect();
    let within = dice.pick(&directories).filter(|_| true).cloned();
    let within = if dice.below(3) == 0 { None } else { within };
    let name = ["a", "b", "c", "d.txt"][dice.below(4)];
    let path = within.map_or(name.into(), |within| format!("{within}/{name}"));
    // Some write what others write as well.
    let content =
        if dice.below(8) == 0 { format!("common {}", dice.below(3)) } else { format!("{}", written.len()) };
    let is_free = !seen.contains_key(&path);
    match dice.below(10) {
        0 | 1 if is_free => {
            written.insert(content.clone());
            person.make(&path, &content);
        }
        2 if is_free => person.make_directory(&path),
        3..=5 => {
            if let Some(file) = dice.pick(&files) {
                written.insert(content.clone());
                person.edit(file, &content);
            }
        }
        6 | 7 if is_free => {
            if let Some(moved) = dice.pick(&all)
                && !path.starts_with(&format!("{moved}/"))
            {
                person.rename(moved, &path);
            }
        }
        8 if is_free => {
            if let Some(file) = dice.pick(&files) {
                person.link(file, &path);
            }
        }
        9 if dice.below(2) == 0 => {
            if let Some(gone) = dice.pick(&all) {
                person.remove(gone);
            }
        }
        _ => {}
    }
}

fn month(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut written = BTreeSet::new();
    let mut people = [Person::new(1, "laptop"), Person::new(2, "phone"), Person::new(3, "tablet")];
    for day in 0..30 {
        for who in 0..3 {
            people[who].day = day;
            act(&mut people[who], &mut dice, &mut written);
            // Seldom two of them meet, and one hears all.
            if dice.below(12) == 0 {
                let other = people[dice.below(3)].clone();
                people[who].hear(&other);
            }
        }
    }
    let before = people.clone();
    let mut trees = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut people = before.clone();
        let [first, second, third] = order;
        // All is brought together at the first, by way of the second, and then to all.
        let (one, two) = (people[third].clone(), people[second].clone());
        people[second].hear(&one);
        let one = people[second].clone();
        people[first].hear(&one);
        people[first].hear(&two);
        let all = people[first].clone();
        people.iter_mut().for_each(|person| person.hear(&all));
        trees.extend(people.iter().map(Person::lines));
    }
    assert!(trees.iter().all(|tree| *tree == trees[0]), "seed {seed}: the same tree");
    let mut all = before[0].clone();
    all.hear(&before[1]);
    all.hear(&before[2]);
    let shown: BTreeSet<String> = all.see().into_values().flatten().collect();
    let given_up = before.iter().flat_map(|person| person.given_up.iter());
    let found: BTreeSet<&String> = shown.iter().chain(given_up).collect();
    let lost: Vec<&String> = written.iter().filter(|content| !found.contains(content)).collect();
    assert!(lost.is_empty(), "seed {seed}: {lost:?} lost; {:?}", all.lines());
}

#[test]
fn three_devices_edited_offline_for_a_month_then_joined_in_any_order_the_same_tree_no_byte_lost() {
    (0..40).for_each(month);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_tree_does_not_depend_on_the_order_of_arrival(
        seed in 0..1000_u64, order in prop::collection::vec(any::<u64>(), 200),
    ) {
        let mut dice = Dice::new(seed);
        let mut people = [Person::new(1, "laptop"), Person::new(2, "phone")];
        let mut written = BTreeSet::new();
        for _ in 0..20 {
            act(&mut people[0], &mut dice, &mut written);
            act(&mut people[1], &mut dice, &mut written);
        }
        let all: Vec<_> = people.iter().flat_map(|person| person.batches.iter()).collect();
        let expected = Replica::new(all.iter().copied()).tree();
        let mut mixed: Vec<_> = all.iter().copied().zip(order).collect();
        mixed.sort_by_key(|(_, order)| *order);
        // Twice told is told once.
        let twice = mixed.iter().chain(mixed.iter().take(5)).map(|(signed, _)| *signed);
        prop_assert_eq!(Replica::new(twice).tree(), expected);
    }
}
