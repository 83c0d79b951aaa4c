//! One guardian over HTTP(S): a connection that is kept while it is good, and
//! answers turned into the client machines' words.

use std::sync::Arc;
use std::time::Duration;

use allod_guardian::client::{Fault, Lie};
use allod_guardian::juicebox::{Request, Response};
use allod_guardian::realm::SealedDescriptor;
use allod_wire::{Locator, RealmId, limits};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, HOST, HeaderMap};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::Address;
use super::awaited::Awaited;
use super::tls;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Bytes of the longest refusal that is read.
const REFUSAL_MAX: usize = 4_096;

/// How long an answer of the protocol may take altogether; the machines' own
/// patience is less, but they are glad of a late answer.
const ANSWER: Duration = Duration::from_secs(30);

/// How long any other answer may take, for which people wait.
const BRIEF: Duration = Duration::from_secs(6);

/// Where requests of the Juicebox protocol go.
const REQUEST: &str = "/req";

/// The version of the Juicebox protocol that is spoken.
const VERSION: &str = "0.3.7";

/// A way to one guardian.
#[derive(Debug)]
pub struct Link {
    address: Address,
    tls: Option<Arc<ClientConfig>>,
    /// The connection, while no request is under way on it. A request that is
    /// given up takes its connection with it.
    idle: Mutex<Option<SendRequest<Full<Bytes>>>>,
    awaited: Awaited,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Link {
    /// A way to the guardian at this address. Connects when first used.
    pub fn new(address: Address) -> Self {
        // A provider that supports its own defaults cannot fail to be set up.
        let tls = if address.tls { tls::config(address.pin.as_deref()).ok() } else { None };
        Self { address, tls, idle: Mutex::new(None), awaited: Awaited::default() }
    }

    /// Counts what is asked here among the requests of others.
    #[must_use]
    pub fn among(mut self, awaited: &Awaited) -> Self {
        self.awaited = awaited.clone();
        self
    }

    /// The requests among which those of this way are counted.
    pub fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// Where it leads.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Asks in the Juicebox protocol.
    ///
    /// # Errors
    /// The [`Fault`] to hand to the client machine.
    pub async fn ask(&self, token: &str, request: &Request) -> Result<Response, Fault> {
        let body = Bytes::copy_from_slice(&request.encode());
        let reply =
            self.exchange(Method::POST, REQUEST, Some(token), body, limits::REALM_RESPONSE_MAX).await?;
        if reply.status == StatusCode::OK {
            Response::decode(&reply.body).map_err(|_| Fault::Lied(Lie::Garbage))
        } else {
            Err(fault(&reply))
        }
    }

    /// The realm that answers there.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn realm(&self) -> Result<RealmId, Fault> {
        let reply = self.exchange(Method::GET, "/", None, Bytes::new(), 4096).await?;
        if reply.status != StatusCode::OK {
            return Err(fault(&reply));
        }
        serde_json::from_slice::<serde_json::Value>(&reply.body)
            .ok()
            .and_then(|about| about.get("realmID")?.as_str()?.parse().ok())
            .ok_or(Fault::Lied(Lie::Garbage))
    }

