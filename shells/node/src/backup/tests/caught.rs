//! Peers that were caught lying get nothing more, until they are forgiven.

use allod_vault::backup::Lie;

use super::*;

fn caught(vault: &mut Vault, address: &str) -> Vec<Lie> {
    let status = Backup::new(vault, &secret()).status().unwrap();
    let peer = status.peers.iter().find(|peer| peer.address == address).unwrap().clone();
    peer.caught.iter().map(|caught| caught.lie).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_a_shard_gets_nothing_new_and_others_have_what_it_took() {
    let mut circle = Circle::start(4).await;
    let memory = Memory::default();
    let mut vault = filled(&memory);
    circle.join(&mut vault).await;
    Backup::new(&mut vault, &secret()).set_code(Some(Code::new(2, 3).unwrap())).unwrap();
    for number in 0..4 {
        put(&mut vault, &format!("more {number}"), 70 + number, 40_000);
        run(&mut vault).await;
    }
    let (liar, lost) = (circle.addresses[0].clone(), circle.shards(0)[0].clone());
    let lie = Lie::NoShard(id_of(&lost));
    let before = circle.shards(0).len();
    assert!(before > 1);
    fs::remove_file(&lost).unwrap();
    Backup::new(&mut vault, &secret()).verify(Audit::Every).await.unwrap();
    assert_eq!(caught(&mut vault, &liar), [lie]);
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().missing, before);

    // It is kept, and named in every run.
    drop(vault);
    let mut vault = open(&memory);
    put(&mut vault, "new", 90, 40_000);
    let report = run(&mut vault).await;
    assert_eq!((report.repaired, report.homeless, report.is_safe), (before as u64, 0, true), "{report:?}");
    assert!(report.faults.0.contains(&(liar.clone(), PeerError::Distrusted(lie))), "{report:?}");
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().missing, 0);
    assert_eq!(circle.shards(0).len(), 0);

    // Also by who gets the vault back: from two of the three others.
    circle.stop(1).await;
    let found = find(&secret(), &circle.addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), see(&mut vault));
    circle.come_back(1).await;
    assert_eq!(caught(&mut copy, &liar), [lie]);

    let mut backup = Backup::new(&mut vault, &secret());
    assert_eq!(backup.forgive(&liar).unwrap().len(), 1);
    assert!(matches!(backup.forgive("http://127.0.0.1:1"), Err(RunError::NoSuchPeer(_))));
    drop(backup);
    for number in 0..4 {
        put(&mut vault, &format!("later {number}"), 100 + number, 40_000);
        run(&mut vault).await;
    }
    assert!(!circle.shards(0).is_empty());
    assert_eq!(caught(&mut vault, &liar), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_an_older_catalogue_keeps_what_it_has_and_starts_anew_when_it_is_taken_up_again() {
    let mut circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    run(&mut vault).await;
    let catalogue = {
        let mut found = Vec::new();
        files_below(&circle.state(2).join("storage").join("accounts"), &mut found);
        found.into_iter().find(|path| path.file_name().is_some_and(|name| name == "catalogue")).unwrap()
    };
    let old = fs::read(&catalogue).unwrap();
    put(&mut vault, "later", 50, 50_000);
    run(&mut vault).await;
    circle.stop(2).await;
    fs::write(&catalogue, old).unwrap();
    circle.come_back(2).await;
    let audited = Backup::new(&mut vault, &secret()).verify(Audit::Every).await.unwrap();
    assert_eq!(audited.iter().flat_map(|one| one.faults.lies()).count(), 1);
    let liar = circle.addresses[2].clone();
    assert_eq!(caught(&mut vault, &liar), [Lie::PutBack { shown: 1, acknowledged: 2 }]);
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().missing, 0);
    // The next run tells it of the newest, and it gets nothing but that.
    let before = circle.shards(2).len();
    put(&mut vault, "more", 51, 50_000);
    let report = run(&mut vault).await;
    assert_eq!((report.acknowledged, report.homeless), ((2, 3), 1), "{report:?}");
    assert_eq!(circle.shards(2).len(), before);

    let mut backup = Backup::new(&mut vault, &secret());
    backup.remove_peer(&liar, &mut |_| ()).await.unwrap();
    backup.add_peer(&liar).await.unwrap();
    drop(backup);
    let report = run(&mut vault).await;
    assert!(report.acknowledged == (3, 3) && report.faults.0.is_empty(), "{report:?}");
    assert_eq!(caught(&mut vault, &liar), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_away_or_full_is_no_liar() {
    let mut circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    let small = StorageConfig { account_bytes_max: 100_000, ..StorageConfig::default() };
    circle.grow(small).await;
    circle.join(&mut vault).await;
    run(&mut vault).await;
    circle.stop(0).await;
    put(&mut vault, "later", 50, 50_000);
    let report = run(&mut vault).await;
    assert!(report.faults.0.len() >= 2, "{report:?}");
    let audited = Backup::new(&mut vault, &secret()).verify(Audit::Every).await.unwrap();
    assert!(audited.iter().any(|one| !one.faults.0.is_empty()));
    for address in &circle.addresses {
        assert_eq!(caught(&mut vault, address), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_dropped_what_another_device_did_not_know_are_not_blamed() {
    let circle = Circle::start(3).await;
    let memory = Memory::default();
    let mut vault = filled(&memory);
    circle.join(&mut vault).await;
    run(&mut vault).await;
    // Two devices go on from the same state; the other one replaces all packs.
    let mut other = open(&memory.copy());
    put(&mut vault, "here", 60, 60_000);
    run(&mut vault).await;
    let how = How { compact: true, take_over: true };
    remove(&mut other, "file 5");
    Backup::new(&mut other, &secret()).run(how, &mut |_| ()).await.unwrap();
    let why = Backup::new(&mut vault, &secret()).verify(Audit::Every).await.unwrap_err();
    assert!(matches!(why, RunError::Newer { ours: 2, theirs: 3 }), "{why}");
    // This one takes over again, with all that it had.
    let how = How { take_over: true, ..How::default() };
    let report = Backup::new(&mut vault, &secret()).run(how, &mut |_| ()).await.unwrap();
    assert!(report.is_safe && report.homeless == 0 && report.faults.0.is_empty(), "{report:?}");
    for address in &circle.addresses {
        assert_eq!(caught(&mut vault, address), []);
    }
    let found = find(&secret(), &circle.addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), see(&mut vault));
}
