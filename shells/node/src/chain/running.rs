//! A guardian's chain, from its files to its end.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_guardian::answering;
use allod_guardian::sealed::{self, Opening};
use allod_ledger::{Genesis, NETWORK_KEY_LEN, NetworkKey};
use allod_wire::GuardianId;
use axum::Router;
use tokio::task::JoinHandle;

use super::duties::Duties;
use super::evaluation::Evaluation;
use super::gather::Gatherer;
use super::log::RequestLog;
use super::ordering::simplex::{self, Tuning};
use super::ordering::{self, Ordering};
use super::snapshot::{self, Wanted};
use super::vouching::Knows;
use super::{ChainError, Executor, HeldKeys, Kept, Routes, Shares, Store, Watch, http};
use crate::callers::Callers;
use crate::files;

/// How a guardian takes part in a network.
#[derive(Clone, Debug)]
pub struct ChainConfig {
    /// The file with the network's genesis.
    pub genesis: PathBuf,
    /// Where other guardians connect.
    pub listen: SocketAddr,
    /// The folder that holds the chain's state.
    pub state: PathBuf,
    /// How ordering is tuned.
    pub tuning: Tuning,
    /// How far back the ledger is kept.
    pub kept: Kept,
    /// The network's public key. Without it, a guardian that fetches the ledger
    /// believes what more than two thirds of the genesis' guardians say.
    pub network_key: Option<[u8; NETWORK_KEY_LEN]>,
    /// How many heights the others must be ahead at the start for the ledger to be
    /// fetched instead of all the blocks; as many as ordering keeps, where it is
    /// not said.
    pub fetch_ahead: Option<u64>,
    /// How other guardians are reached.
    pub routes: Routes,
    /// How often evaluations may be asked for.
    pub evaluations: answering::Limits,
}

/// The file that says that this guardian has voted, or is about to.
const VOTED: &str = "voted";

/// A guardian's chain that is up.
pub struct Running {
    router: Router,
    ordering: Arc<dyn Ordering>,
    watch: Watch,
    duties: JoinHandle<()>,
    evaluating: Option<thread::JoinHandle<()>>,
}

/// Reads the key with which a guardian votes and signs, or makes one.
///
/// # Errors
/// [`ChainError::File`].
pub fn guardian_key(folder: &Path) -> Result<SigningKey, ChainError> {
    files::private_folder(folder)?;
    let path = folder.join("guardian.key");
    if let Some(bytes) = files::read_if_there(&path)? {
        let seed = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| ChainError::Store(format!("{} is no key", path.display())))?;
        return Ok(SigningKey::from_seed(&Secret::from(seed)));
    }
    let seed = Secret::random(&mut crate::entropy());
    files::write_private(&path, seed.expose())?;
    Ok(SigningKey::from_seed(&seed))
}

/// Reads a genesis.
///
/// # Errors
/// [`ChainError::File`], [`ChainError::Genesis`].
pub fn read_genesis(path: &Path) -> Result<Genesis, ChainError> {
    let bytes = std::fs::read(path).map_err(files::at(path))?;
    let wrong = |why: String| ChainError::Genesis { path: path.display().to_string(), why };
    let genesis: Genesis = allod_wire::decode(&bytes).map_err(|why| wrong(why.to_string()))?;
    genesis.check().map_err(|why| wrong(why.to_string()))?;
    Ok(genesis)
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running(..)")
    }
}

