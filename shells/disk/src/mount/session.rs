//! A mount's life: from when it is there until everything is committed.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use allod_vault::files::Files;
use allod_vault::{Blocks, Compress, VaultError};
use fuser::{BackgroundSession, Config, MountOption, SessionACL};

use super::end;
use super::past::Past;
use super::{Answers, Beside, Handle, Inside, Kernel, Shared};

/// How often what was written is committed.
const COMMITTED: Duration = Duration::from_secs(5);

/// How long a mount that is in use is tried to be ended.
const BUSY: Duration = Duration::from_secs(2);

/// How often.
const AGAIN: Duration = Duration::from_millis(20);

/// Threads that answer the kernel, and as many that work beside them, at most.
const THREADS: usize = 4;

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
pub struct Mounted<B: Blocks, C: Compress + Clone> {
    session: Option<BackgroundSession>,
    shared: Arc<Shared<B, C>>,
    kernel: Arc<Kernel>,
    path: PathBuf,
    committer: Option<(Sender<()>, JoinHandle<()>)>,
    workers: Vec<JoinHandle<()>>,
}

impl<B: Blocks + Send + 'static, C: Compress + Clone + Send + 'static> Mounted<B, C> {
    /// Mounts a vault's files at a directory, until this is [ended](Self::end) or dropped, or
    /// somebody unmounts it.
    ///
    /// # Errors
    /// [`MountError::System`].
    pub fn new(files: Files<B, C>, path: &Path, users: Users) -> Result<Self, MountError> {
        let beside = Beside::default();
        let inside = Inside { files, open: BTreeMap::new(), listed: HashMap::new(), next: 0, beside };
        let shared = Arc::new(Shared::new(inside));
        let threads = std::thread::available_parallelism().map_or(1, Into::into).clamp(2, THREADS);
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
        config.n_threads = Some(threads);
        let kernel = Arc::new(Kernel::default());
        let answers = Past::new(Answers { shared: Arc::clone(&shared) }, Arc::clone(&kernel));
        let session = fuser::spawn_mount(answers, path, &config)
            .map_err(|source| MountError::System { path: path.to_owned(), source })?;
        kernel.is_told_by(Some(session.notifier()));
        let (stop, stopped) = channel::<()>();
        let committed = Arc::clone(&shared);
        let committer = std::thread::spawn(move || {
            while stopped.recv_timeout(COMMITTED) == Err(RecvTimeoutError::Timeout) {
                // What fails now fails again at the next sync, where somebody is told.
                let _ = committed.settled().files.commit();
            }
        });
        let work = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.work())
        };
        let workers = (0..threads).map(work).collect();
        let (session, path) = (Some(session), path.to_owned());
        Ok(Self { session, shared, kernel, path, committer: Some((stop, committer)), workers })
    }

    /// Whether it is still mounted: somebody may have unmounted it.
    pub fn is_there(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.guard.is_finished())
    }

    /// The vault, to be worked on while it is mounted.
    pub fn handle(&self) -> Handle<B, C> {
        Handle { shared: Arc::clone(&self.shared), kernel: Arc::clone(&self.kernel) }
    }

    /// Unmounts, commits everything, and gives back the room that was reserved.
    ///
    /// # Errors
    /// [`MountError`].
    pub fn end(mut self) -> Result<(), MountError> {
        self.unmount()
    }

    /// Unmounts. The kernel lets go of files some time after the last program has closed them, so
    /// what is in use is tried again for a moment.
    fn leave(&self) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            match end::unmount(&self.path, false) {
                Err(why) if why.kind() == io::ErrorKind::ResourceBusy && begun.elapsed() < BUSY => {
                    std::thread::sleep(AGAIN);
                }
                done => return done,
            }
        }
    }

    fn unmount(&mut self) -> Result<(), MountError> {
        self.kernel.is_told_by(None);
        let unmounted = match self.session.take() {
            Some(session) if !session.guard.is_finished() => match self.leave() {
                Ok(()) => session.join(),
                Err(_) => match session.umount_and_join() {
                    // Somebody else unmounted it just now.
                    Err(why) if why.kind() == io::ErrorKind::InvalidInput => Ok(()),
                    done => done,
                },
            },
            _ => Ok(()),
        };
        if let Some((stop, committer)) = self.committer.take() {
            drop(stop);
            let _ = committer.join();
            self.shared.settled().files.give_back()?;
        }
        unmounted.map_err(|source| MountError::System { path: self.path.clone(), source })
    }
}

impl<B: Blocks, C: Compress + Clone> Drop for Mounted<B, C> {
    fn drop(&mut self) {
        self.kernel.is_told_by(None);
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
        if let Some((stop, committer)) = self.committer.take() {
            drop(stop);
            let _ = committer.join();
        }
        self.shared.end();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}
