//! Rules, the relay that keeps them, and the addresses of namespaces.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::super::{Order, Place, Schedule};
use super::relay::{Relay, moved, seen};
use super::*;
use crate::guardian::{ChainSection, Config, Tls};
use crate::ports_in_tests::free_address;

fn order(text: &str) -> Order {
    Schedule::of_order(text, 20, 1).unwrap().steps[0].order.clone()
}

fn rules(orders: &[&str]) -> Rules {
    let mut rules = Rules::default();
    orders.iter().for_each(|text| rules.obey(&order(text)));
    rules
}

#[test]
fn a_partition_parts_groups_and_nobody_else() {
    let rules = rules(&["partition 1,2 | 3,outside"]);
    for a in Place::all(4) {
        for b in Place::all(4) {
            let side = |place| match place {
                Place::Guardian(1 | 2) => Some(false),
                Place::Guardian(3) | Place::Outside => Some(true),
                Place::Guardian(_) => None,
            };
            let parted = matches!((side(a), side(b)), (Some(a), Some(b)) if a != b);
            assert_eq!(rules.between(a, b).cut, parted, "{a} to {b}");
        }
    }
    assert_eq!([1, 2, 3, 4].map(|guardian| rules.group_of(guardian)), [Some(1), Some(1), Some(2), None]);
}

#[test]
fn a_partition_takes_the_place_of_the_one_before_and_is_healed() {
    let cut = |rules: &Rules, a, b| rules.between(Place::Guardian(a), Place::Guardian(b)).cut;
    let second = rules(&["partition 1 | 2", "partition 1 | 3"]);
    assert!(!cut(&second, 1, 2) && cut(&second, 1, 3) && cut(&second, 3, 1));
    assert_eq!(rules(&["partition 1 | 2", "heal"]), Rules::default());
}

#[test]
fn delays_of_both_ends_and_of_the_way_add_up() {
    let rules = rules(&["delay 1 100ms jitter 10ms", "delay 2 200ms", "delay 1 -> 2 1s jitter 5ms"]);
    let between = |from, to| {
        let treatment = rules.between(from, to);
        (treatment.delay_ms, treatment.jitter_ms)
    };
    let [one, two, three] = [1, 2, 3].map(Place::Guardian);
    assert_eq!(between(one, two), (1300, 15));
    assert_eq!(between(two, one), (300, 10));
    assert_eq!(between(one, three), (100, 10));
    assert_eq!(between(Place::Outside, two), (200, 0));
    assert_eq!(between(Place::Outside, three), (0, 0));
    assert_eq!([1, 2, 3].map(|guardian| rules.delay_of(guardian)), [Some(1000), Some(1000), None]);
    let mut none = rules.clone();
    for text in ["delay 1 0s", "delay 2 0s", "delay 1 -> 2 0s"] {
        none.obey(&order(text));
    }
    assert_eq!(none, Rules::default());
}

/// Guardians that answer each byte with their number and what they see of the
/// caller, behind a relay.
struct Net {
    configs: Vec<Config>,
    rules: watch::Sender<Rules>,
    relay: Relay,
    guardians: Vec<tokio::task::JoinHandle<()>>,
}

impl Net {
    async fn start(count: usize) -> Self {
        let mut configs = Vec::new();
        for _ in 0..count {
            configs.push(Config::new(free_address(), "state".into(), Tls::Off));
        }
        let mut guardians = Vec::new();
        for place in 0..configs.len() {
            let listener = TcpListener::bind(moved(place + 1, &configs).unwrap().listen).await.unwrap();
            guardians.push(tokio::spawn(answer(listener)));
        }
        let rules = watch::Sender::new(Rules::default());
        let relay = Relay::start(&configs, &rules.subscribe()).await.unwrap();
        Self { configs, rules, relay, guardians }
    }

    fn order(&self, text: &str) {
        self.rules.send_modify(|rules| rules.obey(&order(text)));
    }

