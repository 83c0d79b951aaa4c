//! A node over TCP, on a thread and a runtime of its own.

use std::fmt::Display;
use std::fs::File;
use std::net::TcpListener;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use commonware_consensus::types::Height;
use commonware_cryptography::Digestible as _;
use commonware_p2p::authenticated::lookup;
use commonware_runtime::{Metrics, Runner as _, Spawner as _, Supervisor as _, tokio as engine};

use super::super::{
    Application, Certificate, Ended, FinalBlock, OperationHash, Ordering, Pending, Refusal, Status,
};
use super::convert::{self, Marshal, Roster};
use super::links::{Straight, Way};
use super::node::{self, Network, Plan, Running};
use super::provider::Schemes;
use super::shared::Shared;
use super::{CONTACTS_MAX, Config, links};
use crate::files;

/// Heights in a file of the store.
const SECTION: NonZeroU64 = NonZeroU64::new(1_024).unwrap();

/// How long tasks may take to finish what they are at.
const LEAVE: Duration = Duration::from_secs(5);

/// A node that orders operations by simplex.
pub struct Simplex(Handle);

/// What asks a running node.
pub(super) struct Handle {
    shared: Arc<Shared>,
    marshal: Marshal,
    schemes: Schemes,
    metrics: Box<dyn Fn() -> String + Send + Sync>,
}

/// Starts a node.
///
/// # Errors
/// [`Ended`], where the node could not even begin.
pub fn start(config: Config, application: Arc<dyn Application>) -> Result<Simplex, Ended> {
    start_through(config, application, Straight)
}

/// Starts a node whose messages take a way of their own to the links.
///
/// # Errors
/// [`Ended`], where the node could not even begin.
pub(crate) fn start_through(
    config: Config,
    application: Arc<dyn Application>,
    way: impl Way,
) -> Result<Simplex, Ended> {
    if config.contacts.len() > CONTACTS_MAX {
        return Err(Ended::Failed(format!(
            "{} contacts are more than {CONTACTS_MAX}",
            config.contacts.len()
        )));
    }
    // The engine would wait for a folder in use, and panic over an address in use.
    let lock = lock(&config.folder)?;
    TcpListener::bind(config.listen)
        .map_err(|error| Ended::Failed(format!("cannot listen on {}: {error}", config.listen)))?;
    let (tell, told) = mpsc::sync_channel(1);
    let run = move || {
        let told = Arc::new(OnceLock::new());
        let started = Arc::clone(&told);
        // Where a task of the engine panics, all end. The folder is free again
        // when the runtime is gone, so the end is told after that.
        let end = catch_unwind(AssertUnwindSafe(|| run(config, application, way, tell, &started)));
        drop(lock);
        if let Some(shared) = told.get() {
            shared.end(end.unwrap_or_else(|_| Ended::Failed("a task panicked; the log says where".into())));
        }
    };
    thread::Builder::new()
        .name("ordering".into())
        .spawn(run)
        .map_err(|error| Ended::Failed(error.to_string()))?;
    match told.recv() {
        Ok(handle) => handle.map(Simplex),
        Err(_) => Err(Ended::Failed("the engine could not start; the log says why".into())),
    }
}

/// Makes the folder, and takes it for this node alone.
fn lock(folder: &Path) -> Result<File, Ended> {
    let failed = |error: &dyn Display| Ended::Failed(format!("cannot use {}: {error}", folder.display()));
    files::private_folder(folder).map_err(|error| failed(&error))?;
    let lock = files::private_file(&folder.join("lock")).map_err(|error| failed(&error))?;
    lock.try_lock().map_err(|error| failed(&error))?;
    Ok(lock)
}

/// Bytes of stack that the engine's threads have. Left to itself the engine takes
/// what the C library gives a thread, and musl's gives too little.
const STACK: usize = 8 * 1024 * 1024;

