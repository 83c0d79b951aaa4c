//! What is fetched is what was served, and every kind of lie is refused and its
//! author named.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::fetch::Wrong;
use super::super::{Offer, Part};
use super::world::*;
use crate::chain::Kept;

use std::sync::Arc;

use allod_ledger::jellyfish::RestoreError;
use allod_wire::Wire;

/// Values that make several parts.
const MANY: u32 = 2_000;

const KEPT: Kept = Kept { heights: 20, heights_max: 60, outcomes: 100 };

/// A network at height 42, whose newest checkpoint is 40.
async fn world(guardians: usize) -> World {
    let mut world = World::new(guardians, MANY, KEPT).await;
    world.grow(42);
    world
}

fn is_part(path: &str) -> bool {
    path.matches('/').count() == 4
}

/// A liar that changes parts, from the second on.
fn parts(change: impl Fn(&mut Part) + Send + Sync + 'static) -> Lie {
    Arc::new(move |path, answer| {
        if !is_part(path) || path.ends_with("/-") {
            return Some(answer);
        }
        let mut part: Part = allod_wire::decode(&answer).unwrap();
        change(&mut part);
        Some(allod_wire::encode(&part))
    })
}

/// A liar that changes what it offers.
fn offers(change: impl Fn(&mut Offer) + Send + Sync + 'static) -> Lie {
    Arc::new(move |path, answer| {
        if !path.starts_with("/chain/snapshot") || is_part(path) {
            return Some(answer);
        }
        let mut offer: Offer = allod_wire::decode(&answer).unwrap();
        change(&mut offer);
        Some(allod_wire::encode(&offer))
    })
}

