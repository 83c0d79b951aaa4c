//! A vault that is lost comes back from the peers that are left.

use allod_vault::backup::Lie;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_vault_comes_back_from_any_five_of_eight_peers() {
    let mut circle = Circle::start(8).await;
    let mut vault = filled(&Memory::default());
    vault.snapshot(b"then", NOW).unwrap();
    circle.join(&mut vault).await;
    let report = run(&mut vault).await;
    assert_eq!((report.generation, report.acknowledged, report.homeless), (1, (8, 8), 0));
    assert!(report.is_safe && report.faults.0.is_empty(), "{report:?}");
    let files = see(&mut vault);
    drop(vault);

    for gone in [0, 3, 7] {
        circle.stop(gone).await;
    }
    // One peer is enough to find all others.
    let found = find(&secret(), &circle.addresses[4..5]).await.unwrap();
    assert_eq!((found.catalogue.generation, found.shown), (1, 1));
    let memory = Memory::default();
    let mut copy = join(&memory, &found);
    let restored = restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!((restored.objects, restored.packs), (report.objects, report.packs));
    drop(copy);
    let mut copy = open(&memory);
    assert_eq!(see(&mut copy), files);
    assert_eq!(copy.list_snapshots().unwrap().len(), 1);

    // The new image goes on with the backup: nothing has to be stored again.
    let again = run(&mut copy).await;
    assert_eq!((again.objects, again.generation, again.acknowledged), (0, 2, (5, 8)));
    put(&mut copy, "new", 99, 1000);
    let more = run(&mut copy).await;
    assert!(more.objects > 0 && more.objects < 5 && more.is_safe, "{more:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_fewer_than_are_needed_it_says_what_is_missing_and_goes_on_when_one_comes_back() {
    let mut circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    run(&mut vault).await;
    let files = see(&mut vault);
    circle.stop(0).await;
    circle.stop(1).await;
    let found = find(&secret(), &circle.addresses).await.unwrap();
    assert_eq!(found.faults.0.len(), 2);
    let memory = Memory::default();
    let mut copy = join(&memory, &found);
    let why = restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap_err();
    let RunError::Lost { found: good, needed, faults, .. } = &why else { panic!("{why}") };
    assert_eq!((*good, *needed, faults.0.len()), (1, 2, 2));
    assert!(circle.addresses[..2].iter().all(|gone| why.to_string().contains(gone)), "{why}");
    circle.come_back(1).await;
    let mut copy = open(&memory);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), files);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_gives_wrong_bytes_is_named_and_does_no_harm() {
    let circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    run(&mut vault).await;
    let shards = circle.shards(1);
    harm(&shards[0]);
    let found = find(&secret(), &circle.addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    let restored = restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), see(&mut vault));
    // Asked or not: two of three are, whichever answer first; nobody else is blamed.
    assert!(restored.faults.lies().all(|(address, _)| address == circle.addresses[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_was_put_back_is_named_and_the_newest_counts() {
    let mut circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    run(&mut vault).await;
    circle.stop(2).await;
    let (state, old) = (circle.state(2), circle.folder.path().join("old"));
    let copied = std::process::Command::new("cp").arg("-a").arg(&state).arg(&old).status().unwrap();
    assert!(copied.success());
    circle.come_back(2).await;
    for number in 0..2 {
        put(&mut vault, &format!("later {number}"), 50 + number, 50_000);
        assert_eq!(run(&mut vault).await.acknowledged, (3, 3));
    }
    circle.stop(2).await;
    fs::remove_dir_all(&state).unwrap();
    fs::rename(&old, &state).unwrap();
    circle.come_back(2).await;
    let found = find(&secret(), &circle.addresses).await.unwrap();
    assert_eq!((found.catalogue.generation, found.shown), (3, 2));
    let lie = Lie::PutBack { shown: 1, acknowledged: 2 };
    assert_eq!(found.faults.lies().collect::<Vec<_>>(), [(circle.addresses[2].as_str(), &lie)]);
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), see(&mut vault));
    // The next backup names it too.
    let report = run(&mut vault).await;
    assert!(report.faults.lies().any(|(address, _)| address == circle.addresses[2]), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_s_backup_is_found_with_another_root() {
    let circle = Circle::start(2).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    run(&mut vault).await;
    let other = find(&Secret::from([9; 32]), &circle.addresses).await;
    assert!(matches!(other, Err(RunError::NothingFound(_))));
}
