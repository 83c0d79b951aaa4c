//! One guardian that lies to a person about the ledger, in front of a real network:
//! nobody pays twice, nothing stays open for years, nothing panics or hangs, and the
//! liar is named.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod chain;
mod process;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use allod_guardian::client::Fault;
use allod_ledger::{Action, Chain, Claim, Genesis, Operation, Parameters};
use allod_node::person::Link;
use allod_node::person::ledger::Trust;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chain::Net;
use process::{At, Ended};
use serde_json::Value;

const PIN: &str = "271828";

/// How a guardian lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// It refuses what it passes on, and says it was refused when that is asked.
    RefusesAndPassesOn,
    /// It refuses and keeps what it was given.
    RefusesAndKeeps,
    /// It says that it took what it drops.
    Drops,
    /// The ledger's time is far in the future, and so is its height.
    IsFarAhead,
    /// The network's rules are none that can be followed.
    MakesUpRules,
    /// Proofs and certificates are of other bytes.
    ProvesBadly,
    /// It does not end its answers.
    Hangs,
}

/// A guardian that lies in front of an honest one.
struct Liar {
    address: String,
    state: Arc<Front>,
}

struct Front {
    to: Link,
    lie: Mutex<Lie>,
    /// What was handed in here.
    given: Mutex<Vec<Vec<u8>>>,
}

impl Liar {
    fn before(net: &Net, guardian: usize) -> Self {
        let to = Link::new(net.addresses()[guardian - 1].parse().unwrap());
        let state = Arc::new(Front { to, lie: Mutex::new(Lie::Drops), given: Mutex::default() });
        let served = Arc::clone(&state);
        let address = net.run(async move {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let router = Router::new().fallback(answer).with_state(served);
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
            address
        });
        Self { address, state }
    }

    fn lies(&self, lie: Lie) {
        *self.state.lie.lock().unwrap() = lie;
        self.state.given.lock().unwrap().clear();
    }

    /// What was handed in to it since it began to lie like this.
    fn given(&self) -> Vec<Operation> {
        let given = self.state.given.lock().unwrap();
        given.iter().map(|bytes| allod_wire::decode(bytes).unwrap()).collect()
    }
}

fn refusal() -> Response {
    let body = r#"{"error":"rejected","message":"only 0 units are held"}"#;
    (StatusCode::UNPROCESSABLE_ENTITY, body).into_response()
}

async fn answer(State(front): State<Arc<Front>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let lie = *front.lie.lock().unwrap();
    let path = uri.path();
    if lie == Lie::Hangs {
        std::future::pending::<()>().await;
    }
    if method == Method::POST {
        if path != "/chain/operations" {
            return StatusCode::NOT_FOUND.into_response();
        }
        front.given.lock().unwrap().push(body.to_vec());
        return match lie {
            Lie::RefusesAndPassesOn => {
                let _ = front.to.post(path, None, &body, 4096).await;
                refusal()
            }
            Lie::RefusesAndKeeps => refusal(),
            Lie::Drops => allod_ledger::id_of(&body).0.to_vec().into_response(),
            _ => match front.to.post(path, None, &body, 4096).await {
                Ok(bytes) => bytes.into_response(),
                Err(_) => refusal(),
            },
        };
    }
    if path.starts_with("/chain/operations/") {
        match lie {
            Lie::RefusesAndPassesOn => {
                return r#"{"height":1,"refused":"only 0 units are held"}"#.into_response();
            }
            Lie::Drops | Lie::RefusesAndKeeps => return StatusCode::NOT_FOUND.into_response(),
            _ => {}
        }
    }
    let mut bytes = match front.to.get(path, 4 << 20).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Err(Fault::Refused(why)) => return (StatusCode::BAD_REQUEST, why).into_response(),
        Err(_) => return StatusCode::BAD_GATEWAY.into_response(),
    };
    match lie {
        Lie::IsFarAhead if path == "/chain/record/chain/-" => {
            let mut chain: Chain = allod_wire::decode(&bytes).unwrap();
            chain.at = chain.at.plus_ms(50 * 365 * 86_400_000);
            chain.height = u64::MAX;
            bytes = allod_wire::encode(&chain);
        }
        Lie::MakesUpRules if path == "/chain/record/parameters/-" => {
            bytes = allod_wire::encode(&bad(allod_wire::decode(&bytes).unwrap()));
        }
        Lie::MakesUpRules if path == "/chain/genesis" => {
            let mut genesis: Genesis = allod_wire::decode(&bytes).unwrap();
            genesis.parameters = bad(genesis.parameters);
            bytes = allod_wire::encode(&genesis);
        }
        Lie::ProvesBadly if path.starts_with("/chain/proof/") || path == "/chain/certificate" => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        _ => {}
    }
    bytes.into_response()
}

