//! Two vaults in files, synced over a link.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_disk::{FileBlocks, LinkError, Who, Zstd, sync};
use allod_vault::files::{FileKind, Files, Ino, Operation, Time};
use allod_vault::share::{Writers, Writes};
use allod_vault::sync::batch::Device;
use allod_vault::sync::{Me, Role, Summary, SyncError};
use allod_vault::{Geometry, Ring, SpaceId};

type Vault = Files<FileBlocks, Zstd>;

fn rng() -> getrandom::rand_core::UnwrapErr<getrandom::SysRng> {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}

fn vault(folder: &Path, name: &str, ring: &Ring) -> Vault {
    let blocks = FileBlocks::create(&folder.join(name)).unwrap();
    let (root, by) = (Secret::from([1; 32]), (1000, 1000, Time::default()));
    let of = (SpaceId([7; 32]), ring.clone());
    Files::join(blocks, Zstd, &root, Geometry::VAULT, of, by, &mut rng()).unwrap()
}

fn me(number: u8, name: &str) -> Me {
    Me { key: SigningKey::from_seed(&Secret::from([number; 32])), name: name.into() }
}

fn put(files: &mut Vault, name: &str, bytes: &[u8]) {
    let (name, now) = (name.as_bytes().to_vec(), Time { seconds: 5, nanoseconds: 0 });
    let (kind, permissions, target) = (FileKind::File, 0o644, Vec::new());
    let make =
        Operation::Make { parent: Ino::ROOT, name, kind, permissions, owner: 1, group: 1, target, now };
    let ino = files.apply(&make).unwrap().unwrap();
    for (number, part) in bytes.chunks(1 << 20).enumerate() {
        let (offset, bytes) = ((number << 20) as u64, part.to_vec());
        files.apply(&Operation::Write { ino, offset, bytes, now }).unwrap();
    }
}

fn names(files: &mut Vault) -> Vec<(String, Vec<u8>)> {
    let names = files.read().names(Ino::ROOT, None, 100).unwrap();
    let mut read = |ino| files.read().read(ino, 0, usize::MAX).unwrap();
    names.into_iter().map(|(name, entry)| (String::from_utf8(name).unwrap(), read(entry.ino))).collect()
}

/// A link that breaks after so many bytes.
struct Breaks {
    inside: UnixStream,
    left: usize,
}

impl Read for Breaks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inside.read(into)
    }
}

impl Write for Breaks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = bytes.len().min(self.left);
        if size == 0 {
            self.inside.shutdown(std::net::Shutdown::Both)?;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.left -= size;
        self.inside.write(&bytes[..size])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inside.flush()
    }
}

fn side(
    files: &mut Vault,
    me: &Me,
    role: Role,
    link: &mut (impl Read + Write),
    writers: &Writers,
) -> Result<Summary, LinkError> {
    let who = Who { me, writers };
    sync(files, role, &who, link, &mut rng(), &mut |_| ())
}

/// Both sides of a sync, of which the second one's link breaks after so many bytes.
fn run(
    laptop: &mut Vault,
    phone: &mut Vault,
    bytes: usize,
) -> (Result<Summary, LinkError>, Result<Summary, LinkError>) {
    let (one, other) = UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        let answers = scope.spawn(move || {
            let mut link = Breaks { inside: other, left: bytes };
            side(phone, &me(2, "phone"), Role::Answers, &mut link, &Writers::anybody())
        });
        let mut link = one;
        let begins = side(laptop, &me(1, "laptop"), Role::Begins, &mut link, &Writers::anybody());
        drop(link);
        (begins, answers.join().unwrap())
    })
}

#[test]
fn two_vaults_have_the_same_files_afterwards_also_if_the_link_broke_before() {
    let folder = tempfile::tempdir().unwrap();
    let ring = Ring::new(&mut rng());
    let (mut laptop, mut phone) =
        (vault(folder.path(), "laptop", &ring), vault(folder.path(), "phone", &ring));
    let mut large = vec![0; 5 << 20];
    getrandom::fill(&mut large).unwrap();
    put(&mut laptop, "of laptop", b"a few bytes");
    put(&mut phone, "of phone", &large);
    for bytes in [0, 100, 1000, 2 << 20] {
        let (begins, answers) = run(&mut laptop, &mut phone, bytes);
        assert!(begins.is_err() && answers.is_err(), "{bytes}");
    }
    let (begins, answers) = run(&mut laptop, &mut phone, usize::MAX);
    let (begins, _) = (begins.unwrap(), answers.unwrap());
    // What came before the link broke did not come again.
    assert!(begins.bytes_received < 4 << 20, "{begins:?}");
    let expected = vec![("of laptop".to_owned(), b"a few bytes".to_vec()), ("of phone".to_owned(), large)];
    assert!(names(&mut laptop) == expected && names(&mut phone) == expected);
}

#[test]
fn what_a_device_did_that_may_not_write_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let ring = Ring::new(&mut rng());
    let (mut laptop, mut stranger) =
        (vault(folder.path(), "laptop", &ring), vault(folder.path(), "stranger", &ring));
    put(&mut stranger, "of stranger", b"x");
    let (one, other) = UnixStream::pair().unwrap();
    let stranger_key = me(9, "stranger");
    let device = Device::of(&stranger_key.key);
    let refused = std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut link = other;
            side(&mut stranger, &stranger_key, Role::Answers, &mut link, &Writers::anybody()).unwrap_err();
        });
        let mut link = one;
        let writers = Writers::default().with(Device::of(&me(1, "laptop").key), Writes::All);
        side(&mut laptop, &me(1, "laptop"), Role::Begins, &mut link, &writers)
    });
    assert!(matches!(refused, Err(LinkError::Sync(SyncError::Stranger(other))) if other == device));
    assert!(names(&mut laptop).is_empty());
}

#[test]
fn a_length_that_is_too_much_is_refused_before_room_is_made_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut laptop = vault(folder.path(), "laptop", &Ring::new(&mut rng()));
    let (mut one, mut other) = UnixStream::pair().unwrap();
    other.write_all(&u32::MAX.to_le_bytes()).unwrap();
    let refused = side(&mut laptop, &me(1, "laptop"), Role::Begins, &mut one, &Writers::anybody());
    assert!(matches!(refused, Err(LinkError::Sync(SyncError::TooMuch))));
}
