//! What the vault's table of backups has, row by row.
//!
//! | key | value |
//! |---|---|
//! | `0` | [`Meta`] |
//! | `1 ‖ object` | the number of the pack that has it |
//! | `2 ‖ pack` | [`PackRecord`] |
//! | `3 ‖ peer` | [`PeerRecord`] |
//! | `4 ‖ pack` | the objects of the pack in their order, and their sizes |

use std::collections::BTreeSet;

use allod_crypto::CryptoRng;
use allod_vault::backup::{Catalogue, Code, FolderRecord, PackRecord, PeerRecord};
use allod_vault::files::{Files, Table, packed_key};
use allod_vault::object::ObjectId;
use allod_vault::{Blocks, Compress, Damage, Part, VaultError};
use minicbor::{Decode, Encode};

const META: &[u8] = &[0];
const PACK: u8 = 2;
const PEER: u8 = 3;
const DIRECTORY: u8 = 4;

/// Rows that are read at a time.
const PAGE: usize = 256;

/// What is known of a backup as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Meta {
    /// Which image makes this backup.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(super) author: [u8; 16],
    /// The newest catalogue that was made.
    #[n(1)]
    pub(super) generation: u64,
    /// When, in milliseconds since 1970.
    #[n(2)]
    pub(super) made: u64,
    /// Packs below this number were stored by runs that came to their end.
    #[n(3)]
    pub(super) finished: u64,
    /// The next pack's number.
    #[n(4)]
    pub(super) next_pack: u64,
    /// The next peer's number.
    #[n(5)]
    pub(super) next_peer: u32,
    /// How packs are divided, where the person said.
    #[n(6)]
    pub(super) code: Option<Code>,
    /// The roots in the newest catalogue.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub(super) roots: Vec<u8>,
    /// Something changed since that a catalogue has to say.
    #[n(8)]
    pub(super) changed: bool,
    /// The person's shared folders.
    #[cbor(n(9), default)]
    pub(super) folders: Vec<FolderRecord>,
    /// When the peers were last audited, in milliseconds since 1970; 0 for never.
    #[cbor(n(10), default)]
    pub(super) audited: u64,
    /// The newest generation that another image made, and that this one took over; 0 for none.
    #[cbor(n(11), default)]
    pub(super) taken_over: u64,
}

impl Meta {
    /// Of a backup that begins.
    pub(super) fn begin(rng: &mut impl CryptoRng) -> Self {
        let mut author = [0; 16];
        rng.fill_bytes(&mut author);
        Self { author, next_peer: 1, ..Self::default() }
    }

    /// Of a backup that goes on where a catalogue ends.
    pub(super) fn after(catalogue: &Catalogue, rng: &mut impl CryptoRng) -> Self {
        let mut meta = Self::begin(rng);
        (meta.generation, meta.made) = (catalogue.generation, catalogue.made);
        meta.next_pack = catalogue.packs.iter().map(|pack| pack.number + 1).max().unwrap_or_default();
        meta.next_peer = catalogue.peers.iter().map(|peer| peer.number + 1).max().unwrap_or(1);
        // What is in packs and not needed may lead to what is in none: all is looked at once.
        (meta.finished, meta.roots) = (0, catalogue.roots.clone());
        // As the newest pack is divided, where that is not what comes of itself.
        let code = catalogue.packs.last().map(|pack| pack.code);
        meta.code = code.filter(|code| Some(*code) != Code::for_peers(catalogue.peers.len()));
        meta.folders.clone_from(&catalogue.folders);
        // The peers learn with the next catalogue that this image makes it.
        meta.changed = true;
        meta
    }
}

/// Objects of a pack and their sizes.
pub(super) type Directory = Vec<(ObjectId, u32)>;

/// The table.
pub(super) struct Book<'a, B, C>(&'a mut Files<B, C>);

impl<'a, B: Blocks, C: Compress> Book<'a, B, C> {
    pub(super) fn new(files: &'a mut Files<B, C>) -> Self {
        Self(files)
    }

    pub(super) fn meta(&mut self) -> Result<Option<Meta>, VaultError> {
        self.value(META)
    }

    pub(super) fn set_meta(&mut self, meta: &Meta) -> Result<(), VaultError> {
        self.set(META, meta)
    }

    /// What is known of the backup as a whole; of a new one, where it begins.
    pub(super) fn meta_or_new(&mut self) -> Result<Meta, VaultError> {
        Ok(match self.meta()? {
            Some(meta) => meta,
            None => Meta::begin(&mut crate::entropy()),
        })
    }

    /// Changes what is known of the backup as a whole.
    pub(super) fn change_meta(&mut self, change: impl FnOnce(&mut Meta)) -> Result<Meta, VaultError> {
        let mut meta = self.meta_or_new()?;
        change(&mut meta);
        self.set_meta(&meta)?;
        Ok(meta)
    }

    /// Reads all rows. Whether they could be read.
    pub(super) fn is_readable(&mut self) -> Result<bool, VaultError> {
        let mut from = Vec::new();
        loop {
            let page = match self.0.table(Table::Backup).page(&from, PAGE) {
                Err(VaultError::Damaged(_) | VaultError::Missing(_)) => return Ok(false),
                page => page?,
            };
            match page.into_iter().last() {
                Some((key, _)) => from = [&key[..], &[0]].concat(),
                None => break,
            }
        }
        // They are of this program, too.
        let decoded = self.meta().and_then(|_| self.peers()).and_then(|_| self.packs());
        Ok(decoded.is_ok())
    }

