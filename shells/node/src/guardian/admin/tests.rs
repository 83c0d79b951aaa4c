//! The operator's listener: what it answers, and that it alone counts in public
//! once it is there.

use std::net::SocketAddr;
use std::sync::Arc;

use allod_guardian::realm::Rate;
use allod_guardian::token::Tenants;
use allod_ledger::guardian::Terms;
use allod_wire::{GuardianId, RealmId};
use axum::Extension;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::super::{Addresses, ChainSection, Config, Store, Tls, http, run};
use super::*;
use crate::callers::Callers;
use crate::chain::founding::{self, brisk_rules, genesis};
use crate::chain::guardian_key;
use crate::chain::operator::Operator;

/// Asks with GET, and returns status and body.
async fn get(router: &Router, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = TowerToHyperService::new(router.clone()).call(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// A service over a new store.
fn service(folder: &tempfile::TempDir) -> (Service, std::thread::JoinHandle<()>) {
    let store = Store::open(&folder.path().join("state")).unwrap();
    Service::start(store, allod_guardian::realm::Limits::default(), 7)
}

/// Nobody in particular.
fn callers() -> Arc<Callers> {
    Arc::new(Callers::new(RealmId([0; 16]), Tenants::new()))
}

#[tokio::test]
async fn a_guardian_is_ready_until_its_store_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _thread) = service(&folder);
    let router = router(Watched::new(service.clone(), false));
    assert_eq!(get(&router, "/livez").await, (200, "ok".into()));
    assert_eq!(get(&router, "/readyz").await, (200, "ok".into()));
    assert_eq!(get(&http::router(service, callers(), None, None), "/health").await, (200, "ok".into()));

    let gone = super::router(Watched::new(Service::gone(), false));
    assert_eq!(get(&gone, "/livez").await.0, 200);
    assert_eq!(get(&gone, "/readyz").await.0, 503);
    assert_eq!(get(&http::router(Service::gone(), callers(), None, None), "/health").await.0, 503);
}

#[tokio::test]
async fn a_guardian_whose_chain_is_not_up_yet_lives_and_serves_and_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _thread) = service(&folder);
    let router = router(Watched::new(service.clone(), true));
    assert_eq!(get(&router, "/livez").await, (200, "ok".into()));
    assert_eq!(get(&router, "/readyz").await, (503, "the chain is being started".into()));
    let (status, text) = get(&router, "/metrics").await;
    assert!(
        status == 200 && text.contains("allod_guardian_info{") && !text.contains("allod_chain"),
        "{text}"
    );
    let public = http::router(service, callers(), None, None);
    assert_eq!(get(&public, "/health").await, (200, "ok".into()));
}

#[tokio::test]
async fn counters_are_shown_with_their_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _thread) = service(&folder);
    service.counters().guesses.fetch_add(3, Ordering::Relaxed);
    let (_, text) = get(&router(Watched::new(service.clone(), false)), "/metrics").await;
    for line in [
        "# TYPE allod_guardian_guesses_total counter".to_owned(),
        "allod_guardian_guesses_total 3".into(),
        "# TYPE allod_guardian_accounts gauge".into(),
        "allod_guardian_accounts 0".into(),
        "allod_guardian_accounts_max 7".into(),
        "# TYPE allod_guardian_info gauge".into(),
        format!(
            "allod_guardian_info{{realm=\"{}\",version=\"{}\"}} 1",
            service.realm(),
            env!("CARGO_PKG_VERSION")
        ),
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line:?} is not in\n{text}");
    }
}

#[tokio::test]
async fn requests_that_come_too_often_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _thread) = service(&folder);
    let addresses = Addresses::new(Rate { burst: 2, per_second: 1 });
    let place = addresses.enter("192.0.2.1".parse().unwrap()).unwrap();
    let public = http::router(service.clone(), callers(), None, None).layer(Extension(Arc::new(place)));
    let mut refused = 0;
    for _ in 0..6 {
        refused += u64::from(get(&public, "/").await.0 == 429);
    }
    assert!(refused >= 3, "{refused}");
    let (_, text) = get(&router(Watched::new(service, false)), "/metrics").await;
    let line = format!("allod_guardian_too_many_total {refused}");
    assert!(text.lines().any(|shown| shown == line), "{line:?} is not in\n{text}");
}

