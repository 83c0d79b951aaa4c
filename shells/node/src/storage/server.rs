//! Keeping backups for friends, and nothing else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::http::router;
use super::{Shelf, StorageConfig};
use crate::files;
use crate::guardian::{Addresses, GuardianError, RateConfig, Tls, accept, load_identity};

/// What one network address may ask: a backup in full course.
const RATE: RateConfig = RateConfig { burst: 2_000, per_second: 200 };

/// A place that is up.
#[derive(Debug)]
pub struct Running {
    address: String,
    shelf: Arc<Shelf>,
    stop: oneshot::Sender<()>,
    accepting: tokio::task::JoinHandle<()>,
}

/// Serves what is kept in the folder `state` on the current runtime.
///
/// # Errors
/// [`GuardianError`].
pub async fn run(
    listen: SocketAddr,
    state: &Path,
    tls: &Tls,
    config: StorageConfig,
) -> Result<Running, GuardianError> {
    files::private_folder(state)?;
    let identity = load_identity(tls, state)?;
    let failed = |source| GuardianError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    let (shelf, router) = shelf(&state.join("storage"), config)?;
    let pin = identity.as_ref().map(|identity| identity.pin.clone());
    let address = match pin {
        None => format!("http://{local}"),
        Some(None) => format!("https://{local}"),
        Some(Some(pin)) => format!("https://{local}#{pin}"),
    };
    let acceptor = identity.map(|identity| TlsAcceptor::from(identity.config));
    let (stop, stopped) = oneshot::channel();
    let addresses = Addresses::new(RATE.into());
    let accepting = tokio::spawn(accept(listener, acceptor, router, addresses, stopped));
    Ok(Running { address, shelf, stop, accepting })
}

/// Opens a shelf with its routes.
pub(crate) fn shelf(path: &Path, config: StorageConfig) -> Result<(Arc<Shelf>, Router), GuardianError> {
    let shelf = Arc::new(Shelf::open(path, config)?);
    let router = router(Arc::clone(&shelf)).map_err(|text| GuardianError::Config {
        path: "storage.accounts".into(),
        why: format!("{text:?} is no account: 64 digits in hexadecimal are expected"),
    })?;
    Ok((shelf, router))
}

impl Running {
    /// The address that others use, with the certificate's pin if it has one.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What is kept.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Takes no more connections, and lets requests under way end.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.accepting.await;
    }
}
