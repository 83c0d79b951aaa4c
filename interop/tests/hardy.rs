//! TCPCL with another implementation of it: that of Hardy (`hardy-tcpclv4`).
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use allod_links::tcpcl::{Connection, Listener, Settings};
use hardy_bpa::cla::{Cla as _, ClaAddress, ForwardBundleResult, Result, Sink};
use hardy_bpa::{Bytes, async_trait};
use hardy_bpv7::eid::NodeId;
use hardy_tcpclv4::Cla;
use hardy_tcpclv4::config::{Config, SessionConfig};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(20);

/// What stands for Hardy's bundle processing: it says which bundles came.
struct Bundles(mpsc::Sender<Vec<u8>>);

#[async_trait]
impl Sink for Bundles {
    async fn unregister(&self) {}

    async fn dispatch(&self, bundle: Bytes, _: Option<&NodeId>, _: Option<&ClaAddress>) -> Result<()> {
        self.0.send(bundle.to_vec()).await.map_err(|_| hardy_bpa::cla::Error::Disconnected)
    }

    async fn add_peer(&self, _: ClaAddress, _: &[NodeId]) -> Result<bool> {
        Ok(true)
    }

    async fn remove_peer(&self, _: &ClaAddress) -> Result<bool> {
        Ok(true)
    }
}

/// A node of Hardy, which listens there, if anywhere, and takes segments of so many bytes.
async fn hardy(address: Option<SocketAddr>, segment_mru: u64) -> (Arc<Cla>, mpsc::Receiver<Vec<u8>>) {
    let session_defaults = SessionConfig { keepalive_interval: Some(1), ..SessionConfig::default() };
    let config = Config { address, segment_mru, session_defaults, ..Config::default() };
    let cla = Arc::new(Cla::new(&config).unwrap());
    let (came, bundles) = mpsc::channel(16);
    let node: NodeId = "ipn:9.0".parse().unwrap();
    cla.on_register(Box::new(Bundles(came)), &[node]).await;
    (cla, bundles)
}

fn bundle(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7) as u8).collect()
}

const LENGTHS: [usize; 4] = [1, 300, 16_385, 2 << 20];

#[tokio::test(flavor = "multi_thread")]
async fn bundles_to_a_node_of_hardy_arrive() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (node, mut bundles) = hardy(Some(free), 1000).await;
    let settings = Settings { keepalive: 1, ..Settings::new("dtn://allod/") };
    let connected = async {
        loop {
            // It may not listen yet.
            match Connection::connect(&free.to_string(), &settings).await {
                Ok(connection) => return connection,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let connection = timeout(LONG, connected).await.unwrap();
    assert_eq!(connection.node(), "ipn:9.0");
    for length in LENGTHS {
        timeout(LONG, connection.send(bundle(length))).await.unwrap().unwrap();
        assert!(timeout(LONG, bundles.recv()).await.unwrap().unwrap() == bundle(length));
    }
    // Longer than both sides' keepalive: the session is still there.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    timeout(LONG, connection.send(bundle(5))).await.unwrap().unwrap();
    node.on_unregister().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_from_a_node_of_hardy_arrive_and_its_end_is_noticed() {
    let settings = Settings { keepalive: 1, ..Settings::new("dtn://allod/") };
    let mut listener = Listener::bind("127.0.0.1:0", settings).await.unwrap();
    let address = listener.address().unwrap();
    let (node, mut bundles) = hardy(None, 16_384).await;
    let (connected, found) = tokio::join!(node.connect(&address), timeout(LONG, listener.next()));
    connected.unwrap();
    let mut connection = found.unwrap().unwrap();
    assert_eq!(connection.node(), "ipn:9.0");
    // Hardy opens another connection as long as it has not noted down this one.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sender = Arc::clone(&node);
    let sending = tokio::spawn(async move {
        for length in LENGTHS {
            let sent = sender.forward(None, &ClaAddress::Tcp(address), bundle(length).into()).await.unwrap();
            assert!(matches!(sent, ForwardBundleResult::Sent));
        }
    });
    for length in LENGTHS {
        let came = timeout(LONG, connection.receive()).await.unwrap().unwrap();
        assert!(came.bundle == bundle(length));
        came.accept();
    }
    timeout(LONG, sending).await.unwrap().unwrap();
    // The other way on the same session.
    timeout(LONG, connection.send(bundle(100_000))).await.unwrap().unwrap();
    assert!(timeout(LONG, bundles.recv()).await.unwrap().unwrap() == bundle(100_000));
    node.on_unregister().await;
    assert!(timeout(LONG, connection.receive()).await.unwrap().is_none());
}