/// Runs a node to its end, and gives the reason.
fn run(
    config: Config,
    application: Arc<dyn Application>,
    way: impl Way,
    tell: mpsc::SyncSender<Result<Handle, Ended>>,
    started: &OnceLock<Arc<Shared>>,
) -> Ended {
    let Config { parameters, key, listen, folder, contacts, tuning } = config;
    let key = convert::private_key(&key);
    let settings = engine::Config::default()
        .with_storage_directory(folder.join("store"))
        .with_tcp_nodelay(Some(true))
        .with_thread_stack_size(STACK);
    engine::Runner::new(settings).start(|context| async move {
        let config = links::config(key.clone(), &parameters.network, listen);
        let (mut peers, manager) = lookup::Network::new(context.child("links"), config);
        let mut channel = |carries: links::Carries| {
            let (sender, receiver) = peers.register(carries.0, links::quota(carries));
            (way.lead(carries.0, sender), receiver)
        };
        let network = Network {
            votes: channel(links::VOTES),
            certificates: channel(links::CERTIFICATES),
            questions: channel(links::QUESTIONS),
            backfill: channel(links::BACKFILL),
            blocks: channel(links::BLOCKS),
            operations: channel(links::OPERATIONS),
            manager: manager.clone(),
            blocker: manager,
        };
        let plan = Plan { parameters, key, contacts, tuning, partition: "chain".into(), section: SECTION };
        let running = match node::launch(context.child("node"), plan, network, application).await {
            Ok(running) => running,
            Err(why) => {
                let _ = tell.send(Err(why.clone()));
                return why;
            }
        };
        let links = peers.start();
        let _ = started.set(Arc::clone(&running.shared));
        // A handle may outlive the runtime, and the folder is in use as long as
        // anything of the runtime is there.
        let asked = Arc::new(context.child("metrics"));
        let asks = Arc::downgrade(&asked);
        let metrics = move || asks.upgrade().map(|asked| asked.encode()).unwrap_or_default();
        let _ = tell.send(Ok(Handle::new(&running, metrics)));
        let why = running.wait([links]).await;
        if let Err(error) = context.stop(0, Some(LEAVE)).await {
            tracing::warn!(%error, "some tasks of the ordering did not end in time");
        }
        why
    })
}

impl Handle {
    pub(super) fn new(running: &Running, metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::clone(&running.shared),
            marshal: running.marshal.clone(),
            schemes: running.schemes.clone(),
            metrics: Box::new(metrics),
        }
    }

    async fn certificate(&self, height: u64) -> Option<Certificate> {
        let finalization = self.marshal.get_finalization(Height::new(height)).await?;
        let epoch = finalization.proposal.round.epoch().get();
        let scheme = match self.schemes.get(epoch) {
            Some(scheme) => scheme,
            None => {
                let roster = Roster::new(&self.shared.application.committee(epoch)?).ok()?;
                Arc::new(convert::scheme(&self.shared.parameters.network, roster.keys(), None))
            }
        };
        convert::certificate(&scheme, &finalization)
    }
}

impl Ordering for Handle {
    fn submit(&self, operation: &[u8]) -> Result<OperationHash, Refusal> {
        self.shared.submit(operation)
    }

    fn waits(&self, operation: &OperationHash) -> bool {
        self.shared.pool().waits(operation)
    }

    fn block(&self, height: u64) -> Pending<'_, Option<FinalBlock>> {
        Box::pin(async move {
            if height > self.shared.height_applied() {
                return None;
            }
            let block = self.marshal.get_block(Height::new(height)).await?;
            Some(FinalBlock { digest: block.digest().into(), block: block.inner_shared() })
        })
    }

    fn certificate(&self, height: u64) -> Pending<'_, Option<Certificate>> {
        Box::pin(self.certificate(height))
    }

    fn status(&self) -> Status {
        self.shared.status()
    }

    fn metrics(&self) -> String {
        (self.metrics)()
    }

    fn ended(&self) -> Pending<'_, Ended> {
        Box::pin(self.shared.ended())
    }

    fn stop(&self) -> Pending<'_, Ended> {
        self.shared.stop(Ended::Stopped);
        self.ended()
    }
}

impl Ordering for Simplex {
    fn submit(&self, operation: &[u8]) -> Result<OperationHash, Refusal> {
        self.0.submit(operation)
    }

    fn waits(&self, operation: &OperationHash) -> bool {
        self.0.waits(operation)
    }

    fn block(&self, height: u64) -> Pending<'_, Option<FinalBlock>> {
        self.0.block(height)
    }

    fn certificate(&self, height: u64) -> Pending<'_, Option<Certificate>> {
        Ordering::certificate(&self.0, height)
    }

    fn status(&self) -> Status {
        self.0.status()
    }

    fn metrics(&self) -> String {
        self.0.metrics()
    }

    fn ended(&self) -> Pending<'_, Ended> {
        self.0.ended()
    }

    fn stop(&self) -> Pending<'_, Ended> {
        self.0.stop()
    }
}
