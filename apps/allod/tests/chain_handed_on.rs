//! A key that is made among liars and changes hands three times, among guardians of
//! which one crashes in the middle: it stays the same key, and what was held of it
//! before is gone.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod chain;
mod process;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use allod_crypto::Secret;
use allod_crypto::group::{Group, Ristretto255, SecretScalar};
use allod_guardian::keyholder::{Keyholder, Record};
use allod_ledger::shared_key::{Holder, KeyName, KeySpec, Sharing};
use allod_threshold::GroupName;
use allod_threshold::oprf::{KeyPair, Mode};
use allod_threshold::shamir::{Share, combine};

use chain::Net;
use chain::liars::Liar;
use data_encoding::HEXLOWER;
use process::At;

const KEY: &str = "oprf/second";
/// A key of guardians who do not hold that one.
const APART: &str = "oprf/apart";

const GUARDIANS: usize = 10;

/// As many as may lie, the last ones.
const LIARS: [usize; 3] = [8, 9, 10];

const INPUT: &str = "an input that stays the same";

/// How long a session may take, and a guardian with its share.
const PATIENCE: Duration = Duration::from_secs(120);

/// The share in a record.
fn share(record: Record) -> Share<Ristretto255> {
    let holder = Keyholder::new(KEY, GroupName::Ristretto255, record);
    holder.share::<Ristretto255>().unwrap().expect("it holds a share")
}

/// What the key makes of an input, from shares that were taken from disks.
fn output(threshold: u16, shares: &[Share<Ristretto255>]) -> [u8; 64] {
    of(combine(threshold, &shares[..usize::from(threshold)]).unwrap())
}

/// What a key that is known makes of the input.
fn of(secret: SecretScalar<Ristretto255>) -> [u8; 64] {
    let key = KeyPair::new(secret).unwrap();
    *key.evaluate(Mode::Voprf, INPUT.as_bytes()).unwrap().expose()
}

/// The shares of these holders, from their disks.
fn stolen(net: &Net, holders: &[&Holder], generation: u32) -> Vec<Share<Ristretto255>> {
    stolen_of(net, KEY, holders, generation)
}