    /// Makes all that was noted durable.
    pub(super) fn commit(&mut self) -> Result<(), VaultError> {
        self.0.commit()
    }

    pub(super) fn peer(&mut self, number: u32) -> Result<Option<PeerRecord>, VaultError> {
        self.value(&peer_key(number))
    }

    pub(super) fn peers(&mut self) -> Result<Vec<PeerRecord>, VaultError> {
        self.all(PEER)
    }

    pub(super) fn set_peer(&mut self, peer: &PeerRecord) -> Result<(), VaultError> {
        self.set(&peer_key(peer.number), peer)
    }

    pub(super) fn remove_peer(&mut self, number: u32) -> Result<(), VaultError> {
        self.0.table(Table::Backup).remove(&peer_key(number)).map(|_| ())
    }

    pub(super) fn packs(&mut self) -> Result<Vec<PackRecord>, VaultError> {
        self.all(PACK)
    }

    pub(super) fn pack(&mut self, number: u64) -> Result<Option<PackRecord>, VaultError> {
        self.value(&pack_key(PACK, number))
    }

    /// Changes who has which shard of a pack.
    pub(super) fn set_pack(&mut self, pack: &PackRecord) -> Result<(), VaultError> {
        self.set(&pack_key(PACK, pack.number), pack)
    }

    /// Notes a pack with what is in it.
    pub(super) fn add_pack(&mut self, pack: &PackRecord, directory: &Directory) -> Result<(), VaultError> {
        self.set_pack(pack)?;
        self.set(&pack_key(DIRECTORY, pack.number), directory)?;
        for (id, _) in directory {
            self.0.table(Table::Backup).insert(&packed_key(id), &pack.number.to_le_bytes())?;
        }
        Ok(())
    }

    /// Forgets a pack. What was in it is in no pack then.
    pub(super) fn remove_pack(&mut self, number: u64) -> Result<(), VaultError> {
        for (id, _) in self.directory(number)? {
            if self.packed(&id)? == Some(number) {
                self.0.table(Table::Backup).remove(&packed_key(&id))?;
            }
        }
        self.0.table(Table::Backup).remove(&pack_key(DIRECTORY, number))?;
        self.0.table(Table::Backup).remove(&pack_key(PACK, number)).map(|_| ())
    }

    /// Has objects of a pack that are not needed be in no pack: were they needed again, what
    /// they lead to may be in none.
    pub(super) fn forget_others(
        &mut self,
        number: u64,
        needed: &BTreeSet<ObjectId>,
    ) -> Result<(), VaultError> {
        for (id, _) in self.directory(number)? {
            if !needed.contains(&id) && self.packed(&id)? == Some(number) {
                self.0.table(Table::Backup).remove(&packed_key(&id))?;
            }
        }
        Ok(())
    }

    /// What is in a pack.
    pub(super) fn directory(&mut self, number: u64) -> Result<Directory, VaultError> {
        Ok(self.value(&pack_key(DIRECTORY, number))?.unwrap_or_default())
    }

    /// Which pack an object is in.
    pub(super) fn packed(&mut self, id: &ObjectId) -> Result<Option<u64>, VaultError> {
        let row = self.0.table(Table::Backup).get(&packed_key(id))?;
        row.map(|row| row.try_into().map(u64::from_le_bytes).map_err(|_| damaged())).transpose()
    }

    fn value<T: for<'b> Decode<'b, ()>>(&mut self, key: &[u8]) -> Result<Option<T>, VaultError> {
        let row = self.0.table(Table::Backup).get(key)?;
        row.map(|row| minicbor::decode(&row).map_err(|_| damaged())).transpose()
    }

    fn set<T: Encode<()>>(&mut self, key: &[u8], value: &T) -> Result<(), VaultError> {
        self.0.table(Table::Backup).insert(key, &allod_wire::encode(value))
    }

    fn all<T: for<'b> Decode<'b, ()>>(&mut self, what: u8) -> Result<Vec<T>, VaultError> {
        let (mut from, mut all) = (vec![what], Vec::new());
        loop {
            let page = self.0.table(Table::Backup).page(&from, PAGE)?;
            let is_last = page.len() < PAGE;
            for (key, row) in page {
                if key.first() != Some(&what) {
                    return Ok(all);
                }
                all.push(minicbor::decode(&row).map_err(|_| damaged())?);
                from = key;
                from.push(0);
            }
            if is_last {
                return Ok(all);
            }
        }
    }
}

fn pack_key(what: u8, number: u64) -> Vec<u8> {
    [&[what], &number.to_be_bytes()[..]].concat()
}

fn peer_key(number: u32) -> Vec<u8> {
    [&[PEER], &number.to_be_bytes()[..]].concat()
}

/// A row was none. It was authentic, so another program wrote it.
fn damaged() -> VaultError {
    VaultError::Damaged(Damage { part: Part::Tree, at: 0 })
}
