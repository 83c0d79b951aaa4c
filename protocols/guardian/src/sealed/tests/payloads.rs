//! The content of files, in any pieces, and changed in any way.

use alloc::vec;

use allod_crypto::{aead, kdf};
use proptest::prelude::*;

use super::*;

fn header() -> (Header, FileKey) {
    seal(&dealt(), policy(&[&Person::new(1)], 0))
}

/// Content in which no two places are alike.
fn content(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Seeded::new(8).fill_bytes(&mut bytes);
    bytes
}

const LENGTHS: [usize; 9] = [0, 1, 15, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 3 * CHUNK + 77];

#[test]
fn content_of_every_length_comes_back_and_grows_by_a_tag_a_chunk() {
    let (header, key) = header();
    for len in LENGTHS {
        let content = content(len);
        let sealed = sealed(&header, key.clone(), &content);
        assert_eq!(sealed.len(), SALT + len + len.div_ceil(CHUNK).max(1) * TAG);
        assert_eq!(opened(&header, key.clone(), &sealed), Ok(content));
    }
}

#[test]
fn the_pieces_in_which_content_comes_make_no_difference() {
    let (header, key) = header();
    let content = content(2 * CHUNK + 100);
    let whole = sealed(&header, key.clone(), &content);
    for size in [7, 1_000, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + TAG, 3 * CHUNK] {
        let mut out = Vec::new();
        let mut encryptor = Encryptor::new(&header, key.clone(), &mut Seeded::new(6), &mut out);
        for piece in content.chunks(size) {
            encryptor.write(piece, &mut out);
            encryptor.write(&[], &mut out);
        }
        encryptor.finish(&mut out);
        assert_eq!(out, whole);
        let mut decryptor = Decryptor::new(&header, key.clone());
        let mut back = Vec::new();
        for piece in whole.chunks(size) {
            decryptor.write(piece, &mut back).expect("unchanged");
            decryptor.write(&[], &mut back).expect("unchanged");
        }
        decryptor.finish(&mut back).expect("whole");
        assert_eq!(back, content);
    }
}

#[test]
fn a_file_that_was_cut_anywhere_is_noticed() {
    let (header, key) = header();
    let sealed = sealed(&header, key.clone(), &content(2 * CHUNK + 100));
    let full = CHUNK + TAG;
    for len in [0, 1, SALT - 1] {
        assert_eq!(opened(&header, key.clone(), &sealed[..len]), Err(Error::Cut), "cut at {len}");
    }
    for len in [0, 1, TAG, full - 1, full, full + 1, full + TAG, 2 * full, 2 * full + TAG, 2 * full + 115] {
        assert_eq!(opened(&header, key.clone(), &sealed[..SALT + len]), Err(Error::Cut), "cut at {len}");
    }
}

#[test]
fn chunks_that_were_moved_left_out_or_repeated_do_not_open() {
    let (header, key) = header();
    let sealed = sealed(&header, key.clone(), &content(3 * CHUNK + 100));
    let (salt, chunks) = sealed.split_at(SALT);
    let chunks = chunks.chunks(CHUNK + TAG).collect::<Vec<_>>();
    let order = |places: &[usize]| {
        let bytes = places.iter().flat_map(|place| chunks[*place]).copied().collect::<Vec<_>>();
        opened(&header, key.clone(), &[salt, &bytes].concat()).err()
    };
    assert_eq!(order(&[0, 1, 2, 3]), None);
    assert_eq!(order(&[1, 0, 2, 3]), Some(Error::Changed { chunk: 0 }));
    assert_eq!(order(&[0, 2, 3]), Some(Error::Changed { chunk: 1 }));
    assert_eq!(order(&[0, 1, 1, 2, 3]), Some(Error::Changed { chunk: 2 }));
    assert_eq!(order(&[0, 1, 2, 3, 3]), Some(Error::Cut));
    assert_eq!(order(&[0, 1, 3]), Some(Error::Cut));
    assert_eq!(order(&[3]), Some(Error::Cut));
}

#[test]
fn bytes_after_the_end_are_noticed() {
    let (header, key) = header();
    for len in [0, 5, CHUNK] {
        let mut longer = sealed(&header, key.clone(), &content(len));
        longer.push(0);
        assert!(opened(&header, key.clone(), &longer).is_err(), "{len}");
    }
}

