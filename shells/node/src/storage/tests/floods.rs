//! More than there is room for: bytes, accounts, requests.

use allod_vault::backup::CATALOGUE_MAX;
use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn an_account_has_its_quota_and_all_have_the_room_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        StorageConfig { account_bytes_max: 40_960, bytes_max: 61_440, accounts_max: 2, accounts: None };
    let running = start(folder.path(), config).await;
    let (one, other, third) = (asker(&running, 1), asker(&running, 2), asker(&running, 3));
    let quota = (StatusCode::INSUFFICIENT_STORAGE, "quota".to_owned());
    let full = (StatusCode::INSUFFICIENT_STORAGE, "full".to_owned());
    assert_eq!(one.put(&noise(1, 20_000)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(one.put(&noise(2, 20_480)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(one.put(&noise(3, 1)).await, quota);
    assert_eq!(other.put(&noise(3, 20_480)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(other.put(&noise(4, 1)).await, full);
    assert_eq!(third.put(&noise(4, 1)).await, full);
    // What is dropped makes room, and what was there is untouched.
    let id = ShardId::of(&noise(1, 20_000));
    assert_eq!(one.ask(Method::DELETE, &path_of(&id), &[]).await.0, StatusCode::NO_CONTENT);
    assert_eq!(third.put(&noise(4, 1)).await, full, "there are two accounts");
    assert_eq!(other.put(&noise(4, 1)).await.0, StatusCode::NO_CONTENT);
    let (_, bytes) = one.ask(Method::GET, &path_of(&ShardId::of(&noise(2, 20_480))), &[]).await;
    assert_eq!(bytes, noise(2, 20_480));
    running.stop().await;
}

#[tokio::test]
async fn small_shards_count_as_what_they_take_on_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let config = StorageConfig { account_bytes_max: 10 * 4096, ..StorageConfig::default() };
    let running = start(folder.path(), config).await;
    let one = asker(&running, 1);
    let mut taken = 0;
    for number in 0..20 {
        taken += u32::from(one.put(&[number]).await.0 == StatusCode::NO_CONTENT);
    }
    assert_eq!(taken, 10);
    running.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let large = vec![0; SHARD_MAX + 1];
    let (status, body) = one.ask(Method::PUT, &path_of(&ShardId([1; 32])), &large).await;
    assert_eq!((status, name_of(&body)), (StatusCode::PAYLOAD_TOO_LARGE, "too-large".into()));
    let many = allod_wire::encode(&vec![(ShardId([1; 32]), 0_u64); CHALLENGES_MAX + 1]);
    assert_eq!(one.ask(Method::POST, "/storage/challenge", &many).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    running.stop().await;
}

#[tokio::test]
async fn many_requests_at_once_of_one_account_leave_room_for_another_s() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let mut flood = JoinSet::new();
    for number in 0..60 {
        let one = asker(&running, 1);
        flood.spawn(async move { one.put(&noise(number, 400_000)).await });
    }
    let other = asker(&running, 2);
    for number in 0..5 {
        assert_eq!(other.put(&noise(number, 10_000)).await.0, StatusCode::NO_CONTENT);
    }
    let mut kept = 0;
    while let Some(done) = flood.join_next().await {
        match done.unwrap() {
            (StatusCode::NO_CONTENT, _) => kept += 1,
            refused => assert_eq!(refused, (StatusCode::TOO_MANY_REQUESTS, "too-many".into())),
        }
    }
    // All that was acknowledged is there, and nothing else is counted.
    let usage = running.shelf().usage(&account(1).id());
    assert_eq!((usage.shards, usage.used), (kept, kept as u64 * 401_408));
    running.stop().await;
}

#[tokio::test]
async fn the_same_shard_sent_many_times_at_once_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let mut flood = JoinSet::new();
    for _ in 0..6 {
        let one = asker(&running, 1);
        flood.spawn(async move { one.put(&noise(1, 400_000)).await });
    }
    while let Some(done) = flood.join_next().await {
        assert_eq!(done.unwrap().0, StatusCode::NO_CONTENT);
    }
    assert_eq!(running.shelf().total(), (1, 401_408));
    running.stop().await;
}

#[tokio::test]
async fn who_says_one_size_and_sends_another_gets_nothing_kept() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let bytes = noise(1, 50_000);
    let path = path_of(&ShardId::of(&bytes));
    let signed = one.signed(&Method::PUT, &path, &bytes, crate::now());
    let authorization = BASE64URL_NOPAD.encode(&signed.encode());
    let address = running.address().strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Allod {authorization}\r\ncontent-length: 50000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..20_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("204"));
    assert_eq!(running.shelf().total(), (0, 0));
    running.stop().await;
}

/// Sends the head of a request, and as much of its body as is given.
async fn begin(
    running: &Running,
    number: u8,
    (method, path): (Method, &str),
    body: &[u8],
    said: usize,
) -> tokio::net::TcpStream {
    use tokio::io::AsyncWriteExt;
    let signed = asker(running, number).signed(&method, path, body, crate::now());
    let authorization = BASE64URL_NOPAD.encode(&signed.encode());
    let address = running.address().strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Allod {authorization}\r\ncontent-length: {said}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

#[tokio::test]
async fn who_announces_much_and_sends_nothing_takes_nothing_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let mut silent = Vec::new();
    for number in 2..14 {
        let asked = (Method::PUT, "/storage/catalogue");
        silent.push(begin(&running, number, asked, &[], CATALOGUE_MAX).await);
    }
    // All of them are being waited for.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let one = asker(&running, 1);
    let put = tokio::time::timeout(Duration::from_secs(8), one.put(&noise(1, 3 << 20))).await;
    assert_eq!(put.expect("it does not wait for the silent").0, StatusCode::NO_CONTENT);
    running.stop().await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_counts_until_its_connection_ends() {
    use tokio::io::AsyncReadExt;
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let bytes = noise(1, SHARD_MAX);
    let path = path_of(&ShardId::of(&bytes));
    assert_eq!(one.put(&bytes).await.0, StatusCode::NO_CONTENT);
    let mut unread = Vec::new();
    for _ in 0..8 {
        let mut stream = begin(&running, 1, (Method::GET, &path), &[], 0).await;
        // The answer has begun.
        stream.read_exact(&mut [0; 12]).await.unwrap();
        unread.push(stream);
    }
    // They are worked on still, so the account gets no more of them.
    let (status, body) = one.ask(Method::GET, "/storage/account", &[]).await;
    assert_eq!((status, name_of(&body)), (StatusCode::TOO_MANY_REQUESTS, "too-many".into()));
    assert_eq!(asker(&running, 2).put(&noise(2, 3 << 20)).await.0, StatusCode::NO_CONTENT);
    drop(unread);
    while one.ask(Method::GET, "/storage/account", &[]).await.0 != StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(one.ask(Method::GET, &path, &[]).await, (StatusCode::OK, bytes.into()));
    running.stop().await;
}

#[tokio::test]
async fn a_stranger_who_asks_often_is_refused_and_who_has_something_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let (one, stranger) = (asker(&running, 1), asker(&running, 2));
    assert_eq!(one.put(&noise(1, 10)).await.0, StatusCode::NO_CONTENT);
    let mut served = [0, 0];
    for _ in 0..600 {
        for (count, asker) in served.iter_mut().zip([&one, &stranger]) {
            *count += usize::from(asker.ask(Method::GET, "/storage/account", &[]).await.0 == StatusCode::OK);
        }
    }
    assert_eq!(served, [600, 500]);
    running.stop().await;
}
