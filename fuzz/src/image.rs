//! What a vault reads from a disk that others could write to: objects, frames, and whole images.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use allod_crypto::aead::SyntheticKey;
use allod_crypto::hash::{blake3, tagged};
use allod_crypto::{Secret, SecretBytes};
use allod_vault::files::{FileKind, Files, Finding, Ino, Operation, Time};
use allod_vault::object::{CONTENT_MAX, Keys, Kind, ObjectId};
use allod_vault::{BLOCK, Geometry, Ring, VaultError};
use allod_zstd::{PureZstd, decode};

use crate::fixture::made;
use crate::guardian::stream;
use crate::memory::Memory;
use crate::share::{FIXTURE_SPACE, fixture_ring};

/// The files of an image in memory.
pub(crate) type Home = Files<Memory, PureZstd>;

/// The size of the fixtures' images in bytes.
const IMAGE: usize = 3 << 20;

/// The most files that the fixtures and an input together can come to.
const FILES_MAX: usize = 100_000;

/// The key that opens the fixtures' images.
pub(crate) fn root() -> Secret<32> {
    Secret::from([1; 32])
}

/// A moment of the fixtures.
pub(crate) fn at(seconds: i64) -> Time {
    Time { seconds, nanoseconds: 0 }
}

/// An empty image of the fixtures' space.
pub(crate) fn empty() -> (Memory, Home) {
    let memory = Memory::of(Arc::new(vec![0; IMAGE]));
    let geometry = Geometry { segment_size: 128 << 10 };
    let (of, by) = ((FIXTURE_SPACE, fixture_ring()), (1000, 1000, at(0)));
    let home = Files::join(memory.clone(), PureZstd, &root(), geometry, of, by, &mut stream());
    (memory, made(home))
}

/// Makes a file of any kind.
pub(crate) fn make(home: &mut Home, parent: Ino, name: &[u8], kind: FileKind) -> Ino {
    let target = if kind == FileKind::Symlink { b"somewhere".to_vec() } else { Vec::new() };
    let (name, now) = (name.to_vec(), at(1));
    let operation =
        Operation::Make { parent, name, kind, permissions: 0o755, owner: 1000, group: 1000, target, now };
    made(made(home.apply(&operation)).ok_or("no file was made"))
}

/// Makes a file with the content that files of this name have.
pub(crate) fn write(home: &mut Home, parent: Ino, name: &[u8]) -> Ino {
    let ino = make(home, parent, name, FileKind::File);
    made(home.write_at(ino, 0, &content(name), at(2)));
    ino
}

/// The content of the files of this name: text, or what cannot be compressed.
pub(crate) fn content(name: &[u8]) -> Vec<u8> {
    let size = 1000 + 40 * usize::from(blake3(name)[0]);
    match name.first() {
        Some(b't') => name.iter().copied().cycle().take(size).collect(),
        _ => (0_u32..).flat_map(|n| blake3(&[name, &n.to_le_bytes()].concat())).take(size).collect(),
    }
}

/// Shows all files: the name and the content of each. Stops at what cannot be read.
pub(crate) fn walk(home: &mut Home, see: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), VaultError> {
    let (mut directories, mut count) = (vec![Ino::ROOT], 0);
    while let Some(directory) = directories.pop() {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let names = home.read().names(directory, after.as_deref(), 64)?;
            let Some((last, _)) = names.last() else { break };
            after = Some(last.clone());
            for (name, entry) in names {
                count += 1;
                assert!(count < FILES_MAX, "directories lead to themselves");
                let inode = home.read().inode(entry.ino)?;
                for attribute in home.read().attributes(entry.ino)? {
                    home.read().attribute(entry.ino, &attribute)?;
                }
                match entry.kind {
                    FileKind::Directory => directories.push(entry.ino),
                    FileKind::Symlink => drop(home.read().target(entry.ino)?),
                    FileKind::File => {
                        let size = usize::try_from(inode.size).unwrap_or(usize::MAX).min(1 << 20);
                        see(&name, &home.read().read(entry.ino, 0, size)?);
                        home.read().parts(entry.ino)?;
                    }
                    _ => {}
                }
            }
        }
    }
    for (name, _) in home.list_snapshots()? {
        home.open_snapshot(&name)?;
    }
    Ok(())
}

/// Looks for what no input may cause: files that do not agree with each other, or that lack what
/// they need.
pub(crate) fn assert_sound(home: &mut Home) {
    let mut findings = Vec::new();
    match home.check_files(&BTreeSet::new(), &mut |finding| findings.push(finding)) {
        // A small image may have no room for more.
        Ok(()) | Err(VaultError::Full | VaultError::ReadOnly) => {}
        Err(why) => panic!("the files cannot be checked: {why}"),
    }
    assert_eq!(findings, Vec::<Finding>::new());
    if let Err(why) = walk(home, &mut |_, _| {}) {
        panic!("the files cannot be read: {why}");
    }
}

