//! Tests: fragments that somebody made up.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::*;
use super::some;

fn right(payload: Vec<u8>) -> Bundle {
    let part = Part { offset: 0, total: payload.len() as u32 };
    Bundle { part, payload, ..some() }
}

/// These bytes, said to be of the bundle.
fn said(of: &Bundle, offset: usize, payload: Vec<u8>) -> Bundle {
    let part = Part { offset: offset as u32, total: of.part.total };
    Bundle { part, payload, ..of.clone() }
}

fn gathered(all: &[Bundle]) -> Reassembly {
    let mut reassembly = Reassembly::new(&all[0]);
    for fragment in &all[1..] {
        reassembly.add(fragment).unwrap();
    }
    reassembly
}

fn comes_out(all: &[Bundle], right: &Bundle) -> bool {
    let reassembly = gathered(all);
    assert!(reassembly.whole().count() <= CANDIDATES_MAX);
    reassembly.whole().any(|whole| whole.payload == right.payload)
}

/// The same rules, byte by byte.
#[derive(Default)]
struct Model {
    last: Vec<Option<u8>>,
    strands: Vec<Vec<Option<u8>>>,
}

impl Model {
    fn add(&mut self, fragment: &Bundle) {
        let mut own = vec![None; fragment.part.total as usize];
        for (at, byte) in fragment.payload.iter().enumerate() {
            own[fragment.part.offset as usize + at] = Some(*byte);
        }
        let over = |upper: &[Option<u8>], lower: &[Option<u8>]| {
            (0..upper.len()).map(|at| upper[at].or(lower.get(at).copied().flatten())).collect::<Vec<_>>()
        };
        self.last = over(&own, &self.last);
        let agrees = |strand: &Vec<Option<u8>>| {
            strand.iter().zip(&own).all(|(one, other)| one.is_none() || other.is_none() || one == other)
        };
        if self.strands.iter().any(agrees) {
            for strand in &mut self.strands {
                if agrees(strand) {
                    *strand = over(strand, &own);
                }
            }
        } else {
            if self.strands.len() == 3 {
                self.strands.pop();
            }
            self.strands.push(own.clone());
        }
    }

    fn candidates(&self) -> Vec<Vec<u8>> {
        let mut all = vec![];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0], [9, 9, 9]] {
            let of = |at: usize| {
                let strands = order.iter().filter_map(|strand| self.strands.get(*strand));
                strands.chain([&self.last]).find_map(|strand| strand[at])
            };
            all.extend((0..self.last.len()).map(of).collect::<Option<Vec<u8>>>());
        }
        all.sort();
        all.dedup();
        all
    }
}

proptest! {
    #[test]
    fn candidates_are_those_of_a_small_model(
        total in 1_usize..12,
        said_of in prop::collection::vec((any::<u8>(), any::<u8>(), prop::collection::vec(0_u8..3, 12)), 1..14),
    ) {
        let of = right(vec![0; total]);
        let all: Vec<_> = said_of
            .into_iter()
            .map(|(offset, size, bytes)| {
                let offset = usize::from(offset) % total;
                let size = 1 + usize::from(size) % (total - offset);
                said(&of, offset, bytes[..size].to_vec())
            })
            .collect();
        let (reassembly, mut model) = (gathered(&all), Model::default());
        all.iter().for_each(|fragment| model.add(fragment));
        let mut candidates: Vec<_> = reassembly.whole().map(|whole| whole.payload).collect();
        let count = candidates.len();
        candidates.sort();
        candidates.dedup();
        prop_assert_eq!(count, candidates.len());
        prop_assert!(count <= CANDIDATES_MAX);
        prop_assert_eq!(candidates, model.candidates());
        prop_assert_eq!(reassembly.missing(), model.last.iter().filter(|byte| byte.is_none()).count());
    }

    #[test]
    fn one_false_fragment_harms_nothing_whenever_it_comes(
        first in 1_usize..90,
        second in 1_usize..90,
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
        at in any::<prop::sample::Index>(),
        (from, size) in (0_usize..200, 1_usize..200),
        lie in prop::collection::vec(any::<u8>(), 200),
    ) {
        let whole = right((0..200).collect());
        let mut all = fragments(whole.clone(), first).unwrap();
        all.extend(fragments(whole.clone(), second).unwrap());
        for (place, swap) in order.iter().enumerate() {
            let count = all.len();
            all.swap(place % count, swap.index(count));
        }
        let size = size.min(200 - from);
        all.insert(at.index(all.len() + 1), said(&whole, from, lie[..size].to_vec()));
        prop_assert!(comes_out(&all, &whole));
    }

    #[test]
    fn any_number_of_false_fragments_before_or_after_the_right_ones_harm_nothing(
        size_max in 1_usize..90,
        lies in prop::collection::vec((0_usize..200, prop::collection::vec(any::<u8>(), 1..200)), 1..30),
    ) {
        let whole = right((0..200).collect());
        let right = fragments(whole.clone(), size_max).unwrap();
        let lies: Vec<_> = lies
            .into_iter()
            .map(|(from, bytes)| said(&whole, from, bytes[..bytes.len().min(200 - from)].to_vec()))
            .collect();
        prop_assert!(comes_out(&[&lies[..], &right].concat(), &whole));
        prop_assert!(comes_out(&[&right[..], &lies].concat(), &whole));
        // And whatever was mixed in, the right ones heal it when they come again.
        prop_assert!(comes_out(&[&right[..right.len() / 2], &lies, &right].concat(), &whole));
    }
}

#[test]
fn what_was_said_before_is_nothing_new() {
    let whole = right((0..100).collect());
    let all = fragments(whole.clone(), 40).unwrap();
    let mut reassembly = gathered(&all);
    assert_eq!(reassembly.add(&all[1]), Ok(false));
    assert_eq!(reassembly.add(&said(&whole, 3, vec![3, 4, 5])), Ok(false));
    assert_eq!(reassembly.add(&said(&whole, 3, vec![3, 4, 6])), Ok(true));
}

#[test]
fn the_memory_of_a_reassembly_does_not_grow_with_what_comes() {
    let whole = right(vec![7; 4096]);
    let mut reassembly = Reassembly::new(&said(&whole, 0, vec![1]));
    for number in 0..20_000_usize {
        // Every other byte, and others each time.
        let lie = said(&whole, number * 2 % 4096, vec![(number / 2048) as u8]);
        reassembly.add(&lie).unwrap();
    }
    assert_eq!(reassembly.missing(), 2048);
    for fragment in fragments(whole.clone(), 100).unwrap() {
        reassembly.add(&fragment).unwrap();
    }
    assert!(reassembly.whole().any(|candidate| candidate == whole));
    assert!(reassembly.whole().count() <= CANDIDATES_MAX);
}

#[test]
fn fragments_with_other_terms_are_of_another_whole() {
    let whole = right(vec![7; 100]);
    let parts = fragments(whole.clone(), 30).unwrap();
    assert!(parts.iter().all(|part| part.whole_id() == whole.whole_id()));
    let copies = Terms { copies: 1, custody: false, ..whole.terms };
    assert_eq!(Bundle { terms: copies, ..parts[0].clone() }.whole_id(), whole.whole_id());
    let urgent = Terms { priority: Priority::Urgent, ..whole.terms };
    assert_ne!(Bundle { terms: urgent, ..parts[0].clone() }.whole_id(), whole.whole_id());
    assert_ne!(right(vec![7; 101]).whole_id(), whole.whole_id());
}
