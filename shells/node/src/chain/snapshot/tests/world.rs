//! Guardians that serve a ledger and no more: their blocks are final because the
//! test says so, and one person holds the network's key.

use std::sync::Arc;

use allod_crypto::Secret;
use allod_crypto::group::{Bls12381G2, SecretScalar};
use allod_crypto::sign::SigningKey;
use allod_ledger::guardian::Terms;
use allod_ledger::jellyfish::KeyHash;
use allod_ledger::{Certificate, Chain, Genesis, NetworkKey, Parameters};
use allod_threshold::bls::{ShareKeys, SigningShare};
use allod_threshold::{Point, PublicShares, shamir};
use allod_wire::{GuardianId, Instant};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;

use super::super::fetch::CaughtUp;
use super::super::{Serving, Wanted, catch_up, router};
use crate::chain::Routes;
use crate::chain::founding::{Place, genesis, local_rules};
use crate::chain::operator::Operator;
use crate::chain::ordering::{
    self, Application, Block, BlockDigest, FinalBlock, Header, OperationHash, Ordering, Pending, Refusal,
    Status, Vote,
};
use crate::chain::{Executor, Kept, Store};

/// Heights of an epoch.
pub(super) const EPOCH: u64 = 16;

/// What a liar makes of an answer, by the path that was asked for.
pub(super) type Lie = Arc<dyn Fn(&str, Vec<u8>) -> Option<Vec<u8>> + Send + Sync>;

/// No lie.
pub(super) fn honest() -> Lie {
    Arc::new(|_, answer| Some(answer))
}

/// The key of guardian `index`.
pub(super) fn key(index: usize) -> SigningKey {
    SigningKey::from_seed(&Secret::from([index as u8 + 1; 32]))
}

pub(super) fn guardian(index: usize) -> GuardianId {
    GuardianId(key(index).verifying_key().0)
}

/// The network's key, in one hand.
pub(super) struct NetworkSigner {
    share: SigningShare,
    keys: ShareKeys,
}

impl NetworkSigner {
    pub(super) fn new() -> Self {
        let secret = SecretScalar::<Bls12381G2>::random(&mut crate::entropy());
        let point = Point::new(secret.mul_generator()).unwrap();
        let share = shamir::split(&secret, 1, 1, &mut crate::entropy()).unwrap().pop().unwrap();
        let keys = ShareKeys::new(PublicShares::new(1, point, [(share.index, point)]).unwrap());
        Self { share: SigningShare::new(share).unwrap(), keys }
    }

    pub(super) fn key(&self) -> NetworkKey {
        NetworkKey::decode(self.keys.public_key().bytes()).unwrap()
    }

    pub(super) fn certify(&self, checkpoint: allod_ledger::Checkpoint) -> Certificate {
        let message = checkpoint.message();
        let combined = self.keys.combine(&message, &[self.share.sign(&message)]).unwrap();
        Certificate { checkpoint, signature: *combined.signature.bytes() }
    }
}

/// A network whose guardians do not talk to each other.
pub(super) struct World {
    pub(super) genesis: Genesis,
    pub(super) signer: NetworkSigner,
    pub(super) store: Arc<Store>,
    executor: Executor,
    last: BlockDigest,
    pub(super) folder: tempfile::TempDir,
    listeners: Vec<Option<TcpListener>>,
}

/// Ordering, as far as a snapshot asks for it.
struct Votes {
    store: Arc<Store>,
    guardians: usize,
    /// Heights that are final by a later one.
    without: Vec<u64>,
}

