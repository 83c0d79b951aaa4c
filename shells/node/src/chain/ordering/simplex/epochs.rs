//! One engine for each epoch, one epoch at a time.
//!
//! An epoch begins when the application has the last block of the one before and
//! named the committee. Its engine replaces the former at once: whoever still is
//! in the epoch before is helped by the certificate of its last block, which it
//! asks for as soon as it hears votes of an epoch that it does not know yet. Those
//! votes are not lost (see `early.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use commonware_consensus::Reporters;
use commonware_consensus::marshal::standard::Inline;
use commonware_consensus::simplex::config::{ForwardPolicy, SkipBudget, SkipPolicy};
use commonware_consensus::simplex::elector::RoundRobin;
use commonware_consensus::simplex::{self, Engine};
use commonware_consensus::types::{Epoch, FixedEpocher, Height, ViewDelta};
use commonware_cryptography::certificate::Scheme as _;
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_cryptography::sha256::Sha256;
use commonware_p2p::utils::mux::{Builder as _, MuxHandle, Muxer};
use commonware_p2p::{
    AddressableManager, AddressableTrackedPeers, Blocker, Channel, Message, Receiver, Sender,
};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Error, Handle};
use commonware_utils::channel::mpsc as engine_mpsc;
use commonware_utils::ordered::Map;
use commonware_utils::vec::NonEmptyVec;
use tokio::sync::mpsc;

use super::super::{Block, Ended, Role};
use super::convert::{self, Marshal, Roster, Scheme};
use super::early::{Early, Resumed};
use super::faults::{Observer, VIEWS_KEPT};
use super::proposer::Proposer;
use super::record::{Base, Entered, Record};
use super::shared::Shared;
use super::{BUFFER, FETCH_RETRY, MAILBOX, Runtime, fetch_timeout};

/// Between two questions to a peer that is in a later epoch.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// An epoch that can begin.
pub(super) struct Begin {
    pub(super) epoch: u64,
    pub(super) base: Base,
    pub(super) roster: Roster,
}

/// The three channels of an engine, shared out among epochs.
struct Channels<S: Sender<PublicKey = PublicKey>> {
    votes: MuxHandle<S>,
    certificates: MuxHandle<S>,
    questions: MuxHandle<S>,
    /// Votes of epochs that this node is not in.
    elsewhere: engine_mpsc::Receiver<(Channel, Message<PublicKey>)>,
    /// Of those, the ones that this node is about to need.
    early: Early,
}

pub(super) type Automaton<E> = Inline<E, Scheme, Proposer, Block, FixedEpocher>;

/// The engines of a node.
pub(super) struct Epochs<E: Runtime, M, B> {
    pub(super) context: E,
    pub(super) shared: Arc<Shared>,
    pub(super) key: PrivateKey,
    pub(super) partition: String,
    pub(super) manager: M,
    pub(super) blocker: B,
    pub(super) marshal: Marshal,
    pub(super) automaton: Automaton<E>,
    pub(super) record: Record<E>,
    pub(super) cache: CacheRef,
    pub(super) contacts: Roster,
    /// The first epoch that this node may vote in.
    pub(super) vote_from: u64,
    /// Peers that were asked for the end of which epoch, and when they may be
    /// asked again.
    pub(super) asked: BTreeMap<PublicKey, (u64, SystemTime)>,
}

