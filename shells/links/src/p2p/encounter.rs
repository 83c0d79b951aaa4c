//! The protocol `/allod/encounter/1` as libp2p has protocols: one stream of frames between two
//! peers.
//!
//! Of two peers, the one whose public key is smaller opens the stream, on whichever connection
//! and whoever dialled. So there are no two streams if both dial at once, and nothing has to
//! be agreed on. The other one refuses none: a new stream takes the place of the one before.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol};

/// The protocol's name on a connection.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/allod/encounter/1");

/// How long the other side may take to say whether it speaks the protocol.
const ANSWER: Duration = Duration::from_secs(10);

/// What came of a connection.
#[derive(Debug)]
pub(super) enum Outcome {
    /// There is a stream.
    Stream(Stream),
    /// The other side does not speak the protocol.
    Foreign,
    /// It did not come to a stream.
    Failed(String),
}

/// What came of a connection with a peer.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) peer: PeerId,
    pub(super) connection: ConnectionId,
    pub(super) outcome: Outcome,
}

/// The side of the swarm.
pub(super) struct Behaviour {
    me: PeerId,
    queue: VecDeque<ToSwarm<Came, Open>>,
}

/// Whether the first of two peers is to open the stream.
pub(super) fn opens(me: &PeerId, other: &PeerId) -> bool {
    me.to_bytes() < other.to_bytes()
}

impl Behaviour {
    pub(super) const fn new(me: PeerId) -> Self {
        Self { me, queue: VecDeque::new() }
    }

    /// Opens a stream on a connection.
    pub(super) fn open(&mut self, peer: PeerId, connection: ConnectionId) {
        let handler = NotifyHandler::One(connection);
        self.queue.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler, event: Open });
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Came;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::new(opens(&self.me, &peer)))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::new(opens(&self.me, &peer)))
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        outcome: THandlerOutEvent<Self>,
    ) {
        self.queue.push_back(ToSwarm::GenerateEvent(Came { peer, connection, outcome }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Came, THandlerInEvent<Self>>> {
        // Nothing is put in between polls but by calls of the driver, which polls then.
        self.queue.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// To a connection: open the stream.
#[derive(Debug)]
pub(super) struct Open;

/// The side of one connection.
pub(super) struct Handler {
    /// Whether this side opens the stream, and so accepts none.
    opens: bool,
    is_asked: bool,
    is_asking: bool,
    /// The newest outcome; one that nobody has fetched is worth nothing beside it.
    outcome: Option<Outcome>,
}

impl Handler {
    const fn new(opens: bool) -> Self {
        Self { opens, is_asked: false, is_asking: false, outcome: None }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = Outcome;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn on_behaviour_event(&mut self, Open: Open) {
        self.is_asked = true;
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Outcome>> {
        if let Some(outcome) = self.outcome.take() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome));
        }
        if self.is_asked && !self.is_asking {
            self.is_asked = false;
            self.is_asking = true;
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()).with_timeout(ANSWER);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            // A stream that comes although this side opens it is dropped.
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. })
                if !self.opens =>
            {
                self.outcome = Some(Outcome::Stream(protocol));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                self.is_asking = false;
                self.outcome = Some(Outcome::Stream(protocol));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.is_asking = false;
                self.outcome = Some(match error {
                    StreamUpgradeError::NegotiationFailed => Outcome::Foreign,
                    StreamUpgradeError::Timeout => Outcome::Failed("it did not answer in time".into()),
                    StreamUpgradeError::Io(why) => Outcome::Failed(why.to_string()),
                    StreamUpgradeError::Apply(never) => match never {},
                });
            }
            _ => {}
        }
    }
}