    /// A connection from a place to a guardian.
    async fn connect(&self, from: Place, to: usize) -> std::io::Result<TcpStream> {
        let config = &self.configs[to - 1];
        let address = match from {
            Place::Outside => config.listen,
            Place::Guardian(from) => seen(from, to, config).unwrap()[0].address,
        };
        TcpStream::connect(address).await
    }
}

/// Echoes on each connection.
async fn answer(listener: TcpListener) {
    while let Ok((mut stream, peer)) = listener.accept().await {
        tokio::spawn(async move {
            stream.write_all(&ip(peer)).await.unwrap();
            let (mut read, mut write) = stream.split();
            let _ = tokio::io::copy(&mut read, &mut write).await;
        });
    }
}

fn ip(address: SocketAddr) -> [u8; 4] {
    match address {
        SocketAddr::V4(address) => address.ip().octets(),
        SocketAddr::V6(_) => [0; 4],
    }
}

/// Sends a byte and waits for it to come back; how long that took.
async fn echo(stream: &mut TcpStream) -> Option<Duration> {
    let sent = Instant::now();
    stream.write_all(b"x").await.ok()?;
    let mut back = [0];
    timeout(Duration::from_millis(400), stream.read_exact(&mut back)).await.ok()?.ok()?;
    Some(sent.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_guardian_knows_each_other_by_one_address() {
    let net = Net::start(3).await;
    for (from, to, source) in [
        (Place::Outside, 1, [127, 0, 0, 1]),
        (Place::Guardian(2), 1, [127, 64, 1, 2]),
        (Place::Guardian(1), 3, [127, 64, 3, 1]),
    ] {
        let mut stream = net.connect(from, to).await.unwrap();
        let mut seen_as = [0; 4];
        stream.read_exact(&mut seen_as).await.unwrap();
        assert_eq!(seen_as, source, "{from} to {to}");
        assert!(echo(&mut stream).await.is_some());
        if let Place::Guardian(from) = from {
            let back = seen(to, from, &net.configs[from - 1]).unwrap()[0].address;
            assert_eq!(ip(back), source, "the way back");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_holds_bytes_and_new_connections_back_until_it_is_healed() {
    let net = Net::start(3).await;
    let mut parted = net.connect(Place::Guardian(1), 2).await.unwrap();
    let mut together = net.connect(Place::Guardian(1), 3).await.unwrap();
    let mut seen_as = [0; 4];
    parted.read_exact(&mut seen_as).await.unwrap();
    together.read_exact(&mut seen_as).await.unwrap();
    net.order("partition 1,3,outside | 2");
    assert_eq!(echo(&mut parted).await, None);
    assert!(echo(&mut together).await.is_some());
    let mut new = net.connect(Place::Outside, 2).await.unwrap();
    let silent = timeout(Duration::from_millis(200), new.read_exact(&mut seen_as)).await;
    assert!(silent.is_err(), "nothing comes: {silent:?}");
    net.order("heal");
    let mut late = [0];
    parted.read_exact(&mut late).await.unwrap();
    assert_eq!(&late, b"x");
    new.read_exact(&mut seen_as).await.unwrap();
    assert!(echo(&mut new).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_is_on_each_way_and_the_order_of_bytes_stays() {
    let net = Net::start(2).await;
    let mut stream = net.connect(Place::Outside, 1).await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    net.order("delay 1 60ms jitter 40ms");
    let took = echo(&mut stream).await.unwrap();
    assert!(took >= Duration::from_millis(40), "twice at least 20 ms: {took:?}");
    let sent: Vec<u8> = (0..200).collect();
    for byte in &sent {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut back = vec![0; sent.len()];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(back, sent);
    net.order("delay 1 0s");
    net.order("delay outside -> 1 100ms");
    let took = echo(&mut stream).await.unwrap();
    assert!(took >= Duration::from_millis(100), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_resets_the_connections_that_are_and_no_later_ones() {
    let net = Net::start(2).await;
    let mut before = net.connect(Place::Guardian(2), 1).await.unwrap();
    before.read_exact(&mut [0; 4]).await.unwrap();
    // A cut of either end.
    net.relay.cut(2);
    let ended = before.read(&mut [0]).await;
    assert_eq!(ended.map_err(|e| e.kind()).unwrap_err(), std::io::ErrorKind::ConnectionReset);
    let mut after = net.connect(Place::Guardian(2), 1).await.unwrap();
    after.read_exact(&mut [0; 4]).await.unwrap();
    assert!(echo(&mut after).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_in_good_order_passes_and_a_dead_guardian_resets() {
    let net = Net::start(1).await;
    let mut stream = net.connect(Place::Outside, 1).await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    stream.write_all(b"last words").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"last words");
    net.guardians[0].abort();
    while TcpStream::connect(moved(1, &net.configs).unwrap().listen).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Reset at once, or as soon as something is read.
    let refused = match net.connect(Place::Outside, 1).await {
        Err(_) => true,
        Ok(mut stream) => stream.read(&mut [0]).await.is_err(),
    };
    assert!(refused);
}

#[test]
fn only_a_port_of_loopback_has_room_for_a_relay() {
    for listen in ["0.0.0.0:7800", "127.0.0.1:0", "[::1]:7800", "198.18.0.1:7800"] {
        let config = Config::new(listen.parse().unwrap(), "state".into(), Tls::Off);
        assert!(moved(1, &[config]).is_err(), "{listen}");
    }
}

#[test]
fn what_the_ledger_says_of_other_guardians_leads_through_the_relay() {
    let configs = [(7801, 9001), (7802, 9002), (7803, 9003)].map(|(service, chain)| {
        let listen = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut config = Config::new(listen(service), "state".into(), Tls::Off);
        config.chain = Some(ChainSection {
            genesis: "../genesis".into(),
            listen: listen(chain),
            network_key: None,
            fetch_ahead: None,
            routes: Default::default(),
        });
        config
    });
    let moved = moved(2, &configs).unwrap();
    let chain = moved.chain.as_ref().unwrap();
    assert_eq!(
        (moved.listen.to_string(), chain.listen.to_string()),
        ("127.64.0.2:7802".into(), "127.64.0.2:9002".into())
    );
    let routes: Vec<_> = chain.routes.iter().map(|(to, by)| format!("{to} {by}")).collect();
    assert_eq!(
        routes,
        [
            "127.0.0.1:7801 127.64.2.1:7801",
            "127.0.0.1:7803 127.64.2.3:7803",
            "127.0.0.1:9001 127.64.2.1:9001",
            "127.0.0.1:9003 127.64.2.3:9003",
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relayed.toml");
    moved.write(&path).unwrap();
    assert_eq!(Config::read(&path).unwrap().chain.unwrap().routes, chain.routes);
}

#[test]
fn addresses_of_namespaces_are_told_from_others() {
    let of = |text: &str| Subnet::of(text.parse().unwrap()).map(|(_, number)| number);
    assert_eq!(of("198.18.7.3:7800"), Some(3));
    assert_eq!(of("198.19.255.253:7800"), Some(253));
    for other in ["198.20.7.3:7800", "127.0.0.1:7800", "198.17.7.3:7800", "[::1]:7800"] {
        assert_eq!(of(other), None, "{other}");
    }
    let (subnet, _) = Subnet::of("198.18.7.3:7800".parse().unwrap()).unwrap();
    assert_eq!(subnet.listen(9).to_string(), "198.18.7.9:7800");
}

#[tokio::test]
async fn what_a_way_of_linking_cannot_do_is_said() {
    let orders = ["kill 1", "delay 2 1s", "cut 3"].map(order);
    let direct = lacks(Links::Direct, &orders).await;
    assert_eq!(direct, ["`delay 2 1s` needs the relay (--relay) or namespaces (--namespaces)"]);
    assert!(lacks(Links::Direct, &orders[..1]).await.is_empty());
    assert!(lacks(Links::Relay, &orders).await.is_empty());
    let namespaces = lacks(Links::Namespaces, &orders).await;
    assert!(namespaces.iter().any(|why| why.contains("cannot be reset")), "{namespaces:?}");
    let root = rustix::process::geteuid().is_root();
    assert!(root || namespaces[0].contains("need root"), "{namespaces:?}");
}