impl<E, M, B> Epochs<E, M, B>
where
    E: Runtime,
    M: AddressableManager<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    /// Runs each epoch that begins, until something fails.
    pub(super) async fn run<S, R>(
        mut self,
        mut begins: mpsc::UnboundedReceiver<Begin>,
        votes: (S, R),
        certificates: (S, R),
        questions: (S, R),
    ) where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let mut channels = self.channels(votes, certificates, questions);
        let mut current: Option<(u64, Handle<()>)> = None;
        loop {
            let engine = async {
                match &mut current {
                    Some((_, engine)) => engine.await.map_err(|error| error.to_string()),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                begin = begins.recv() => {
                    let Some(begin) = begin else { return };
                    match self.begin(begin, &mut channels, &mut current).await {
                        Ok(()) => {}
                        Err(why) => return self.shared.stop(why),
                    }
                }
                end = engine => {
                    let why = end.err().unwrap_or_else(|| "the engine ended".into());
                    return self.shared.stop(Ended::Failed(why));
                }
                elsewhere = channels.elsewhere.recv() => {
                    let Some((epoch, vote)) = elsewhere else { return };
                    if let Some((ours, _)) = &current && epoch > *ours {
                        self.ask(*ours, vote.0.clone());
                        if epoch == ours + 1 {
                            channels.early.keep(epoch, vote);
                        }
                    }
                }
            }
        }
    }

    fn channels<S, R>(&self, votes: (S, R), certificates: (S, R), questions: (S, R)) -> Channels<S>
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let context = self.context.child("votes");
        let (muxer, votes, elsewhere) = Muxer::builder(context, votes.0, votes.1).with_backup().build();
        muxer.start();
        let context = self.context.child("certificates");
        let (muxer, certificates) = Muxer::new(context, certificates.0, certificates.1);
        muxer.start();
        let (muxer, questions) = Muxer::new(self.context.child("questions"), questions.0, questions.1);
        muxer.start();
        Channels { votes, certificates, questions, elsewhere, early: Early::default() }
    }

    /// Ends the current epoch's engine and starts the next one's.
    async fn begin<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        begin: Begin,
        channels: &mut Channels<S>,
        current: &mut Option<(u64, Handle<()>)>,
    ) -> Result<(), Ended> {
        let Begin { epoch, base, roster } = begin;
        self.asked.clear();
        self.track(epoch, &roster);
        // An application that was set back is given what it lost from the store;
        // the journals of those epochs are gone.
        if self.record.entered().is_some_and(|entered| epoch < entered.epoch) {
            self.shared.enter(epoch, Role::Observer, roster.keys());
            return Ok(());
        }
        let key = (epoch >= self.vote_from).then_some(&self.key);
        let scheme = convert::scheme(&self.shared.parameters.network, roster.keys(), key);
        let role = if scheme.me().is_some() { Role::Voter } else { Role::Observer };
        self.shared.enter(epoch, role, roster.keys());
        let floor = base
            .floor(&mut self.context, &scheme)
            .ok_or(Ended::Certificate { height: self.shared.height_applied() })?;
        if let Some((_, engine)) = current.take() {
            engine.abort();
            let _ = engine.await;
        }
        let before = self.record.entered().map(|entered| entered.epoch);
        self.vote_from = self.vote_from.max(epoch);
        let entered = Entered { epoch, base, vote_from: self.vote_from };
        self.record.enter(entered).await.map_err(Ended::Failed)?;
        for over in before.into_iter().chain(epoch.checked_sub(1)).filter(|over| *over < epoch) {
            self.forget(over).await;
        }
        let register = |error: commonware_p2p::utils::mux::Error| Ended::Failed(error.to_string());
        let votes = channels.votes.register(epoch).await.map_err(register)?;
        // From here on no vote of this epoch is elsewhere; some may wait there still.
        while let Ok((of, vote)) = channels.elsewhere.try_recv() {
            if of == epoch {
                channels.early.keep(epoch, vote);
            }
        }
        let votes = (votes.0, Resumed::new(channels.early.take(epoch), votes.1));
        let certificates = channels.certificates.register(epoch).await.map_err(register)?;
        let questions = channels.questions.register(epoch).await.map_err(register)?;
        let observer = Observer::new(Arc::clone(&self.shared), scheme.clone());
        let tuning = &self.shared.tuning;
        let leader_ms = tuning.idle_ms + tuning.patience_ms;
        let ms = Duration::from_millis;
        let config = simplex::Config {
            scheme,
            elector: RoundRobin::<Sha256>::default(),
            blocker: self.blocker.clone(),
            automaton: self.automaton.clone(),
            relay: self.automaton.clone(),
            reporter: Reporters::from((self.automaton.clone(), observer)),
            track_historical_votes: true,
            strategy: Sequential,
            partition: self.journal(epoch),
            mailbox_size: MAILBOX,
            epoch: Epoch::new(epoch),
            floor,
            replay_buffer: BUFFER,
            write_buffer: BUFFER,
            page_cache: self.cache.clone(),
            leader_timeout: ms(leader_ms),
            certification_timeout: ms(leader_ms + tuning.patience_ms),
            timeout_retry: ms(leader_ms + tuning.patience_ms),
            view_retention: ViewDelta::new(VIEWS_KEPT),
            skip: SkipPolicy::Enabled {
                timeout: ms(2 * leader_ms + 3 * tuning.patience_ms),
                budget: SkipBudget::Participants,
            },
            fetch_timeout: fetch_timeout(),
            fetch_retry_delay: FETCH_RETRY,
            forward: ForwardPolicy::Disabled,
        };
        let engine = Engine::new(self.context.child("engine").with_attribute("epoch", epoch), config);
        *current = Some((epoch, engine.start(votes, certificates, questions)));
        tracing::info!(epoch, ?role, "epoch entered");
        Ok(())
    }

    /// Asks a peer that is in a later epoch for the end of ours, now and then.
    fn ask(&mut self, epoch: u64, peer: PublicKey) {
        let now = self.context.current();
        let asked = self.asked.get(&peer);
        if asked.is_none_or(|(of, next)| *of != epoch || *next <= now) {
            self.asked.insert(peer.clone(), (epoch, now + ASK_AGAIN));
            let last = self.shared.parameters.last_height(epoch);
            self.marshal.hint_finalized(Height::new(last), NonEmptyVec::new(peer));
        }
    }

    /// Keeps links to who takes part, and to whom this node was told to.
    pub(super) fn track(&mut self, epoch: u64, roster: &Roster) {
        let addressed = |peers: &[(PublicKey, super::super::Member)]| {
            Map::from_iter_dedup(
                peers.iter().map(|(key, member)| (key.clone(), convert::address(&member.address))),
            )
        };
        let mut members = roster.members.clone();
        // A contact is dialled, so it counts as one whom this node listens to.
        members.extend(self.contacts.members.iter().cloned());
        let peers = AddressableTrackedPeers::new(addressed(&members), addressed(&roster.observers));
        let _ = self.manager.track(epoch, peers);
    }

    /// The journal of an epoch's votes.
    fn journal(&self, epoch: u64) -> String {
        format!("{}-votes-{epoch}", self.partition)
    }

    /// Throws away the journal of an epoch that is over.
    async fn forget(&mut self, epoch: u64) {
        match self.context.remove(&self.journal(epoch), None).await {
            Ok(()) | Err(Error::PartitionMissing(_)) => {}
            Err(error) => tracing::warn!(epoch, %error, "the journal of an epoch that is over stays"),
        }
    }
}
