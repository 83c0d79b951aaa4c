//! A key that changes hands three times, among guardians of which one crashes in
//! the middle: it stays the same key, and what was held of it before is gone.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod chain;

use std::collections::BTreeSet;
use std::time::Duration;

use allod_crypto::Secret;
use allod_crypto::group::{Group, Ristretto255};
use allod_guardian::keyholder::{Keyholder, Record};
use allod_ledger::shared_key::{KeySpec, Sharing};
use allod_threshold::GroupName;
use allod_threshold::oprf::{KeyPair, Mode};
use allod_threshold::shamir::{Share, combine};

use chain::Net;

const KEY: &str = "oprf";
const GUARDIANS: usize = 8;

/// How long a session may take, and a guardian with its share.
const PATIENCE: Duration = Duration::from_secs(60);

/// The share in a record.
fn share(record: Record) -> Share<Ristretto255> {
    let holder = Keyholder::new(KEY, GroupName::Ristretto255, record);
    holder.share::<Ristretto255>().unwrap().expect("it holds a share")
}

/// What the key makes of an input, from shares that were taken from disks.
fn output(threshold: u16, shares: &[Share<Ristretto255>]) -> [u8; 64] {
    let secret = combine(threshold, &shares[..usize::from(threshold)]).unwrap();
    let key = KeyPair::new(secret).unwrap();
    *key.evaluate(Mode::Voprf, b"an input that stays the same").unwrap().expose()
}

/// The shares of all holders of a sharing, from their disks.
fn stolen(net: &Net, sharing: &Sharing, generation: u32) -> Vec<Share<Ristretto255>> {
    let mut shares = Vec::new();
    for holder in &sharing.holders {
        let number = net.number(&holder.guardian);
        let mut found = None;
        net.until(&format!("guardian {number} holds generation {generation}"), PATIENCE, || {
            found = net.steal(number, KEY).filter(|record| {
                record.secret.is_none()
                    && record.share.as_ref().is_some_and(|held| held.generation == generation)
            });
            found.is_some()
        });
        let found = share(found.unwrap());
        assert_eq!(found.index.get(), holder.index);
        assert_eq!(Ristretto255::encode(&found.value.mul_generator()).as_slice(), holder.public_share);
        shares.push(found);
    }
    shares
}

/// Kills a member of the session under way at some moment after it announced its
/// key, as a power cut does, and starts it again.
fn crash_a_member(net: &Net, old: &Sharing) -> usize {
    let mut member = None;
    net.until("a session", PATIENCE, || {
        let ceremony = net.key(1, KEY).ceremony;
        let announced = ceremony.iter().flat_map(|session| &session.members).filter(|one| one.key.is_some());
        // One that has to deal as well, and not the one that is asked.
        let suits = announced.filter(|one| old.holder(&one.guardian).is_some());
        member = suits.map(|one| net.number(&one.guardian)).find(|number| *number != 1);
        member.is_some()
    });
    let (member, moment) = (member.unwrap(), Secret::<2>::random(&mut allod_node::entropy()));
    let moment = Duration::from_millis(u64::from(u16::from_le_bytes(*moment.expose())) % 2_000);
    std::thread::sleep(moment);
    let phase = net.key(1, KEY).ceremony.map(|session| session.phase);
    net.note(&format!("guardian {member} dies {moment:?} later, the session being at {phase:?}"));
    net.tell(&["--kill", &member.to_string()]);
    net.tell(&["--start", &member.to_string()]);
    member
}

#[test]
fn a_key_handed_on_three_times_stays_the_same_and_leaves_nothing_behind() {
    let mut net = Net::start(GUARDIANS);
    let first = net.sharing(1, KEY, 0);
    let shares = stolen(&net, &first, 0);
    let expected = output(first.threshold, &shares);
    let mut old = first.clone();
    for (generation, (size, threshold)) in (1..).zip([(5, 3), (7, 4), (4, 3)]) {
        // What a thief with one holder's disk has of it now.
        let holder = net.number(&old.holders[0].guardian);
        let copy = net.copy_shares(holder);
        let spec = KeySpec { size, threshold, ..net.key(1, KEY).spec };
        net.approve(1..=GUARDIANS, 1, &spec);
        net.note(&format!("decided: {threshold} of {size}"));
        let crashed = (size == 7).then(|| crash_a_member(&net, &old));
        net.until("the next generation", PATIENCE, || net.key(1, KEY).generation == Some(generation));
        let new = net.sharing(1, KEY, generation);
        let (members, before): (BTreeSet<_>, BTreeSet<_>) = (
            new.holders.iter().map(|one| net.number(&one.guardian)).collect(),
            old.holders.iter().map(|one| net.number(&one.guardian)).collect(),
        );
        net.note(&format!("generation {generation} since height {}: {before:?} -> {members:?}", new.since));
        assert_eq!((new.holders.len(), new.threshold), (usize::from(size), threshold));
        assert_eq!(new.public_key, first.public_key);
        assert!(crashed.is_none_or(|crashed| members.contains(&crashed)));
        if size == 7 {
            assert!(members.difference(&before).count() >= 2);
        }

        // All hold a share of it, and they add up to what the first did.
        let shares = stolen(&net, &new, generation);
        assert_eq!(output(threshold, &shares), expected);
        let last: Vec<_> = shares.into_iter().rev().collect();
        assert_eq!(output(threshold, &last), expected);

        // Whoever held one before and holds none now has none on disk.
        for gone in before.difference(&members) {
            net.until("the old share is forgotten", PATIENCE, || {
                net.steal(*gone, KEY).is_some_and(|record| record.share.is_none())
            });
        }
        // What the thief copied then cannot be opened with what is there now.
        assert!(net.opens(copy, holder, KEY).is_none(), "an old record can still be opened");
        old = new;
    }
    net.note("the same key after three times");
    net.stop();
}
