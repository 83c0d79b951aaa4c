//! This device, as links have it on which whole bundles come and go and nobody shows a key.

use std::sync::Arc;

use allod_courier::bundle::{Bundle, BundleError};
use allod_courier::carry::{Origin, Refused};
use allod_crypto::hash::tagged;
use allod_post::{PostError, Signal};
use data_encoding::HEXLOWER;
use tokio::sync::{broadcast, mpsc};

use super::run::Told;
use crate::commands::courier::Office;

/// What such a link works on.
#[derive(Clone)]
pub(super) struct Side {
    pub(super) office: Arc<Office>,
    pub(super) signals: broadcast::Sender<Signal>,
    /// Something for this device came.
    pub(super) came: mpsc::Sender<()>,
    pub(super) tell: mpsc::Sender<Told>,
}

impl Side {
    /// Puts a bundle into the bag, and lets others know. Inside it is said why it is not carried.
    ///
    /// # Errors
    /// [`PostError`] of the disk.
    pub(super) fn take(&self, bundle: &Bundle) -> Result<Result<(), Refused>, PostError> {
        let is_wanted = self.office.desk.wants(&bundle.tag);
        let put =
            self.office.desk.bag().with(|bag| bag.put(bundle, Origin::Unknown, is_wanted, allod_node::now()));
        match put {
            Ok(()) => {
                if is_wanted {
                    // One that waits already stands for this, too.
                    let _ = self.came.try_send(());
                } else {
                    let _ = self.signals.send(Signal::New(bundle.id()));
                }
                Ok(Ok(()))
            }
            Err(PostError::Refused(why)) => Ok(Err(why)),
            Err(why) => Err(why),
        }
    }

    /// Counts what is no bundle of the courier's.
    ///
    /// # Errors
    /// [`PostError`] of the disk.
    pub(super) fn refuse(&self, why: BundleError) -> Result<(), PostError> {
        self.office.desk.bag().with(|bag| {
            bag.refuse(why);
            Ok(())
        })
    }

    /// The bag's number: another one when something changed.
    pub(super) fn number(&self) -> Result<u64, PostError> {
        self.office.desk.bag().number()
    }

    /// What this device calls itself where each node has a name. It says nothing of the person.
    pub(super) fn node(&self) -> String {
        let key = self.office.carrier_key().verifying_key();
        let hash = tagged("allod 2026 courier, name of a node", &[&key.0]);
        format!("dtn://allod-node-{}/", HEXLOWER.encode(&hash[..8]))
    }

    pub(super) async fn say(&self, told: Told) {
        let _ = self.tell.send(told).await;
    }
}