fn stolen_of(net: &Net, key: &str, holders: &[&Holder], generation: u32) -> Vec<Share<Ristretto255>> {
    let mut shares = Vec::new();
    for holder in holders {
        let number = net.number(&holder.guardian);
        let mut found = None;
        net.until(&format!("guardian {number} holds generation {generation}"), PATIENCE, || {
            found = net.steal(number, key).filter(|record| {
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

/// A key that is made among guardians of which as many lie as may, each in a way
/// of its own: what the first deals is found out, the second announces itself and
/// says nothing more, the third is refused whatever it tries.
fn made_among_liars(net: &Net) -> Sharing {
    for liar in LIARS {
        net.tell(&["--kill", &liar.to_string()]);
    }
    let spec = KeySpec { name: KeyName::new(KEY).unwrap(), ..net.key(1, "oprf").spec };
    net.approve(1..=GUARDIANS - LIARS.len(), 1, &spec);
    net.note(&format!("decided: a new key, {} of {}", spec.threshold, spec.size));
    let [wrong, silent, refused] = LIARS;
    // All at once, since the session does not wait for long.
    thread::scope(|scope| {
        scope.spawn(|| Liar::announce(net, KEY, wrong).deal_a_wrong_share(2));
        scope.spawn(|| Liar::announce(net, KEY, silent));
        scope.spawn(|| Liar::announce(net, KEY, refused).deal_what_is_not_its_own_and_complain_falsely());
    });
    net.until("the key", PATIENCE, || net.key(1, KEY).generation == Some(0));
    let sharing = net.sharing(1, KEY, 0);
    let dealers = |liar: usize| {
        sharing.dealers.contains(&sharing.holder(&net.id(liar)).expect("it announced a key").index)
    };
    assert_eq!(LIARS.map(dealers), [false, false, true], "only what can be used is used");
    net.note(&format!("made from the dealings of {:?}", sharing.dealers));
    for liar in LIARS {
        net.tell(&["--start", &liar.to_string()]);
    }
    sharing
}

/// All ways to take so many of these.
fn choices(shares: &[Share<Ristretto255>], count: usize) -> Vec<Vec<Share<Ristretto255>>> {
    match (count, shares.split_first()) {
        (0, _) => vec![Vec::new()],
        (_, None) => Vec::new(),
        (_, Some((first, rest))) => {
            let mut found = choices(rest, count);
            for mut choice in choices(rest, count - 1) {
                choice.push(first.clone());
                found.push(choice);
            }
            found
        }
    }
}

/// What somebody who is registered with the guardians is told.
struct Asker<'a>(&'a Net);

impl<'a> Asker<'a> {
    fn register(net: &'a Net) -> Self {
        let card = net.people("card.txt");
        let asker = Self(net);
        asker.told(&["init", "--pin-fd", "3", "--card", card.to_str().unwrap()]);
        asker
    }

    fn told(&self, args: &[&str]) -> serde_json::Value {
        let through = self.0.addresses().iter().flat_map(|address| ["--guardian", address]);
        let args: Vec<&str> = ["--json"].into_iter().chain(args.iter().copied()).chain(through).collect();
        At { home: &self.0.people("asker"), pin: "271828" }.run(&args).done().json()
    }

    /// The key's output, in hexadecimal.
    fn output(&self) -> String {
        self.told(&["evaluate", "--key", KEY, INPUT])["output"].as_str().unwrap().to_owned()
    }

    /// The output of both keys added.
    fn output_of_sum(&self) -> String {
        let told = self.told(&["evaluate", "--key", KEY, "--and", APART, INPUT]);
        told["output"].as_str().unwrap().to_owned()
    }
}

/// A second key, of guardians who do not hold the first: what both give together is
/// the function of the sum of two secrets, which nobody could put together alone.
fn two_committees(net: &Net, asker: &Asker<'_>, first: &Sharing, held: &[Share<Ristretto255>]) {
    let apart_from = Some(KeyName::new(KEY).unwrap());
    let spec = KeySpec {
        name: KeyName::new(APART).unwrap(),
        size: 5,
        threshold: 3,
        apart_from,
        ..net.key(1, KEY).spec
    };
    net.approve(1..=GUARDIANS, 1, &spec);
    net.until("a key of others", PATIENCE, || net.key(1, APART).generation == Some(0));
    let second = net.sharing(1, APART, 0);
    assert!(second.holders.iter().all(|other| first.holder(&other.guardian).is_none()));
    let others = stolen_of(net, APART, &second.holders.iter().collect::<Vec<_>>(), 0);
    let secret = |threshold: u16, shares: &[Share<Ristretto255>]| {
        combine(threshold, &shares[..usize::from(threshold)]).unwrap()
    };
    let (a, b) = (secret(first.threshold, held), secret(second.threshold, &others));
    let sum = SecretScalar::new(*a.expose() + b.expose());
    assert_eq!(asker.output_of_sum(), HEXLOWER.encode(&of(sum)));
    net.note("two committees without a common member were asked for their keys' sum");
}

#[test]
fn a_key_made_among_liars_and_handed_on_three_times_stays_the_same_and_leaves_nothing_behind() {
    let mut net = Net::start(GUARDIANS);
    let asker = Asker::register(&net);
    let first = made_among_liars(&net);
    let honest: Vec<&Holder> =
        first.holders.iter().filter(|one| !LIARS.contains(&net.number(&one.guardian))).collect();
    let mut held = stolen(&net, &honest, 0);
    let expected = output(first.threshold, &held);
    assert_eq!(asker.output(), HEXLOWER.encode(&expected), "the guardians answer what the shares give");
    let mut old = first.clone();
    for (generation, (size, threshold)) in (1..).zip([(5, 3), (7, 4), (4, 3)]) {
        // What a thief with one holder's disk has of it now.
        let numbers = old.holders.iter().map(|one| net.number(&one.guardian));
        let holder = numbers.filter(|number| !LIARS.contains(number)).min().unwrap();
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
        let shares = stolen(&net, &new.holders.iter().collect::<Vec<_>>(), generation);
        assert_eq!(output(threshold, &shares), expected);
        let last: Vec<_> = shares.iter().rev().cloned().collect();
        assert_eq!(output(threshold, &last), expected);
        assert_eq!(asker.output(), HEXLOWER.encode(&expected));

        // One too few of the old ones and one too few of the new ones are nothing.
        let mut few = held[..usize::from(old.threshold) - 1].to_vec();
        few.extend_from_slice(&shares[..usize::from(threshold) - 1]);
        let mut tried = 0;
        for needed in [old.threshold, threshold] {
            for choice in choices(&few, usize::from(needed)) {
                // Shares of one index cannot be combined at all.
                let Ok(secret) = combine(needed, &choice) else { continue };
                tried += 1;
                assert_ne!(of(secret), expected);
            }
        }
        assert!(tried > 0);
        net.note(&format!("{tried} choices of old and new shares give nothing"));

        // Whoever held one before and holds none now has none on disk.
        for gone in before.difference(&members) {
            net.until("the old share is forgotten", PATIENCE, || {
                net.steal(*gone, KEY).is_some_and(|record| record.share.is_none())
            });
        }
        // What the thief copied then cannot be opened with what is there now.
        assert!(net.opens(copy, holder, KEY).is_none(), "an old record can still be opened");
        (old, held) = (new, shares);
    }
    net.note("the same key after three times");
    two_committees(&net, &asker, &old, &held);
    net.stop();
}
