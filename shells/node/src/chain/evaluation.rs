//! The thread that answers blinded elements: requests that come together are
//! evaluated together, each with a proof of its own, enter the log in one commit, and only then are answered.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use allod_crypto::sign::SigningKey;
use allod_guardian::answering::{Answering, Asked, Event, Input, Limits, Output, Refusal, Reply, Request};
use allod_guardian::token::Caller;
use allod_wire::NetworkId;
use tokio::sync::{mpsc, oneshot};

use super::ChainError;
use super::keys::HeldKeys;
use super::log::RequestLog;

/// Requests that are answered together, at most.
const BATCH_MAX: usize = 256;

/// Requests that may wait.
const QUEUE_MAX: usize = 1024;

type Waiting = (Caller, Request, oneshot::Sender<Reply>);

/// A handle to the thread. It ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub(super) struct Evaluation {
    calls: mpsc::Sender<Waiting>,
}

impl Evaluation {
    /// Starts the thread, which allows this much.
    ///
    /// # Errors
    /// [`ChainError::Store`] where the log cannot be read.
    pub(super) fn start(
        network: NetworkId,
        key: SigningKey,
        held: Arc<HeldKeys>,
        log: Arc<RequestLog>,
        limits: Limits,
    ) -> Result<(Self, JoinHandle<()>), ChainError> {
        let answering = Answering::new(network, key, limits, log.tip()?);
        let (calls, queue) = mpsc::channel(QUEUE_MAX);
        let worker = Worker { answering, held, log, seen: None };
        let thread = thread::spawn(move || worker.run(queue));
        Ok((Self { calls }, thread))
    }

    /// Asks, and waits until the answer may leave.
    pub(super) async fn call(&self, caller: Caller, request: Request) -> Reply {
        let (reply, answer) = oneshot::channel();
        if self.calls.send((caller, request, reply)).await.is_err() {
            return Reply::Refused(Refusal::Unavailable);
        }
        answer.await.unwrap_or(Reply::Refused(Refusal::Unavailable))
    }
}

struct Worker {
    answering: Answering,
    held: Arc<HeldKeys>,
    log: Arc<RequestLog>,
    /// The version of the shares that the machine was told.
    seen: Option<u64>,
}

impl Worker {
    fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            self.follow();
            let (mut replies, mut asked) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
            for (caller, request, reply) in batch.drain(..) {
                asked.push(Asked { ticket: replies.len() as u64, caller, request });
                replies.push(Some(reply));
            }
            self.answering.handle(crate::now(), &mut crate::entropy(), Input::Ask(asked));
            self.drain(&mut replies);
        }
    }

    /// Takes over what the guardian holds now.
    fn follow(&mut self) {
        let version = self.held.version();
        if self.seen == Some(version) {
            return;
        }
        self.held.each(|holder| {
            if let Err(why) = self.answering.follow(holder) {
                tracing::error!(key = holder.key(), %why, "a share cannot be used");
            }
        });
        self.seen = Some(version);
    }

    fn drain(&mut self, replies: &mut [Option<oneshot::Sender<Reply>>]) {
        while let Some(output) = self.answering.poll() {
            match output {
                Output::Persist { id, entries } => {
                    let input = match self.log.append(&entries) {
                        Ok(()) => Input::Persisted(id),
                        Err(why) => {
                            tracing::error!(%why, "the log of answers could not be written");
                            Input::PersistFailed(id)
                        }
                    };
                    self.answering.handle(crate::now(), &mut crate::entropy(), input);
                }
                Output::Send { ticket, reply } => {
                    let waiting = usize::try_from(ticket).ok().and_then(|ticket| replies.get_mut(ticket));
                    if let Some(sender) = waiting.and_then(Option::take) {
                        // Who asked may have gone.
                        let _ = sender.send(reply);
                    }
                }
                Output::Event(event) => self.tell(&event),
            }
        }
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Halted { .. } => {
                tracing::error!("nothing is evaluated any more until this guardian is started again");
            }
            other => tracing::error!(?other, "the log of answers needs a person"),
        }
    }
}
