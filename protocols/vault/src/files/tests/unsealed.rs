//! What is made objects of while it is written, by somebody who takes his time.

use proptest::prelude::*;

use super::*;
use crate::tests::noise;

/// What is done to a file, or to what was taken of it.
#[derive(Clone, Debug)]
enum Step {
    /// Goes on at the end.
    Append(u32),
    Write(u32, u32),
    Truncate(u32),
    Flush,
    Commit,
    Take,
    Cut(usize),
    Put(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..3_000_000_u32).prop_map(Step::Append),
        1 => (any::<u32>(), 1..700_000_u32).prop_map(|(place, size)| Step::Write(place, size)),
        1 => any::<u32>().prop_map(Step::Truncate),
        1 => Just(Step::Flush),
        1 => Just(Step::Commit),
        4 => Just(Step::Take),
        4 => any::<usize>().prop_map(Step::Cut),
        4 => any::<usize>().prop_map(Step::Put),
    ];
    prop::collection::vec(step, 1..40)
}

fn run(steps: &[Step]) -> usize {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    let ino = files.apply(&make(Ino::ROOT, "file", FileKind::File)).unwrap().unwrap();
    let (mut content, mut taken, mut cut, mut put) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (number, step) in (0..).zip(steps) {
        match step {
            Step::Append(size) => {
                let bytes = noise(number, *size as usize);
                files.write_at(ino, content.len() as u64, &bytes, at(2)).unwrap();
                content.extend_from_slice(&bytes);
            }
            Step::Write(place, size) => {
                let place = *place as usize % (content.len() + 1);
                let bytes = noise(number, *size as usize);
                files.write_at(ino, place as u64, &bytes, at(2)).unwrap();
                content.resize(content.len().max(place + bytes.len()), 0);
                content[place..place + bytes.len()].copy_from_slice(&bytes);
            }
            Step::Truncate(place) => {
                content.truncate(*place as usize % (content.len() + 1));
                let changes = Changes { size: Some(content.len() as u64), ..Changes::default() };
                files.apply(&Operation::Set { ino, changes, now: at(3) }).unwrap();
            }
            Step::Flush => files.flush().unwrap(),
            Step::Commit => files.commit().unwrap(),
            Step::Take => taken.extend(files.take_unsealed()),
            Step::Cut(which) if !taken.is_empty() => {
                let mut unsealed: Unsealed = taken.swap_remove(which % taken.len());
                unsealed.cut(files.chunker());
                files.was_cut(&unsealed);
                cut.push(unsealed);
            }
            Step::Put(which) if !cut.is_empty() => {
                let unsealed: Unsealed = cut.swap_remove(which % cut.len());
                let objects = unsealed.seal(files.ring().newest(), &Uncompressed);
                put += usize::from(files.put_unsealed(&unsealed, &objects).unwrap());
            }
            Step::Cut(_) | Step::Put(_) => {}
        }
        assert!(files.read().read(ino, 0, content.len() + 1).unwrap() == content);
    }
    files.commit().unwrap();
    let mut files = open(&disk);
    assert!(files.read().read(ino, 0, content.len() + 1).unwrap() == content);
    put
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_taken_and_put_back_late_is_put_only_where_nothing_was_written_since(steps in steps()) {
        run(&steps);
    }
}

#[test]
fn parts_are_put_in_any_order() {
    let append = || Step::Append(6_000_000);
    for (first, second) in [(0, 0), (1, 0)] {
        let steps = [append(), Step::Take, Step::Cut(0), append(), Step::Take, Step::Cut(0)];
        let put = [Step::Put(first), Step::Put(second)];
        assert_eq!(run(&[&steps[..], &put].concat()), 2);
    }
}

#[test]
fn what_was_written_over_meanwhile_is_not_put() {
    let steps = |step| [Step::Append(6_000_000), Step::Take, Step::Cut(0), step, Step::Put(0)];
    assert_eq!(run(&steps(Step::Append(1))), 1);
    assert_eq!(run(&steps(Step::Write(100, 1))), 0);
    assert_eq!(run(&steps(Step::Truncate(1_000_000))), 0);
    assert_eq!(run(&steps(Step::Flush)), 0);
    // The same place, the same bytes, but for one that was cut off and written anew.
    let cut = [Step::Append(6_000_000), Step::Take, Step::Cut(0), Step::Truncate(1_000_000)];
    assert_eq!(run(&[&cut[..], &[Step::Append(5_000_000), Step::Put(0)]].concat()), 0);
}