fn bad(rules: Parameters) -> Parameters {
    Parameters { epoch_heights: 0, stamp_bits: 255, settle_ms: u64::MAX, allowance_ms: 0, ..rules }
}

/// People who ask through guardians of their choice.
struct People<'a> {
    net: &'a Net,
    liar: &'a Liar,
}

impl People<'_> {
    fn run(&self, who: &str, through: &[&str], args: &[&str]) -> Ended {
        let home = self.net.people(who);
        let through = through.iter().flat_map(|address| ["--guardian", address]);
        let args: Vec<_> = args.iter().copied().chain(through).collect();
        At { home: &home, pin: PIN }.run(&args)
    }

    fn honest(&self) -> Vec<&str> {
        self.net.addresses().iter().map(String::as_str).collect()
    }

    /// The liar first, and an honest one behind it.
    fn both(&self) -> [&str; 2] {
        [&self.liar.address, &self.net.addresses()[1]]
    }

    #[track_caller]
    fn json(&self, who: &str, through: &[&str], args: &[&str]) -> Value {
        self.run(who, through, &[&["--json"], args].concat()).done().json()
    }

    #[track_caller]
    fn balance(&self, who: &str, asset: &str) -> u64 {
        let shown = self.json(who, &self.honest(), &["asset", "show", asset]);
        shown["amount"].as_u64().unwrap()
    }
}

fn begin(net: &Net, liar: &Liar) -> (String, String) {
    let people = People { net, liar };
    let mut dids = Vec::new();
    for who in ["alice", "bob"] {
        let card = net.people(&format!("{who}.card.txt"));
        let args = ["init", "--pin-fd", "3", "--card", card.to_str().unwrap()];
        let told = people.json(who, &people.honest(), &args);
        dids.push(told["did"].as_str().unwrap().to_owned());
    }
    let money = people.json("alice", &people.honest(), &["asset", "define", "Hours", "--supply", "1000"]);
    let money = money["asset"].as_str().unwrap().to_owned();
    people.json("alice", &people.honest(), &["asset", "issue", &money, "100"]);
    // Bob has to be there to be given something.
    people.json("bob", &people.honest(), &["asset", "define", "Nothing", "--supply", "1"]);
    (money, dids.pop().unwrap())
}

#[test]
fn one_lying_guardian_makes_nobody_pay_twice_or_later_and_is_named() {
    let mut net = Net::start(4);
    let liar = Liar::before(&net, 1);
    let (money, bob) = begin(&net, &liar);
    let people = People { net: &net, liar: &liar };
    let pay = ["asset", "transfer", &money, "5", "--to", &bob];

    refused_and_passed_on(&people, &pay, &money);
    refused_and_kept(&people, &pay, &money);
    dropped(&people, &pay, &money);
    far_ahead(&people, &money, &bob);
    rules_that_are_none(&people, &pay, &money);
    bad_proofs(&people, &money);
    no_answers(&people, &money);
    net.stop();
}

/// Whether others are asked too or not, it comes about once and that is what is told.
fn refused_and_passed_on(people: &People<'_>, pay: &[&str], money: &str) {
    let before = people.balance("bob", money);
    people.liar.lies(Lie::RefusesAndPassesOn);
    people.json("alice", &people.both(), pay);
    assert_eq!(people.balance("bob", money), before + 5);
    people.json("alice", &[&people.liar.address], pay);
    assert_eq!(people.balance("bob", money), before + 10);
    assert_eq!(people.liar.given().len(), 2, "each was handed in once");
    people.net.note("refused and passed on: told as it was");
}

