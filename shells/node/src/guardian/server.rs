//! Accepting connections, and ending in good order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use allod_wire::RealmId;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service as HyperService;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::addresses::{Addresses, Place};
use super::admin::Watched;
use super::service::Service;
use super::stall::Unstalled;
use super::{ChainSection, Config, GuardianError, Store, admin, http, tls};
use crate::callers::Callers;
use crate::chain::ordering::Ended;
use crate::chain::ordering::simplex::Tuning;
use crate::chain::{self, ChainConfig};

/// Connections at a time. Past it, new ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 1024;

/// How long a connection may take for its TLS handshake, and for each request's
/// headers.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long requests under way may take when the guardian ends.
const LAST_CALL: Duration = Duration::from_secs(5);

/// What a guardian cannot go on without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The store of what it keeps for people.
    Store,
    /// Its part in a network.
    Chain(Ended),
}

/// A guardian that is up.
#[derive(Debug)]
pub struct Running {
    address: String,
    realm: RealmId,
    admin: Option<SocketAddr>,
    doors: Vec<Door>,
    chain: Option<chain::Running>,
    service: Service,
    thread: JoinHandle<()>,
}

/// A listener that is served.
#[derive(Debug)]
struct Door {
    stop: oneshot::Sender<()>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Door {
    fn open(
        listener: TcpListener,
        acceptor: Option<TlsAcceptor>,
        router: Router,
        addresses: Arc<Addresses>,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, accepting: tokio::spawn(accept(listener, acceptor, router, addresses, stopped)) }
    }
}

/// Starts a guardian on the current runtime.
///
/// # Errors
/// See [`GuardianError`].
pub async fn run(config: &Config) -> Result<Running, GuardianError> {
    let tenants = config.tenant_keys()?;
    let store = Store::open(&config.state)?;
    let identity = tls::load(&config.tls, &config.state)?;
    let (listener, local) = listen(config.listen).await?;
    let admin = match config.admin {
        Some(address) => Some(listen(address).await?),
        None => None,
    };

    let realm = store.realm();
    let callers = Arc::new(Callers::new(realm, tenants));
    let accounts_max = if config.new_accounts { config.accounts_max } else { 0 };
    let (service, thread) = Service::start(store, config.limits.into(), accounts_max);
    let address = match &identity {
        None => format!("http://{local}"),
        Some(tls::Identity { pin: None, .. }) => format!("https://{local}"),
        Some(tls::Identity { pin: Some(pin), .. }) => format!("https://{local}#{pin}"),
    };
    let acceptor = identity.map(|identity| TlsAcceptor::from(identity.config));
    let (admin_listener, admin) = admin.unzip();
    let addresses = || Addresses::new(config.limits.address.into());
    let watched = Watched::new(service.clone(), config.chain.is_some());
    let mut doors = Vec::new();
    // Its callers have places of their own, so that they are answered however
    // many stand at the other door. It is open first: fetching a ledger may take a
    // while, in which the guardian lives.
    if let Some(listener) = admin_listener {
        doors.push(Door::open(listener, None, admin::router(watched.clone()), addresses()));
    }
    let chain = match &config.chain {
        Some(section) => Some(start_chain(config, section, Arc::clone(&callers), &service).await?),
        None => None,
    };
    if let Some(chain) = &chain {
        watched.chain_is_up(chain.watch());
    }
    let routes = chain.as_ref().map(chain::Running::router);
    let storage = match &config.storage {
        Some(storage) => Some(crate::storage::open_shelf(&config.state.join("storage"), storage.clone())?.1),
        None => None,
    };
    let counted = admin.is_none().then_some(watched);
    let router = http::router(service.clone(), callers, counted, routes);
    // It has limits of its own: a shard takes longer to come than a question.
    let router = router.merge(storage.unwrap_or_default());
    doors.push(Door::open(listener, acceptor, router, addresses()));
    Ok(Running { address, realm, admin, doors, chain, service, thread })
}

