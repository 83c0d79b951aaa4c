//! The store: what comes back after opening it again, what does not, and what a
//! crash at any point leaves.

mod crashes;

use allod_crypto::SecretBytes;
use allod_crypto::password::Cost;
use allod_guardian::client::{Configuration, Guardian, Kit};
use allod_guardian::juicebox::Request;
use allod_guardian::juicebox::secret::stretch;
use allod_guardian::realm::Registration;
use allod_wire::RegistrationVersion;

use super::*;

const ANNA: [u8; 32] = [0xa1; 32];
const BERT: [u8; 32] = [0xb2; 32];
const CARL: [u8; 32] = [0xc3; 32];

/// A fresh registration with this many guesses spent.
fn registration(guess_count: u16) -> Registration {
    let mut rng = crate::entropy();
    let version = RegistrationVersion(*Secret::random(&mut rng).expose());
    let pin = SecretBytes::from(b"1234".to_vec());
    let stretched = stretch(&pin, &version, b"info", Cost::JUICEBOX_FAST_INSECURE).unwrap();
    let only = Guardian { realm: RealmId([7; 16]), address: "http://127.0.0.1:1".into() };
    let configuration = Configuration::new(vec![only], 1).unwrap();
    let secret = SecretBytes::from(b"secret".to_vec());
    let kit = Kit::deal(&secret, &stretched, version, 9, configuration, &mut rng).unwrap();
    let Some(Request::Register2(parts)) = kit.request(0) else { panic!("a kit has its parts") };
    Registration { parts: *parts, guess_count }
}

fn put(account: [u8; 32], registration: &Registration, fresh: bool) -> Change {
    Change::Put { account, record: Box::new(Record::Registered(registration.clone())), fresh }
}

fn guessed(registration: &Registration, guess_count: u16) -> Registration {
    Registration { guess_count, ..registration.clone() }
}

fn apply(store: &mut Store, changes: impl IntoIterator<Item = Change>) {
    let changes: Vec<(PersistId, Change)> = (0..).zip(changes).collect();
    store.apply(&changes).unwrap();
}

fn held(registration: &Registration) -> Option<Record> {
    Some(Record::Registered(registration.clone()))
}

/// Everything in the state folder, file by file.
fn files_in(folder: &Path) -> Vec<Vec<u8>> {
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(found.len() >= 2, "a database and a file of keys");
    found.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn stands_in(folder: &Path, bytes: &[u8]) -> bool {
    assert!(bytes.len() >= 16, "what is looked for must not be there by chance");
    files_in(folder).iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes))
}

/// The key that an account's record is sealed with.
fn key_of(store: &Store, account: &[u8; 32]) -> Secret<32> {
    let read = store.database.begin_read().unwrap();
    let value = read.open_table(ACCOUNTS).unwrap().get(account).unwrap().unwrap();
    let Entry::Sealed { slot, .. } = Entry::read(value.value()).unwrap() else { panic!("it is sealed") };
    store.keys.get(slot).unwrap().unwrap()
}

/// What must never be on the disk in the clear.
fn shares_of(registration: &Registration) -> [Vec<u8>; 4] {
    let parts = &registration.parts;
    [
        parts.oprf_private_key.expose().to_vec(),
        parts.encryption_key_scalar_share.expose().to_vec(),
        parts.unlock_key_tag.expose().to_vec(),
        parts.encrypted_secret.to_vec(),
    ]
}

#[test]
fn what_is_kept_comes_back_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let realm = store.realm();
    let (anna, bert) = (registration(0), registration(2));
    let descriptor = SealedDescriptor { sequence: 7, sealed: vec![1, 2, 3] };
    apply(&mut store, [put(ANNA, &anna, true), put(BERT, &bert, true), put(CARL, &anna, true)]);
    apply(
        &mut store,
        [
            put(ANNA, &guessed(&anna, 1), false),
            Change::Destroy { account: CARL },
            Change::Describe { account: ANNA, locator: Locator([5; 32]), descriptor: descriptor.clone() },
        ],
    );
    for _ in 0..2 {
        drop(store);
        store = Store::open(folder.path()).unwrap();
        assert_eq!(store.realm(), realm);
        assert_eq!(store.accounts(), 3);
        assert_eq!(store.record(&ANNA).unwrap(), held(&guessed(&anna, 1)));
        assert_eq!(store.record(&BERT).unwrap(), held(&bert));
        assert_eq!(store.record(&CARL).unwrap(), Some(Record::Destroyed));
        assert_eq!(store.record(&[0; 32]).unwrap(), None);
        let described = Described { account: ANNA, sequence: 7 };
        assert_eq!(store.descriptor(&Locator([5; 32])).unwrap(), Some((described, descriptor.clone())));
        assert_eq!(store.descriptor(&Locator([6; 32])).unwrap(), None);
    }
}