#[test]
fn an_empty_last_chunk_behind_others_is_no_second_form_of_the_same() {
    let (header, _) = header();
    let secret = Secret::from([5; 32]);
    // Chunks as they are sealed, by hand: what is no form of ours is sealed with the
    // right keys all the same.
    let chunk = |number: u64, is_last: bool, content: &[u8]| {
        let info = [b"allod/sealed/chunk", &header.digest()[..], &number.to_be_bytes(), &[u8::from(is_last)]];
        aead::seal_once(kdf::derive(secret.expose(), &[9; SALT], &info), content)
    };
    let open = |chunks: &[Vec<u8>]| {
        opened(&header, FileKey::new(secret.clone()), &[&[9; SALT][..], &chunks.concat()].concat())
    };
    let full = content(CHUNK);
    assert_eq!(open(&[chunk(0, true, &full)]), Ok(full.clone()));
    assert_eq!(open(&[chunk(0, true, b"")]), Ok(Vec::new()));
    assert_eq!(open(&[chunk(0, false, &full), chunk(1, true, b"x")]).map(|whole| whole.len()), Ok(CHUNK + 1));
    assert_eq!(open(&[chunk(0, false, &full), chunk(1, true, b"")]), Err(Error::Cut));
    assert_eq!(open(&[chunk(0, false, &full)]), Err(Error::Cut));
}

#[test]
fn content_of_another_header_or_key_does_not_open() {
    let (header, key) = header();
    let sealed = sealed(&header, key.clone(), b"content");
    let (other, other_key) = Header::quorum(
        NETWORK,
        KEY,
        &public_key(&dealt()),
        policy(&[&Person::new(1)], 1),
        &mut Seeded::new(4),
    )
    .expect("a header");
    assert_eq!(opened(&header, other_key, &sealed), Err(Error::Cut));
    assert_eq!(opened(&other, key.clone(), &sealed), Err(Error::Cut));
    // The same lock with other words in front of it.
    let Lock::Quorum { key: name, ciphertext, .. } = header.lock.clone() else { panic!() };
    let lock = Lock::Quorum { key: name, policy: policy(&[&Person::new(2)], 0), ciphertext };
    assert_eq!(opened(&Header { lock, ..header }, key, &sealed), Err(Error::Cut));
}

#[test]
fn a_decryptor_that_failed_gives_nothing_more_out() {
    let (header, key) = header();
    let mut sealed = sealed(&header, key.clone(), &content(3 * CHUNK));
    sealed[SALT + CHUNK + TAG] ^= 1;
    let mut decryptor = Decryptor::new(&header, key);
    let mut out = Vec::new();
    let (head, rest) = sealed.split_at(SALT + 2 * (CHUNK + TAG) + 1);
    assert_eq!(decryptor.write(head, &mut out), Err(Error::Changed { chunk: 1 }));
    assert_eq!(out.len(), CHUNK);
    assert_eq!(decryptor.write(rest, &mut out), Err(Error::Changed { chunk: 1 }));
    assert_eq!(decryptor.finish(&mut out), Err(Error::Changed { chunk: 1 }));
    assert_eq!(out.len(), CHUNK);
}

#[test]
fn equal_chunks_of_a_file_are_not_equal_when_sealed() {
    let (header, key) = header();
    let sealed = sealed(&header, key, &vec![0; 3 * CHUNK]);
    let chunks = sealed[SALT..].chunks(CHUNK + TAG).collect::<Vec<_>>();
    assert_ne!(chunks[0], chunks[1]);
    assert_ne!(chunks[1], chunks[2]);
}

#[test]
fn another_content_under_the_same_header_shares_nothing_with_the_first() {
    let (header, key) = header();
    let content = [0; 64];
    let [one, other] = [1, 2].map(|seed| {
        let mut out = Vec::new();
        let mut encryptor = Encryptor::new(&header, key.clone(), &mut Seeded::new(seed), &mut out);
        encryptor.write(&content, &mut out);
        encryptor.finish(&mut out);
        out
    });
    assert!(one.chunks(16).zip(other.chunks(16)).all(|(one, other)| one != other));
}

#[test]
fn a_file_key_is_never_printed() {
    let (header, key) = header();
    assert_eq!(alloc::format!("{key:?}"), "FileKey(Secret<32>(..))");
    let encryptor = Encryptor::new(&header, key, &mut Seeded::new(1), &mut Vec::new());
    let shown = alloc::format!("{encryptor:?}");
    assert!(shown.contains("Secret<32>(..)"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_bit_is_changed_unnoticed(
        len in 0usize..2 * CHUNK + 50,
        place in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (header, key) = header();
        let mut sealed = sealed(&header, key.clone(), &content(len));
        let place = place.index(sealed.len());
        sealed[place] ^= 1 << bit;
        prop_assert!(opened(&header, key, &sealed).is_err());
    }
}
