//! A node over TCP, on a thread and a runtime of its own.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
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

/// Heights in a file of the store.
const SECTION: NonZeroU64 = NonZeroU64::new(1_024).unwrap();

/// How long tasks may take to finish what they are at.
const LEAVE: Duration = Duration::from_secs(5);

/// A node that orders operations by simplex.
pub struct Simplex {
    handle: Handle,
    thread: Mutex<Option<JoinHandle<()>>>,
}

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
    let Config { parameters, key, listen, folder, contacts, tuning } = config;
    if contacts.len() > CONTACTS_MAX {
        return Err(Ended::Failed(format!("{} contacts are more than {CONTACTS_MAX}", contacts.len())));
    }
    let key = convert::private_key(&key);
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let run = move || {
        let runner = engine::Runner::new(
            engine::Config::default().with_storage_directory(folder).with_tcp_nodelay(Some(true)),
        );
        runner.start(|context| async move {
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
            let plan =
                Plan { parameters, key, contacts, tuning, partition: "chain".into(), section: SECTION };
            let running = match node::launch(context.child("node"), plan, network, application).await {
                Ok(running) => running,
                Err(why) => {
                    let _ = tell.send(Err(why));
                    return;
                }
            };
            let _links = peers.start();
            let asked = context.child("metrics");
            let _ = tell.send(Ok(Handle::new(&running, move || asked.encode())));
            let shared = Arc::clone(&running.shared);
            let why = running.wait().await;
            if let Err(error) = context.stop(0, Some(LEAVE)).await {
                tracing::warn!(%error, "some tasks of the ordering did not end in time");
            }
            shared.end(why);
        });
    };
    let thread = thread::Builder::new()
        .name("ordering".into())
        .spawn(run)
        .map_err(|error| Ended::Failed(error.to_string()))?;
    match told.recv() {
        Ok(Ok(handle)) => Ok(Simplex { handle, thread: Mutex::new(Some(thread)) }),
        Ok(Err(why)) => Err(why),
        Err(_) => Err(Ended::Failed("the engine could not start; its log says why".into())),
    }
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
        self.handle.submit(operation)
    }

    fn waits(&self, operation: &OperationHash) -> bool {
        self.handle.waits(operation)
    }

    fn block(&self, height: u64) -> Pending<'_, Option<FinalBlock>> {
        self.handle.block(height)
    }

    fn certificate(&self, height: u64) -> Pending<'_, Option<Certificate>> {
        Ordering::certificate(&self.handle, height)
    }

    fn status(&self) -> Status {
        self.handle.status()
    }

    fn metrics(&self) -> String {
        self.handle.metrics()
    }

    fn ended(&self) -> Pending<'_, Ended> {
        self.handle.ended()
    }

    fn stop(&self) -> Pending<'_, Ended> {
        self.handle.stop()
    }
}