impl Running {
    /// Starts the chain on the current runtime, for the guardian that these call. It
    /// answers those and vouches for new identities of those who are registered
    /// there, which `knows` tells. Where the other guardians are far ahead, their
    /// ledger is fetched first.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn start(
        config: &ChainConfig,
        callers: Arc<Callers>,
        knows: Knows,
    ) -> Result<Self, ChainError> {
        let genesis = read_genesis(&config.genesis)?;
        let key = guardian_key(&config.state)?;
        let me = GuardianId(key.verifying_key().0);
        catch_up(config, &genesis, me).await?;
        let store = Arc::new(Store::open(&config.state.join("ledger"), config.kept)?);
        let shares = Shares::open(&config.state.join("shares"))?;
        let held = Arc::new(HeldKeys::new(me, shares));
        let (executor, heights, accusations) = Executor::open(Arc::clone(&store), &genesis)?;
        let rules = genesis.parameters;
        let epoch_heights = NonZeroU64::new(rules.epoch_heights)
            .ok_or_else(|| ChainError::Ordering("an epoch has no heights".into()))?;
        let parameters = ordering::Parameters {
            network: *genesis.network().as_bytes(),
            genesis: genesis.at,
            epoch_heights,
        };
        let engine = simplex::Config {
            parameters,
            key: key.clone(),
            listen: config.listen,
            folder: config.state.join("ordering"),
            contacts: Vec::new(),
            tuning: config.tuning,
        };
        let ordering = simplex::start(engine, Arc::new(executor.by(config.routes.clone())))
            .map_err(|why| ChainError::Ordering(why.to_string()))?;
        let ordering: Arc<dyn Ordering> = Arc::new(ordering);
        let gatherer = Arc::new(Gatherer::new(me, config.routes.clone()));
        let network = genesis.network();
        let log = Arc::new(RequestLog::open(&config.state)?);
        let (evaluation, evaluating) = if log.begins_anew() {
            (None, None)
        } else {
            let (evaluation, thread) = Evaluation::start(
                network,
                key.clone(),
                Arc::clone(&held),
                Arc::clone(&log),
                config.evaluations,
            )?;
            (Some(evaluation), Some(thread))
        };
        let opening = Mutex::new(Opening::new(network, key.clone(), sealed::Limits::default()));
        let watch = Watch {
            me,
            store: Arc::clone(&store),
            held: Arc::clone(&held),
            ordering: Arc::clone(&ordering),
            tuning: config.tuning,
        };
        let shared = http::Shared {
            watch: watch.clone(),
            key: key.clone(),
            genesis: allod_wire::encode(&genesis),
            store: Arc::clone(&store),
            held: Arc::clone(&held),
            gatherer: Arc::clone(&gatherer),
            ordering: Arc::clone(&ordering),
            callers,
            knows,
            evaluation,
            log,
            opening,
            vouching: Mutex::default(),
        };
        let duties = Duties {
            me,
            key,
            rules,
            store,
            held,
            gatherer,
            ordering: Arc::clone(&ordering),
            nonce: AtomicU64::new(0),
        };
        let duties = tokio::spawn(Arc::new(duties).run(heights, accusations));
        Ok(Self { router: http::router(Arc::new(shared)), ordering, watch, duties, evaluating })
    }

    /// The chain's routes, for the guardian's HTTP interface.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// How ordering goes.
    pub fn status(&self) -> ordering::Status {
        self.ordering.status()
    }

    /// What watches over it.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Resolves when ordering has ended, with the reason.
    pub async fn ended(&self) -> ordering::Ended {
        self.ordering.ended().await
    }

    /// Ends ordering, and then the duties.
    pub async fn stop(mut self) {
        self.ordering.stop().await;
        self.duties.abort();
        let _ = (&mut self.duties).await;
        // The thread ends with the last handle to it, which the routes hold.
        let Self { router, evaluating, .. } = self;
        drop(router);
        let _ = tokio::task::spawn_blocking(move || evaluating.map(thread::JoinHandle::join)).await;
    }
}

/// Fetches the ledger, where this guardian has none from which it could go on.
async fn catch_up(config: &ChainConfig, genesis: &Genesis, me: GuardianId) -> Result<(), ChainError> {
    let folder = config.state.join("ledger");
    let have = Store::open(&folder, config.kept)?.height()?.unwrap_or(0);
    let key = config.network_key.as_ref().map(|key| NetworkKey::decode(key)).transpose()?;
    let kept = config.tuning.heights_kept;
    // Ordering cannot go on from a height whose blocks it has lost. Nor may a
    // guardian begin again from nothing among others who have its votes.
    let voted = have > 0 || config.state.join(VOTED).exists();
    let lost = voted && !config.state.join("ordering").exists();
    let (have, ahead) = if lost { (0, 0) } else { (have, config.fetch_ahead.unwrap_or(kept)) };
    let routes = config.routes.clone();
    let wanted = Wanted { genesis, me, routes, folder: &folder, have, ahead, kept, key };
    let caught_up = snapshot::catch_up(&wanted).await?;
    if let Some(height) = caught_up.height {
        tracing::info!(height, "begins with the ledger of other guardians");
    }
    for (guardian, wrong) in &caught_up.refused {
        tracing::warn!(%guardian, ?wrong, "a guardian's snapshot was refused");
    }
    if lost && caught_up.height.is_none() {
        return Err(ChainError::VotesLost);
    }
    if !config.state.join(VOTED).exists() {
        files::write_private(&config.state.join(VOTED), b"")?;
    }
    Ok(())
}