/// An image with files, a snapshot, and what was recorded after the last checkpoint.
static FULL: LazyLock<Arc<Vec<u8>>> = LazyLock::new(|| {
    let (memory, mut home) = empty();
    let folder = make(&mut home, Ino::ROOT, b"folder", FileKind::Directory);
    for number in 0..20_u8 {
        write(&mut home, folder, &[b"text", &[b'a' + number][..]].concat());
        write(&mut home, Ino::ROOT, &[b"noise", &[b'a' + number][..]].concat());
    }
    make(&mut home, folder, b"link", FileKind::Symlink);
    made(home.commit());
    made(home.snapshot(b"monday", at(3)));
    let last = write(&mut home, folder, b"text of later");
    let (name, value) = (b"user.kind".to_vec(), Some(b"letter".to_vec()));
    made(home.apply(&Operation::Attribute { ino: last, name, value, exists: None, now: at(4) }));
    made(home.commit());
    write(&mut home, Ino::ROOT, b"noise of last");
    write(&mut home, folder, b"text of last");
    made(home.sync());
    memory.image()
});

/// An image that was harmed: eight bytes say how and where, and there may be many such.
/// Whatever can be read of it is what was written.
pub fn vault_image(data: &[u8]) {
    let memory = Memory::of(Arc::clone(&FULL));
    let place = |bytes: &[u8; 3]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) as usize % IMAGE;
    for harm in data.as_chunks().0 {
        let [kind, value, a, b, c, d, e, f] = *harm;
        let (to, from) = (place(&[a, b, c]), place(&[d, e, f]) / BLOCK);
        let mut block = memory.block(to / BLOCK);
        match kind % 4 {
            0 => block[to % BLOCK] ^= value,
            1 => block.fill(value),
            2 => block = memory.block(from),
            _ => block[to % BLOCK..].fill(value),
        }
        memory.set_block(to / BLOCK, block);
    }
    let harmed = memory.image();
    let as_written = &mut |name: &[u8], read: &[u8]| {
        // A file is made before it is written.
        assert!(read.is_empty() || read == content(name), "{} is another", String::from_utf8_lossy(name));
    };
    if let Ok(mut home) = Files::open(Memory::of(Arc::clone(&harmed)), PureZstd, &root()) {
        let _ = walk(&mut home, as_written);
        let _ = home.check_parts(&mut |_| {});
        let _ = home.check_files(&BTreeSet::new(), &mut |_| {});
        let _ = home.objects(&ObjectId([0; 32]), 1000);
        let _ = (home.write_at(Ino::ROOT, 0, b"x", at(5)), home.commit());
    }
    if let Ok(mut home) = Files::open_to_mend(Memory::of(Arc::clone(&harmed)), PureZstd, &root()) {
        let _ = home.check_parts(&mut |_| {});
        let _ = walk(&mut home, as_written);
    }
    let memory = Memory::of(harmed);
    if let Ok((mut home, _)) = Files::rebuild(memory.clone(), PureZstd, &root()) {
        let _ = walk(&mut home, as_written);
        // What was made whole opens.
        drop(home);
        if let Err(why) = Files::open(memory, PureZstd, &root()) {
            panic!("what was rebuilt does not open: {why}");
        }
    }
}

/// The secret of the keys that objects are sealed under.
const SECRET: [u8; 32] = [5; 32];

/// A sealed object.
pub fn object_sealed(data: &[u8]) {
    let keys = Keys::new(&Secret::from(SECRET), 1);
    assert!(keys.open(&keys.id(Kind::Data, data), data, &PureZstd).is_err(), "nobody sealed it");
}

/// What is inside of an object's seal: reaches what only somebody with the keys could get wrong.
pub fn object_opened(data: &[u8]) {
    let secret = tagged("allod 2026 vault, sealing of objects", &[&SECRET]);
    let (keys, id) = (Keys::new(&Secret::from(SECRET), 1), ObjectId([3; 32]));
    let sealed = SyntheticKey::new(&Secret::from(secret)).seal(&id.0, data);
    if let Ok(content) = keys.open(&id, &sealed, &PureZstd) {
        assert!(content.len() <= CONTENT_MAX);
        let object = keys.seal(Kind::Data, &content, &PureZstd);
        assert_eq!(keys.check(&object, &PureZstd), Ok(content));
    }
}

/// The secrets of a ring.
pub fn ring(data: &[u8]) {
    if let Ok(ring) = Ring::from_secrets(&SecretBytes::from(data.to_vec())) {
        let again = Ring::from_secrets(&ring.secrets()).map(|ring| ring.commitments());
        assert_eq!(again, Ok(ring.commitments()));
        assert!(ring.extends(&ring) && ring.only(&ring.commitments()).is_some());
        let mut both = fixture_ring();
        let merged = both.merge(&ring);
        assert_eq!(merged.is_ok(), both.extends(&ring));
        assert!(ring.get(ring.newest().number()).is_some());
    }
}

/// A frame of the zstd format. The first four bytes are the size that is asked for.
pub fn zstd_frame(data: &[u8]) {
    let Some((size, frame)) = data.split_first_chunk() else { return };
    let size = u32::from_le_bytes(*size) as usize % (CONTENT_MAX + 1);
    if let Some(content) = decode(frame, size) {
        assert_eq!(content.len(), size);
        assert!(size == 0 || decode(frame, size - 1).is_none(), "it held fewer, too");
    }
}