    /// Whether the guardian says that it is well.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn health(&self) -> Result<(), Fault> {
        let reply = self.exchange(Method::GET, "/health", None, Bytes::new(), 4096).await?;
        if reply.status == StatusCode::OK { Ok(()) } else { Err(fault(&reply)) }
    }

    /// The guardian's counters, as text for Prometheus.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn metrics(&self) -> Result<String, Fault> {
        let reply = self.exchange(Method::GET, "/metrics", None, Bytes::new(), 64 * 1024).await?;
        if reply.status != StatusCode::OK {
            return Err(fault(&reply));
        }
        String::from_utf8(reply.body.to_vec()).map_err(|_| Fault::Lied(Lie::Garbage))
    }

    /// Has a descriptor kept.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn describe(&self, token: &str, descriptor: &SealedDescriptor) -> Result<(), Fault> {
        let path = format!("/descriptor/{}", descriptor.sequence);
        let body = Bytes::copy_from_slice(&descriptor.sealed);
        let reply = self.exchange(Method::PUT, &path, Some(token), body, 4096).await?;
        if reply.status.is_success() { Ok(()) } else { Err(fault(&reply)) }
    }

    /// The descriptor that is kept, if there is one.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn descriptor(&self, locator: &Locator) -> Result<Option<SealedDescriptor>, Fault> {
        let path = format!("/descriptor/{locator}");
        let reply = self.exchange(Method::GET, &path, None, Bytes::new(), limits::DESCRIPTOR_MAX).await?;
        match reply.status {
            StatusCode::OK => {
                let sequence = reply
                    .headers
                    .get("allod-sequence")
                    .and_then(|value| value.to_str().ok()?.parse().ok())
                    .ok_or(Fault::Lied(Lie::Garbage))?;
                Ok(Some(SealedDescriptor { sequence, sealed: reply.body.to_vec() }))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(fault(&reply)),
        }
    }

    /// What the guardian has at `path`, at most `size_max` bytes; nothing where it
    /// has nothing.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn get(&self, path: &str, size_max: usize) -> Result<Option<Vec<u8>>, Fault> {
        let reply = self.exchange(Method::GET, path, None, Bytes::new(), size_max).await?;
        match reply.status {
            StatusCode::OK => Ok(Some(reply.body.to_vec())),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(fault(&reply)),
        }
    }

    /// What the guardian answers to these bytes, at most `size_max` of them.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
        size_max: usize,
    ) -> Result<Vec<u8>, Fault> {
        let reply = self.exchange(Method::POST, path, token, Bytes::copy_from_slice(body), size_max).await?;
        if reply.status.is_success() { Ok(reply.body.to_vec()) } else { Err(fault(&reply)) }
    }

    /// Asks with an authorization of the caller's own, and waits as long as the caller says.
    /// With the status and the body, of at most `size_max` bytes where it succeeds.
    ///
    /// # Errors
    /// [`Fault`], where there is no answer.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        authorization: &str,
        body: Bytes,
        size_max: usize,
        patience: Duration,
    ) -> Result<(StatusCode, Bytes), Fault> {
        let request = self.awaited.begin(self.address.to_string());
        let asking = self.try_exchange(method, path, Some(authorization.to_owned()), body, size_max);
        let answer = tokio::time::timeout(patience, asking).await.unwrap_or(Err(Fault::Slow));
        request.end(&answer);
        answer.map(|reply| (reply.status, reply.body))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Bytes,
        body_max: usize,
    ) -> Result<Reply, Fault> {
        let patience = if path == REQUEST { ANSWER } else { BRIEF };
        let request = self.awaited.begin(self.address.to_string());
        let authorization = token.map(|token| format!("Bearer {token}"));
        let asking = self.try_exchange(method, path, authorization, body, body_max);
        let answer = tokio::time::timeout(patience, asking).await.unwrap_or(Err(Fault::Slow));
        request.end(&answer);
        answer
    }

    async fn try_exchange(
        &self,
        method: Method,
        path: &str,
        authorization: Option<String>,
        body: Bytes,
        body_max: usize,
    ) -> Result<Reply, Fault> {
        let mut sender = self.connection().await?;
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.authority())
            .header("x-juicebox-version", VERSION);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body)).map_err(|e| Fault::Unreachable(e.to_string()))?;
        // From here on the request may have arrived, so it is not sent again.
        let response = sender.send_request(request).await.map_err(|e| Fault::Unreachable(reason(&e)))?;
        let (head, incoming) = response.into_parts();
        let room = if head.status.is_success() { body_max } else { body_max.max(REFUSAL_MAX) };
        let body = Limited::new(incoming, room)
            .collect()
            .await
            .map_err(|e| match e.downcast_ref::<hyper::Error>() {
                Some(e) => Fault::Unreachable(reason(e)),
                None => Fault::Lied(Lie::Garbage),
            })?
            .to_bytes();
        *self.idle.lock().await = Some(sender);
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    /// The idle connection if it is still good, or a new one.
    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>, Fault> {
        let idle = self.idle.lock().await.take();
        if let Some(mut sender) = idle
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let unreachable = |e: &dyn std::fmt::Display| Fault::Unreachable(e.to_string());
        let address = (self.address.host.as_str(), self.address.port);
        let stream = tokio::time::timeout(CONNECT, TcpStream::connect(address))
            .await
            .map_err(|_| Fault::Unreachable("connecting took too long".into()))?
            .map_err(|e| unreachable(&e))?;
        let _ = stream.set_nodelay(true);
        if !self.address.tls {
            return speak(stream).await;
        }
        let Some(config) = &self.tls else {
            return Err(Fault::Unreachable("TLS could not be set up here".into()));
        };
        let name = ServerName::try_from(self.address.host.clone()).map_err(|e| unreachable(&e))?;
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, stream);
        let stream = tokio::time::timeout(CONNECT, handshake)
            .await
            .map_err(|_| Fault::Unreachable("the TLS handshake took too long".into()))?
            .map_err(|e| Fault::Unreachable(format!("TLS: {e}")))?;
        speak(stream).await
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, Fault> {
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| Fault::Unreachable(reason(&e)))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// The innermost cause says most.
fn reason(error: &hyper::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// What a refusal in JSON means.
fn fault(reply: &Reply) -> Fault {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    // A guardian's words go to a person's terminal: printable, and not many.
    let message: String = body
        .get("message")
        .and_then(|message| message.as_str())
        .unwrap_or("no reason given")
        .chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(200)
        .collect();
    match reply.status {
        StatusCode::UNAUTHORIZED => Fault::NotAuthorized(message),
        StatusCode::UPGRADE_REQUIRED => Fault::UpgradeRequired,
        StatusCode::TOO_MANY_REQUESTS => {
            let retry_in_ms = body.get("retry_in_ms").and_then(serde_json::Value::as_u64).unwrap_or(1_000);
            Fault::TooMany { retry_in_ms }
        }
        status => Fault::Refused(format!("{}: {message}", status.as_u16())),
    }
}
