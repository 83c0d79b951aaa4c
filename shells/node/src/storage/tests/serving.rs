//! What is kept is given back, shown, listed and dropped.

use allod_vault::backup::shard::{Shown, is_shown};

use super::*;

#[tokio::test]
async fn a_shard_is_kept_shown_listed_and_dropped_for_its_account_alone() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let (one, other) = (asker(&running, 1), asker(&running, 2));
    let bytes = noise(3, 70_000);
    let id = ShardId::of(&bytes);
    assert_eq!(one.put(&bytes).await.0, StatusCode::NO_CONTENT);
    // Sending it again changes nothing.
    assert_eq!(one.put(&bytes).await.0, StatusCode::NO_CONTENT);
    assert_eq!(one.used().await, 73_728);
    assert_eq!(one.ask(Method::GET, &path_of(&id), &[]).await, (StatusCode::OK, bytes.clone().into()));
    let (_, listed) = one.ask(Method::GET, "/storage/shards", &[]).await;
    assert_eq!(listed[..], [&id.0[..], &70_000_u32.to_le_bytes()].concat()[..]);

    let asked = allod_wire::encode(&vec![(id, 68_u64), (ShardId([9; 32]), 0), (id, 69)]);
    let (status, shown) = one.ask(Method::POST, "/storage/challenge", &asked).await;
    assert_eq!(status, StatusCode::OK);
    let shown: Vec<Option<Shown>> = minicbor::decode(&shown).unwrap();
    assert!(is_shown(&id, 70_000, 68, shown[0].as_ref().unwrap()));
    assert_eq!(shown[1..], [None, None]);

    // Others see nothing of it.
    assert_eq!(other.ask(Method::GET, &path_of(&id), &[]).await.0, StatusCode::NOT_FOUND);
    assert_eq!(other.ask(Method::DELETE, &path_of(&id), &[]).await.0, StatusCode::NOT_FOUND);
    assert_eq!(other.ask(Method::GET, "/storage/shards", &[]).await.1.len(), 0);

    assert_eq!(one.ask(Method::DELETE, &path_of(&id), &[]).await.0, StatusCode::NO_CONTENT);
    assert_eq!(one.ask(Method::GET, &path_of(&id), &[]).await.0, StatusCode::NOT_FOUND);
    assert_eq!(one.used().await, 0);
    running.stop().await;
}

#[tokio::test]
async fn a_long_list_is_given_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let mut ids = Vec::new();
    for number in 0..5 {
        let bytes = noise(number, 100);
        assert_eq!(one.put(&bytes).await.0, StatusCode::NO_CONTENT);
        ids.push(ShardId::of(&bytes));
    }
    ids.sort_unstable();
    let shelf = running.shelf();
    let id = one.account.id();
    assert_eq!(shelf.list(&id, None, 2).iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids[..2]);
    let path = format!("/storage/shards?after={}", HEXLOWER.encode(&ids[1].0));
    let (_, rest) = one.ask(Method::GET, &path, &[]).await;
    assert_eq!(
        rest.as_chunks::<36>().0.iter().map(|row| &row[..32]).collect::<Vec<_>>(),
        [&ids[2].0, &ids[3].0, &ids[4].0]
    );
    running.stop().await;
}

#[tokio::test]
async fn a_catalogue_is_replaced_by_a_newer_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let path = "/storage/catalogue";
    assert_eq!(one.ask(Method::GET, path, &[]).await.0, StatusCode::NOT_FOUND);
    let (second, third) = (catalogue(&one.account, 2, 10), catalogue(&one.account, 3, 9000));
    assert_eq!(one.ask(Method::PUT, path, &second).await.0, StatusCode::NO_CONTENT);
    assert_eq!(one.ask(Method::GET, path, &[]).await.1, second);
    for stale in [catalogue(&one.account, 1, 10), catalogue(&one.account, 2, 11)] {
        let (status, body) = one.ask(Method::PUT, path, &stale).await;
        assert_eq!((status, name_of(&body)), (StatusCode::CONFLICT, "stale".into()));
    }
    // The same again is no harm.
    assert_eq!(one.ask(Method::PUT, path, &second).await.0, StatusCode::NO_CONTENT);
    assert_eq!(one.ask(Method::PUT, path, &third).await.0, StatusCode::NO_CONTENT);
    assert_eq!(one.ask(Method::GET, path, &[]).await.1, third);
    assert_eq!(one.used().await, (third.len() as u64).next_multiple_of(4096));
    running.stop().await;
}

#[tokio::test]
async fn what_an_account_has_is_there_after_a_restart_and_gone_when_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let bytes = noise(3, 70_000);
    assert_eq!(one.put(&bytes).await.0, StatusCode::NO_CONTENT);
    let kept = catalogue(&one.account, 4, 10);
    assert_eq!(one.ask(Method::PUT, "/storage/catalogue", &kept).await.0, StatusCode::NO_CONTENT);
    let before = (running.shelf().usage(&one.account.id()), running.shelf().total());
    running.stop().await;

    let running = start(folder.path(), StorageConfig::default()).await;
    assert_eq!((running.shelf().usage(&one.account.id()), running.shelf().total()), before);
    assert_eq!(before.0.generation, 4);
    let one = asker(&running, 1);
    assert_eq!(one.ask(Method::GET, &path_of(&ShardId::of(&bytes)), &[]).await.1, bytes);
    let (status, _) = one.ask(Method::PUT, "/storage/catalogue", &catalogue(&one.account, 3, 10)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(one.ask(Method::DELETE, "/storage/account", &[]).await.0, StatusCode::NO_CONTENT);
    assert_eq!(running.shelf().total(), (0, 0));
    assert_eq!(one.ask(Method::GET, "/storage/catalogue", &[]).await.0, StatusCode::NOT_FOUND);
    running.stop().await;
}

#[tokio::test]
async fn a_guardian_serves_it_where_its_configuration_says_so() {
    for storage in [None, Some(StorageConfig::default())] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = crate::guardian::Config::new(ANYWHERE, folder.path().join("state"), Tls::SelfSigned);
        config.storage.clone_from(&storage);
        let running = crate::guardian::run(&config).await.unwrap();
        let asker = Asker { account: account(1), link: Link::new(running.address().parse().unwrap()) };
        let wanted = if storage.is_some() { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
        assert_eq!(asker.put(&noise(1, 3 << 20)).await.0, wanted);
        // What else it does is as before.
        asker.link.health().await.unwrap();
        running.stop().await;
    }
}