#[tokio::test]
async fn with_a_listener_for_the_operator_strangers_see_no_counters() {
    let folder = tempfile::tempdir().unwrap();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = Config::new(anywhere, folder.path().join("one"), Tls::Off);
    let status = async |address: SocketAddr, path: &str| {
        let link = crate::person::Link::new(format!("http://{address}").parse().unwrap());
        let answer = if path == "/metrics" { link.metrics().await.map(drop) } else { link.health().await };
        answer.is_ok()
    };
    let public = |running: &super::super::Running| -> SocketAddr {
        running.address().strip_prefix("http://").unwrap().parse().unwrap()
    };

    let without = run(&config).await.unwrap();
    assert_eq!(without.admin(), None);
    assert!(status(public(&without), "/metrics").await);

    config.admin = Some(anywhere);
    config.state = folder.path().join("two");
    let with = run(&config).await.unwrap();
    let admin = with.admin().unwrap();
    assert!(status(admin, "/metrics").await);
    assert!(!status(public(&with), "/metrics").await);
    assert!(status(public(&with), "/health").await);
    // Nothing else stands at the operator's door.
    assert!(!status(admin, "/health").await);
    with.stop().await;
    assert!(tokio::net::TcpStream::connect(admin).await.is_err(), "it ends with the guardian");
    without.stop().await;
}

/// A guardian that is a network of its own.
fn alone(folder: &tempfile::TempDir) -> Config {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let state = folder.path().join("state");
    let listen = std::net::TcpListener::bind(anywhere).unwrap().local_addr().unwrap();
    let operator = Operator::load(&folder.path().join("operator"), crate::now()).unwrap();
    let place = founding::Place {
        guardian: GuardianId(guardian_key(&state.join("chain")).unwrap().verifying_key().0),
        terms: Terms {
            peers: listen.to_string(),
            service: "http://127.0.0.1:1".into(),
            operator: "one".into(),
            jurisdiction: "nowhere".into(),
        },
        operator: operator.log().state().did(),
        identity: operator.log().operations()[0].clone(),
    };
    let genesis = genesis("alone", crate::now(), brisk_rules(), &[place], 1);
    let path = folder.path().join("genesis");
    std::fs::write(&path, allod_wire::encode(&genesis)).unwrap();
    let mut config = Config::new(anywhere, state, Tls::Off);
    config.admin = Some(anywhere);
    let routes = Default::default();
    config.chain = Some(ChainSection { genesis: path, listen, network_key: None, fetch_ahead: None, routes });
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sees_the_chain_and_its_engine() {
    let folder = tempfile::tempdir().unwrap();
    let running = run(&alone(&folder)).await.unwrap();
    let link = crate::person::Link::new(format!("http://{}", running.admin().unwrap()).parse().unwrap());
    let page = async || {
        let text = link.get("/metrics", 1 << 20).await.unwrap().unwrap();
        String::from_utf8(text).unwrap()
    };
    let figure = |page: &str, name: &str| -> Option<f64> {
        page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    };
    let begun = std::time::Instant::now();
    let page = loop {
        let page = page().await;
        let certified = figure(&page, "allod_chain_certificate_height");
        if certified.is_some() && figure(&page, "allod_chain_ready") == Some(1.0) {
            break page;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{page}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(link.get("/readyz", 100).await.unwrap().unwrap(), b"ok");
    let expected = [
        ("allod_chain_voters", 1.0),
        ("allod_chain_voters_heard", 0.0),
        ("allod_chain_peers", 0.0),
        ("allod_chain_role{role=\"votes\"}", 1.0),
        ("allod_chain_role{role=\"observes\"}", 0.0),
        ("allod_chain_key_generation{key=\"network\"}", 0.0),
        ("allod_engine_links_tracker_directory_tracked", 0.0),
    ];
    for (name, value) in expected {
        assert_eq!(figure(&page, name), Some(value), "{name} in\n{page}");
    }
    let height = figure(&page, "allod_chain_height").unwrap();
    assert!(height >= figure(&page, "allod_chain_certificate_height").unwrap());
    assert!(figure(&page, "allod_chain_last_block_age_seconds").unwrap() < 35.0);
    // Each figure is described once, before its samples, and nothing else is said.
    let mut described = std::collections::BTreeSet::new();
    for line in page.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["#", "HELP", ..] => {}
            ["#", "TYPE", name, "counter" | "gauge" | "histogram" | "untyped"] => {
                assert!(described.insert(name.to_owned()), "{name} is described twice");
            }
            ["#", ..] => panic!("{line}"),
            _ => {
                let name = line.split(['{', ' ']).next().unwrap();
                let ends = ["", "_bucket", "_sum", "_count"];
                let known = ends.iter().filter_map(|end| name.strip_suffix(end));
                assert!(known.into_iter().any(|name| described.contains(name)), "{line}");
            }
        }
    }
    running.stop().await;
}
