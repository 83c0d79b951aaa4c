//! The person's side of a backup to peers: what is new goes to them, what they have is
//! audited and made again where it is lost, and a vault comes back from any few of them.
//!
//! ```text
//! Files ──survey──▶ objects ──pack, code──▶ shards ──▶ peers          (run)
//!                                           catalogue ──▶ all peers
//! peers ──catalogue──▶ newest ──any k shards a pack──▶ objects ──▶ Files   (restore)
//! ```
//!
//! What is known of a backup is in the vault's table of backups, row by row, and each pack is
//! in it as soon as it is stored. A run that stops anywhere goes on where it stopped. Nothing
//! is dropped at any peer before a catalogue that does without it is safe with so many of them
//! that every set of peers that gives the vault back has one that knows it.

mod audit;
mod book;
mod erasure;
mod error;
mod mend;
mod peer;
mod publish;
mod relearn;
mod restore;
mod run;
mod salvage;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use allod_crypto::Secret;
use allod_vault::backup::{BackupKeys, Caught, Code, FolderRecord, PackRecord, PeerRecord};
use allod_vault::files::{Access, Hold};
use allod_vault::{SpaceId, VaultError};

pub use audit::{Audit, Audited};
pub use erasure::ReedSolomon;
pub use error::{Faults, RunError};
pub use peer::{Held, Peer, PeerError};
pub use restore::{Found, Restored, find, restore};
pub use run::{How, Progress, Report};

use book::Book;

/// The secret of the backup of a person's own vault is derived from the root for this purpose.
pub const PURPOSE: &str = "vault backup";

/// The purpose for which the secret of a shared folder's backup is derived.
pub fn purpose_of(space: &SpaceId) -> String {
    format!("{PURPOSE}/space/{space}")
}

/// The backup of a vault that is open, and that others may use meanwhile: it is had for a moment
/// at a time, and never while a peer is waited for.
#[derive(Debug)]
pub struct Backup<A: Access> {
    access: A,
    keys: BackupKeys,
    /// What only one backup of a vault has at a time.
    hold: Option<Hold>,
    /// A peer that is given up: it gets nothing, and still gives what it has.
    leaving: Option<Arc<Peer>>,
}

/// How a backup stands, as far as it is known without asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The peers.
    pub peers: Vec<PeerRecord>,
    /// The generation of the newest catalogue; 0 where there is none.
    pub generation: u64,
    /// When it was made, in milliseconds since 1970.
    pub made: u64,
    /// How a pack is divided from now on.
    pub code: Option<Code>,
    /// Packs that are stored.
    pub packs: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Shards that no peer has, or only one that was caught at not keeping what it took.
    pub missing: usize,
    /// Packs that one more lost peer could take with it.
    pub endangered: usize,
    /// Objects that are in no pack.
    pub unpacked: usize,
}

impl<A: Access> Backup<A> {
    /// Of these files. `secret` is derived from the identity's root for this space alone.
    pub fn new(access: A, secret: &Secret<32>) -> Self {
        Self { access, keys: BackupKeys::new(secret), hold: None, leaving: None }
    }

