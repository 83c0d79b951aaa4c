//! The ways that a bundle goes there and back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use allod_courier::bundle::{Bundle, BundleId};
use allod_courier::carry::Limits;
use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_links::p2p::{Config, P2p};
use allod_links::tcpcl::{Connection, Listener, Settings};
use allod_post::bag::Bag;
use allod_post::{Carrier, Contact, Happened, Met, PostError, Signal, meet, now};
use hardy_bpa::cla::{Cla as _, ClaAddress, Result, Sink};
use hardy_bpa::{Bytes, async_trait};
use hardy_bpv7::eid::NodeId;
use hardy_tcpclv4::Cla;
use tokio::sync::{broadcast, mpsc};

use super::Done;

/// Our TCPCLv4.
pub(crate) struct Tcpcl(Connection);

impl Tcpcl {
    pub(crate) async fn new() -> Done<Self> {
        let mut listener = Listener::bind("127.0.0.1:0", Settings::new("dtn://there/")).await?;
        let address = listener.address()?.to_string();
        let settings = Settings::new("dtn://here/");
        let (here, there) = tokio::join!(Connection::connect(&address, &settings), listener.next());
        let mut there = there?;
        tokio::spawn(async move {
            let sender = there.sender();
            while let Some(came) = there.receive().await {
                let bundle = came.bundle.clone();
                came.accept();
                // Whoever waits until one was taken decides meanwhile on those that come.
                let sender = sender.clone();
                tokio::spawn(async move { sender.send(bundle).await });
            }
        });
        Ok(Self(here?))
    }

    pub(crate) async fn round(&mut self, bundle: &[u8]) -> Done<()> {
        self.0.send(bundle.to_vec()).await?;
        let came = self.0.receive().await.ok_or("the session ended")?;
        assert_eq!(came.bundle, bundle, "the same comes back");
        came.accept();
        Ok(())
    }
}

/// Hardy's TCPCLv4.
pub(crate) struct Hardy {
    here: Arc<Cla>,
    there: ClaAddress,
    came: mpsc::Receiver<Bytes>,
}

/// What stands for Hardy's bundle processing: it says which bundles came.
struct Bundles(mpsc::Sender<Bytes>);

#[async_trait]
impl Sink for Bundles {
    async fn unregister(&self) {}

    async fn dispatch(&self, bundle: Bytes, _: Option<&NodeId>, _: Option<&ClaAddress>) -> Result<()> {
        self.0.send(bundle).await.map_err(|_| hardy_bpa::cla::Error::Disconnected)
    }

    async fn add_peer(&self, _: ClaAddress, _: &[NodeId]) -> Result<bool> {
        Ok(true)
    }

    async fn remove_peer(&self, _: &ClaAddress) -> Result<bool> {
        Ok(true)
    }
}