/// Nobody takes it: it may still happen, and a retry is of the same bytes.
fn refused_and_kept(people: &People<'_>, pay: &[&str], money: &str) {
    let before = people.balance("bob", money);
    people.liar.lies(Lie::RefusesAndKeeps);
    let alone = [people.liar.address.as_str()];
    let failed = people.run("alice", &alone, pay);
    assert!(failed.code != 0 && failed.err.contains("may still happen until"), "{failed:?}");
    let failed = people.run("alice", &alone, pay);
    assert!(failed.code != 0 && failed.err.contains("is sent again, and no other"), "{failed:?}");
    let given = people.liar.given();
    assert!(given.len() == 2 && given[0] == given[1], "{given:?}");

    // Another thing is asked meanwhile, and then the first again, of somebody honest.
    people.json("alice", &people.honest(), &["asset", "retire", money, "1"]);
    people.json("alice", &people.honest(), pay);
    assert_eq!(people.balance("bob", money), before + 5);
    // What was kept comes too late.
    let honest = people.net.ledger(3);
    let late = people.net.run(honest.hand_in(&given[0])).unwrap();
    assert_eq!(late.id, given[0].id(), "it came about, once");
    assert_eq!(people.balance("bob", money), before + 5);
    // What is asked for now is a new payment.
    people.json("alice", &people.honest(), pay);
    assert_eq!(people.balance("bob", money), before + 10);
    people.net.note("refused and kept: paid once");
}

/// The next guardian has it seconds later.
fn dropped(people: &People<'_>, pay: &[&str], money: &str) {
    let before = people.balance("bob", money);
    people.liar.lies(Lie::Drops);
    people.json("alice", &people.both(), pay);
    assert_eq!(people.balance("bob", money), before + 5);
    people.net.note("dropped: paid through the next one");
}

/// What is signed ends in minutes, and a lock when its owner said.
fn far_ahead(people: &People<'_>, money: &str, bob: &str) {
    people.liar.lies(Lie::IsFarAhead);
    let units = format!("{money}:1");
    let lock = ["lock", "make", "--units", &units, "--to", bob, "--term", "1h", "--release"];
    let told = people.json("alice", &people.both(), &lock);
    let now = allod_node::now();
    let given = people.liar.given();
    assert!(!given.is_empty());
    for operation in given {
        assert!(operation.body.until < now.plus_ms(30 * 60_000), "{operation:?}");
        if let Action::Lock { expires, .. } = operation.body.action {
            assert!(expires < now.plus_ms(90 * 60_000), "{expires:?}");
            assert_eq!(told["expires"].as_u64(), Some(expires.0));
        }
        assert!(matches!(operation.body.claim, Claim::Device { nonce, .. } if nonce < 1_000));
    }
    assert_eq!(told["release"].as_str().unwrap().len(), 64);
    let begun = Instant::now();
    people.json("alice", &people.both(), &["asset", "show", money]);
    assert!(begun.elapsed() < Duration::from_secs(20), "it does not wait for a height of somebody's making");
    people.net.note("far ahead: what was signed ends soon");
}

/// Rules are those of the genesis that the network's id names, also where a home
/// folder of an earlier version does not have them.
fn rules_that_are_none(people: &People<'_>, pay: &[&str], money: &str) {
    let before = people.balance("bob", money);
    people.liar.lies(Lie::MakesUpRules);
    people.json("alice", &people.both(), pay);
    let home = people.net.people("alice");
    let trust = Trust::load(&home).unwrap().unwrap();
    Trust { rules: None, ..trust }.save(&home).unwrap();
    let ended = people.run("alice", &people.both(), pay);
    assert!(ended.code == 0 && ended.err.contains(&people.liar.address), "{ended:?}");
    assert_eq!(people.balance("bob", money), before + 10);
    people.json("alice", &people.both(), &["network"]);
    people.net.note("rules that are none: passed over");
}

/// Its proofs are passed over and it is named; alone it is believed nothing.
fn bad_proofs(people: &People<'_>, money: &str) {
    people.liar.lies(Lie::ProvesBadly);
    let ended = people.run("alice", &people.both(), &["asset", "show", money]);
    assert!(ended.code == 0 && ended.err.contains(&people.liar.address), "{ended:?}");
    let ended = people.run("alice", &[&people.liar.address], &["asset", "show", money]);
    assert!(ended.code == 1 && ended.err.contains("name others with --guardian"), "{ended:?}");
    people.net.note("bad proofs: named");
}

/// One that does not answer costs seconds.
fn no_answers(people: &People<'_>, money: &str) {
    people.liar.lies(Lie::Hangs);
    let begun = Instant::now();
    people.json("alice", &people.both(), &["asset", "retire", money, "1"]);
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    people.net.note(&format!("no answers: {:.1} s", begun.elapsed().as_secs_f64()));
}
