//! Oblivious evaluations: how many a second guardians answer, beside the
//! evaluation of `taceo-oprf-core` 0.6 on the same cores in the same run.
//!
//! - *Whole service*: 4 guardians, each a process, with keys that they made
//!   together. Users ask over HTTPS on connections that are kept. For each answer
//!   the token is looked up (its signature is checked once, when it comes first),
//!   limits are checked (an account's are the default ones, so there are many
//!   accounts), the element is evaluated under the guardian's share with a proof, and
//!   the answer is chained to the log, signed, and durable before it leaves. Users
//!   and guardians share the machine; some of the answers are verified afterwards.
//! - *In one process*: the same with neither network nor disk, on each core.
//! - *Evaluation and proof*: the arithmetic alone, on each core; and with one proof
//!   for 32 elements, which the service does not offer.
//! - The peer: `OprfServer::answer_query_with_proof` on each core: an evaluation
//!   over BabyJubJub with its proof, with no token, limits, signature, log or network.
//!
//! The log is on the disk that holds the build folder. Prints one line per figure,
//! or with `--json` one JSON object per figure.

mod chain_fleet;
mod figure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use allod_crypto::Secret;
use allod_crypto::group::Ristretto255;
use allod_crypto::sign::SigningKey;
use allod_guardian::account::AccountKeys;
use allod_guardian::answering::{Answering, Asked, Input, Limits, Output, Reply, Request, Tip};
use allod_guardian::juicebox::secret::sign_public_key;
use allod_guardian::juicebox::{self, ENCRYPTED_SECRET, Policy, Register2Request};
use allod_guardian::keyholder::{Keyholder, Record};
use allod_guardian::realm::Rate;
use allod_guardian::token::{Known, Tenants, Verified, mint};
use allod_ledger::record::Identifier as _;
use allod_ledger::record::Record as _;
use allod_ledger::shared_key::{KeyName, SharedKey, Sharing};
use allod_node::chain::founding::OPRF_KEY;
use allod_node::chain::{Shares, guardian_key};
use allod_node::person::Link;
use allod_threshold::GroupName;
use allod_threshold::answer::SignedAnswer;
use allod_threshold::juicebox::PrivateKey;
use allod_threshold::oprf::{Blinded, KeyShare, Mode, blind};
use allod_wire::{RealmId, RegistrationVersion, Wire as _};
use chain_fleet::{ANSWER_MAX, Fleet, Guardian, People, note};
use data_encoding::HEXLOWER;
use figure::Figure;
use taceo_oprf_core::oprf::server::{OprfKey, OprfServer};
use taceo_oprf_core::oprf::{BlindingFactor, client};

/// How long the service is asked.
const FOR: Duration = Duration::from_secs(8);

/// How long each of the others is measured, in each turn.
const TURN: Duration = Duration::from_secs(2);

/// Connections to each guardian.
const CONNECTIONS: usize = 64;

/// Accounts that ask one guardian: one may ask 60 times at once.
const ACCOUNTS: usize = 400;

/// Bytes of an answer to a registration, at most.
const REGISTERED_MAX: usize = 4_096;

/// Elements that are asked for, again and again.
const ELEMENTS: usize = 1_000;

/// Answers of each connection that are verified.
const VERIFIED: usize = 4;

/// Elements under one proof.
const BATCH: usize = 32;

/// Requests that the machine is given before its log is written.
const TOGETHER: usize = 64;

fn main() {
    if chain_fleet::is_guardian() {
        return;
    }
    let json = std::env::args().any(|arg| arg == "--json");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    note("4 guardians found a network and make its keys");
    let mut fleet = runtime.block_on(Fleet::start(4, &mut People::new(1)));
    runtime.block_on(fleet.until_keys_are_made());
    runtime.block_on(fleet.until_all_hold_keys());
    note("users ask the guardians");
    let service = runtime.block_on(asked(&fleet));
    fleet.end();
    note("the same in one process, and the peer");
    let part = Part::of(&fleet.guardians()[0]);
    let (mut machine, mut single, mut batch, mut peer) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        peer.push(on_each_core(taceo));
        machine.push(on_each_core(|until| part.machine(until)));
        single.push(on_each_core(|until| part.evaluations(1, until)));
        batch.push(on_each_core(|until| part.evaluations(BATCH, until)));
    }
    let [machine, single, batch, peer] = [machine, single, batch, peer].map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    for (name, value, aim) in [
        ("evaluations by the whole service over HTTPS, 4 guardians", service, Some(">= 3x")),
        ("evaluations with token, limits, signature and log, one process", machine, None),
        ("evaluations with a proof each, one process", single, None),
        ("evaluations with a proof for 32, one process", batch, None),
    ] {
        Figure { name, value, unit: "1/s", aim, peer: Some(peer) }.print(json);
    }
}

/// Runs this on every core; how many a second all of them did.
fn on_each_core(work: impl Fn(Instant) -> usize + Sync) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let begun = Instant::now();
    let until = begun + TURN;
    let done: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(|| work(until))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    done as f64 / begun.elapsed().as_secs_f64()
}

