//! Who and what is refused, each by name.

use super::*;

#[tokio::test]
async fn requests_that_are_not_signed_or_not_for_this_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let bytes = noise(1, 5000);
    let (id, other) = (ShardId::of(&bytes), ShardId::of(b"other"));
    let now = crate::now();
    let refused = (StatusCode::UNAUTHORIZED, "unauthorized".to_owned());

    // None at all, and none that is one.
    for authorization in ["", "Bearer x", "Allod", "Allod !", "Allod AAAA"] {
        let asked = one.link.request(
            Method::GET,
            "/storage/account",
            authorization,
            Bytes::new(),
            4096,
            Duration::from_secs(30),
        );
        let (status, body) = asked.await.unwrap();
        assert_eq!((status, name_of(&body)), refused, "{authorization}");
    }
    // For another method, another path, another body.
    let put = one.signed(&Method::PUT, &path_of(&id), &bytes, now);
    for (method, path, body) in [
        (Method::DELETE, path_of(&id), &[][..]),
        (Method::PUT, path_of(&other), &bytes[..]),
        (Method::PUT, path_of(&id), b"other"),
    ] {
        let put = one.signed(&Method::PUT, &path_of(&id), &bytes, now);
        let (status, body) = one.ask_with(method, &path, body, &put).await;
        assert_eq!((status, name_of(&body)), refused);
    }
    // A byte of the signature, or of the account, is another.
    for at in [0, 100, 151] {
        let mut wrong = put.encode();
        wrong[at] ^= 1;
        let wrong = Authorization::decode(&wrong).unwrap();
        let (status, body) = one.ask_with(Method::PUT, &path_of(&id), &bytes, &wrong).await;
        assert_eq!((status, name_of(&body)), refused, "{at}");
    }
    // Long ago, in the future, and before the service was up.
    for ms in [-10 * 60_000_i64, 10 * 60_000, -60_000] {
        let then = Instant(now.0.saturating_add_signed(ms));
        let signed = one.signed(&Method::GET, "/storage/account", &[], then);
        let (status, body) = one.ask_with(Method::GET, "/storage/account", &[], &signed).await;
        assert_eq!((status, name_of(&body)), refused, "{ms}");
    }
    assert_eq!(running.shelf().total(), (0, 0));
    running.stop().await;
}

#[tokio::test]
async fn a_request_is_answered_once() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let bytes = noise(1, 5000);
    let path = path_of(&ShardId::of(&bytes));
    let put = one.signed(&Method::PUT, &path, &bytes, crate::now());
    assert_eq!(one.ask_with(Method::PUT, &path, &bytes, &put).await.0, StatusCode::NO_CONTENT);
    let (status, body) = one.ask_with(Method::PUT, &path, &bytes, &put).await;
    assert_eq!((status, name_of(&body)), (StatusCode::UNAUTHORIZED, "unauthorized".into()));
    running.stop().await;
    // Nor after a restart, which forgets what it answered.
    let running = start(folder.path(), StorageConfig::default()).await;
    let again = Asker { link: Link::new(running.address().parse().unwrap()), ..one };
    let (status, _) = again.ask_with(Method::PUT, &path, &bytes, &put).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    running.stop().await;
}

#[tokio::test]
async fn bytes_that_are_not_the_shard_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let (status, body) = one.ask(Method::PUT, &path_of(&ShardId([3; 32])), &noise(1, 5000)).await;
    assert_eq!((status, name_of(&body)), (StatusCode::UNPROCESSABLE_ENTITY, "wrong-shard".into()));
    for path in ["/storage/shard/00", "/storage/shard/zz", "/storage/shards?before=1"] {
        let (status, body) = one.ask(Method::GET, path, &[]).await;
        assert_eq!((status, name_of(&body)), (StatusCode::BAD_REQUEST, "malformed".into()), "{path}");
    }
    assert_eq!(running.shelf().total(), (0, 0));
    running.stop().await;
}

#[tokio::test]
async fn catalogues_of_others_and_forged_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), StorageConfig::default()).await;
    let one = asker(&running, 1);
    let good = catalogue(&one.account, 2, 10);
    let mut forged = good.clone();
    forged[32] = 9;
    let cut = &good[..good.len() - 1];
    for (bytes, wanted) in [
        (&catalogue(&account(2), 9, 10)[..], StatusCode::BAD_REQUEST),
        (&forged, StatusCode::UNAUTHORIZED),
        (cut, StatusCode::BAD_REQUEST),
        (&[7], StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(one.ask(Method::PUT, "/storage/catalogue", bytes).await.0, wanted);
    }
    assert_eq!(one.ask(Method::PUT, "/storage/catalogue", &good).await.0, StatusCode::NO_CONTENT);
    running.stop().await;
}

#[tokio::test]
async fn only_accounts_that_are_named_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let named = format!("{:?}", account(1).id());
    let config = StorageConfig { accounts: Some(vec![named]), ..StorageConfig::default() };
    let running = start(folder.path(), config).await;
    assert_eq!(asker(&running, 1).put(&noise(1, 10)).await.0, StatusCode::NO_CONTENT);
    let refused = asker(&running, 2).put(&noise(1, 10)).await;
    assert_eq!(refused, (StatusCode::FORBIDDEN, "not-listed".into()));
    running.stop().await;
    let config = StorageConfig { accounts: Some(vec!["no account".into()]), ..StorageConfig::default() };
    let why = run(ANYWHERE, folder.path(), &Tls::Off, config).await.unwrap_err();
    assert!(why.to_string().contains("is no account"), "{why}");
}
