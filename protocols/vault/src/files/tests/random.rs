//! Random usage, beside the model.

use proptest::prelude::*;

use super::model::{Model, Step, operation};
use super::*;

/// What happens, to the files or to the vault.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Do(Step),
    Sync,
    Commit,
    Flush,
    Collect,
}

/// Few names, so that they meet.
fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(0..4_u8, 1..4)
        .prop_map(|names| names.iter().map(|name| alloc::format!("/{}", char::from(b'a' + name))).collect())
}

fn kind() -> impl Strategy<Value = FileKind> {
    prop_oneof![
        4 => Just(FileKind::File),
        4 => Just(FileKind::Directory),
        1 => Just(FileKind::Symlink),
        1 => Just(FileKind::Characters(259)),
    ]
}

fn existing() -> impl Strategy<Value = Existing> {
    prop_oneof![2 => Just(Existing::Replace), 1 => Just(Existing::Keep), 1 => Just(Existing::Exchange)]
}

/// A few bytes, or more than a chunk can have.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..5_000_u64, 2 => 0..300_000_u64, 1 => 0..2_500_000_u64]
}

pub(super) fn acts(count: usize) -> impl Strategy<Value = Vec<Act>> {
    let content =
        (any::<u64>(), size()).prop_map(|(number, size)| crate::tests::noise(number, size as usize));
    let step = prop_oneof![
        8 => (path(), kind()).prop_map(|(path, kind)| Step::Make(path, kind)),
        2 => (path(), path()).prop_map(|(path, new)| Step::Link(path, new)),
        2 => path().prop_map(Step::Unlink),
        1 => path().prop_map(Step::RemoveDirectory),
        4 => (path(), path(), existing()).prop_map(|(path, new, existing)| Step::Rename(path, new, existing)),
        8 => (path(), size(), content).prop_map(|(path, offset, bytes)| Step::Write(path, offset, bytes)),
        2 => (path(), size()).prop_map(|(path, size)| Step::Resize(path, size)),
        2 => (path(), size(), size()).prop_map(|(path, offset, size)| Step::Punch(path, offset, size)),
        1 => (path(), 0..0o7777_u16).prop_map(|(path, permissions)| Step::Permit(path, permissions)),
        2 => (path(), 1..4_u8, prop::option::of(prop::collection::vec(any::<u8>(), 0..50)))
            .prop_map(|(path, name, value)| Step::Attribute(path, name, value)),
    ];
    let act = prop_oneof![
        30 => step.prop_map(Act::Do),
        3 => Just(Act::Sync),
        1 => Just(Act::Commit),
        2 => Just(Act::Flush),
        1 => Just(Act::Collect),
    ];
    prop::collection::vec(act, 1..count)
}

/// Does it to both. Whether anything was done.
pub(super) fn act(files: &mut Vault, model: &mut Model, act: &Act, now: Time) -> bool {
    match act {
        Act::Do(step) => {
            let done = match operation(files, step, now) {
                Some(operation) => match files.apply(&operation) {
                    Ok(_) => true,
                    Err(VaultError::Refused(_)) => false,
                    Err(why) => panic!("{why}"),
                },
                None => false,
            };
            assert_eq!(done, model.apply(step, now).is_some(), "{step:?}");
            return done;
        }
        Act::Sync => files.sync().unwrap(),
        Act::Commit => files.commit().unwrap(),
        Act::Flush => files.flush().unwrap(),
        Act::Collect => drop(files.collect(80).unwrap()),
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn files_are_what_the_model_says_and_stay_so_when_they_are_opened_again(acts in acts(120)) {
        let disk = Disk::new(CAPACITY);
        let (mut files, mut model) = (create(&disk), Model::new());
        for (second, step) in (10..).zip(&acts) {
            act(&mut files, &mut model, step, at(second));
        }
        prop_assert_eq!(see(&mut files.read()), model.see());
        files.sync().unwrap();
        let mut files = open(&disk);
        prop_assert_eq!(see(&mut files.read()), model.see());
        files.collect(90).unwrap();
        prop_assert_eq!(see(&mut files.read()), model.see());
        prop_assert_eq!(see(&mut open(&disk).read()), model.see());
    }
}
