//! A session on a socket.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allod_courier::bundle::FULL_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::message::Refusal;
use super::session::{Input, Output, Session, Terms, Why};
use crate::LinkError;
use crate::error::innermost;

/// Sessions that are being begun by others at one time.
const BEGINNING_MAX: usize = 16;

/// How long the last bytes of a session may take.
const ENDING: Duration = Duration::from_secs(5);

/// How this node speaks to others.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this node, as `dtn://somewhere/` or `ipn:7.0`. It is not proved to anybody,
    /// and everybody on the way sees it.
    pub node: String,
    /// The most bytes of a bundle that is taken.
    pub transfer_max: usize,
    /// After how many seconds of silence somebody says that they are there; 0 for never. The
    /// smaller one of the two sides' counts. RFC 9174 asks for at least 30 on shared networks.
    pub keepalive: u16,
    /// How long it may take until there is a session.
    pub contact: Duration,
}

impl Settings {
    /// Those that RFC 9174 proposes, for a node of this name and bundles of the courier.
    pub fn new(node: &str) -> Self {
        let contact = Duration::from_secs(15);
        Self { node: node.into(), transfer_max: FULL_MAX, keepalive: 60, contact }
    }

    fn terms(&self) -> Result<Terms, LinkError> {
        let Self { node, transfer_max, keepalive, contact } = self.clone();
        let is_name = (node.starts_with("dtn://") && node.ends_with('/')) || node.starts_with("ipn:");
        if !is_name || node.len() > 255 || node.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(LinkError::address(&node, "a node is named as `dtn://somewhere/` or `ipn:7.0`"));
        }
        Ok(Terms { node, transfer_max, keepalive, contact })
    }
}

/// A session with another node. It ends when this and all its [`Sender`]s are dropped.
#[derive(Debug)]
pub struct Connection {
    node: String,
    sender: Sender,
    receive: mpsc::Receiver<Incoming>,
}

/// The way out of a session, one bundle at a time.
#[derive(Clone, Debug)]
pub struct Sender {
    transfer_max: u64,
    send: mpsc::Sender<Outgoing>,
}

#[derive(Debug)]
struct Outgoing {
    bundle: Vec<u8>,
    answer: oneshot::Sender<Result<(), LinkError>>,
}

/// A bundle from another node, as it came: nothing is checked yet. It is refused as not
/// acceptable if this is dropped.
#[derive(Debug)]
pub struct Incoming {
    /// The bytes of the bundle, in the form of RFC 9171 if the other node does as it should.
    pub bundle: Vec<u8>,
    answer: oneshot::Sender<Result<(), Refusal>>,
}

impl Incoming {
    /// Tells the other node that the bundle is kept here.
    pub fn accept(self) {
        // The session may have ended.
        let _ = self.answer.send(Ok(()));
    }

    /// Tells the other node that the bundle is not taken.
    pub fn refuse(self, refusal: Refusal) {
        let _ = self.answer.send(Err(refusal));
    }
}

impl Connection {
    /// Connects to a node that listens.
    ///
    /// # Errors
    /// [`LinkError`]: nobody is there, or they do not speak TCPCL version 4.
    pub async fn connect(address: &str, settings: &Settings) -> Result<Self, LinkError> {
        let failed = |why: String| LinkError::Dial { address: address.into(), why };
        let stream = match timeout(settings.contact, TcpStream::connect(address)).await {
            Err(_) => return Err(failed("nobody answers".into())),
            Ok(connected) => connected.map_err(|why| failed(innermost(&why)))?,
        };
        Self::begin(stream, true, settings).await
    }

    /// Begins a session with somebody who connected.
    ///
    /// # Errors
    /// [`LinkError::Protocol`], [`LinkError::Address`] of this node's name.
    pub async fn accept(stream: TcpStream, settings: &Settings) -> Result<Self, LinkError> {
        Self::begin(stream, false, settings).await
    }