impl World {
    /// Guardians, the first of which has nothing, and a ledger with so many values
    /// beside its own.
    pub(super) async fn new(guardians: usize, values: u32, kept: Kept) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut listeners = Vec::new();
        let mut places = Vec::new();
        for index in 0..guardians {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let operator =
                Operator::load(&folder.path().join(format!("operator {index}")), Instant(1)).unwrap();
            places.push(Place {
                guardian: guardian(index),
                terms: Terms {
                    peers: "127.0.0.1:1".into(),
                    service: format!("http://{}", listener.local_addr().unwrap()),
                    operator: format!("operator {index}"),
                    jurisdiction: "nowhere".into(),
                },
                operator: operator.log().state().did(),
                identity: operator.log().operations()[0].clone(),
            });
            listeners.push(Some(listener));
        }
        let rules = Parameters { epoch_heights: EPOCH, ..local_rules() };
        let genesis = genesis("test", Instant(1), rules, &places, u16::try_from(guardians).unwrap() / 2 + 1);
        let store = Arc::new(Store::open(&folder.path().join("served"), kept).unwrap());
        let mut begin = allod_ledger::begin(&genesis).unwrap();
        begin.extend((0..values).map(|number| {
            let bytes = number.to_be_bytes();
            (KeyHash::of(&bytes), Some(bytes.repeat(60 + number as usize % 30)))
        }));
        store.begin(&begin).unwrap();
        let (executor, _, _) = Executor::open(Arc::clone(&store), &genesis).unwrap();
        let parameters = ordering::Parameters {
            network: *genesis.network().as_bytes(),
            genesis: genesis.at,
            epoch_heights: EPOCH.try_into().unwrap(),
        };
        let last = Block::genesis(&parameters).digest();
        Self { genesis, signer: NetworkSigner::new(), store, executor, last, folder, listeners }
    }

    /// Goes on by so many blocks. Checkpoints are signed.
    pub(super) fn grow(&mut self, heights: u64) {
        for _ in 0..heights {
            let height = self.store.height().unwrap().unwrap() + 1;
            let header = Header {
                height,
                parent: self.last,
                epoch: height / EPOCH,
                view: height % EPOCH + 1,
                parent_view: height % EPOCH,
                leader: [0; 32],
                time: Instant(1 + height * 500),
                operations: [0; 32],
            };
            let block = FinalBlock::new(Block::new(header, Vec::new()));
            self.last = block.digest();
            self.executor.apply(&block).unwrap();
            if let Some(checkpoint) = self.store.unsigned().unwrap() {
                self.store.certify(&self.signer.certify(checkpoint)).unwrap();
            }
        }
    }

    /// Lets guardian `index` answer.
    pub(super) fn serve(&mut self, index: usize, lie: Lie) {
        self.serve_without(index, lie, &[]);
    }

    /// As [`Self::serve`], without votes on some heights.
    pub(super) fn serve_without(&mut self, index: usize, lie: Lie, without: &[u64]) {
        let guardians = self.genesis.founders.len();
        let votes = Votes { store: Arc::clone(&self.store), guardians, without: without.to_vec() };
        let serving = Serving { store: Arc::clone(&self.store), ordering: Arc::new(votes) };
        let (store, network) = (Arc::clone(&self.store), self.genesis.network().to_string());
        let status = move || async move {
            json!({ "network": network, "final": store.height().unwrap() }).to_string()
        };
        let genesis = allod_wire::encode(&self.genesis);
        let key = self.signer.key().bytes().to_vec();
        let routes = Router::new()
            .route("/chain/status", get(status))
            .route("/chain/genesis", get(|| async move { genesis }))
            .route("/chain/key", get(|| async move { key }))
            .merge(router(serving))
            .layer(middleware::from_fn(move |request, next| twist(Arc::clone(&lie), request, next)));
        let listener = self.listeners[index].take().expect("one server each");
        tokio::spawn(async move { axum::serve(listener, routes).await });
    }

    pub(super) fn target(&self) -> std::path::PathBuf {
        self.folder.path().join("fetched")
    }

    /// Guardian 0 fetches.
    pub(super) async fn fetch(&self, key: Option<NetworkKey>) -> CaughtUp {
        let folder = self.target();
        let wanted = Wanted {
            genesis: &self.genesis,
            me: guardian(0),
            routes: Routes::default(),
            folder: &folder,
            have: 0,
            ahead: 20,
            kept: 20,
            key,
        };
        catch_up(&wanted).await.unwrap()
    }

    /// What guardian 0 has is what was served at that height.
    pub(super) fn assert_fetched(&self, height: u64) {
        let fetched = Arc::new(Store::open(&self.target(), Kept::default()).unwrap());
        assert_eq!(fetched.height().unwrap(), Some(height));
        let (ours, theirs) = (fetched.newest().unwrap(), self.store.at(height).unwrap());
        assert_eq!(ours.root().unwrap(), theirs.root().unwrap());
        assert_eq!(ours.expect::<Chain>(&()).unwrap(), theirs.expect::<Chain>(&()).unwrap());
        let (executor, _, _) = Executor::open(fetched, &self.genesis).unwrap();
        let applied = executor.applied();
        assert_eq!(applied.height, height);
        assert_eq!(applied.certificate.unwrap().epoch, height / EPOCH);
        assert!(executor.committee(height / EPOCH).is_some());
    }

    /// Guardian 0 has nothing.
    pub(super) fn assert_nothing(&self) {
        assert_eq!(Store::open(&self.target(), Kept::default()).unwrap().height().unwrap(), None);
    }
}

/// Answers as the liar wants; where that is nothing, there is nothing.
async fn twist(lie: Lie, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let answer = next.run(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    match lie(&path, body.to_vec()) {
        Some(body) => Body::from(body).into_response(),
        None => axum::http::StatusCode::NOT_FOUND.into_response(),
    }
}

impl Ordering for Votes {
    fn submit(&self, _: &[u8]) -> Result<OperationHash, Refusal> {
        Err(Refusal::Ended)
    }

    fn waits(&self, _: &OperationHash) -> bool {
        false
    }

    fn block(&self, _: u64) -> Pending<'_, Option<FinalBlock>> {
        Box::pin(async { None })
    }

    fn certificate(&self, height: u64) -> Pending<'_, Option<ordering::Certificate>> {
        let found = self.store.checkpoint(height).unwrap().filter(|_| !self.without.contains(&height));
        let votes = found.map(|checkpoint| {
            let mut votes = ordering::Certificate {
                epoch: height / EPOCH,
                view: height % EPOCH + 1,
                parent: height % EPOCH,
                block: BlockDigest(checkpoint.block.0),
                votes: Vec::new(),
            };
            let said = votes.statement().signed_bytes(checkpoint.network.as_bytes());
            let needed = self.guardians - (self.guardians - 1) / 3;
            votes.votes = (0..needed)
                .map(|index| Vote { key: key(index).verifying_key(), signature: key(index).sign(&said) })
                .collect();
            votes.votes.sort_by_key(|vote| vote.key.0);
            votes
        });
        Box::pin(async move { votes })
    }

    fn status(&self) -> Status {
        unreachable!("a snapshot does not ask for it")
    }

    fn metrics(&self) -> String {
        String::new()
    }

    fn ended(&self) -> Pending<'_, ordering::Ended> {
        Box::pin(async { ordering::Ended::Stopped })
    }

    fn stop(&self) -> Pending<'_, ordering::Ended> {
        self.ended()
    }
}
