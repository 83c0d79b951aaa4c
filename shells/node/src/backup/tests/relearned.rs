//! What is backed up, learned anew from peers some of which are away or show old catalogues.

use std::collections::BTreeSet;

use allod_vault::backup::Lie;
use allod_vault::files::Table;

use super::book::Meta;
use super::*;

/// The file that a peer has the catalogue in.
fn catalogue_at(circle: &Circle, peer: usize) -> PathBuf {
    let mut found = Vec::new();
    files_below(&circle.state(peer).join("storage").join("accounts"), &mut found);
    found.into_iter().find(|path| path.file_name().is_some_and(|name| name == "catalogue")).unwrap()
}

async fn put_back(circle: &mut Circle, peer: usize, old: &[u8]) {
    circle.stop(peer).await;
    fs::write(catalogue_at(circle, peer), old).unwrap();
    circle.come_back(peer).await;
}

fn meta(vault: &mut Vault) -> Meta {
    Backup::new(vault, &secret()).book(|book| book.meta()).unwrap().unwrap()
}

fn records(vault: &mut Vault) -> Vec<PeerRecord> {
    Backup::new(vault, &secret()).status().unwrap().peers
}

/// Has a row be none that this program can read.
fn spoil(vault: &mut Vault, key: &[u8]) {
    vault.table(Table::Backup).insert(key, &[0xff]).unwrap();
    vault.commit().unwrap();
}

/// The row of the first pack.
const PACK: [u8; 9] = [2, 0, 0, 0, 0, 0, 0, 0, 0];

async fn relearn(vault: &mut Vault) -> Result<(), RunError> {
    let mut backup = Backup::new(vault, &secret());
    backup.relearn(&[], &BTreeSet::new(), &mut |_| ()).await.map(|_| ())
}

/// Three peers with a backup of three runs, the catalogue of the first, and a damaged table.
async fn damaged() -> (Circle, Vault, Vec<u8>) {
    let circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    run(&mut vault).await;
    let old = fs::read(catalogue_at(&circle, 2)).unwrap();
    for number in 0..2 {
        put(&mut vault, &format!("more {number}"), 70 + number, 40_000);
        run(&mut vault).await;
    }
    spoil(&mut vault, &PACK);
    assert!(!Backup::new(&mut vault, &secret()).is_readable().unwrap());
    (circle, vault, old)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_catalogue_of_the_only_peer_in_reach_is_refused_and_nothing_is_forgotten() {
    let (mut circle, mut vault, old) = damaged().await;
    put_back(&mut circle, 2, &old).await;
    circle.stop(0).await;
    circle.stop(1).await;
    let before = (meta(&mut vault), Backup::new(&mut vault, &secret()).book(|book| book.peers()).unwrap());
    // By what was made here, and, where that cannot be read, by what peers acknowledged.
    for is_meta_gone in [false, true] {
        if is_meta_gone {
            spoil(&mut vault, &[0]);
        }
        let why = relearn(&mut vault).await.unwrap_err();
        assert!(
            matches!(&why, RunError::Older { ours: 3, theirs: 1, faults } if faults.0.len() == 2),
            "{why}"
        );
        let text = why.to_string();
        assert!(text.contains("try again when the peers that have backup 3 can be reached"), "{text}");
        let mut backup = Backup::new(&mut vault, &secret());
        assert_eq!(backup.book(|book| book.peers()).unwrap(), before.1);
        assert!(backup.book(|book| book.pack(2)).unwrap().is_some());
        assert_eq!(is_meta_gone, backup.book(|book| book.meta()).is_err());
    }
    // With one more it is learned, and who showed the old one is named.
    circle.come_back(0).await;
    relearn(&mut vault).await.unwrap();
    let status = Backup::new(&mut vault, &secret()).status().unwrap();
    assert_eq!((status.generation, status.packs, status.unpacked), (3, 3, 0));
    let lies: Vec<usize> = status.peers.iter().map(|peer| peer.caught.len()).collect();
    assert_eq!(lies, [0, 0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_known_of_peers_stays_known_where_the_table_is_written_anew() {
    let (mut circle, mut vault, _) = damaged().await;
    let new = circle.grow(StorageConfig::default()).await;
    let lie = Lie::NoShard(ShardId([7; 32]));
    let mut backup = Backup::new(&mut vault, &secret());
    // None of it is in a catalogue yet: a peer, a lie, and what was acknowledged last.
    backup.add_peer(&new).await.unwrap();
    let before = backup
        .book(|book| {
            let mut liar = book.peer(1)?.unwrap();
            liar.catch(lie, 5);
            book.set_peer(&liar)?;
            book.change_meta(|meta| (meta.next_pack, meta.audited) = (9, 44))?;
            book.commit()?;
            book.peers()
        })
        .unwrap();
    drop(backup);
    assert!(before[..3].iter().all(|peer| peer.acknowledged == 3), "{before:?}");
    relearn(&mut vault).await.unwrap();
    assert_eq!(records(&mut vault), before);
    let after = meta(&mut vault);
    assert_eq!((after.generation, after.next_pack, after.next_peer, after.audited), (3, 9, 5, 44));

    // Who was forgiven stays so, whatever the catalogue says.
    run(&mut vault).await;
    Backup::new(&mut vault, &secret()).forgive(&circle.addresses[0]).unwrap();
    spoil(&mut vault, &PACK);
    relearn(&mut vault).await.unwrap();
    assert!(records(&mut vault).iter().all(PeerRecord::is_trusted));

    // Where a peer's row is damaged, too, it is as the catalogue has it.
    spoil(&mut vault, &[3, 0, 0, 0, 1]);
    relearn(&mut vault).await.unwrap();
    let peers = records(&mut vault);
    assert_eq!((peers.len(), peers[0].address.as_str()), (4, circle.addresses[0].as_str()));
    assert_eq!(peers[0].caught.iter().map(|caught| caught.lie).collect::<Vec<_>>(), [lie]);
    let report = run(&mut vault).await;
    assert!(report.is_safe && report.generation == 5, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_nobody_was_told_of_is_no_reason_to_refuse_the_one_before() {
    let (mut circle, mut vault, _) = damaged().await;
    // A run stopped when it had noted its catalogue and told nobody.
    let mut backup = Backup::new(&mut vault, &secret());
    backup
        .book(|book| {
            book.change_meta(|meta| meta.generation = 4)?;
            book.commit()
        })
        .unwrap();
    drop(backup);
    // One that is away may have it.
    circle.stop(1).await;
    let why = relearn(&mut vault).await.unwrap_err();
    assert!(matches!(why, RunError::Older { ours: 4, theirs: 3, .. }), "{why}");
    circle.come_back(1).await;
    relearn(&mut vault).await.unwrap();
    assert_eq!(meta(&mut vault).generation, 4);
    let report = run(&mut vault).await;
    assert_eq!((report.generation, report.is_safe, report.objects), (5, true, 0), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_shards_is_named_also_where_packs_do_not_come_back() {
    let (mut circle, mut vault, _) = damaged().await;
    for peer in [0, 1] {
        for shard in circle.shards(peer) {
            fs::remove_file(shard).unwrap();
        }
    }
    circle.stop(2).await;
    relearn(&mut vault).await.unwrap();
    let lies: Vec<bool> = records(&mut vault).iter().map(PeerRecord::keeps).collect();
    assert_eq!(lies, [false, false, true]);
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().packs, 3);
}
