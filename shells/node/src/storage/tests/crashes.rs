//! What is left when the power fails between the writing of a file and its coming into place.

use std::fs;

use super::*;
use crate::files::SYNCED;

fn open(path: &Path) -> Shelf {
    Shelf::open(path, StorageConfig::default()).unwrap()
}

fn incoming(path: &Path) -> usize {
    fs::read_dir(path.join("incoming")).unwrap().count()
}

#[test]
fn what_was_not_in_its_place_is_gone_and_takes_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let one = account(1).id();
    let bytes = noise(1, 9000);
    let shelf = open(folder.path());
    shelf.put(&one, &ShardId::of(&bytes), &bytes).unwrap();
    shelf.put_catalogue(&one, &catalogue(&account(1), 1, 10)).unwrap();
    assert_eq!(incoming(folder.path()), 0);
    drop(shelf);
    // Written, and the power failed before the rename: a shard half, and a catalogue whole.
    fs::write(folder.path().join("incoming").join("7"), &noise(2, 9000)[..4000]).unwrap();
    fs::write(folder.path().join("incoming").join("8"), catalogue(&account(1), 2, 10)).unwrap();
    let shelf = open(folder.path());
    assert_eq!(incoming(folder.path()), 0);
    let usage = shelf.usage(&one);
    assert_eq!((usage.shards, usage.generation), (1, 1));
    assert_eq!(shelf.get(&one, &ShardId::of(&bytes)).unwrap(), bytes);
    assert_eq!(shelf.catalogue(&one).unwrap(), catalogue(&account(1), 1, 10));
    // And they can be brought again.
    shelf.put_catalogue(&one, &catalogue(&account(1), 2, 10)).unwrap();
    assert_eq!(shelf.usage(&one).generation, 2);
}

#[test]
fn a_disk_that_fails_leaves_what_was_there_and_counts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let one = account(1).id();
    let shelf = open(folder.path());
    shelf.put_catalogue(&one, &catalogue(&account(1), 1, 10)).unwrap();
    let before = shelf.total();
    // Nothing can be written where no folder is.
    fs::remove_dir(folder.path().join("incoming")).unwrap();
    let bytes = noise(1, 9000);
    assert!(matches!(shelf.put(&one, &ShardId::of(&bytes), &bytes), Err(Refusal::File(_))));
    assert!(matches!(shelf.put_catalogue(&one, &catalogue(&account(1), 2, 10)), Err(Refusal::File(_))));
    assert_eq!(shelf.total(), before);
    assert!(matches!(shelf.get(&one, &ShardId::of(&bytes)), Err(Refusal::NotFound)));
    assert_eq!(shelf.catalogue(&one).unwrap(), catalogue(&account(1), 1, 10));
}

#[test]
fn a_shard_that_was_harmed_or_lost_is_mended_by_sending_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let one = account(1).id();
    let bytes = noise(1, 9000);
    let id = ShardId::of(&bytes);
    let shelf = open(folder.path());
    shelf.put(&one, &id, &bytes).unwrap();
    let used = shelf.total();
    let path = fs::read_dir(folder.path().join("accounts")).unwrap().next().unwrap().unwrap().path();
    let name = HEXLOWER.encode(&id.0);
    let file = path.join("shards").join(&name[..2]).join(name);
    let mut harmed = bytes.clone();
    harmed[77] ^= 1;
    fs::write(&file, harmed).unwrap();
    assert_ne!(shelf.get(&one, &id).unwrap(), bytes);
    shelf.put(&one, &id, &bytes).unwrap();
    assert_eq!(shelf.get(&one, &id).unwrap(), bytes);
    fs::remove_file(&file).unwrap();
    shelf.put(&one, &id, &bytes).unwrap();
    assert_eq!(shelf.get(&one, &id).unwrap(), bytes);
    assert_eq!(shelf.total(), used);
}

