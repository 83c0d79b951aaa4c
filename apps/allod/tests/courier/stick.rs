//! Two people on machines that never meet, and a third who carries a stick between them.

use std::fs;
use std::path::Path;

use crate::life::Life;

/// Bytes that no program makes shorter, always the same ones.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Everybody's sticks are looked at in this order, until what one wrote has come to the other.
fn carry(way: &[(&Life, &Path)]) {
    for (life, stick) in way {
        life.does(&["carry", "folder", stick.to_str().unwrap()]).done();
    }
}

#[test]
fn a_text_a_file_of_a_hundred_megabytes_and_replies_go_by_a_stick_that_a_third_one_carries() {
    let folder = tempfile::tempdir().unwrap();
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| Life::new(folder.path(), name));
    // Alice's and Carol's stick, and Bob's and Carol's.
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    let to_bob = [(&alice, &*here), (&carol, &*here), (&carol, &*there), (&bob, &*there)];
    let to_alice = [(&bob, &*there), (&carol, &*there), (&carol, &*here), (&alice, &*here)];

    let invitation = alice.invites();
    bob.does(&["contact", "accept", &invitation, "--name", "Alice", "--text", "hello from Bob"]).done();
    carry(&to_alice);
    assert_eq!(alice.reads(), ["hello from Bob"]);
    let known = alice.rows(&["contact", "list"]);
    let bobs = known[0]["did"].as_str().unwrap().to_owned();
    alice.does(&["contact", "rename", &bobs, "Bob"]).done();

    // They compare the same number.
    let number = |life: &Life, who: &str| life.rows(&["contact", "show", who])[0]["safety_number"].clone();
    assert_eq!(number(&alice, "Bob"), number(&bob, "Alice"));
    let number = number(&alice, "Bob");
    bob.does(&["contact", "verify", "Alice", "--number", number.as_str().unwrap()]).done();
    bob.does(&["contact", "verify", "Alice", "--number", "12345"]).failed("other numbers");

    let file = folder.path().join("film.bin");
    let content = noise(100_000_000);
    fs::write(&file, &content).unwrap();
    alice.does(&["send", "Bob", "the film", "--file", file.to_str().unwrap()]).done();
    alice.does(&["send", "Bob", "and a text"]).done();
    assert_eq!(alice.states("Bob"), ["written", "written"]);
    carry(&to_bob);
    let news = bob.rows(&["read", "Alice"]);
    let texts: Vec<_> = news.iter().filter_map(|row| row["text"].as_str()).collect();
    assert_eq!(texts, ["and a text"]);
    let sent = news.iter().find(|row| row["file"]["name"] == "film.bin").unwrap();
    assert_eq!(
        (sent["file"]["size"].as_u64(), sent["file"]["parts_missing"].as_u64()),
        (Some(100_000_000), Some(0))
    );
    let out = folder.path().join("bobs files");
    bob.does(&["read", "Alice", "--all", "--save", out.to_str().unwrap()]).done();
    assert!(fs::read(out.join("film.bin")).unwrap() == content);

    // Replies, and what Alice sees of hers.
    bob.does(&["send", "Alice", "what a film"]).done();
    carry(&to_alice);
    assert_eq!(alice.reads(), ["what a film"]);
    assert_eq!(alice.states("Bob"), ["read", "read"]);

    // What the carrier has tells nothing of what was said or of who.
    let carried = fs::read_dir(carol.home.join("courier/bag/bundles")).unwrap().count();
    assert!(carried > 0 || carol.rows(&["carry"])[0]["delivered_remembered"].as_u64() > Some(0));
    let secrets = [&b"hello from Bob"[..], b"and a text", b"film.bin", b"what a film", &content[..64]];
    let dids = [bobs.as_bytes().to_vec(), allod_did_bytes(&bobs)];
    for path in files_below(&carol.home.join("courier"))
        .into_iter()
        .chain(files_below(&here))
        .chain(files_below(&there))
    {
        let bytes = fs::read(&path).unwrap();
        for secret in secrets.iter().copied().chain(dids.iter().map(Vec::as_slice)) {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{} holds {secret:?}", path.display());
        }
    }
}

fn allod_did_bytes(did: &str) -> Vec<u8> {
    did.parse::<allod_did::Did>().unwrap().as_bytes().to_vec()
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn a_parcel_is_a_file_that_goes_by_any_way() {
    let folder = tempfile::tempdir().unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| Life::new(folder.path(), name));
    let invitation = alice.invites();
    let parcel = folder.path().join("today.parcel");
    let path = parcel.to_str().unwrap();
    bob.does(&["contact", "accept", &invitation, "--name", "Alice", "--text", "hello"]).done();
    let out = bob.rows(&["carry", "out", path]);
    assert!(out[0]["bundles"].as_u64() >= Some(2));
    let taken = alice.rows(&["carry", "in", path]);
    assert!(taken[0]["for_you"].as_u64() >= Some(1), "{taken:?}");
    assert_eq!(alice.reads(), ["hello"]);
    // It is not taken twice.
    assert_eq!(alice.rows(&["carry", "in", path])[0]["for_you"].as_u64(), Some(0));
    // One that was cut gives what is whole, and says so.
    let bytes = fs::read(&parcel).unwrap();
    fs::write(&parcel, &bytes[..bytes.len() / 2]).unwrap();
    assert_ne!(bob.does(&["carry", "in", path]).code, Some(0));
}