    async fn begin(stream: TcpStream, is_active: bool, settings: &Settings) -> Result<Self, LinkError> {
        let session = Session::new(is_active, settings.terms()?, Instant::now());
        // Small messages are not to wait for large ones.
        let _ = stream.set_nodelay(true);
        let (send, outgoing) = mpsc::channel(1);
        let (incoming, receive) = mpsc::channel(1);
        let (opened, is_opened) = oneshot::channel();
        let driver = Driver {
            session,
            incoming,
            opened: Some(opened),
            answer: None,
            decision: None,
            why: None,
            to_write: Vec::new(),
            written: 0,
        };
        tokio::spawn(driver.run(stream, outgoing));
        let (node, transfer_max) = is_opened.await.map_err(|_| LinkError::Ended)??;
        Ok(Self { node, sender: Sender { transfer_max, send }, receive })
    }

    /// The name that the other node gave itself.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The way out, to send while bundles are received.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Sends a bundle, and waits until the other node has taken it.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send(&self, bundle: Vec<u8>) -> Result<(), LinkError> {
        self.sender.send(bundle).await
    }

    /// The next bundle from the other node; none once the session has ended.
    pub async fn receive(&mut self) -> Option<Incoming> {
        self.receive.recv().await
    }
}

impl Sender {
    /// Sends a bundle, and waits until the other node has taken it.
    ///
    /// # Errors
    /// [`LinkError::Refused`], [`LinkError::TooLarge`], [`LinkError::Protocol`],
    /// [`LinkError::Ended`]: the bundle may be there or not, for all that is known here.
    pub async fn send(&self, bundle: Vec<u8>) -> Result<(), LinkError> {
        if bundle.len() as u64 > self.transfer_max {
            return Err(LinkError::TooLarge { max: self.transfer_max });
        }
        if bundle.is_empty() {
            return Err(LinkError::Refused(Refusal::NotAcceptable));
        }
        let (answer, answered) = oneshot::channel();
        self.send.send(Outgoing { bundle, answer }).await.map_err(|_| LinkError::Ended)?;
        answered.await.map_err(|_| LinkError::Ended)?
    }
}

/// Where other nodes connect.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    settings: Settings,
    beginning: JoinSet<Result<Connection, LinkError>>,
}

impl Listener {
    /// Listens at an address; the port that IANA gave to TCPCL is 4556.
    ///
    /// # Errors
    /// [`LinkError::Listen`], [`LinkError::Address`] of this node's name.
    pub async fn bind(address: impl ToSocketAddrs, settings: Settings) -> Result<Self, LinkError> {
        settings.terms()?;
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|why| LinkError::listen("the address for TCPCL", innermost(&why)))?;
        Ok(Self { listener, settings, beginning: JoinSet::new() })
    }

    /// The address.
    ///
    /// # Errors
    /// [`LinkError::Listen`].
    pub fn address(&self) -> Result<SocketAddr, LinkError> {
        let why = |why: std::io::Error| LinkError::listen("the address for TCPCL", why);
        self.listener.local_addr().map_err(why)
    }

    /// The next session that somebody began, or why it did not come to one.
    ///
    /// # Errors
    /// [`LinkError`]; others may still come.
    pub async fn next(&mut self) -> Result<Connection, LinkError> {
        loop {
            let has_room = self.beginning.len() < BEGINNING_MAX;
            tokio::select! {
                Some(begun) = self.beginning.join_next() => {
                    return begun.unwrap_or(Err(LinkError::Ended));
                }
                accepted = self.listener.accept(), if has_room => {
                    let why = |why: std::io::Error| LinkError::listen("the address for TCPCL", why);
                    let (stream, _) = accepted.map_err(why)?;
                    let settings = self.settings.clone();
                    self.beginning.spawn(async move { Connection::accept(stream, &settings).await });
                }
            }
        }
    }
}

/// The task of one session.
struct Driver {
    session: Session,
    incoming: mpsc::Sender<Incoming>,
    opened: Option<oneshot::Sender<Result<(String, u64), LinkError>>>,
    answer: Option<oneshot::Sender<Result<(), LinkError>>>,
    decision: Option<oneshot::Receiver<Result<(), Refusal>>>,
    why: Option<Why>,
    to_write: Vec<u8>,
    written: usize,
}