#[test]
fn what_is_there_already_is_acknowledged_only_when_its_names_are_durable() {
    let folder = tempfile::tempdir().unwrap();
    let one = account(1).id();
    let (bytes, newest) = (noise(1, 9000), catalogue(&account(1), 1, 10));
    let id = ShardId::of(&bytes);
    let shelf = open(folder.path());
    shelf.put(&one, &id, &bytes).unwrap();
    shelf.put_catalogue(&one, &newest).unwrap();
    drop(shelf);
    // The one who brought it may have been stopped after the rename: nobody knows that now.
    let shelf = open(folder.path());
    let accounts = folder.path().join("accounts");
    let own = fs::read_dir(&accounts).unwrap().next().unwrap().unwrap().path();
    let shards = own.join("shards");
    let prefix = shards.join(&HEXLOWER.encode(&id.0)[..2]);
    let synced = |act: &dyn Fn()| {
        SYNCED.take();
        act();
        SYNCED.take()
    };
    let by_shard = synced(&|| shelf.put(&one, &id, &bytes).unwrap());
    assert_eq!(by_shard, [prefix, shards, own.clone(), accounts.clone()]);
    let by_catalogue = synced(&|| shelf.put_catalogue(&one, &newest).unwrap());
    assert_eq!(by_catalogue, [own, accounts]);
}

#[test]
fn two_do_not_keep_on_one_shelf() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = open(folder.path());
    assert!(Shelf::open(folder.path(), StorageConfig::default()).is_err());
    drop(shelf);
    open(folder.path());
}

#[test]
fn files_that_nobody_brought_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let accounts = folder.path().join("accounts");
    fs::write(accounts.join("note"), b"x").unwrap();
    fs::create_dir_all(accounts.join("00".repeat(32)).join("shards").join("ab").join("deep")).unwrap();
    fs::write(accounts.join("00".repeat(32)).join("shards").join("ab").join("short"), b"x").unwrap();
    assert_eq!(open(folder.path()).total(), (0, 0));
}

#[test]
fn what_is_dropped_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().unwrap();
    let one = account(1).id();
    let count = || fs::read_dir(folder.path().join("accounts")).unwrap().count();
    let shelf = open(folder.path());
    for forget in [false, true] {
        let ids: Vec<ShardId> = (0..20).map(|number| ShardId::of(&noise(number, 100))).collect();
        for (number, id) in (0..).zip(&ids) {
            shelf.put(&one, id, &noise(number, 100)).unwrap();
        }
        assert_eq!(count(), 1);
        if forget {
            shelf.put_catalogue(&one, &catalogue(&account(1), 1, 10)).unwrap();
            shelf.forget(&one).unwrap();
        } else {
            ids.iter().for_each(|id| shelf.delete(&one, id).unwrap());
        }
        assert_eq!((count(), shelf.total()), (0, (0, 0)));
    }
    // Nor does one that a crash left.
    fs::create_dir_all(folder.path().join("accounts").join("00".repeat(32)).join("shards").join("ab"))
        .unwrap();
    drop(shelf);
    drop(open(folder.path()));
    assert_eq!(count(), 0);
}

#[test]
fn a_shard_that_is_brought_and_dropped_at_once_is_counted_as_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let one = account(1).id();
    let shelf = open(folder.path());
    let bytes = noise(1, 5000);
    let id = ShardId::of(&bytes);
    std::thread::scope(|scope| {
        for place in 0..4 {
            let (shelf, bytes) = (&shelf, &bytes);
            scope.spawn(move || {
                for round in 0..60 {
                    if (place + round) % 2 == 0 {
                        shelf.put(&one, &id, bytes).unwrap();
                    } else {
                        match shelf.delete(&one, &id) {
                            Ok(()) | Err(Refusal::NotFound) => {}
                            Err(why) => panic!("{why}"),
                        }
                    }
                }
            });
        }
    });
    let (listed, total) = (shelf.list(&one, None, 9).len(), shelf.total());
    assert_eq!(shelf.get(&one, &id).is_ok(), listed == 1);
    assert_eq!(total, if listed == 1 { (1, 8192) } else { (0, 0) });
    drop(shelf);
    assert_eq!(open(folder.path()).total(), total);
}
