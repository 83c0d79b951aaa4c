//! Whole chains: four guardians with votes, keys and duties, one of which loses all
//! but its key.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use allod_guardian::answering::Limits;
use allod_guardian::token::Tenants;
use allod_ledger::guardian::Terms;
use allod_ledger::{Genesis, NETWORK_KEY_LEN, NetworkKey, Parameters, Proof};
use allod_wire::{GuardianId, Instant, RealmId, Wire};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::callers::Callers;
use crate::chain::founding::{Place, genesis, local_rules};
use crate::chain::operator::Operator;
use crate::chain::ordering::simplex::Tuning;
use crate::chain::{ChainConfig, ChainError, Kept, Routes, Running, guardian_key};
use crate::person::Link;
use crate::ports_in_tests::free_address;

const GUARDIANS: usize = 4;

/// A guardian's chain and its door.
struct Guardian {
    config: ChainConfig,
    service: std::net::SocketAddr,
    up: Option<(Running, JoinHandle<()>)>,
}

impl Guardian {
    async fn try_start(&self) -> Result<Running, ChainError> {
        let callers = Arc::new(Callers::new(RealmId([0; 16]), Tenants::default()));
        Running::start(&self.config, callers, Arc::new(|_: &[u8; 32]| true)).await
    }

    async fn start(&mut self) {
        let running = self.try_start().await.expect("it starts");
        self.up = Some((running, tokio::spawn(async {})));
        self.open().await;
    }

    /// Opens the door, if it is shut.
    async fn open(&mut self) {
        let Some((running, door)) = &mut self.up else { return };
        // Until the former listener is gone.
        door.abort();
        while !door.is_finished() {
            tokio::task::yield_now().await;
        }
        let listener = TcpListener::bind(self.service).await.unwrap();
        *door = tokio::spawn(serve(listener, running.router()));
    }

    async fn stop(&mut self) {
        if let Some((running, door)) = self.up.take() {
            door.abort();
            let _ = door.await;
            running.stop().await;
            // Another process would begin when this one has ended.
            let lock = self.config.state.join("ledger/lock");
            until(20, "the store is closed", || async {
                std::fs::File::open(&lock).is_ok_and(|lock| lock.try_lock().is_ok())
            })
            .await;
        }
    }

    fn link(&self) -> Link {
        Link::new(format!("http://{}", self.service).parse().unwrap())
    }

    async fn status(&self) -> serde_json::Value {
        let status = self.link().get("/chain/status", 1 << 16).await.ok().flatten().unwrap_or_default();
        serde_json::from_slice(&status).unwrap_or_default()
    }
}

/// Answers until it is aborted, and all connections with it.
async fn serve(listener: TcpListener, router: Router) {
    let mut open = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(router.clone());
        open.spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            drop(connection.await);
        });
    }
}

async fn until<F: Future<Output = bool>>(secs: u64, what: &str, done: impl Fn() -> F) {
    let end = tokio::time::Instant::now() + Duration::from_secs(secs);
    while !done().await {
        assert!(tokio::time::Instant::now() < end, "{secs} s were not enough until {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn found(folder: &Path) -> (Vec<Guardian>, Genesis) {
    let path = folder.join("genesis");
    let mut guardians = Vec::new();
    let mut places = Vec::new();
    for index in 0..GUARDIANS {
        let state = folder.join(format!("guardian {index}"));
        let (listen, service) = (free_address(), free_address());
        let operator = Operator::load(&folder.join(format!("operator {index}")), crate::now()).unwrap();
        places.push(Place {
            guardian: GuardianId(guardian_key(&state).unwrap().verifying_key().0),
            terms: Terms {
                peers: listen.to_string(),
                service: format!("http://{service}"),
                operator: format!("operator {index}"),
                jurisdiction: "nowhere".into(),
            },
            operator: operator.log().state().did(),
            identity: operator.log().operations()[0].clone(),
        });
        let config = ChainConfig {
            genesis: path.clone(),
            listen,
            state,
            tuning: Tuning { idle_ms: 20, heights_kept: 96, ..Tuning::default() },
            kept: Kept { heights: 64, heights_max: 256, outcomes: 64 },
            network_key: None,
            fetch_ahead: None,
            routes: Routes::default(),
            evaluations: Limits::default(),
        };
        guardians.push(Guardian { config, service, up: None });
    }
    let rules = Parameters { epoch_heights: 32, phase_ms: 1_500, ..local_rules() };
    let genesis = genesis("test", Instant(crate::now().0), rules, &places, 3);
    std::fs::write(&path, allod_wire::encode(&genesis)).unwrap();
    (guardians, genesis)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guardian_that_lost_its_chain_catches_up_by_a_snapshot_follows_and_proves() {
    let folder = tempfile::tempdir().unwrap();
    let (mut guardians, genesis) = found(folder.path());
    for guardian in &mut guardians {
        guardian.start().await;
    }
    // So far that the heights at the beginning are neither readable nor kept.
    until(400, "the first signed heights above 200", || async {
        guardians[1].status().await["certified"].as_u64().is_some_and(|height| height > 200)
    })
    .await;
    let key = guardians[1].link().get("/chain/key", NETWORK_KEY_LEN).await.unwrap().unwrap();
    guardians[0].stop().await;
    for lost in ["ledger", "ordering", "shares", "answers"] {
        std::fs::remove_dir_all(guardians[0].config.state.join(lost)).unwrap();
    }
    // As long as the others give it no ledger it does not begin, since it may have
    // voted on what they are at.
    let doors: Vec<_> = guardians[1..].iter_mut().filter_map(|other| other.up.as_mut()).collect();
    for (_, door) in doors {
        door.abort();
    }
    assert!(matches!(guardians[0].try_start().await, Err(ChainError::VotesLost)));
    for guardian in &mut guardians[1..] {
        guardian.open().await;
    }
    let before = guardians[1].status().await["height"].as_u64().unwrap();
    guardians[0].start().await;
    // It did not begin at the beginning.
    assert!(matches!(guardians[0].link().get("/chain/snapshot/0/-", 1 << 20).await, Ok(None)));
    until(120, "it follows", || async {
        guardians[0].status().await["height"].as_u64().is_some_and(|height| height > before + 40)
    })
    .await;
    // It lost its share of the network's key, but has others sign.
    until(60, "it has a newer certificate", || async {
        guardians[0].status().await["certified"].as_u64().is_some_and(|height| height > before + 8)
    })
    .await;
    let id = data_encoding::HEXLOWER.encode(genesis.founders[0].guardian.as_bytes());
    let proof = guardians[0].link().get(&format!("/chain/proof/guardian/{id}"), Proof::SIZE_MAX).await;
    let proof: Proof = allod_wire::decode(&proof.unwrap().unwrap()).unwrap();
    let key = NetworkKey::decode(&key).unwrap();
    let shown = proof.verify::<allod_ledger::guardian::Guardian>(&genesis.network(), &key).unwrap();
    assert!(shown.record.is_some() && shown.height > before);
    // And so it does after another start.
    guardians[0].stop().await;
    guardians[0].start().await;
    let now = guardians[1].status().await["height"].as_u64().unwrap();
    until(120, "it follows again", || async {
        guardians[0].status().await["height"].as_u64().is_some_and(|height| height > now + 8)
    })
    .await;
    for guardian in &mut guardians {
        guardian.stop().await;
    }
}
