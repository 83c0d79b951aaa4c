//! A node's tasks, wired together: the same over TCP and in a simulation.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

use commonware_broadcast::buffered;
use commonware_consensus::marshal::core::Actor;
use commonware_consensus::marshal::resolver::p2p as backfill;
use commonware_consensus::marshal::standard::Inline;
use commonware_consensus::marshal::{self, Start};
use commonware_consensus::types::{FixedEpocher, Height, ViewDelta};
use commonware_cryptography::blake3::Digest;
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_cryptography::{Digested, Digestible as _, Signer as _};
use commonware_p2p::{AddressableManager, Blocker, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::Handle;
use commonware_runtime::buffer::paged::{CacheRef, page_size};
use commonware_storage::archive::prunable;
use commonware_storage::translator::EightCap;
use tokio::sync::mpsc;

use super::super::{Application, Block, Ended, Member, Parameters};
use super::convert::{self, Marshal, Roster};
use super::delivery::{Delivery, Inbox, roster};
use super::epochs::{Begin, Epochs};
use super::hearing::Hearing;
use super::proposer::Proposer;
use super::provider::Schemes;
use super::record::{Base, Entered, Record};
use super::shared::Shared;
use super::{BUFFER, FETCH_RETRY, MAILBOX, Runtime, Tuning, fetch_timeout, gossip};

/// Blocks that the application may have before it, not applied yet.
const UNDER_WAY: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// Views whose blocks, not final yet, are in one file.
const VIEWS_IN_A_FILE: NonZeroU64 = NonZeroU64::new(64).unwrap();

/// Missing blocks that are asked for at the same time.
const REPAIRS: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// Blocks of each peer that are kept before anybody voted for them.
const BLOCKS_HELD: usize = 8;

/// What a node is made of.
pub(super) struct Plan {
    pub(super) parameters: Parameters,
    pub(super) key: PrivateKey,
    pub(super) contacts: Vec<Member>,
    pub(super) tuning: Tuning,
    /// What the names of its partitions begin with.
    pub(super) partition: String,
    /// Heights in a file of the store; never changes for a folder. Files are
    /// pruned whole.
    pub(super) section: NonZeroU64,
}

/// A node's links.
pub(super) struct Network<S, R, M, B> {
    pub(super) votes: (S, R),
    pub(super) certificates: (S, R),
    pub(super) questions: (S, R),
    pub(super) backfill: (S, R),
    pub(super) blocks: (S, R),
    pub(super) operations: (S, R),
    pub(super) manager: M,
    pub(super) blocker: B,
}

/// A node that runs.
pub(super) struct Running {
    pub(super) shared: Arc<Shared>,
    pub(super) marshal: Marshal,
    pub(super) schemes: Schemes,
    tasks: Vec<Handle<()>>,
}

impl Running {
    /// Runs on, and so do `links`, until there is a reason to end, and gives it.
    /// All tasks are children of the one that [`launch`] was called in.
    pub(super) async fn wait(mut self, links: impl IntoIterator<Item = Handle<()>>) -> Ended {
        self.tasks.extend(links);
        tokio::select! {
            biased;
            why = self.shared.stopping() => why,
            end = Handle::select(self.tasks) => {
                let why = match end {
                    Ok(()) => "a task ended by itself".into(),
                    Err(error) => error.to_string(),
                };
                // The task that knows better may have said so a moment before.
                self.shared.stop(Ended::Failed(why));
                self.shared.stopping().await
            }
        }
    }
}

/// Starts a node.
///
/// # Errors
/// [`Ended::Committee`], [`Ended::Certificate`], [`Ended::Failed`].
pub(super) async fn launch<E, S, R, M, B>(
    mut context: E,
    plan: Plan,
    network: Network<S, R, M, B>,
    application: Arc<dyn Application>,
) -> Result<Running, Ended>
where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    M: AddressableManager<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    let Plan { parameters, key, contacts, tuning, partition, section } = plan;
    let applied = application.applied();
    let epoch = parameters.epoch_of(applied.height + 1);
    let genesis = Block::genesis(&parameters);
    let epocher = FixedEpocher::new(parameters.epoch_heights);
    let (shared, submitted) = Shared::new(parameters, tuning, application, applied.height);

    // Who votes, now and in the epoch before.
    let schemes = Schemes::new(shared.parameters.network);
    let mut rosters = Vec::new();
    for epoch in [epoch.checked_sub(1), Some(epoch)].into_iter().flatten() {
        match roster(&shared, epoch) {
            Ok(roster) => {
                schemes.add(epoch, roster.keys());
                rosters.push((epoch, roster));
            }
            Err(why) if rosters.is_empty() && epoch < shared.parameters.epoch_of(applied.height + 1) => {
                tracing::debug!(%why, "the epoch before is not known any more");
            }
            Err(why) => return Err(why),
        }
    }

    let mut record =
        Record::open(context.child("record"), format!("{partition}-epoch")).await.map_err(Ended::Failed)?;
    let invalid = Ended::Certificate { height: applied.height };
    let floor = match &applied.certificate {
        Some(certificate) => {
            let of = shared.parameters.epoch_of(applied.height);
            let scheme = schemes.get(of).filter(|_| certificate.epoch == of).ok_or(invalid.clone())?;
            Some(convert::finalization(&mut context, &scheme, certificate).ok_or(invalid.clone())?)
        }
        // A new folder cannot go on from blocks that it knows nothing about.
        None if record.entered().is_none() && applied.height > 0 => return Err(invalid),
        None => None,
    };
    // See `record.rs`.
    let vote_from = match record.entered() {
        Some(entered) => entered.vote_from,
        None if applied.height == 0 => 0,
        None => epoch + 1,
    };

    let public = key.public_key();
    let cache = CacheRef::new(page_size(4_096), NonZeroUsize::new(1_024).unwrap_or(NonZeroUsize::MIN));
    let archive = |name: &str| (format!("{partition}-{name}"), cache.clone(), section);
    let certificates = prunable::Archive::init(
        context.child("certificates"),
        archive_config(archive("certificates"), usize::MAX),
    )
    .await
    .map_err(|error| Ended::Failed(error.to_string()))?;
    let blocks = prunable::Archive::init(context.child("blocks"), archive_config(archive("blocks"), ()))
        .await
        .map_err(|error| Ended::Failed(error.to_string()))?;
    let config = marshal::Config {
        provider: schemes.clone(),
        epocher: epocher.clone(),
        start: match floor {
            Some(finalization) => Start::Floor(finalization),
            None => Start::Genesis(Digested::precomputed(genesis.clone(), Digest(genesis.digest().0))),
        },
        partition_prefix: partition.clone(),
        mailbox_size: MAILBOX,
        view_retention: ViewDelta::new(64),
        prunable_items_per_section: VIEWS_IN_A_FILE,
        page_cache: cache.clone(),
        replay_buffer: BUFFER,
        key_write_buffer: BUFFER,
        value_write_buffer: BUFFER,
        block_codec_config: (),
        max_repair: REPAIRS,
        max_pending_acks: UNDER_WAY,
        strategy: Sequential,
    };
    let (actor, marshal, _) = Actor::init(context.child("marshal"), certificates, blocks, config).await;
    let hearing = |(sender, receiver): (S, R)| (sender, Hearing::new(receiver, Arc::clone(&shared)));

    let resolver = backfill::init(
        context.child("backfill"),
        backfill::Config {
            public_key: public.clone(),
            peer_provider: network.manager.clone(),
            blocker: network.blocker.clone(),
            mailbox_size: MAILBOX,
            fetch_timeout: fetch_timeout(),
            fetch_retry_delay: FETCH_RETRY,
            priority_requests: false,
            priority_responses: false,
        },
        hearing(network.backfill),
    );
    let (broadcast, buffer) = buffered::Engine::new(
        context.child("broadcast"),
        buffered::Config {
            public_key: public,
            mailbox_size: MAILBOX,
            deque_size: BLOCKS_HELD,
            priority: false,
            codec_config: (),
            peer_provider: network.manager.clone(),
            strategy: Sequential,
        },
    );
    let (inbox, delivered) = Inbox::new(Arc::clone(&shared));
    let mut tasks = vec![broadcast.start(hearing(network.blocks)), actor.start(inbox, buffer, resolver)];

    // The first epoch.
    let base = match (record.entered(), &applied.certificate) {
        (Some(entered), _) if entered.epoch >= epoch => entered.base.clone(),
        (_, Some(certificate)) if certificate.epoch == epoch => Base::Snapshot(certificate.clone()),
        (_, Some(certificate)) => Base::Block(certificate.block),
        (_, None) => {
            let before = epoch.checked_sub(1).map_or(0, |before| shared.parameters.last_height(before));
            // Where this is missing, the application has another past than this node.
            let block = marshal.get_block(Height::new(before)).await.ok_or(invalid)?;
            Base::Block(block.digest().into())
        }
    };
    // Before the application takes a block: with one, it has no certificate to
    // begin with any more.
    if record.entered().is_none() {
        let first = Entered { epoch, base: base.clone(), vote_from: vote_from.max(epoch) };
        record.enter(first).await.map_err(Ended::Failed)?;
    }
    let contacts = Roster::contacts(&contacts).map_err(Ended::Failed)?;
    let automaton = Inline::new(
        context.child("automaton"),
        Proposer { shared: Arc::clone(&shared) },
        marshal.clone(),
        epocher,
    );
    let mut epochs = Epochs {
        context: context.child("epochs"),
        shared: Arc::clone(&shared),
        key,
        partition,
        manager: network.manager.clone(),
        blocker: network.blocker.clone(),
        marshal: marshal.clone(),
        automaton,
        record,
        cache,
        contacts,
        vote_from,
        asked: BTreeMap::new(),
    };
    let (begins, begun) = mpsc::unbounded_channel();
    for (known, roster) in rosters {
        if known == epoch {
            let _ = begins.send(Begin { epoch, base: base.clone(), roster });
        } else {
            epochs.track(known, &roster);
        }
    }
    let (votes, certificates, questions) =
        (hearing(network.votes), hearing(network.certificates), hearing(network.questions));
    tasks.push(context.child("epochs").spawn(move |_| epochs.run(begun, votes, certificates, questions)));

    let delivery = Delivery {
        shared: Arc::clone(&shared),
        marshal: marshal.clone(),
        schemes: schemes.clone(),
        epochs: begins,
        delivered,
    };
    // On a thread of its own, since an application may block.
    tasks.push(context.child("delivery").dedicated().spawn(move |_| delivery.run()));

    let (sender, receiver) = hearing(network.operations);
    let state = Arc::clone(&shared);
    let gossip = context.child("gossip");
    tasks.push(gossip.spawn(move |clock| gossip::send(clock, state, submitted, sender)));
    let (state, blocker) = (Arc::clone(&shared), network.blocker);
    // So may what it takes to judge an operation.
    let gossip = context.child("pool").dedicated();
    tasks.push(gossip.spawn(move |clock| gossip::receive(clock, state, receiver, blocker)));
    Ok(Running { shared, marshal, schemes, tasks })
}

fn archive_config<C>(
    (partition, cache, section): (String, CacheRef, NonZeroU64),
    codec_config: C,
) -> prunable::Config<EightCap, C> {
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{partition}-metadata"),
        key_partition: format!("{partition}-keys"),
        key_page_cache: cache,
        value_partition: format!("{partition}-values"),
        compression: None,
        codec_config,
        items_per_section: section,
        key_write_buffer: BUFFER,
        value_write_buffer: BUFFER,
        replay_buffer: BUFFER,
    }
}
