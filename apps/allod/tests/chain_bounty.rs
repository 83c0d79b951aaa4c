//! A share that somebody else came to know: they are paid for showing it, its
//! holder loses its bond and its place, and the key is held by others.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod chain;

use std::time::Duration;

use allod_crypto::group::Ristretto255;
use allod_did::Did;
use allod_guardian::keyholder::Keyholder;
use allod_ledger::Action;
use allod_ledger::asset::first_asset;
use allod_ledger::guardian::{Fault, Standing};
use allod_ledger::holding::{Asset, Balance};
use allod_ledger::shared_key::{KeyName, share_context};
use allod_node::person::ledger::LedgerError;
use allod_threshold::{GroupName, Point, knowledge};

use chain::Net;

const KEY: &str = "oprf";
const VICTIM: usize = 3;

#[test]
fn a_share_handed_over_costs_its_guardian_the_bond_and_pays_who_shows_it_once() {
    let mut net = Net::start(5);
    let network = net.trust().network;
    let did = |guardian: usize| net.operator(guardian).log().state().did();
    let (thief, copycat) = (did(1), did(2));
    let asset = first_asset(&network);
    let balance = |of: Did| -> u64 {
        net.run(net.ledger(1).record::<Balance>(&(asset, of))).unwrap().unwrap_or_default().amount
    };
    let retired = || net.run(net.ledger(1).expect::<Asset>(&asset)).unwrap().retired;
    let (before, destroyed) = (balance(thief), retired());
    let bond = net.record(1, VICTIM).bond;
    let generation = net.key(1, KEY).generation.unwrap();
    let old = net.sharing(1, KEY, generation);

    // The thief reads the disk of a guardian that does not run, which is all it
    // takes: nothing hands a share out.
    net.tell(&["--kill", &VICTIM.to_string()]);
    let record = net.steal(VICTIM, KEY).expect("its record can be read");
    net.tell(&["--start", &VICTIM.to_string()]);
    let holder = Keyholder::new(KEY, GroupName::Ristretto255, record);
    let share = holder.share::<Ristretto255>().unwrap().expect("it holds a share");
    let held = old.holder(&net.id(VICTIM)).unwrap();
    assert_eq!(share.index.get(), held.index);
    let public = Point::<Ristretto255>::decode(&held.public_share).unwrap();
    let name = KeyName::new(KEY).unwrap();
    let context = share_context(&network, &name, generation, &net.id(VICTIM), &thief);
    let proof = knowledge::prove(&context, &share.value, &public, &mut allod_node::entropy()).encode();
    let claim = |claimant: Did| Action::ClaimBounty {
        key: name.clone(),
        generation,
        guardian: net.id(VICTIM),
        claimant,
        proof: proof.to_vec(),
    };

    // Whoever saw the proof and puts their own name in is refused, before and after.
    let refused = net.run(net.ledger(2).ask_unsigned(claim(copycat)));
    assert!(matches!(refused, Err(LedgerError::Refused(_) | LedgerError::Declined { .. })), "{refused:?}");
    let taken = net.run(net.ledger(1).ask_unsigned(claim(thief))).unwrap();
    net.note(&format!("the claim at height {}", taken.height));
    for claimant in [copycat, thief] {
        let refused = net.run(net.ledger(1).ask_unsigned(claim(claimant)));
        assert!(
            matches!(refused, Err(LedgerError::Refused(_) | LedgerError::Declined { .. })),
            "{refused:?}"
        );
    }

    let (paid, gone) = (balance(thief) - before, retired() - destroyed);
    net.note(&format!("of a bond of {bond}, {paid} were paid and {gone} destroyed"));
    assert!(paid > 0 && gone > 0 && paid + gone == bond, "{paid} + {gone} of {bond}");
    let record = net.record(1, VICTIM);
    assert!(matches!(record.standing, Standing::Evicted { fault: Fault::ShareKnown, .. }), "{record:?}");
    assert_eq!(record.bond, 0);

    net.until("a sharing without it", Duration::from_secs(120), || {
        net.key(1, KEY).generation > Some(generation)
    });
    let generation = net.key(1, KEY).generation.unwrap();
    let new = net.sharing(1, KEY, generation);
    assert!(new.holder(&net.id(VICTIM)).is_none());
    assert_eq!(new.public_key, old.public_key);
    net.note(&format!("generation {generation} since height {}, {} holders", new.since, new.holders.len()));
    net.stop();
}
