//! Looking at every object of a vault on all cores, and opening a vault that is damaged.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

use allod_crypto::Secret;
use allod_vault::files::Files;
use allod_vault::object::{ObjectId, Sealed};
use allod_vault::{Rebuilt, VaultError};

use crate::compress::Zstd;
use crate::place::{Place, PlaceError, Vault};
use crate::within_reach::Use;

/// Objects that are listed at once.
const PAGE: usize = 1024;

/// Objects that wait to be looked at: 1 MiB each at most.
const WAITING: usize = 16;

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Objects.
    pub objects: u64,
    /// Bytes that they take.
    pub bytes: u64,
}

/// A vault as far as it can be opened.
#[derive(Debug)]
pub enum Opened {
    /// In order, as far as opening it shows.
    Whole(Box<Vault>),
    /// The files of now cannot be read, for this reason. It can be checked and mended, and not
    /// be used.
    ToMend(Box<Vault>, VaultError),
    /// Its index or its table cannot be read, for this reason. Both can be
    /// [made again](Place::rebuild).
    ToRebuild(VaultError),
}

impl Place {
    /// Opens the vault as far as it can be.
    ///
    /// # Errors
    /// [`PlaceError`], where that is not because of damage.
    pub fn open_as_it_is(&self, root: &Secret<32>) -> Result<Opened, PlaceError> {
        let why = match self.open(root) {
            Ok(vault) => return Ok(Opened::Whole(Box::new(vault))),
            Err(PlaceError::Vault {
                source: why @ (VaultError::Damaged(_) | VaultError::Missing(_)),
                ..
            }) => why,
            Err(why) => return Err(why),
        };
        match Files::open_to_mend(self.blocks()?, Zstd, root) {
            Ok(vault) => Ok(Opened::ToMend(Box::new(vault), why)),
            Err(why) => Ok(Opened::ToRebuild(why)),
        }
    }

    /// Opens the vault, and makes its index and its table again.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn rebuild(&self, root: &Secret<32>) -> Result<(Vault, Rebuilt), PlaceError> {
        let rebuilt = Files::rebuild(self.blocks()?, Zstd, root);
        rebuilt.map_err(|source| PlaceError::Vault { image: self.image(), source })
    }
}

/// Looks at every object, on so many threads, as long as `see` says so. With those that are not what
/// they should be.
///
/// # Errors
/// [`VaultError`], where the index cannot be read.
pub fn verify<U: Use<Compress: Send + Sync>>(
    mut files: U,
    threads: usize,
    see: &mut dyn FnMut(Looked) -> bool,
) -> Result<(Looked, BTreeSet<ObjectId>), VaultError> {
    let (ring, compress) = files.look(|files| (files.ring().clone(), files.compress().clone()));
    let bad = Mutex::new(BTreeSet::new());
    let (objects, to_do) = sync_channel::<Sealed>(WAITING);
    let to_do = Mutex::new(to_do);
    let looked = std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let object = to_do.lock().unwrap_or_else(|broken| broken.into_inner()).recv();
                    let Ok(object) = object else { return };
                    if !Files::<U::Blocks, U::Compress>::verify(&ring, &object, &compress) {
                        bad.lock().unwrap_or_else(|broken| broken.into_inner()).insert(object.id);
                    }
                }
            });
        }
        let objects = objects;
        let (mut looked, mut from) = (Looked::default(), ObjectId([0; 32]));
        loop {
            let page = files.look(|files| files.objects(&from, PAGE))?;
            for id in &page {
                match files.look(|files| files.sealed(id)) {
                    Ok(object) => {
                        looked.bytes += object.bytes.len() as u64;
                        // Threads end after this.
                        let _ = objects.send(object);
                    }
                    // Somebody made room of it meanwhile.
                    Err(VaultError::Missing(_)) => continue,
                    Err(_) => {
                        bad.lock().unwrap_or_else(|broken| broken.into_inner()).insert(*id);
                    }
                }
                looked.objects += 1;
                if !see(looked) {
                    return Ok(looked);
                }
            }
            match page.last().and_then(after) {
                Some(next) if page.len() == PAGE => from = next,
                _ => return Ok(looked),
            }
        }
    });
    looked.map(|looked| (looked, bad.into_inner().unwrap_or_else(|broken| broken.into_inner())))
}