impl Driver {
    async fn run(mut self, mut stream: TcpStream, mut outgoing: mpsc::Receiver<Outgoing>) {
        let broken = self.drive(&mut stream, &mut outgoing).await.err();
        let is_whole = broken.is_none();
        let words = broken.map(|why| innermost(&why));
        let error = |why: Option<&Why>| match (why, &words) {
            (Some(Why::Wrong(why)), _) => LinkError::Protocol((*why).into()),
            (Some(Why::Silent), _) => LinkError::Protocol("it says nothing".into()),
            (None, Some(words)) => LinkError::Protocol(words.clone()),
            (Some(Why::Terminated), _) | (None, None) => LinkError::Ended,
        };
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(Err(error(self.why.as_ref())));
        }
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(Err(error(self.why.as_ref())));
        }
        if is_whole {
            let _ = timeout(ENDING, self.finish(&mut stream)).await;
        }
    }

    async fn drive(
        &mut self,
        stream: &mut TcpStream,
        outgoing: &mut mpsc::Receiver<Outgoing>,
    ) -> std::io::Result<()> {
        let mut bytes = vec![0; 64 << 10];
        let (mut is_wanted, mut ending) = (true, None);
        let (mut reader, mut writer) = stream.split();
        loop {
            self.take();
            if self.why.is_some() {
                return Ok(());
            }
            let is_writing = self.written < self.to_write.len();
            let rest = self.to_write.get(self.written..).unwrap_or_default();
            if self.session.is_ended() && ending.is_none() {
                ending = Some(Instant::now() + ENDING);
            }
            let never = Instant::now() + Duration::from_secs(3600);
            let deadline = ending.or_else(|| self.session.deadline()).unwrap_or(never);
            let decision = async {
                match &mut self.decision {
                    Some(decision) => decision.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                written = writer.write(rest), if is_writing => self.written += written?,
                came = reader.read(&mut bytes), if self.session.can_take() => {
                    let came = came?;
                    if came == 0 {
                        return Err(std::io::ErrorKind::UnexpectedEof.into());
                    }
                    let came = bytes.get(..came).unwrap_or_default();
                    self.session.handle(Instant::now(), Input::Bytes(came));
                }
                // Whoever dropped the bundle cannot use it.
                decided = decision => {
                    self.decision = None;
                    let decided = decided.unwrap_or(Err(Refusal::NotAcceptable));
                    self.session.handle(Instant::now(), Input::Decided(decided));
                }
                next = outgoing.recv(), if is_wanted && self.session.can_send() => match next {
                    Some(Outgoing { bundle, answer }) => {
                        self.answer = Some(answer);
                        self.session.handle(Instant::now(), Input::Send(bundle));
                    }
                    None => {
                        is_wanted = false;
                        self.session.handle(Instant::now(), Input::Terminate);
                    }
                },
                () = sleep_until(deadline.into()) => {
                    if ending.is_some() {
                        // The other side does not even take the last bytes.
                        return Err(std::io::ErrorKind::TimedOut.into());
                    }
                    self.session.handle(Instant::now(), Input::Time);
                }
            }
        }
    }

    /// Does what the session wants, until there is something to write.
    fn take(&mut self) {
        while self.written == self.to_write.len() {
            let Some(output) = self.session.poll(Instant::now()) else { return };
            match output {
                Output::Bytes(bytes) => {
                    self.to_write = bytes;
                    self.written = 0;
                }
                Output::Opened { node } => {
                    let transfer_max = self.session.transfer_max();
                    if let Some(opened) = self.opened.take() {
                        let _ = opened.send(Ok((node, transfer_max)));
                    }
                }
                Output::Came(bundle) => {
                    let (answer, decision) = oneshot::channel();
                    self.decision = Some(decision);
                    // There is room for one, and never more than one is not decided on. If nobody
                    // wants it, the answer is dropped.
                    let _ = self.incoming.try_send(Incoming { bundle, answer });
                }
                Output::Sent(taken) => {
                    if let Some(answer) = self.answer.take() {
                        let _ = answer.send(taken.map_err(LinkError::Refused));
                    }
                }
                Output::Ended(why) => self.why = Some(why),
            }
        }
    }

    /// Brings the last bytes to the other side, and waits until it has closed, so that none
    /// is lost.
    async fn finish(&mut self, stream: &mut TcpStream) -> std::io::Result<()> {
        stream.write_all(self.to_write.get(self.written..).unwrap_or_default()).await?;
        stream.shutdown().await?;
        let mut bytes = [0; 1024];
        while stream.read(&mut bytes).await? > 0 {}
        Ok(())
    }
}
