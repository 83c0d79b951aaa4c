//! Ten guardians of which two are dead and one votes twice: the ledger goes on,
//! whoever votes twice loses its bond and its place, and all see one history.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod chain;

use std::collections::BTreeMap;
use std::time::Duration;

use allod_ledger::committee::Committee;
use allod_ledger::guardian::{Fault, Standing};
use allod_ledger::{Action, Checkpoint};
use allod_node::chain::{Kept, Store};

use chain::Net;

const KEYS: [&str; 3] = ["network", "oprf", "seal"];
const LIAR: usize = 4;
const DEAD: [usize; 2] = [9, 10];

/// A title that nobody else makes.
fn title(number: u8) -> Action {
    Action::Entitle { content: [number; 32], size: 1, label: format!("title {number}") }
}

#[test]
fn ten_guardians_of_which_two_die_and_one_votes_twice_keep_one_history_and_evict_it() {
    let mut net = Net::start(10);
    let first = net.as_operator(1, 1, title(1)).unwrap();
    net.note(&format!("a title at height {}", first.height));
    let bond = net.record(1, LIAR).bond;
    for dead in DEAD {
        net.tell(&["--kill", &dead.to_string()]);
    }
    net.tell(&["--lie", &LIAR.to_string(), "--how", "equivocate"]);

    let evicted = || matches!(net.record(1, LIAR).standing, Standing::Evicted { .. });
    net.until("the eviction", Duration::from_secs(60), evicted);
    let record = net.record(1, LIAR);
    let at = net.height(1).unwrap();
    net.note(&format!("evicted at height {at} at the latest; the bond was {bond}"));
    assert!(matches!(record.standing, Standing::Evicted { fault: Fault::Equivocation, .. }), "{record:?}");
    assert!(bond > 0 && record.bond == 0, "{record:?}");

    // It goes on, though exactly as many are left as have to agree.
    let second = net.as_operator(2, 3, title(2)).unwrap();
    assert!(second.height > first.height);
    net.note(&format!("another title at height {}", second.height));

    // The keys are handed on to those who are left, by themselves.
    net.until("a sharing without it", Duration::from_secs(150), || {
        KEYS.iter().all(|name| net.key(1, name).generation >= Some(1))
    });
    for name in KEYS {
        let generation = net.key(1, name).generation.unwrap();
        let (old, new) = (net.sharing(1, name, 0), net.sharing(1, name, generation));
        assert!(old.holder(&net.id(LIAR)).is_some() && new.holder(&net.id(LIAR)).is_none(), "{name}");
        assert_eq!(old.public_key, new.public_key, "{name}");
        net.note(&format!("{name}: generation {generation}, {} holders", new.holders.len()));
    }

    // The next epoch is without it.
    let epoch = net.status(1).unwrap()["epoch"].as_u64().unwrap();
    net.until("the next epoch", Duration::from_secs(60), || {
        net.status(1).is_some_and(|status| status["epoch"].as_u64() > Some(epoch))
    });
    let committee: Committee = net.run(net.ledger(1).expect(&(epoch + 1))).unwrap();
    assert!(committee.members.iter().all(|seat| seat.guardian != net.id(LIAR)));
    assert!(committee.members.iter().any(|seat| seat.guardian == net.id(1)));
    let third = net.as_operator(3, 5, title(3)).unwrap();
    net.note(&format!("a third title at height {}, in an epoch without it", third.height));

    // The dead come back and find what was decided without them.
    net.tell(&["--start", &DEAD[0].to_string()]);
    net.until("the dead one catches up", Duration::from_secs(60), || {
        net.height(DEAD[0]) >= Some(third.height)
    });
    net.until("a certificate", Duration::from_secs(60), || {
        net.run(net.ledger(1).certificate()).is_ok_and(|known| known.checkpoint.height >= third.height)
    });
    net.stop();
    one_history(&net, third.height);
}

/// All guardians' disks tell one history.
fn one_history(net: &Net, height: u64) {
    let mut known: BTreeMap<u64, (usize, Checkpoint)> = BTreeMap::new();
    let mut certificates: BTreeMap<u64, [u8; 48]> = BTreeMap::new();
    let mut compared = 0;
    let mut tallest = 0;
    for guardian in 1..=10 {
        let store = Store::open(&net.chain_folder(guardian).join("ledger"), Kept::default()).unwrap();
        for at in 1..=store.height().unwrap().unwrap() {
            let Some(checkpoint) = store.checkpoint(at).unwrap() else { continue };
            tallest = tallest.max(at);
            match known.get(&at) {
                Some((other, same)) => {
                    compared += 1;
                    assert_eq!(*same, checkpoint, "guardians {other} and {guardian} differ at height {at}");
                }
                None => {
                    known.insert(at, (guardian, checkpoint));
                }
            }
            if let Some(certificate) = store.certificate(at..=at).unwrap() {
                assert_eq!(certificate.checkpoint, checkpoint);
                let signature = *certificates.entry(at).or_insert(certificate.signature);
                assert_eq!(signature, certificate.signature, "height {at}");
            }
        }
    }
    assert!(tallest + 4 >= height && compared >= 7 * known.len() / 2, "{tallest} {compared} {}", known.len());
    let (checkpoints, signed) = (known.len(), certificates.len());
    net.note(&format!(
        "{checkpoints} checkpoints up to height {tallest}, {compared} compared, {signed} of them signed"
    ));
}