    /// How it stands.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn status(&mut self) -> Result<Status, RunError> {
        let (meta, peers, packs, unpacked) = self.access.with(|files| {
            let meta = Book::new(files).meta()?.unwrap_or_default();
            let unpacked = files.survey(meta.finished)?.unpacked.len();
            Ok::<_, RunError>((meta, Book::new(files).peers()?, Book::new(files).packs()?, unpacked))
        })?;
        let known = |number: u32| peers.iter().any(|peer| peer.number == number && peer.keeps());
        let placed =
            |pack: &PackRecord| pack.shards.iter().filter(|shard| shard.peer.is_some_and(known)).count();
        Ok(Status {
            generation: meta.generation,
            made: meta.made,
            code: meta.code.or(Code::for_peers(peers.len())),
            packs: packs.len(),
            bytes: packs.iter().map(|pack| u64::from(pack.size)).sum(),
            missing: packs.iter().map(|pack| pack.shards.len() - placed(pack)).sum(),
            endangered: packs.iter().filter(|pack| placed(pack) <= usize::from(pack.code.needed())).count(),
            unpacked,
            peers,
        })
    }

    /// Takes up a peer, if it serves the account. With what the account has there.
    ///
    /// # Errors
    /// [`RunError::NotTaken`], [`RunError::Unprotected`], [`RunError::Address`],
    /// [`RunError::Known`]; [`RunError`].
    pub async fn add_peer(&mut self, address: &str) -> Result<Held, RunError> {
        let parsed: crate::person::Address = address.parse()?;
        if !parsed.is_protected() {
            return Err(RunError::Unprotected(address.to_owned()));
        }
        let peer = Peer::new(0, parsed, &self.keys);
        self.is_new(&peer)?;
        let not_taken = |why| RunError::NotTaken {
            address: address.to_owned(),
            account: format!("{:?}", peer.account().id()),
            why,
        };
        let held = peer.held().await.map_err(not_taken)?;
        // Another may have taken it up meanwhile.
        self.is_new(&peer)?;
        let address = peer.address().to_string();
        self.book(|book| {
            let meta = book.change_meta(|meta| {
                meta.next_peer += 1;
                meta.changed = true;
            })?;
            book.set_peer(&PeerRecord::new(meta.next_peer - 1, address))?;
            book.commit()
        })?;
        Ok(held)
    }

    /// Refuses a peer that is one already.
    fn is_new(&mut self, peer: &Peer) -> Result<(), RunError> {
        for known in self.book(|book| book.peers())? {
            let other = Peer::new(known.number, known.address.parse()?, &self.keys);
            if other.account().id() == peer.account().id() {
                return Err(RunError::Known(known.address));
            }
        }
        Ok(())
    }

    /// Gives a peer up: its shards count as lost, and the next [run](Self::run) has others keep
    /// them. It is asked to drop what it has, once the others have it.
    ///
    /// # Errors
    /// [`RunError::NoSuchPeer`]; [`RunError`].
    pub async fn remove_peer(
        &mut self,
        address: &str,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Report, RunError> {
        self.take_hold()?;
        let done = self.remove_held(address, progress).await;
        self.let_go();
        done
    }

    async fn remove_held(
        &mut self,
        address: &str,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Report, RunError> {
        let peers = self.book(|book| book.peers())?;
        let found = peers.iter().find(|peer| is_meant(&peer.address, address));
        let gone = found.ok_or_else(|| RunError::NoSuchPeer(address.to_owned()))?.clone();
        self.book(|book| {
            book.remove_peer(gone.number)?;
            book.change_meta(|meta| meta.changed = true)?;
            book.commit()
        })?;
        if peers.len() == 1 {
            if let Ok(peer) = self.peer(&gone) {
                let _ = peer.forget().await;
            }
            return Ok(Report::default());
        }
        let leaving = Arc::new(self.peer(&gone)?);
        self.leaving = Some(Arc::clone(&leaving));
        let report = self.run_held(How::default(), progress).await;
        self.leaving = None;
        let report = report?;
        if report.is_safe && self.is_spread()? {
            // If it is gone, it needs no telling.
            let _ = leaving.forget().await;
        }
        Ok(report)
    }

    /// Whether the peers have as many shards of every pack as so many peers can have.
    fn is_spread(&mut self) -> Result<bool, RunError> {
        let (packs, peers) = self.book(|book| Ok((book.packs()?, book.peers()?)))?;
        let keeps = |number: &u32| peers.iter().any(|peer| peer.number == *number && peer.keeps());
        let trusted = peers.iter().filter(|peer| peer.is_trusted()).count();
        Ok(packs.iter().all(|pack| {
            let placed = pack.shards.iter().filter_map(|shard| shard.peer).filter(keeps).count();
            placed >= usize::from(pack.code.needed()) && placed >= pack.shards.len().min(trusted)
        }))
    }

    /// Trusts a peer again that was caught: it gets what is new, and what it took counts as kept.
    /// What it was caught at.
    ///
    /// # Errors
    /// [`RunError::NoSuchPeer`]; [`RunError`].
    pub fn forgive(&mut self, address: &str) -> Result<Vec<Caught>, RunError> {
        let found = self.book(|book| {
            let peers = book.peers()?;
            let Some(mut peer) = peers.into_iter().find(|peer| is_meant(&peer.address, address)) else {
                return Ok(None);
            };
            let caught = std::mem::take(&mut peer.caught);
            book.set_peer(&peer)?;
            book.commit()?;
            Ok(Some(caught))
        })?;
        found.ok_or_else(|| RunError::NoSuchPeer(address.to_owned()))
    }

    /// Notes who was caught, and at what, durably.
    fn note_lies(&mut self, faults: &Faults) -> Result<(), RunError> {
        if faults.lies().next().is_none() {
            return Ok(());
        }
        self.book(|book| {
            for mut peer in book.peers()? {
                faults.accuse(&mut peer);
                book.set_peer(&peer)?;
            }
            book.commit()
        })
    }

    /// Divides packs so from now on.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn set_code(&mut self, code: Option<Code>) -> Result<(), RunError> {
        self.book(|book| {
            book.change_meta(|meta| meta.code = code)?;
            book.commit()
        })
    }

    /// Has whoever recovers find the backups of these shared folders, by the next catalogue.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn set_folders(&mut self, folders: Vec<FolderRecord>) -> Result<(), RunError> {
        self.book(|book| {
            if book.meta_or_new()?.folders == folders {
                return Ok(());
            }
            book.change_meta(|meta| (meta.folders, meta.changed) = (folders, true))?;
            book.commit()
        })
    }

    /// The shared folders of which the backup knows.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn folders(&mut self) -> Result<Vec<FolderRecord>, RunError> {
        Ok(self.book(|book| book.meta())?.unwrap_or_default().folders)
    }

    /// When the peers were last audited, in milliseconds since 1970; 0 for never.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn audited(&mut self) -> Result<u64, RunError> {
        Ok(self.book(|book| book.meta())?.unwrap_or_default().audited)
    }

    /// Where the peers are.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn peer_addresses(&mut self) -> Result<Vec<String>, RunError> {
        Ok(self.book(|book| book.peers())?.into_iter().map(|peer| peer.address).collect())
    }

    /// The account that a peer at this address would know the person by.
    ///
    /// # Errors
    /// [`RunError::Address`].
    pub fn account_at(&self, address: &str) -> Result<String, RunError> {
        let peer = Peer::new(0, address.parse()?, &self.keys);
        Ok(format!("{:?}", peer.account().id()))
    }

    /// Does something with the table in one step.
    fn book<R>(
        &mut self,
        work: impl FnOnce(&mut Book<'_, A::Blocks, A::Compress>) -> Result<R, VaultError>,
    ) -> Result<R, RunError> {
        self.access.with(|files| Ok(work(&mut Book::new(files))?))
    }

    /// From here on nobody else backs up this vault, or audits its peers, until [`Self::let_go`].
    fn take_hold(&mut self) -> Result<(), RunError> {
        if self.hold.is_none() {
            self.hold = Some(self.access.with(|files| files.take_hold()).ok_or(RunError::UnderWay)?);
        }
        Ok(())
    }

    fn let_go(&mut self) {
        if let Some(hold) = self.hold.take() {
            self.access.with(|files| files.let_go(&hold));
        }
    }

    fn peer(&self, record: &PeerRecord) -> Result<Peer, RunError> {
        Ok(Peer::new(record.number, record.address.parse()?, &self.keys))
    }

    /// All peers, by number.
    fn peers(&mut self) -> Result<Peers, RunError> {
        let records = self.book(|book| book.peers())?;
        let mut peers = Peers::new();
        for record in &records {
            peers.insert(record.number, Arc::new(self.peer(record)?));
        }
        Ok(peers)
    }
}

// A run that is dropped in the middle is over, too.
impl<A: Access> Drop for Backup<A> {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Peers by number.
type Peers = BTreeMap<u32, Arc<Peer>>;

/// Whether a person who writes this means this address: with or without its pin.
fn is_meant(address: &str, written: &str) -> bool {
    let plain = |text: &str| text.split('#').next().unwrap_or_default().trim_end_matches('/').to_owned();
    address == written || (!written.contains('#') && plain(address) == plain(written))
}
