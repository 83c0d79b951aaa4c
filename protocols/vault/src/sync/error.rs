//! What can go wrong when devices tell each other what they did, naming who is at fault.

use core::fmt;

use super::batch::{BatchError, Device};
use super::log::LogError;
use super::reconcile::ReconcileError;
use crate::error::VaultError;
use crate::object::ObjectId;

/// Why a sync did not come about. What was durable before still is, and another may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncError {
    /// This device's own vault.
    Vault(VaultError),
    /// The other device sent a batch that is none.
    Batch(BatchError),
    /// The other device sent a batch without what goes before it.
    Log(LogError),
    /// The other device sent something that is no part of a reconciliation.
    Reconcile(ReconcileError),
    /// The other device sent something that is no message, or not the one that was due.
    Message,
    /// The other device speaks another version of the protocol.
    Version(u16),
    /// The other device has another space.
    OtherSpace,
    /// A batch of a device that may not write here.
    Stranger(Device),
    /// The other device sent an object that is not what its id says.
    Object(ObjectId),
    /// The other device says that this one did more than it knows, and does not show it.
    Unproven,
    /// The other device sent more than is taken at once.
    TooMuch,
}

impl From<VaultError> for SyncError {
    fn from(why: VaultError) -> Self {
        Self::Vault(why)
    }
}

impl From<BatchError> for SyncError {
    fn from(why: BatchError) -> Self {
        Self::Batch(why)
    }
}

impl From<LogError> for SyncError {
    fn from(why: LogError) -> Self {
        Self::Log(why)
    }
}

impl From<ReconcileError> for SyncError {
    fn from(why: ReconcileError) -> Self {
        Self::Reconcile(why)
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vault(why) => write!(f, "{why}"),
            Self::Batch(why) => write!(f, "the other device sent {why}"),
            Self::Log(why) => write!(f, "the other device sent {why}"),
            Self::Reconcile(why) => write!(f, "the other device sent {why}"),
            Self::Message => f.write_str("the other device sent something that was not due"),
            Self::Version(version) => {
                write!(f, "the other device speaks version {version} of this protocol")
            }
            Self::OtherSpace => f.write_str("the other device has other files: they are of another space"),
            Self::Stranger(device) => {
                write!(f, "the other device sent what device {device} did, which may not write here")
            }
            Self::Object(id) => write!(f, "the other device sent something else for object {id}"),
            Self::Unproven => {
                f.write_str("the other device says that this one did more, and does not show it")
            }
            Self::TooMuch => f.write_str("the other device sent more than is taken at once"),
        }
    }
}

impl core::error::Error for SyncError {}