/// The peer's evaluations with a proof, until then.
fn taceo(until: Instant) -> usize {
    let mut rng = rand_08::thread_rng();
    let server = OprfServer::new(OprfKey::random(&mut rng));
    let queries: Vec<_> =
        (0_u64..50).map(|query| client::blind_query(query.into(), BlindingFactor::rand(&mut rng))).collect();
    let mut count = 0;
    for query in queries.iter().cycle() {
        if Instant::now() >= until {
            break;
        }
        std::hint::black_box(server.answer_query_with_proof(query));
        count += 1;
    }
    count
}

/// Elements as clients blind them.
fn elements() -> Vec<Blinded<Ristretto255>> {
    let mut rng = allod_node::entropy();
    let element = |input: usize| blind(Mode::Voprf, &input.to_be_bytes(), &mut rng).expect("an element").1;
    (0..ELEMENTS).map(element).collect()
}

/// Somebody with an account of their own.
fn token(realm: &RealmId) -> String {
    let mut rng = allod_node::entropy();
    let mut key = || SigningKey::from_seed(&Secret::random(&mut rng));
    let (card, owner) = (key(), key());
    let keys = AccountKeys { recover: card.verifying_key(), owner: owner.verifying_key() };
    mint(&keys, None, &owner, realm, allod_node::now())
}

/// A registration of which nobody ever recovers anything: guardians answer those
/// who are registered with them.
fn registration(realm: &RealmId) -> Vec<u8> {
    let mut rng = allod_node::entropy();
    let (share, scalar) = (PrivateKey::random(&mut rng), PrivateKey::random(&mut rng));
    let signing = SigningKey::from_seed(&Secret::random(&mut rng));
    let parts = Register2Request {
        version: RegistrationVersion(*Secret::random(&mut rng).expose()),
        oprf_private_key: Secret::from(*share.expose_bytes()),
        oprf_signed_public_key: sign_public_key(&signing, realm, share.public_key().to_bytes()),
        unlock_key_commitment: *Secret::random(&mut rng).expose(),
        unlock_key_tag: Secret::random(&mut rng),
        encryption_key_scalar_share: Secret::from(*scalar.expose_bytes()),
        encrypted_secret: [7; ENCRYPTED_SECRET],
        encrypted_secret_commitment: *Secret::random(&mut rng).expose(),
        policy: Policy { num_guesses: 3 },
    };
    juicebox::Request::Register2(Box::new(parts)).encode().to_vec()
}

/// Tokens of so many accounts that are registered with a guardian.
async fn registered(guardian: &Guardian) -> Vec<String> {
    let link = guardian.link();
    let mut tokens = Vec::new();
    for _ in 0..ACCOUNTS {
        let token = token(&guardian.realm);
        let answer = link.post("/req", Some(&token), &registration(&guardian.realm), REGISTERED_MAX).await;
        let answer = juicebox::Response::decode(&answer.expect("a guardian that answers"));
        assert!(matches!(answer, Ok(juicebox::Response::Register2)), "{answer:?}");
        tokens.push(token);
    }
    tokens
}

fn request(element: &Blinded<Ristretto255>) -> Request {
    Request { key: OPRF_KEY.into(), blinded: element.bytes().to_vec().into(), generation: None }
}

/// Answers a second of all guardians together.
async fn asked(fleet: &Fleet) -> f64 {
    let requests: Arc<Vec<Vec<u8>>> =
        Arc::new(elements().iter().map(|element| allod_wire::encode(&request(element))).collect());
    let mut tokens = Vec::new();
    for guardian in fleet.guardians() {
        tokens.push(Arc::new(registered(guardian).await));
    }
    let begun = Instant::now();
    let mut asking = tokio::task::JoinSet::new();
    for (place, guardian) in fleet.guardians().iter().enumerate() {
        for connection in 0..CONNECTIONS {
            let (link, requests) = (guardian.link(), Arc::clone(&requests));
            let tokens = Arc::clone(&tokens[place]);
            asking.spawn(async move {
                let (mut count, mut kept) = (0, Vec::new());
                while begun.elapsed() < FOR {
                    let turn = connection + count * CONNECTIONS;
                    let token = &tokens[turn % tokens.len()];
                    let body = &requests[turn % requests.len()];
                    let answer = link.post("/chain/evaluate", Some(token), body, Reply::SIZE_MAX);
                    let bytes = answer.await.expect("a guardian that answers");
                    match allod_wire::decode::<Reply>(&bytes).expect("a reply") {
                        Reply::Answered(answer) => kept.push(*answer),
                        Reply::Refused(why) => panic!("an evaluation was refused: {why}"),
                    }
                    kept.truncate(VERIFIED);
                    count += 1;
                }
                (place, count, kept)
            });
        }
    }
    let done = asking.join_all().await;
    let rate = done.iter().map(|(_, count, _)| *count).sum::<usize>() as f64 / begun.elapsed().as_secs_f64();
    for (place, guardian) in fleet.guardians().iter().enumerate() {
        let public_share = public_share(guardian).await;
        for answer in done.iter().filter(|(of, ..)| *of == place).flat_map(|(.., kept)| kept) {
            verify(answer, &public_share);
        }
    }
    rate
}

