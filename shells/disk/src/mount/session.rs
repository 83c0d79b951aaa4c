//! A mount's life: from when it is there until everything is committed.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use allod_vault::files::Files;
use allod_vault::{Blocks, Compress, VaultError};
use fuser::{BackgroundSession, Config, MountOption, SessionACL};

use super::past::Past;
use super::{Answers, Inside};

/// How often what was written is committed.
const COMMITTED: Duration = Duration::from_secs(5);

/// Who may use a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// Whoever mounted it, and nobody else, root included.
    Mounting,
    /// Everybody, as far as owners and permissions allow. Only root may do this, where the
    /// system's administrator did not say otherwise.
    All,
}

/// Why a vault cannot be mounted, or was not unmounted well.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The system does not mount it.
    #[error("{}: {source}", path.display())]
    System {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The vault failed when the mount ended.
    #[error("the mount ended, but the last changes could not be committed: {0}")]
    Vault(#[from] VaultError),
}

/// A vault that is mounted.
pub struct Mounted<B, C> {
    session: Option<BackgroundSession>,
    inside: Arc<Mutex<Inside<B, C>>>,
    path: PathBuf,
    committer: Option<(Sender<()>, JoinHandle<()>)>,
}

impl<B: Blocks + Send + 'static, C: Compress + Clone + Send + 'static> Mounted<B, C> {
    /// Mounts a vault's files at a directory, until this is [ended](Self::end) or dropped, or
    /// somebody unmounts it.
    ///
    /// # Errors
    /// [`MountError::System`].
    pub fn new(files: Files<B, C>, path: &Path, users: Users) -> Result<Self, MountError> {
        let inside = Inside { files, open: BTreeMap::new(), listed: HashMap::new(), next: 0 };
        let inside = Arc::new(Mutex::new(inside));
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("allod".to_owned()),
            MountOption::Subtype("allod".to_owned()),
            MountOption::DefaultPermissions,
            MountOption::NoAtime,
        ];
        config.acl = match users {
            Users::Mounting => SessionACL::Owner,
            Users::All => SessionACL::All,
        };
        let answers = Past::new(Answers { inside: Arc::clone(&inside) });
        let session = fuser::spawn_mount(answers, path, &config)
            .map_err(|source| MountError::System { path: path.to_owned(), source })?;
        let (stop, stopped) = channel::<()>();
        let shared = Arc::clone(&inside);
        let committer = std::thread::spawn(move || {
            while stopped.recv_timeout(COMMITTED) == Err(RecvTimeoutError::Timeout) {
                // What fails now fails again at the next sync, where somebody is told.
                let _ = shared.lock().unwrap_or_else(|broken| broken.into_inner()).files.commit();
            }
        });
        Ok(Self { session: Some(session), inside, path: path.to_owned(), committer: Some((stop, committer)) })
    }

    /// Whether it is still mounted: somebody may have unmounted it.
    pub fn is_there(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.guard.is_finished())
    }

    /// Unmounts, and commits everything.
    ///
    /// # Errors
    /// [`MountError`].
    pub fn end(mut self) -> Result<(), MountError> {
        self.unmount()
    }

    fn unmount(&mut self) -> Result<(), MountError> {
        let unmounted = match self.session.take() {
            Some(session) if !session.guard.is_finished() => session.umount_and_join(),
            _ => Ok(()),
        };
        if let Some((stop, committer)) = self.committer.take() {
            drop(stop);
            let _ = committer.join();
            self.inside.lock().unwrap_or_else(|broken| broken.into_inner()).files.commit()?;
        }
        unmounted.map_err(|source| MountError::System { path: self.path.clone(), source })
    }
}

impl<B, C> Drop for Mounted<B, C> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
        if let Some((stop, committer)) = self.committer.take() {
            drop(stop);
            let _ = committer.join();
        }
    }
}
