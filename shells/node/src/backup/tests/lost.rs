//! What peers lose is found, named and made again; what the vault loses comes from them.

use allod_vault::backup::Lie;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn shards_that_a_peer_lost_or_changed_are_found_and_made_again() {
    let circle = Circle::start(4).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    for number in 0..3 {
        put(&mut vault, &format!("more {number}"), 70 + number, 40_000);
        run(&mut vault).await;
    }
    let clean = Backup::new(&mut vault, &secret()).verify(Audit::Every).await.unwrap();
    assert!(clean.iter().all(|peer| peer.bad.is_empty() && peer.faults.0.is_empty() && peer.asked >= 3));

    let (lost, harmed) = (circle.shards(1)[0].clone(), circle.shards(2)[0].clone());
    let (lost_id, harmed_id) = (id_of(&lost), id_of(&harmed));
    fs::remove_file(&lost).unwrap();
    harm(&harmed);
    // A single leaf tells of one bit in many only by luck; the whole shard always.
    let audited = Backup::new(&mut vault, &secret()).verify(Audit::Whole).await.unwrap();
    let lies: Vec<(&str, &Lie)> = audited.iter().flat_map(|peer| peer.faults.lies()).collect();
    let wanted = [
        (circle.addresses[1].as_str(), &Lie::NoShard(lost_id)),
        (circle.addresses[2].as_str(), &Lie::WrongShard(harmed_id)),
    ];
    assert_eq!(lies, wanted);
    // Nothing that they took counts as kept, and nobody else can have it.
    let status = Backup::new(&mut vault, &secret()).status().unwrap();
    assert_eq!(status.missing, 2 * status.packs);
    let report = run(&mut vault).await;
    assert_eq!((report.repaired, report.homeless), (0, status.missing as u64), "{report:?}");

    for peer in [1, 2] {
        Backup::new(&mut vault, &secret()).forgive(&circle.addresses[peer]).unwrap();
    }
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().missing, 2);
    let report = run(&mut vault).await;
    assert_eq!((report.repaired, report.homeless), (2, 0), "{report:?}");
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().missing, 0);
    let clean = Backup::new(&mut vault, &secret()).verify(Audit::Whole).await.unwrap();
    assert!(clean.iter().all(|peer| peer.bad.is_empty()), "{clean:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_leaf_finds_a_peer_that_kept_nothing_of_its_shards_but_their_size() {
    let circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    run(&mut vault).await;
    let shards = circle.shards(0);
    for shard in &shards {
        let size = fs::metadata(shard).unwrap().len();
        fs::write(shard, vec![0; size as usize]).unwrap();
    }
    let audited = Backup::new(&mut vault, &secret()).verify(Audit::Sample(100)).await.unwrap();
    let bad: Vec<(&str, usize)> = audited
        .iter()
        .map(|peer| (peer.address.as_str(), peer.bad.len()))
        .filter(|(_, bad)| *bad > 0)
        .collect();
    assert_eq!(bad, [(circle.addresses[0].as_str(), shards.len())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_gone_is_replaced_and_the_backup_is_as_good_as_before() {
    let mut circle = Circle::start(4).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    run(&mut vault).await;
    circle.stop(0).await;
    let report = run(&mut vault).await;
    // Nothing was new, and so was no catalogue.
    assert_eq!((report.acknowledged, report.generation), ((4, 4), 1));
    assert!(report.faults.0.iter().any(|(address, _)| *address == circle.addresses[0]));

    let new = circle.grow(StorageConfig::default()).await;
    Backup::new(&mut vault, &secret()).add_peer(&new).await.unwrap();
    let gone = circle.addresses[0].clone();
    let report = Backup::new(&mut vault, &secret()).remove_peer(&gone, &mut |_| ()).await.unwrap();
    assert!(report.repaired > 0 && report.homeless == 0 && report.is_safe, "{report:?}");
    let status = Backup::new(&mut vault, &secret()).status().unwrap();
    assert_eq!((status.missing, status.peers.len(), status.endangered), (0, 4, 0));

    // Any two of the four that are left give it back, the new one among them.
    let files = see(&mut vault);
    circle.stop(1).await;
    circle.stop(3).await;
    let found = find(&secret(), &[new]).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), files);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_peer_is_replaced_also_where_the_vault_has_the_objects_no_more() {
    let mut circle = Circle::start(3).await;
    let memory = Memory::default();
    let mut vault = filled(&memory);
    circle.join(&mut vault).await;
    run(&mut vault).await;
    let files = see(&mut vault);
    // A file's objects go from the image, and stay in a pack.
    remove(&mut vault, "file 5");
    vault.collect(100).unwrap();
    circle.stop(0).await;
    let new = circle.grow(StorageConfig::default()).await;
    Backup::new(&mut vault, &secret()).add_peer(&new).await.unwrap();
    let gone = circle.addresses[0].clone();
    let report = Backup::new(&mut vault, &secret()).remove_peer(&gone, &mut |_| ()).await.unwrap();
    assert!(report.repaired > 0 && report.is_safe, "{report:?}");
    circle.stop(1).await;
    let found = find(&secret(), &circle.addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), files[..5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_the_vault_lost_come_from_the_peers() {
    let mut circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    run(&mut vault).await;
    circle.stop(1).await;
    let ino = vault.read().lookup(Ino::ROOT, b"file 4").unwrap().ino;
    let ids: Vec<_> = vault.read().parts(ino).unwrap().unwrap().into_iter().map(|part| part.id).collect();
    let unknown = allod_vault::object::ObjectId([7; 32]);
    let wanted = [&ids[..], &[unknown]].concat();
    let (found, lost, _) = Backup::new(&mut vault, &secret()).objects(&wanted).await.unwrap();
    assert_eq!(lost, [unknown]);
    assert_eq!(found.len(), ids.len());
    for object in found {
        assert_eq!(vault.sealed(&object.id).unwrap(), object);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_of_which_little_is_needed_are_replaced_and_dropped_at_the_peers() {
    let circle = Circle::start(3).await;
    let mut vault = create(&Memory::default());
    circle.join(&mut vault).await;
    put(&mut vault, "large", 1, 6_000_000);
    put(&mut vault, "small", 2, 1000);
    run(&mut vault).await;
    remove(&mut vault, "large");
    let usage = || circle.running.iter().flatten().map(|peer| peer.shelf().total().1).sum::<u64>();
    let before = usage();
    assert_eq!(run(&mut vault).await.packs, 1);
    let how = How { compact: true, ..How::default() };
    let report = Backup::new(&mut vault, &secret()).run(how, &mut |_| ()).await.unwrap();
    assert!(report.is_safe && usage() * 4 < before, "{report:?}: {before} to {}", usage());
    let found = find(&secret(), &circle.addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), see(&mut vault));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_leaves_gives_what_nobody_else_has_first() {
    let mut circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    Backup::new(&mut vault, &secret()).set_code(Some(Code::new(2, 3).unwrap())).unwrap();
    run(&mut vault).await;
    let files = see(&mut vault);
    // The vault has a file's objects no more, and one peer is lost with its shards.
    remove(&mut vault, "file 5");
    vault.collect(100).unwrap();
    for shard in circle.shards(0) {
        fs::remove_file(shard).unwrap();
    }
    Backup::new(&mut vault, &secret()).verify(Audit::Every).await.unwrap();
    // Its disk broke, and it has a new one.
    Backup::new(&mut vault, &secret()).forgive(&circle.addresses[0]).unwrap();
    let new = circle.grow(StorageConfig::default()).await;
    Backup::new(&mut vault, &secret()).add_peer(&new).await.unwrap();
    // One of the two that are left leaves: without it no pack could be made again.
    let leaving = circle.addresses[1].clone();
    let report = Backup::new(&mut vault, &secret()).remove_peer(&leaving, &mut |_| ()).await.unwrap();
    assert!(report.repaired > 0 && report.homeless == 0 && report.is_safe, "{report:?}");
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().missing, 0);
    assert_eq!(circle.shards(1).len(), 0);
    let found = find(&secret(), &[new]).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), files[..5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_backed_up_is_learned_anew_where_the_table_of_it_is_gone() {
    let mut circle = Circle::start(3).await;
    let memory = Memory::default();
    let mut vault = filled(&memory);
    circle.join(&mut vault).await;
    let folder = FolderRecord { space: SpaceId([7; 32]), name: "photos".into() };
    Backup::new(&mut vault, &secret()).set_folders(vec![folder.clone()]).unwrap();
    for number in 0..3 {
        put(&mut vault, &format!("more {number}"), 70 + number, 40_000);
        run(&mut vault).await;
    }
    let ino = vault.read().lookup(Ino::ROOT, b"file 4").unwrap().ino;
    let ids: Vec<_> = vault.read().parts(ino).unwrap().unwrap().into_iter().map(|part| part.id).collect();
    let before = Backup::new(&mut vault, &secret()).status().unwrap();
    vault.empty_backups(&std::collections::BTreeSet::new()).unwrap();
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().packs, 0);
    circle.stop(1).await;

    let unknown = allod_vault::object::ObjectId([7; 32]);
    let wanted = ids.iter().copied().chain([unknown]).collect();
    let mut backup = Backup::new(&mut vault, &secret());
    // Without anybody to ask, nothing changes.
    let why = backup.relearn(&[], &wanted, &mut |_| ()).await.unwrap_err();
    assert!(matches!(why, RunError::NothingFound(_)), "{why}");
    let (found, lost, _) = backup.relearn(&circle.addresses[..1], &wanted, &mut |_| ()).await.unwrap();
    assert_eq!((found.len(), lost), (ids.len(), vec![unknown]));
    assert!(backup.is_readable().unwrap());
    assert_eq!(backup.folders().unwrap(), [folder]);
    drop(backup);
    circle.come_back(1).await;
    let after = Backup::new(&mut vault, &secret()).status().unwrap();
    assert_eq!((after.packs, after.bytes, after.unpacked), (before.packs, before.bytes, before.unpacked));
    // Nothing is brought again, and nothing dropped.
    let report = run(&mut vault).await;
    assert_eq!((report.objects, report.repaired, report.is_safe), (0, 0, true), "{report:?}");
    let audited = Backup::new(&mut vault, &secret()).verify(Audit::Whole).await.unwrap();
    assert!(audited.iter().all(|peer| peer.faults.0.is_empty()), "{audited:?}");
    assert!(Backup::new(&mut vault, &secret()).audited().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_does_not_count_as_safe_by_peers_that_were_just_caught() {
    let mut circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    // One alone gives it back, so that a run goes on with one.
    Backup::new(&mut vault, &secret()).set_code(Some(Code::new(1, 3).unwrap())).unwrap();
    let report = run(&mut vault).await;
    assert!(report.is_safe && report.acknowledged == (3, 3), "{report:?}");
    // Two of them lost all, and take nothing any more.
    for peer in [1, 2] {
        circle.stop(peer).await;
        fs::remove_dir_all(circle.state(peer).join("storage").join("accounts")).unwrap();
        circle.come_back_with(peer, StorageConfig { bytes_max: 0, ..StorageConfig::default() }).await;
    }
    let report = run(&mut vault).await;
    assert_eq!((report.is_safe, report.acknowledged), (false, (1, 3)), "{report:?}");
    for address in &circle.addresses[1..] {
        assert!(report.faults.lies().any(|(lied, _)| lied == address), "{report:?}");
    }
    // Nor where they take it again, until they are forgiven.
    for peer in [1, 2] {
        circle.stop(peer).await;
        circle.come_back(peer).await;
    }
    let report = run(&mut vault).await;
    assert_eq!((report.is_safe, report.acknowledged), (false, (1, 3)), "{report:?}");
    for address in &circle.addresses[1..] {
        Backup::new(&mut vault, &secret()).forgive(address).unwrap();
    }
    let report = run(&mut vault).await;
    assert!(report.is_safe && report.acknowledged == (3, 3), "{report:?}");
}