/// The id that comes next.
fn after(id: &ObjectId) -> Option<ObjectId> {
    let mut next = *id;
    for byte in next.0.iter_mut().rev() {
        let (more, carries) = byte.overflowing_add(1);
        *byte = more;
        if !carries {
            return Some(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::FileExt;

    use allod_vault::files::{FileKind, Finding, Ino, Operation};
    use getrandom::rand_core::UnwrapErr;

    use super::*;
    use crate::place::now;

    const FILES: u64 = 1500;

    fn vault(place: &Place, root: &Secret<32>) -> Vault {
        let mut vault = place.create(root, &mut UnwrapErr(getrandom::SysRng)).unwrap();
        for number in 0..FILES {
            let make = Operation::Make {
                parent: Ino::ROOT,
                name: format!("{number}").into_bytes(),
                kind: FileKind::File,
                permissions: 0o644,
                owner: 0,
                group: 0,
                target: Vec::new(),
                now: now(),
            };
            let ino = vault.apply(&make).unwrap().unwrap();
            let bytes = blake3::hash(&number.to_le_bytes()).as_bytes().repeat(100);
            vault.apply(&Operation::Write { ino, offset: 0, bytes, now: now() }).unwrap();
        }
        vault.commit().unwrap();
        vault
    }

    #[test]
    fn every_object_is_looked_at_and_a_changed_byte_is_found_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let (place, root) = (Place::new(folder.path().to_owned()), Secret::from([1; 32]));
        let mut files = vault(&place, &root);
        let (looked, bad) = verify(&mut files, 2, &mut |_| true).unwrap();
        assert!(looked.objects > FILES && bad.is_empty(), "{looked:?} {bad:?}");
        let ino = files.read().lookup(Ino::ROOT, b"700").unwrap().ino;
        let part = files.read().parts(ino).unwrap().unwrap()[0];
        let good = files.sealed(&part.id).unwrap();
        drop(files);
        let image = std::fs::read(place.image()).unwrap();
        let at = image.windows(64).position(|window| window == &good.bytes[..64]).unwrap() as u64 + 40;
        let file = OpenOptions::new().write(true).open(place.image()).unwrap();
        file.write_all_at(&[!good.bytes[40]], at).unwrap();
        let Opened::Whole(mut files) = place.open_as_it_is(&root).unwrap() else { panic!("it is in order") };
        let (_, bad) = verify(&mut *files, 2, &mut |_| true).unwrap();
        assert_eq!(bad, BTreeSet::from([part.id]));
        let mut found = Vec::new();
        files.check_files(&bad, &mut |finding| found.push(finding)).unwrap();
        let [Finding::Object(id, harmed)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((*id, &harmed[0].path[..]), (part.id, &b"/700"[..]));
        files.mend(&good).unwrap();
        assert_eq!(verify(&mut *files, 2, &mut |_| true).unwrap().1, BTreeSet::new());
    }

    #[test]
    fn a_vault_that_cannot_be_opened_says_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let (place, root) = (Place::new(folder.path().to_owned()), Secret::from([1; 32]));
        drop(vault(&place, &root));
        let whole = std::fs::read(place.image()).unwrap();
        let mut unopened = 0;
        for block in (16..whole.len() / 4096).filter(|block| whole[block * 4096..][..4096] != [0; 4096]) {
            let mut bytes = whole.clone();
            bytes[block * 4096 + 2000] ^= 1;
            std::fs::write(place.image(), &bytes).unwrap();
            unopened += u32::from(!matches!(place.open_as_it_is(&root).unwrap(), Opened::Whole(_)));
        }
        assert!(unopened > 0);
        std::fs::write(place.image(), &whole).unwrap();
        let (mut files, rebuilt) = place.rebuild(&root).unwrap();
        assert!(rebuilt.known > FILES, "{rebuilt:?}");
        assert!(files.read().lookup(Ino::ROOT, b"700").is_ok());
    }

    #[test]
    fn ids_go_on_without_one_being_left_out() {
        assert_eq!(after(&ObjectId([0; 32])).unwrap().0[31], 1);
        let mut full = [0; 32];
        full[31] = 0xFF;
        assert_eq!(after(&ObjectId(full)).unwrap().0[30..], [1, 0]);
        assert_eq!(after(&ObjectId([0xFF; 32])), None);
    }
}