async fn start_chain(
    config: &Config,
    section: &ChainSection,
    callers: Arc<Callers>,
    service: &Service,
) -> Result<chain::Running, GuardianError> {
    let chain = ChainConfig {
        genesis: section.genesis.clone(),
        listen: section.listen,
        state: config.state.join("chain"),
        tuning: Tuning::default(),
        kept: chain::Kept::default(),
        network_key: section.network_key()?,
        fetch_ahead: section.fetch_ahead,
        routes: section.routes(),
        evaluations: config.limits.into(),
    };
    let service = service.clone();
    let knows = Arc::new(move |account: &[u8; 32]| service.knows(account));
    Ok(chain::Running::start(&chain, callers, knows).await?)
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), GuardianError> {
    let failed = |source| GuardianError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

impl Running {
    /// The address that clients use, with the certificate's pin if it has one.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The realm's id.
    pub fn realm(&self) -> RealmId {
        self.realm
    }

    /// Where the operator's own listener stands, if there is one.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Resolves when the guardian's store has failed, such as on a full disk, or
    /// its chain cannot go on. It answers nothing then but that; starting it again
    /// finds out what is on the disk.
    pub async fn failed(&self) -> Failed {
        let chain = async {
            match &self.chain {
                Some(chain) => chain.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.service.ended() => Failed::Store,
            why = chain => Failed::Chain(why),
        }
    }

    /// Takes no more connections, lets requests under way end, and closes the
    /// store.
    pub async fn stop(self) {
        let Self { doors, chain, service, thread, .. } = self;
        let mut accepting = Vec::with_capacity(doors.len());
        for door in doors {
            let _ = door.stop.send(());
            accepting.push(door.accepting);
        }
        for door in accepting {
            let _ = door.await;
        }
        if let Some(chain) = chain {
            chain.stop().await;
        }
        drop(service);
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

/// Serves connections until `stopped` resolves.
pub(crate) async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    addresses: Arc<Addresses>,
    mut stopped: oneshot::Receiver<()>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_owned() => permit,
            _ = &mut stopped => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(why) => {
                    // Out of file descriptors, most likely: others must end first.
                    tracing::warn!(%why, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = &mut stopped => break,
        };
        let Some(place) = addresses.enter(peer.ip()) else {
            tracing::debug!(%peer, "too many connections from this address");
            continue;
        };
        let _ = stream.set_nodelay(true);
        let router = Placed { router: TowerToHyperService::new(router.clone()), place: Arc::new(place) };
        let (acceptor, watcher) = (acceptor.clone(), graceful.watcher());
        connections.spawn(async move {
            let _permit = permit;
            if let Err(why) = serve(stream, acceptor, router, watcher).await {
                tracing::debug!(%peer, %why, "a connection ended early");
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(LAST_CALL, graceful.shutdown()).await;
    // Whoever has not finished by now, or not even begun, waits for no answer that
    // anything depends on, and would keep the store open.
    connections.shutdown().await;
}

/// The routes for one connection: they learn whose place among the connections a
/// request came by.
struct Placed {
    router: TowerToHyperService<Router>,
    place: Arc<Place>,
}

impl HyperService<Request<Incoming>> for Placed {
    type Response = <TowerToHyperService<Router> as HyperService<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as HyperService<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as HyperService<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Arc::clone(&self.place));
        self.router.call(request)
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    router: Placed,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match acceptor {
        None => speak(stream, router, watcher).await,
        Some(acceptor) => {
            let stream = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await??;
            speak(stream, router, watcher).await
        }
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Placed,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(Unstalled::new(stream)), router);
    Ok(watcher.watch(connection).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::AsyncWriteExt;

    use super::super::Tls;
    use super::*;

    #[tokio::test]
    async fn strangers_who_stall_cannot_keep_a_guardian_from_ending() {
        // One says nothing where a handshake is due; one sends half a head; one
        // holds the body back that it announced.
        let half = "GET / HTTP/1.1\r\nhost: x\r\n";
        let bodiless = "POST /req HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n";
        for (tls, words) in [(Tls::SelfSigned, ""), (Tls::Off, half), (Tls::Off, bodiless)] {
            let folder = tempfile::tempdir().unwrap();
            let config = Config::new(([127, 0, 0, 1], 0).into(), folder.path().join("state"), tls);
            let running = run(&config).await.unwrap();
            let local = running.address().split(['/', '#']).nth(2).unwrap().to_owned();
            let mut stream = TcpStream::connect(local).await.unwrap();
            stream.write_all(words.as_bytes()).await.unwrap();
            // Until it was accepted, there is nobody to wait for.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let begun = Instant::now();
            running.stop().await;
            assert!(begun.elapsed() < LAST_CALL + Duration::from_secs(2), "{words:?}: {:?}", begun.elapsed());
            drop(stream);
        }
    }
}