#[tokio::test]
async fn a_guardian_without_a_ledger_fetches_it_from_those_who_agree_on_the_key() {
    let mut world = world(4).await;
    let largest = Arc::new(AtomicU64::new(0));
    let count = Arc::new(AtomicU64::new(0));
    for index in 1..4 {
        let (largest, count) = (Arc::clone(&largest), Arc::clone(&count));
        world.serve(
            index,
            Arc::new(move |path, answer| {
                if is_part(path) {
                    largest.fetch_max(answer.len() as u64, Ordering::Relaxed);
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Some(answer)
            }),
        );
    }
    let caught_up = world.fetch(None).await;
    assert_eq!(caught_up.height, Some(40));
    assert_eq!(caught_up.refused, []);
    world.assert_fetched(40);
    assert!(largest.load(Ordering::Relaxed) <= Part::SIZE_MAX as u64);
    assert!(count.load(Ordering::Relaxed) > 3);
}

#[tokio::test]
async fn without_a_key_and_with_too_few_who_agree_on_it_nothing_is_fetched() {
    let mut world = world(4).await;
    world.serve(1, honest());
    world.serve(2, honest());
    world.serve(
        3,
        Arc::new(|path, answer| {
            Some(if path == "/chain/key" { NetworkSigner::new().key().bytes().to_vec() } else { answer })
        }),
    );
    assert_eq!(world.fetch(None).await.height, None);
    world.assert_nothing();
    // With the key from the configuration, two are enough.
    let key = Some(world.signer.key());
    assert_eq!(world.fetch(key).await.height, Some(40));
    world.assert_fetched(40);
}

#[tokio::test]
async fn a_guardian_that_is_near_the_others_goes_on_by_itself() {
    let mut world = World::new(4, 10, KEPT).await;
    world.grow(20);
    for index in 1..4 {
        world.serve(index, honest());
    }
    assert_eq!(world.fetch(None).await.height, None);
    world.assert_nothing();
}

#[tokio::test]
async fn one_liar_alone_cannot_claim_that_the_network_is_far_ahead() {
    let mut world = World::new(4, 10, KEPT).await;
    world.grow(8);
    world.serve(1, honest());
    world.serve(2, honest());
    let network = world.genesis.network().to_string();
    world.serve(
        3,
        Arc::new(move |path, answer| {
            let status = serde_json::json!({ "network": network, "final": u64::MAX });
            Some(if path == "/chain/status" { status.to_string().into_bytes() } else { answer })
        }),
    );
    assert_eq!(world.fetch(None).await.height, None);
    world.assert_nothing();
}

/// Whoever lies in this way is named, and the others' ledger is fetched. The liar
/// offers first, since its number is the lowest.
async fn named(lie: Lie, expected: impl Fn(Wrong) -> bool) {
    let mut world = world(4).await;
    world.serve(1, lie);
    // The others have no newer one, so that the liar is asked first.
    world.serve(2, honest());
    world.serve(3, honest());
    let key = Some(world.signer.key());
    let caught_up = world.fetch(key).await;
    assert_eq!(caught_up.height, Some(40));
    match caught_up.refused[..] {
        [(liar, wrong)] => {
            assert_eq!(liar, guardian(1));
            assert!(expected(wrong), "{wrong:?}");
        }
        ref refused => panic!("{refused:?}"),
    }
    world.assert_fetched(40);
}

fn wrong_part(wrong: Wrong) -> bool {
    matches!(wrong, Wrong::Part(_))
}

#[tokio::test]
async fn a_leaf_that_is_left_out_is_refused() {
    named(parts(|part| drop(part.entries.remove(4))), wrong_part).await;
}

#[tokio::test]
async fn a_leaf_under_another_key_is_refused() {
    named(parts(|part| part.entries[4].key.0[31] ^= 1), wrong_part).await;
}

#[tokio::test]
async fn a_wrong_value_is_refused() {
    named(parts(|part| part.entries[4].value[0] ^= 1), wrong_part).await;
    named(parts(|part| part.entries.last_mut().unwrap().value.push(0)), wrong_part).await;
}

#[tokio::test]
async fn a_value_without_bytes_is_refused() {
    named(parts(|part| part.entries[4].value.clear()), |wrong| wrong == Wrong::Short).await;
}

#[tokio::test]
async fn a_part_that_is_cut_off_is_refused() {
    let cut: Lie = Arc::new(|path, mut answer| {
        if is_part(path) {
            answer.truncate(answer.len() / 2);
        }
        Some(answer)
    });
    named(cut, |wrong| wrong == Wrong::Garbage).await;
    named(parts(|part| drop(part.entries.pop())), wrong_part).await;
    named(parts(|part| part.entries.clear()), |wrong| wrong == Wrong::Part(RestoreError::NoLeaves)).await;
}

#[tokio::test]
async fn a_part_that_is_right_but_tiny_is_refused() {
    // The liar asks the truth of itself: one value and its path.
    let mut world = world(4).await;
    let store = Arc::clone(&world.store);
    world.serve(
        1,
        Arc::new(move |path, answer| {
            if !is_part(path) {
                return Some(answer);
            }
            let mut part: Part = allod_wire::decode(&answer).unwrap();
            part.entries.truncate(1);
            part.path = store.at(40).unwrap().prove(&part.entries[0].key).unwrap();
            Some(allod_wire::encode(&part))
        }),
    );
    world.serve(2, honest());
    world.serve(3, honest());
    let key = Some(world.signer.key());
    let caught_up = world.fetch(key).await;
    assert_eq!(caught_up.height, Some(40));
    assert_eq!(caught_up.refused, [(guardian(1), Wrong::Short)]);
    world.assert_fetched(40);
}

#[tokio::test]
async fn a_part_that_is_too_large_is_refused() {
    let long: Lie = Arc::new(|path, mut answer| {
        if is_part(path) {
            answer.resize(Part::SIZE_MAX + 1, 0);
        }
        Some(answer)
    });
    named(long, |wrong| wrong == Wrong::Garbage).await;
}

#[tokio::test]
async fn an_offer_that_the_network_did_not_sign_is_refused() {
    let signed = |wrong| wrong == Wrong::Signature;
    named(offers(|offer| offer.certificate.checkpoint.root[0] ^= 1), signed).await;
    named(offers(|offer| offer.certificate.checkpoint.height += 1), signed).await;
    named(
        offers(|offer| offer.certificate = NetworkSigner::new().certify(offer.certificate.checkpoint)),
        signed,
    )
    .await;
    named(
        Arc::new(|path, answer| Some(if path == "/chain/snapshot" { vec![1, 2, 3] } else { answer })),
        |wrong| wrong == Wrong::Garbage,
    )
    .await;
}

#[tokio::test]
async fn wrong_votes_on_the_height_are_refused_and_others_taken() {
    let votes = |wrong| matches!(wrong, Wrong::Votes(_));
    named(offers(|offer| offer.finality.votes.truncate(offer.finality.votes.len() - 1)), votes).await;
    named(offers(|offer| offer.finality.votes[0].signature.0[0] ^= 1), votes).await;
    named(offers(|offer| offer.finality.block.0[0] ^= 1), votes).await;
    named(offers(|offer| offer.finality.epoch += 1), votes).await;
    named(offers(|offer| offer.finality.view += 1), votes).await;
    let stranger = |offer: &mut Offer| {
        let said = offer.finality.statement().signed_bytes(offer.certificate.checkpoint.network.as_bytes());
        let vote = &mut offer.finality.votes[0];
        (vote.key, vote.signature) = (key(99).verifying_key(), key(99).sign(&said));
        offer.finality.votes.sort_by_key(|vote| vote.key.0);
    };
    named(offers(stranger), votes).await;
}

#[tokio::test]
async fn an_old_height_is_refused_though_the_network_signed_it() {
    let mut world = World::new(4, 100, KEPT).await;
    world.grow(30);
    let certificate = world.store.certificate(0..=u64::MAX).unwrap().unwrap();
    assert_eq!(certificate.checkpoint.height, 28);
    world.grow(12);
    world.serve(1, offers(move |offer| offer.certificate = certificate));
    world.serve(2, honest());
    world.serve(3, honest());
    let key = Some(world.signer.key());
    let caught_up = world.fetch(key).await;
    assert_eq!(caught_up.height, Some(40));
    // In the epoch of height 28 this guardian may have voted before.
    assert_eq!(caught_up.refused, [(guardian(1), Wrong::Old(28))]);
    world.assert_fetched(40);
}

#[tokio::test]
async fn a_height_that_is_final_by_a_later_one_alone_is_passed_over() {
    let mut world = world(4).await;
    for index in 1..4 {
        world.serve_without(index, honest(), &[40]);
    }
    let key = Some(world.signer.key());
    assert_eq!(world.fetch(key).await.height, Some(36));
    world.assert_fetched(36);
}

#[tokio::test]
async fn who_stops_answering_is_left_for_another() {
    let mut world = world(4).await;
    for index in 1..4_usize {
        let asked = AtomicU64::new(0);
        world.serve(
            index,
            Arc::new(move |path, answer| {
                let gone = is_part(path) && asked.fetch_add(1, Ordering::Relaxed) >= index as u64;
                (!gone || index == 3).then_some(answer)
            }),
        );
    }
    let key = Some(world.signer.key());
    let caught_up = world.fetch(key).await;
    assert_eq!(caught_up.height, Some(40));
    assert_eq!(caught_up.refused, [], "that is no lie");
    world.assert_fetched(40);
}

#[tokio::test]
async fn a_height_that_is_gone_everywhere_is_left_for_a_newer_one() {
    let mut world = world(4).await;
    for index in 1..4 {
        world.serve(
            index,
            Arc::new(|path, answer| {
                (!path.starts_with("/chain/snapshot/40/") || path.ends_with("/-")).then_some(answer)
            }),
        );
    }
    let key = world.signer.key();
    let (folder, genesis) = (world.target(), world.genesis.clone());
    let fetching = tokio::spawn(async move {
        let wanted = super::super::Wanted {
            genesis: &genesis,
            me: guardian(0),
            routes: crate::chain::Routes::default(),
            folder: &folder,
            have: 0,
            ahead: 20,
            kept: 20,
            key: Some(key),
        };
        super::super::catch_up(&wanted).await.unwrap()
    });
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    world.grow(4);
    assert_eq!(fetching.await.unwrap().height, Some(44));
    world.assert_fetched(44);
}

#[tokio::test]
async fn where_all_lie_nothing_is_changed() {
    let mut world = world(4).await;
    for index in 1..4 {
        world.serve(index, parts(|part| part.entries[0].value[0] ^= 1));
    }
    let key = Some(world.signer.key());
    let caught_up = world.fetch(key).await;
    assert_eq!(caught_up.height, None);
    assert_eq!(caught_up.refused.len(), 3);
    world.assert_nothing();
}
