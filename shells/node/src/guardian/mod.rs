//! One guardian as a service.
//!
//! ```text
//! socket → http (decode, authenticate) → service thread (the realm machine)
//!        → store (one commit for all that came together) → answer → socket
//! ```

mod addresses;
mod admin;
mod config;
mod health;
mod http;
mod server;
mod service;
mod stall;
mod store;
mod tls;

pub(crate) use addresses::{Addresses, Place};
pub use config::{Algorithm, ChainSection, Config, LimitsConfig, RateConfig, TenantConfig, Tls};
pub use health::{ChainHealth, Health, health};
pub(crate) use server::accept;
pub use server::{Failed, Running, run};
pub use store::Store;
pub(crate) use tls::load as load_identity;
pub use tls::{own_pin, pin_of};

use crate::FileError;

/// Why a guardian cannot run.
#[derive(Debug, thiserror::Error)]
pub enum GuardianError {
    /// A file of its state or configuration.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration does not make sense.
    #[error("the configuration {path} is wrong: {why}")]
    Config {
        /// The file.
        path: String,
        /// What is wrong in it.
        why: String,
    },
    /// The state cannot be opened.
    #[error("the guardian's state cannot be opened: {0}. Is another guardian using it?")]
    Store(String),
    /// One of the two files that belong together is missing.
    #[error(
        "{missing} is missing, though {found} is there; put it back. Nothing was changed",
        missing = missing.display(),
        found = found.display()
    )]
    Incomplete {
        /// The file that is missing.
        missing: std::path::PathBuf,
        /// The file that needs it.
        found: std::path::PathBuf,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is asked how it is, and does not answer well.
    #[error("the guardian at {address} is not well: {why}")]
    Unwell {
        /// Where it was asked.
        address: String,
        /// What came of it.
        why: String,
    },
    /// The guardian's chain cannot begin.
    #[error(transparent)]
    Chain(#[from] crate::chain::ChainError),
    /// The certificate or its key cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Tls(String),
}
