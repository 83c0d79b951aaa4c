//! Guardians in this process, each behind a small front that can be told to
//! refuse, to keep answers back, to lie, or to be down.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use allod_crypto::SecretBytes;
use allod_guardian::card::Card;
use allod_guardian::juicebox::Request as Asked;
use allod_node::guardian::{Config, LimitsConfig, RateConfig, Running, Tls, run};
use allod_node::person::{CardSource, Home, NewIdentity, Person, PersonError, meet};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// How many of the guardians are needed.
pub const THRESHOLD: u8 = 3;

/// What a front does with requests.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Closes every connection.
    pub down: bool,
    /// How it takes a part of a registration.
    pub parts: Parts,
    /// Takes no descriptors.
    pub refuses_descriptors: bool,
    /// What it shows where a descriptor is asked for.
    pub shows: Shows,
}

/// How a front takes a part of a registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parts {
    /// As the guardian does.
    #[default]
    Takes,
    /// Not at all.
    Refuses,
    /// As the guardian does, but the answer is lost.
    TakesUnheard,
}

/// What a front shows where a descriptor is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shows {
    /// What the guardian keeps.
    #[default]
    Kept,
    /// Nothing, as if it kept none.
    Nothing,
    /// What it kept when this began.
    Old,
}

/// One guardian's front.
pub struct Front {
    /// Where it is.
    pub address: String,
    state: Arc<State>,
}

struct State {
    rules: Mutex<Rules>,
    guardian: String,
    /// The last descriptor shown while it showed what is kept: its number and
    /// what was sealed.
    shown: Mutex<Option<(String, Bytes)>>,
}

/// Guardians with their fronts, and room for homes.
pub struct World {
    /// The fronts, in the order in which they were started.
    pub fronts: Vec<Front>,
    homes: AtomicUsize,
    folder: tempfile::TempDir,
    _running: Vec<Running>,
}

impl Front {
    /// Changes what it does.
    pub fn rule(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.state.rules.lock().unwrap());
    }
}

impl World {
    /// Starts this many.
    pub async fn start(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut running, mut fronts) = (Vec::new(), Vec::new());
        for i in 0..count {
            let state = folder.path().join(format!("guardian-{i}"));
            let mut config = Config::new("127.0.0.1:0".parse().unwrap(), state, Tls::Off);
            let rate = RateConfig { burst: 100_000, per_second: 100_000 };
            config.limits = LimitsConfig { tenant: rate, account: rate, address: rate, evaluations: rate };
            let guardian = run(&config).await.unwrap();
            fronts.push(front(guardian.address().trim_start_matches("http://").to_owned()).await);
            running.push(guardian);
        }
        Self { fronts, homes: AtomicUsize::new(0), folder, _running: running }
    }

    /// Has every front do as its guardian does.
    pub fn mend(&self) {
        self.all(|rules| *rules = Rules::default());
    }

    /// Changes what every front does.
    pub fn all(&self, change: impl Fn(&mut Rules)) {
        self.fronts.iter().for_each(|front| front.rule(&change));
    }

    /// The first `k` fronts take parts like this, the rest refuse them.
    pub fn only(&self, k: usize, parts: Parts) {
        for (i, front) in self.fronts.iter().enumerate() {
            front.rule(|rules| rules.parts = if i < k { parts } else { Parts::Refuses });
        }
    }

    /// Where the first `count` fronts are.
    pub fn addresses(&self, count: usize) -> Vec<String> {
        self.fronts.iter().take(count).map(|front| front.address.clone()).collect()
    }

    /// An empty home.
    pub fn home(&self) -> Home {
        let number = self.homes.fetch_add(1, Ordering::Relaxed);
        Home::new(self.path(number))
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("home-{number}"))
    }

    /// A new identity with the first five guardians.
    pub async fn create(&self, pin: &str, guesses: u16) -> (Home, Person) {
        let home = self.home();
        let configuration = meet(&self.addresses(5), THRESHOLD).await.unwrap();
        let device_name = "the first device".into();
        let new = NewIdentity { configuration, device_name, pin: secret(pin), guesses };
        let (person, _) = new.create(&home, |_| ()).await.unwrap();
        (home, person)
    }

    /// Recovers into an empty home, with a card that lists the first five.
    pub async fn recover(&self, card: &Card, pin: &str) -> Result<(Home, Person), PersonError> {
        let home = self.home();
        let card = Card::from_words(&card.words()).unwrap();
        let source = CardSource { card, addresses: self.addresses(5) };
        let recovered = Person::recover(&home, source, secret(pin), "another device", None, |_| ()).await;
        recovered.map(|(person, _, _)| (home, person))
    }
}

/// A PIN.
pub fn secret(pin: &str) -> SecretBytes {
    SecretBytes::from(pin.as_bytes().to_vec())
}

async fn front(guardian: String) -> Front {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let state = Arc::new(State { rules: Mutex::default(), guardian, shown: Mutex::default() });
    let serving = Arc::clone(&state);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let state = Arc::clone(&serving);
            let answer = service_fn(move |request| handle(Arc::clone(&state), request));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
            );
        }
    });
    Front { address, state }
}

/// An error closes the connection without an answer.
async fn handle(state: Arc<State>, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let rules = state.rules.lock().unwrap().clone();
    if rules.down {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let describes = head.uri.path().starts_with("/descriptor/");
    let is_part = head.uri.path() == "/req" && matches!(Asked::decode(&body), Ok(Asked::Register2(_)));
    let refused = (is_part && rules.parts == Parts::Refuses)
        || (describes && head.method == Method::PUT && rules.refuses_descriptors);
    if refused {
        return Ok(answer(StatusCode::SERVICE_UNAVAILABLE));
    }
    let asks = describes && head.method == Method::GET;
    match rules.shows {
        Shows::Nothing if asks => return Ok(answer(StatusCode::NOT_FOUND)),
        Shows::Old if asks => {
            let Some((sequence, sealed)) = state.shown.lock().unwrap().clone() else {
                return Ok(answer(StatusCode::NOT_FOUND));
            };
            let mut response = Response::new(Full::new(sealed));
            response.headers_mut().insert("allod-sequence", sequence.parse().map_err(io::Error::other)?);
            return Ok(response);
        }
        _ => {}
    }
    let response = forward(&state.guardian, Request::from_parts(head, Full::new(body))).await?;
    if is_part && rules.parts == Parts::TakesUnheard {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let (head, body) = response.into_parts();
    if asks && let Some(sequence) = head.headers.get("allod-sequence") {
        let sequence = sequence.to_str().map_err(io::Error::other)?.to_owned();
        *state.shown.lock().unwrap() = Some((sequence, body.clone()));
    }
    Ok(Response::from_parts(head, Full::new(body)))
}

fn answer(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    *response.status_mut() = status;
    response
}

async fn forward(guardian: &str, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
    let stream = TcpStream::connect(guardian).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(head, body))
}