fn verify(answer: &SignedAnswer, public_share: &[u8]) {
    assert!(answer.verify().is_ok(), "an answer is not signed");
    assert_eq!(answer.answer.is_false::<Ristretto255>(public_share), Ok(false), "an answer is false");
}

/// What the ledger says that a guardian holds.
async fn public_share(guardian: &Guardian) -> Vec<u8> {
    let link = guardian.link();
    let name = KeyName::new(OPRF_KEY).expect("a name");
    let key: SharedKey = record(&link, SharedKey::KIND, &name.bytes()).await;
    let generation = key.generation.expect("a key that is made");
    let sharing: Sharing = record(&link, Sharing::KIND, &(name, generation).bytes()).await;
    let held = sharing.holders.into_iter().find(|holder| holder.guardian == guardian.id);
    held.expect("a holder").public_share
}

async fn record<R: allod_ledger::record::Record>(link: &Link, kind: &str, id: &[u8]) -> R {
    let path = format!("/chain/record/{}/{}", kind.replace(' ', "%20"), HEXLOWER.encode(id));
    let bytes = link.get(&path, ANSWER_MAX).await.expect("a guardian that answers");
    allod_wire::decode(&bytes.expect("a record")).expect("a record of this kind")
}

/// One guardian's part in the key, as it was on its disk.
struct Part {
    record: Record,
    signing: SigningKey,
    elements: Vec<Blinded<Ristretto255>>,
}

impl Part {
    fn of(guardian: &Guardian) -> Self {
        let folder = guardian.chain_folder();
        let shares = Shares::open(&folder.join("shares")).expect("the guardian's shares");
        Self {
            record: shares.get(OPRF_KEY).expect("its share"),
            signing: guardian_key(&folder).expect("its key"),
            elements: elements(),
        }
    }

    fn holder(&self) -> Keyholder {
        Keyholder::new(OPRF_KEY, GroupName::Ristretto255, self.record.clone())
    }

    /// Requests from bytes to bytes, until then.
    fn machine(&self, until: Instant) -> usize {
        let rate = Rate { burst: u32::MAX, per_second: 1_000_000 };
        let limits = Limits { overall: rate, account: rate };
        let network = allod_wire::NetworkId([0; 32]);
        let mut machine = Answering::new(network, self.signing.clone(), limits, Tip::default());
        machine.follow(&self.holder()).expect("a share");
        let realm = RealmId([7; 16]);
        let mut known = Known::default();
        let tokens: Vec<String> = (0..ACCOUNTS).map(|_| token(&realm)).collect();
        for token in &tokens {
            let verified = Verified::new(token, &realm, &Tenants::new()).expect("a good token");
            known.remember(token, verified, allod_node::now());
        }
        let bodies: Vec<Vec<u8>> =
            self.elements.iter().map(|element| allod_wire::encode(&request(element))).collect();
        let (mut count, mut rng) = (0, allod_node::entropy());
        while Instant::now() < until {
            let asked = (0..TOGETHER).map(|turn| {
                let token = &tokens[(count + turn) % tokens.len()];
                let body = &bodies[(count + turn) % bodies.len()];
                let caller = known.caller(token, allod_node::now()).expect("a token that was checked");
                Asked { ticket: 0, caller, request: allod_wire::decode(body).expect("a request") }
            });
            machine.handle(allod_node::now(), &mut rng, Input::Ask(asked.collect()));
            while let Some(output) = machine.poll() {
                match output {
                    Output::Persist { id, entries } => {
                        std::hint::black_box(entries.iter().map(SignedAnswer::encode).collect::<Vec<_>>());
                        machine.handle(allod_node::now(), &mut rng, Input::Persisted(id));
                    }
                    Output::Send { reply: Reply::Refused(why), .. } => panic!("refused: {why}"),
                    Output::Send { reply, .. } => {
                        std::hint::black_box(allod_wire::encode(&reply));
                        count += 1;
                    }
                    Output::Event(event) => panic!("{event:?}"),
                }
            }
        }
        count
    }

    /// Elements with one proof for so many, until then.
    fn evaluations(&self, together: usize, until: Instant) -> usize {
        let share = self.holder().share::<Ristretto255>().expect("a share's group").expect("a share");
        let share = KeyShare::new(share).expect("a share that can evaluate");
        let mut rng = allod_node::entropy();
        let mut count = 0;
        for chunk in self.elements.chunks_exact(together).cycle() {
            if Instant::now() >= until {
                break;
            }
            let chunk: Vec<_> =
                chunk.iter().map(|element| Blinded::decode(element.bytes()).expect("an element")).collect();
            std::hint::black_box(share.blind_evaluate(&chunk, &mut rng).expect("an answer"));
            count += together;
        }
        count
    }
}
