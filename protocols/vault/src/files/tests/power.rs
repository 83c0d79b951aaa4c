//! The power fails at every write: there are the files of one moment, with every operation
//! up to the last sync at least, and none after one that is missing.

use proptest::prelude::*;

use super::model::{Model, Step};
use super::random::{Act, act, acts};
use super::*;
use crate::files::durable::PIECE;
use crate::tests::disk::{Event, Image, apply};

/// A large write as the writes that it is recorded as: any number of them may be left.
fn pieces(whole: &Act) -> Vec<Act> {
    let Act::Do(Step::Write(path, offset, bytes)) = whole else { return alloc::vec![whole.clone()] };
    let mut pieces = Vec::new();
    for (number, piece) in (0..).zip(bytes.chunks(PIECE)) {
        let offset = offset + number * PIECE as u64;
        pieces.push(Act::Do(Step::Write(path.clone(), offset, piece.to_vec())));
    }
    pieces
}

fn fail_everywhere(acts: &[Act], mut choice: u64) {
    let disk = Disk::new(CAPACITY);
    let (mut files, mut model) = (create(&disk), Model::new());
    // The files after each operation, and how many were durable after so many events.
    let mut moments = alloc::vec![model.see()];
    let mut promises = alloc::vec![(disk.0.borrow().events.len(), 0)];
    for (second, step) in (10..).zip(acts) {
        for piece in pieces(step) {
            if act(&mut files, &mut model, &piece, at(second)) {
                moments.push(model.see());
            }
        }
        if matches!(step, Act::Sync | Act::Commit | Act::Collect) {
            promises.push((disk.0.borrow().events.len(), moments.len() - 1));
        }
    }
    let events = disk.0.borrow().events.clone();
    let (mut durable, mut pending) = (Image::new(), Vec::new());
    for (number, event) in events.iter().enumerate() {
        if number >= promises[0].0 {
            let mut torn = durable.clone();
            for block in pending.iter().flatten() {
                choice =
                    choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if choice >> 63 == 0 {
                    apply(&mut torn, block);
                }
            }
            let mut all = durable.clone();
            pending.iter().flatten().for_each(|block| apply(&mut all, block));
            for image in [torn, all] {
                let seen = see(&mut open(&Disk::of(image, CAPACITY)).read());
                let (_, least) = promises.iter().rev().find(|(events, _)| *events <= number).unwrap();
                assert!(moments[*least..].contains(&seen), "event {number}, at least moment {least}");
            }
        }
        match event {
            Event::Write(blocks) => pending.push(blocks.clone()),
            Event::Sync => pending.drain(..).flatten().for_each(|block| apply(&mut durable, &block)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_power_fails_at_every_write_and_there_are_the_files_of_one_moment(
        acts in acts(40),
        choice: u64,
    ) {
        fail_everywhere(&acts, choice);
    }
}

#[test]
fn a_write_of_more_than_a_record_survives_in_whole_pieces() {
    let write = |number: u64| Step::Write("/b".into(), 0, crate::tests::noise(number, 1_300_000));
    let acts = [Act::Do(Step::Make("/b".into(), FileKind::File)), Act::Do(write(1)), Act::Sync];
    let again = [Act::Do(write(2)), Act::Flush, Act::Sync];
    for choice in 0..8 {
        fail_everywhere(&[&acts[..], &again].concat(), choice << 40);
    }
}