#[test]
fn a_share_is_never_on_the_disk_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let anna = registration(0);
    apply(&mut store, [put(ANNA, &anna, true)]);
    apply(&mut store, [put(ANNA, &guessed(&anna, 1), false)]);
    // The key that seals them is found, so the search would find them as well.
    assert!(stands_in(folder.path(), key_of(&store, &ANNA).expose()));
    for share in shares_of(&anna) {
        assert!(!stands_in(folder.path(), &share));
    }
}

#[test]
fn a_destroyed_share_and_its_key_are_in_no_file() {
    for change in [Change::Destroy { account: ANNA }, Change::Remove { account: ANNA, locator: None }] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let (anna, bert) = (registration(0), registration(0));
        apply(&mut store, [put(ANNA, &anna, true), put(BERT, &bert, true)]);
        let (key, other) = (key_of(&store, &ANNA), key_of(&store, &BERT));
        let left = if matches!(change, Change::Remove { .. }) { None } else { Some(Record::Destroyed) };
        apply(&mut store, [change]);
        for _ in 0..2 {
            assert!(!stands_in(folder.path(), key.expose()));
            assert!(stands_in(folder.path(), other.expose()));
            for share in shares_of(&anna) {
                assert!(!stands_in(folder.path(), &share));
            }
            assert_eq!(store.record(&ANNA).unwrap(), left);
            assert_eq!(store.record(&BERT).unwrap(), held(&bert));
            drop(store);
            store = Store::open(folder.path()).unwrap();
        }
    }
}

#[test]
fn a_new_registration_overwrites_the_old_ones_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let (old, new) = (registration(3), registration(0));
    apply(&mut store, [put(ANNA, &old, true)]);
    let key = key_of(&store, &ANNA);
    apply(&mut store, [put(ANNA, &new, true)]);
    assert!(!stands_in(folder.path(), key.expose()));
    assert!(key_of(&store, &ANNA) != key);
    assert_eq!(store.record(&ANNA).unwrap(), held(&new));
}

#[test]
fn a_guess_keeps_its_key_and_needs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let anna = registration(0);
    apply(&mut store, [put(ANNA, &anna, true)]);
    let key = key_of(&store, &ANNA);
    for guess_count in 1..=9 {
        apply(&mut store, [put(ANNA, &guessed(&anna, guess_count), false)]);
    }
    assert!(key_of(&store, &ANNA) == key);
    assert_eq!(fs::read(folder.path().join("record-keys")).unwrap().len(), 32);
}

#[test]
fn several_changes_of_one_account_in_one_commit_end_as_the_last_one_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let (first, second, third) = (registration(0), registration(0), registration(0));
    apply(&mut store, [put(ANNA, &first, true)]);
    let key = key_of(&store, &ANNA);
    apply(
        &mut store,
        [
            put(ANNA, &second, true),
            put(ANNA, &guessed(&second, 1), true),
            Change::Destroy { account: ANNA },
            put(ANNA, &third, true),
            Change::Remove { account: BERT, locator: None },
        ],
    );
    assert_eq!(store.record(&ANNA).unwrap(), held(&third));
    assert!(!stands_in(folder.path(), key.expose()));
    // No slot is handed out twice.
    apply(&mut store, [put(BERT, &first, true), put(CARL, &second, true)]);
    for (account, registration) in [(ANNA, &third), (BERT, &first), (CARL, &second)] {
        assert_eq!(store.record(&account).unwrap(), held(registration));
    }
    assert!(key_of(&store, &BERT) != key_of(&store, &CARL));
}

