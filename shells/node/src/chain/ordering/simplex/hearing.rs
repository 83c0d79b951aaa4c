//! Links that note whom they hear.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Message, Receiver};

use super::shared::Shared;

/// A receiver that tells [`Shared`] who said something.
pub(super) struct Hearing<R> {
    receiver: R,
    shared: Arc<Shared>,
}

impl<R> Hearing<R> {
    pub(super) fn new(receiver: R, shared: Arc<Shared>) -> Self {
        Self { receiver, shared }
    }
}

impl<R: fmt::Debug> fmt::Debug for Hearing<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.receiver.fmt(f)
    }
}

impl<R: Receiver<PublicKey = PublicKey>> Receiver for Hearing<R> {
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
        let message = self.receiver.recv().await?;
        self.shared.hear(&message.0);
        Ok(message)
    }

    fn capacity(&self) -> NonZeroUsize {
        self.receiver.capacity()
    }
}
