//! A vault that takes over from another device while peers are away.

use std::collections::BTreeSet;

use super::*;

const TAKE_OVER: How = How { compact: false, take_over: true };

/// Brings a backup to everybody, and then one of another device that has a file more.
async fn two_devices(circle: &Circle, memory: &Memory) -> Vault {
    let mut vault = filled(memory);
    circle.join(&mut vault).await;
    run(&mut vault).await;
    let mut other = open(&memory.copy());
    put(&mut other, "there", 60, 60_000);
    run(&mut other).await;
    vault
}

async fn restored(addresses: &[String]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let found = find(&secret(), addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    see(&mut copy)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_has_that_is_away_while_another_device_is_replaced_counts_and_stays() {
    let mut circle = Circle::start(2).await;
    let memory = Memory::default();
    let mut vault = two_devices(&circle, &memory).await;
    let status = Backup::new(&mut vault, &secret()).status().unwrap();
    // Both peers have the same shards.
    assert_eq!(status.code, Some(Code::new(1, 2).unwrap()));
    let packs = Backup::new(&mut vault, &secret()).book(|book| book.packs()).unwrap();
    assert_eq!(status.missing, 0);
    let known: BTreeSet<ShardId> = packs.iter().flat_map(|pack| &pack.shards).map(|one| one.id).collect();
    // Some of what is in the packs is here no more, so that they cannot be made again from here.
    remove(&mut vault, "file 5");
    vault.collect(100).unwrap();

    circle.stop(1).await;
    let report = Backup::new(&mut vault, &secret()).run(TAKE_OVER, &mut |_| ()).await.unwrap();
    assert_eq!((report.generation, report.is_safe), (3, false), "{report:?}");
    circle.come_back(1).await;
    let report = run(&mut vault).await;
    assert_eq!((report.homeless, report.is_safe), (0, true), "{report:?}");
    for peer in 0..2 {
        let kept: BTreeSet<ShardId> = circle.shards(peer).iter().map(|path| id_of(path)).collect();
        assert!(known.is_subset(&kept), "peer {peer}");
    }
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().missing, 0);
    // Each of them gives all of it back.
    for peer in 0..2 {
        circle.stop(1 - peer).await;
        assert_eq!(restored(&circle.addresses[peer..=peer]).await, see(&mut vault), "peer {peer}");
        circle.come_back(1 - peer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_is_not_blamed_for_what_the_other_device_had_it_drop_and_gets_it_again() {
    for is_audited_first in [false, true] {
        let mut circle = Circle::start(2).await;
        let memory = Memory::default();
        let mut vault = filled(&memory);
        circle.join(&mut vault).await;
        run(&mut vault).await;
        let mut other = open(&memory.copy());
        remove(&mut other, "file 5");
        let compact = How { compact: true, ..How::default() };
        Backup::new(&mut other, &secret()).run(compact, &mut |_| ()).await.unwrap();
        let dropped = Backup::new(&mut vault, &secret()).book(|book| book.packs()).unwrap();
        let there: Vec<ShardId> = circle.shards(1).iter().map(|path| id_of(path)).collect();
        assert!(dropped.iter().flat_map(|pack| &pack.shards).any(|shard| !there.contains(&shard.id)));

        circle.stop(1).await;
        Backup::new(&mut vault, &secret()).run(TAKE_OVER, &mut |_| ()).await.unwrap();
        circle.come_back(1).await;
        if is_audited_first {
            let audited = Backup::new(&mut vault, &secret()).verify(Audit::Every).await.unwrap();
            assert!(audited.iter().all(|one| one.faults.0.is_empty()), "{audited:?}");
        }
        let report = run(&mut vault).await;
        assert!(report.is_safe && report.homeless == 0 && report.faults.0.is_empty(), "{report:?}");
        assert!(report.repaired > 0, "{report:?}");
        let status = Backup::new(&mut vault, &secret()).status().unwrap();
        assert!(status.missing == 0 && status.peers.iter().all(PeerRecord::is_trusted), "{status:?}");
        circle.stop(0).await;
        assert_eq!(restored(&circle.addresses[1..]).await, see(&mut vault));
        // Only once: what it loses from here on, it is named for.
        fs::remove_file(&circle.shards(1)[0]).unwrap();
        let audited = Backup::new(&mut vault, &secret()).verify(Audit::Every).await.unwrap();
        assert_eq!(audited.iter().flat_map(|one| one.faults.lies()).count(), 1, "{audited:?}");
    }
}