#[test]
fn accounts_are_counted_however_they_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let one = registration(0);
    let known = store.accounts_known();
    let are_known = || [ANNA, BERT, CARL].map(|account| known.has(&account));
    assert_eq!(store.accounts(), 0);
    assert_eq!(are_known(), [false, false, false]);
    apply(&mut store, [put(ANNA, &one, true), put(BERT, &one, true)]);
    assert_eq!(store.accounts(), 2);
    assert_eq!(are_known(), [true, true, false]);
    apply(&mut store, [put(ANNA, &one, true), put(ANNA, &guessed(&one, 1), false)]);
    assert_eq!(store.accounts(), 2);
    // A destroyed share's account still counts: the fact is kept.
    apply(&mut store, [Change::Destroy { account: ANNA }]);
    assert_eq!(store.accounts(), 2);
    assert_eq!(are_known(), [true, true, false]);
    apply(
        &mut store,
        [Change::Remove { account: BERT, locator: None }, Change::Remove { account: CARL, locator: None }],
    );
    assert_eq!(store.accounts(), 1);
    assert_eq!(are_known(), [true, false, false]);
    apply(&mut store, [Change::Remove { account: ANNA, locator: None }, put(CARL, &one, true)]);
    assert_eq!(store.accounts(), 1);
    assert_eq!(are_known(), [false, false, true]);
    let descriptor = SealedDescriptor { sequence: 1, sealed: vec![0] };
    apply(&mut store, [Change::Describe { account: ANNA, locator: Locator([1; 32]), descriptor }]);
    assert_eq!(store.accounts(), 1);
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.accounts(), 1);
    assert!(store.accounts_known().has(&CARL) && !store.accounts_known().has(&ANNA));
}

#[test]
fn a_removed_account_takes_its_descriptor_along_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let (own, others) = (Locator([1; 32]), Locator([2; 32]));
    let describe = |account, locator| {
        let descriptor = SealedDescriptor { sequence: 1, sealed: vec![0] };
        Change::Describe { account, locator, descriptor }
    };
    apply(&mut store, [put(ANNA, &registration(0), true), describe(ANNA, own), describe(BERT, others)]);
    for locator in [others, own] {
        apply(&mut store, [Change::Remove { account: ANNA, locator: Some(locator) }]);
    }
    assert_eq!(store.record(&ANNA).unwrap(), None);
    assert_eq!(store.descriptor(&own).unwrap(), None);
    assert!(store.descriptor(&others).unwrap().is_some());
}

#[test]
fn keys_that_no_record_names_are_overwritten_when_the_store_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let anna = registration(0);
    apply(&mut store, [put(ANNA, &anna, true)]);
    // As if the guardian had died between writing a key and its record.
    let (_, orphan) = store.keys.create(&mut crate::entropy()).unwrap();
    store.keys.sync().unwrap();
    assert!(stands_in(folder.path(), orphan.expose()));
    drop(store);
    let mut store = Store::open(folder.path()).unwrap();
    assert!(!stands_in(folder.path(), orphan.expose()));
    assert_eq!(store.record(&ANNA).unwrap(), held(&anna));
    // Its place is used again.
    apply(&mut store, [put(BERT, &anna, true)]);
    assert_eq!(fs::read(folder.path().join("record-keys")).unwrap().len(), 64);
}

#[test]
fn a_record_without_its_key_reads_as_destroyed_and_can_be_registered_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    apply(&mut store, [put(ANNA, &registration(0), true)]);
    drop(store);
    fs::write(folder.path().join("record-keys"), []).unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    assert_eq!(store.record(&ANNA).unwrap(), Some(Record::Destroyed));
    let (anna, bert) = (registration(0), registration(0));
    apply(&mut store, [put(BERT, &bert, true), put(ANNA, &anna, true)]);
    for _ in 0..2 {
        assert_eq!(store.record(&ANNA).unwrap(), held(&anna));
        assert_eq!(store.record(&BERT).unwrap(), held(&bert));
        drop(store);
        store = Store::open(folder.path()).unwrap();
    }
}

#[test]
fn a_record_that_was_moved_to_another_account_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    apply(&mut store, [put(ANNA, &registration(0), true)]);
    let write = store.database.begin_write().unwrap();
    {
        let mut accounts = write.open_table(ACCOUNTS).unwrap();
        let entry = accounts.get(ANNA).unwrap().unwrap().value().to_vec();
        accounts.insert(BERT, entry.as_slice()).unwrap();
    }
    write.commit().unwrap();
    assert!(store.record(&ANNA).unwrap().is_some());
    store.record(&BERT).unwrap_err();
}

#[test]
fn one_folder_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let second = Store::open(folder.path());
    assert!(matches!(second, Err(GuardianError::Store(_))), "{second:?}");
    drop(store);
    Store::open(folder.path()).unwrap();
}

#[test]
fn the_state_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let _store = Store::open(&state).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for name in ["guardian.redb", "lock", "record-keys"] {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_database_that_was_left_half_made_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("guardian.redb.new"), b"redb, but cut sho").unwrap();
    let store = Store::open(folder.path()).unwrap();
    let realm = store.realm();
    assert!(!folder.path().join("guardian.redb.new").exists());
    drop(store);
    assert_eq!(Store::open(folder.path()).unwrap().realm(), realm);
}
