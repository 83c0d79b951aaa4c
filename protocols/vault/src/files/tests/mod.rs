//! Tests of the files, against a model that is a few maps.

mod backup;
mod check;
mod collect;
mod keys;
mod model;
mod moment;
mod posix;
mod power;
mod random;
mod snapshots;
mod unsealed;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::Secret;

use super::*;
use crate::compress::Uncompressed;
use crate::store::Geometry;
use crate::tests::disk::Disk;

const CAPACITY: u64 = 256 * (2 << 20);

/// Large enough for a whole chunk.
const GEOMETRY: Geometry = Geometry { segment_size: 2 << 20 };

type Vault = Files<Disk, Uncompressed>;

fn root() -> Secret<32> {
    Secret::from([1; 32])
}

fn create(disk: &Disk) -> Vault {
    // Always the same keys, so that files are always cut at the same places.
    let ring = Ring::from_secrets(&[&[0; 4][..], &[5; 32]].concat().into()).unwrap();
    let space = (SpaceId([6; 32]), ring);
    let rng = &mut crate::tests::rng();
    Files::join(disk.clone(), Uncompressed, &root(), GEOMETRY, space, (1000, 1000, at(0)), rng).unwrap()
}

fn open(disk: &Disk) -> Vault {
    Files::open(disk.clone(), Uncompressed, &root()).unwrap()
}

fn at(seconds: i64) -> Time {
    Time { seconds, nanoseconds: 5 }
}

fn make(parent: Ino, name: &str, kind: FileKind) -> Operation {
    let target = if kind == FileKind::Symlink { b"somewhere".to_vec() } else { Vec::new() };
    Operation::Make {
        parent,
        name: name.into(),
        kind,
        permissions: 0o644,
        owner: 1000,
        group: 100,
        target,
        now: at(1),
    }
}

fn write(ino: Ino, offset: u64, bytes: &[u8]) -> Operation {
    Operation::Write { ino, offset, bytes: bytes.to_vec(), now: at(2) }
}

/// What somebody sees of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    kind: FileKind,
    permissions: u16,
    owner: u32,
    links: u32,
    modified: Time,
    changed: Time,
    content: Vec<u8>,
    attributes: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// All that somebody sees, by path.
fn see<B: Blocks>(reader: &mut Reader<'_, B, Uncompressed>) -> BTreeMap<String, Seen> {
    let mut seen = BTreeMap::new();
    let mut rest = alloc::vec![(String::new(), Ino::ROOT)];
    while let Some((path, ino)) = rest.pop() {
        let inode = reader.inode(ino).unwrap();
        let content = match inode.kind {
            FileKind::File => reader.read(ino, 0, inode.size as usize + 1).unwrap(),
            FileKind::Symlink => reader.target(ino).unwrap(),
            _ => Vec::new(),
        };
        assert_eq!(content.len() as u64, inode.size, "{path}");
        let mut after: Option<Vec<u8>> = None;
        while inode.is_directory() {
            // Page by page, as a directory is listed.
            let names = reader.names(ino, after.as_deref(), 3).unwrap();
            let Some((last, _)) = names.last() else { break };
            after = Some(last.clone());
            for (name, entry) in names {
                assert_eq!(reader.lookup(ino, &name).unwrap(), entry);
                assert_eq!(reader.inode(entry.ino).unwrap().kind, entry.kind);
                let name = String::from_utf8(name).unwrap();
                rest.push((alloc::format!("{path}/{name}"), entry.ino));
            }
        }
        let names = reader.attributes(ino).unwrap();
        let attributes =
            names.into_iter().map(|name| (name.clone(), reader.attribute(ino, &name).unwrap())).collect();
        let Inode { kind, permissions, owner, links, modified, changed, .. } = inode;
        let shown = Seen { kind, permissions, owner, links, modified, changed, content, attributes };
        seen.insert(path, shown);
    }
    seen
}
