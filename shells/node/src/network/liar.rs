//! A liar in front of a guardian: it has the guardian's certificate and its
//! usual address, hands requests on to the real one, and changes the answers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use allod_guardian::juicebox::{Request, Response};
use allod_guardian::realm::Limits;
use allod_wire::RealmId;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{self, HeaderName, StatusCode};
use axum::response::IntoResponse;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::How;
use crate::guardian::{Addresses, GuardianError, Tls, accept, load_identity};

/// Longest body that is handed on, in bytes.
const BODY_MAX: usize = 1 << 20;

/// A liar to be started.
#[derive(Clone, Debug)]
pub struct LyingConfig {
    /// The guardian's state folder, which holds its certificate.
    pub state: PathBuf,
    /// The guardian's usual place.
    pub listen: SocketAddr,
    /// Where the real guardian is meanwhile, without TLS.
    pub upstream: SocketAddr,
    /// The guardian's realm.
    pub realm: RealmId,
    /// How to lie.
    pub how: How,
}

/// A liar that is up.
#[derive(Debug)]
pub struct Liar {
    address: String,
    _stop: oneshot::Sender<()>,
}

impl Liar {
    /// Starts a liar on the current runtime. It ends with the process.
    ///
    /// # Errors
    /// See [`GuardianError`].
    pub async fn start(config: LyingConfig) -> Result<Self, GuardianError> {
        let identity = load_identity(&Tls::SelfSigned, &config.state)?;
        let listen = config.listen;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|source| GuardianError::Listen { address: listen, source })?;
        let pin = identity.as_ref().and_then(|identity| identity.pin.clone()).unwrap_or_default();
        let acceptor = identity.map(|identity| TlsAcceptor::from(identity.config));
        let router = Router::new().fallback(answer).with_state(Arc::new(config));
        let (stop, stopped) = oneshot::channel();
        let addresses = Addresses::new(Limits::default().tenant);
        tokio::spawn(accept(listener, acceptor, router, addresses, stopped));
        Ok(Self { address: format!("https://{listen}#{pin}"), _stop: stop })
    }

    /// The guardian's usual address.
    pub fn address(&self) -> &str {
        &self.address
    }
}

async fn answer(
    State(config): State<Arc<LyingConfig>>,
    request: http::Request<Body>,
) -> http::Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let body = body.to_bytes();
    let asked = if head.uri.path() == "/req" { Request::decode(&body).ok() } else { None };
    if asked.is_some() {
        match config.how {
            How::Slow => tokio::time::sleep(Duration::from_secs(How::SLOW_S)).await,
            How::Silent => std::future::pending().await,
            _ => {}
        }
    }
    let (mut head, mut body) = match hand_on(config.upstream, head, body).await {
        Ok(answered) => answered,
        Err(why) => return (StatusCode::BAD_GATEWAY, why).into_response(),
    };
    if let (Some(asked), true) = (asked, head.status == StatusCode::OK)
        && let Ok(honest) = Response::decode(&body)
    {
        body = config.how.twist(&config.realm, &asked, honest, &mut crate::entropy()).into();
        head.headers.remove("allod-guesses-left");
    }
    unframe(&mut head.headers);
    http::Response::from_parts(head, Body::from(body))
}

/// Asks the real guardian.
async fn hand_on(
    upstream: SocketAddr,
    mut head: http::request::Parts,
    body: Bytes,
) -> Result<(http::response::Parts, Bytes), String> {
    let stream = TcpStream::connect(upstream).await.map_err(|e| e.to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    unframe(&mut head.headers);
    let request = http::Request::from_parts(head, Full::new(body));
    let (head, body) = sender.send_request(request).await.map_err(|e| e.to_string())?.into_parts();
    let body = Limited::new(body, BODY_MAX).collect().await.map_err(|e| e.to_string())?;
    Ok((head, body.to_bytes()))
}

/// Removes headers that belong to one connection and not to the message.
fn unframe(headers: &mut http::HeaderMap) {
    let framing: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];
    for name in framing {
        headers.remove(name);
    }
}