impl Hardy {
    pub(crate) async fn new() -> Done<Self> {
        let free = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let (to, back) = (free()?, free()?);
        let ((there, mut bundles), (here, came)) =
            (Self::node(to, "ipn:9.0").await?, Self::node(back, "ipn:8.0").await?);
        // Each calls the other: whoever was called answers nobody. It may not listen yet.
        for (node, address) in [(&here, to), (&there, back)] {
            while node.connect(&address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        tokio::spawn(async move {
            while let Some(bundle) = bundles.recv().await {
                if there.forward(None, &ClaAddress::Tcp(back), bundle).await.is_err() {
                    break;
                }
            }
        });
        // It opens another connection as long as it has not noted down this one.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(Self { here, there: ClaAddress::Tcp(to), came })
    }

    async fn node(address: SocketAddr, name: &str) -> Done<(Arc<Cla>, mpsc::Receiver<Bytes>)> {
        let config = hardy_tcpclv4::config::Config { address: Some(address), ..Default::default() };
        let cla = Arc::new(Cla::new(&config)?);
        let (came, bundles) = mpsc::channel(16);
        cla.on_register(Box::new(Bundles(came)), &[name.parse::<NodeId>()?]).await;
        Ok((cla, bundles))
    }

    pub(crate) async fn round(&mut self, bundle: &[u8]) -> Done<()> {
        self.here.forward(None, &self.there, Bytes::copy_from_slice(bundle)).await?;
        let came = self.came.recv().await.ok_or("the session ended")?;
        assert_eq!(came, bundle, "the same comes back");
        Ok(())
    }
}

/// A contact on QUIC.
pub(crate) struct Meeting {
    here: Arc<Carrier>,
    there: Arc<Carrier>,
    came_here: mpsc::UnboundedReceiver<BundleId>,
    came_there: mpsc::UnboundedReceiver<BundleId>,
    _networks: [P2p; 2],
}

fn rng() -> impl allod_crypto::CryptoRng + Send + 'static {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}

/// Somebody for whom messages are whose tags begin with this.
fn carrier(folder: &Path, whose: u8, seed: &Secret<32>) -> Done<Arc<Carrier>> {
    let limits = Limits { bytes: 1 << 30, count: 10_000, stranger: 2, friend: 2 };
    Ok(Arc::new(Carrier {
        bag: Arc::new(Mutex::new(Bag::open(&folder.join(whose.to_string()), limits)?)),
        key: SigningKey::from_seed(seed),
        cover: Secret::random(&mut rng()),
        wants: Box::new(move |tag| tag.0[0] == whose),
        signals: broadcast::channel(1024).0,
    }))
}

impl Meeting {
    pub(crate) async fn new(folder: &Path) -> Done<Self> {
        let seeds = [Secret::random(&mut rng()), Secret::random(&mut rng())];
        let (here, there) = (carrier(folder, 0, &seeds[0])?, carrier(folder, 1, &seeds[1])?);
        let quic = |seed: &Secret<32>| Config {
            listen: vec!["/ip4/127.0.0.1/udp/0/quic-v1".into()],
            mdns: false,
            ..Config::new(seed.clone())
        };
        let (first, mut first_met) = P2p::start(quic(&seeds[0]), rng())?;
        let (second, mut second_met) = P2p::start(quic(&seeds[1]), rng())?;
        let mut addresses = first.watch_addresses();
        let address = addresses.wait_for(|all| !all.is_empty()).await?[0].clone();
        second.dial(&address).await?;
        let (one, other) = tokio::join!(first_met.recv(), second_met.recv());
        let (one, other) = (one.ok_or("no contact")?, other.ok_or("no contact")?);
        let ((came_here, settled_here), (came_there, settled_there)) =
            (Self::carry(&here, one), Self::carry(&there, other));
        settled_here.await?;
        settled_there.await?;
        Ok(Self { here, there, came_here, came_there, _networks: [first, second] })
    }

    fn carry(
        carrier: &Arc<Carrier>,
        contact: allod_links::Contact,
    ) -> (mpsc::UnboundedReceiver<BundleId>, tokio::sync::oneshot::Receiver<()>) {
        let allod_links::Contact { peer, link, send, receive, .. } = contact;
        let contact = Contact { known: Some(peer), link, send, receive };
        let (came, bundles) = mpsc::unbounded_channel();
        let (settled, is_settled) = tokio::sync::oneshot::channel();
        let (carrier, mut settled) = (Arc::clone(carrier), Some(settled));
        tokio::spawn(async move {
            let tell = |happened| match happened {
                Happened::Came(id) => drop(came.send(id)),
                Happened::Settled => drop(settled.take().map(|settled| settled.send(()))),
                _ => {}
            };
            match meet(&carrier, contact, &mut rng(), tell).await {
                Ok(Met { fault: None, .. }) => {}
                ended => eprintln!("the contact ended: {ended:?}"),
            }
        });
        (bundles, is_settled)
    }

    fn leave(carrier: &Carrier, bundle: &Bundle) -> Done<()> {
        carrier.bag().with(|bag| bag.put_own(bundle, now()))?;
        carrier.signals.send(Signal::New(bundle.id()))?;
        Ok(())
    }

    pub(crate) async fn round(&mut self, there: &Bundle, back: &Bundle) -> Done<()> {
        Self::leave(&self.here, there)?;
        assert_eq!(self.came_there.recv().await, Some(there.id()), "it came there");
        Self::leave(&self.there, back)?;
        assert_eq!(self.came_here.recv().await, Some(back.id()), "it came back");
        Ok(())
    }

    /// Both forget them.
    pub(crate) fn clear(&self, there: &Bundle, back: &Bundle) -> Done<()> {
        for carrier in [&self.here, &self.there] {
            carrier.bag().with(|bag| bag.erase(&[there.id(), back.id()]))?;
        }
        Ok::<_, PostError>(()).map_err(Into::into)
    }
}
