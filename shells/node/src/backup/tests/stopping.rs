//! Backups that stop, that nobody takes, and images that are older than the peers.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_stops_anywhere_goes_on_where_it_stopped() {
    let circle = Circle::start(3).await;
    let memory = Memory::default();
    let mut vault = create(&memory);
    circle.join(&mut vault).await;
    for number in 0..5 {
        put(&mut vault, &format!("file {number}"), number, 9_000_000);
    }
    vault.commit().unwrap();
    let all = Backup::new(&mut vault, &secret()).status().unwrap().unpacked as u64;
    let mut stored = 0;
    for _ in 0..2 {
        let before = stored;
        // As if the power failed when one more pack is stored.
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut progress = move |state: Progress| {
            let _ = told.send(state.stored);
        };
        let mut backup = Backup::new(&mut vault, &secret());
        tokio::select! {
            done = backup.run(How::default(), &mut progress) => panic!("{done:?}"),
            more = heard.recv() => stored += more.unwrap(),
        }
        drop(backup);
        assert!(stored > before && stored < all, "{stored} of {all}");
        drop(vault);
        vault = open(&memory);
        // Nobody has a catalogue yet.
        assert!(matches!(find(&secret(), &circle.addresses).await, Err(RunError::NothingFound(_))));
    }
    let report = run(&mut vault).await;
    assert!(report.is_safe && report.objects <= all - stored, "{report:?}: {stored} of {all}");
    // What was brought and not noted is dropped.
    let status = Backup::new(&mut vault, &secret()).status().unwrap();
    assert_eq!(status.unpacked, 0);
    for peer in 0..3 {
        assert_eq!(circle.shards(peer).len(), status.packs);
    }
    let found = find(&secret(), &circle.addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), see(&mut vault));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_put_back_does_not_write_over_a_newer_backup() {
    let circle = Circle::start(2).await;
    let memory = Memory::default();
    let mut vault = filled(&memory);
    circle.join(&mut vault).await;
    run(&mut vault).await;
    let old = memory.copy();
    put(&mut vault, "later", 9, 1000);
    assert_eq!(run(&mut vault).await.generation, 2);
    let newest = see(&mut vault);
    drop(vault);

    let mut vault = open(&old);
    put(&mut vault, "other", 10, 1000);
    let why = Backup::new(&mut vault, &secret()).run(How::default(), &mut |_| ()).await.unwrap_err();
    assert!(matches!(why, RunError::Newer { ours: 1, theirs: 2 }), "{why}");
    let found = find(&secret(), &circle.addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), newest);
    // Unless its person says so.
    let how = How { take_over: true, ..How::default() };
    let report = Backup::new(&mut vault, &secret()).run(how, &mut |_| ()).await.unwrap();
    assert_eq!((report.generation, report.is_safe), (3, true));
    let found = find(&secret(), &circle.addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    assert_eq!(see(&mut copy), see(&mut vault));
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_are_full_or_refuse_are_named_and_others_take_their_part() {
    let mut circle = Circle::start(0).await;
    let mut vault = filled(&Memory::default());
    let small = StorageConfig { account_bytes_max: 100_000, ..StorageConfig::default() };
    let full = circle.grow(small).await;
    for _ in 0..3 {
        circle.grow(StorageConfig::default()).await;
    }
    circle.join(&mut vault).await;
    Backup::new(&mut vault, &secret()).set_code(Some(Code::new(2, 3).unwrap())).unwrap();
    let report = run(&mut vault).await;
    assert_eq!(report.homeless, 0, "{report:?}");
    let (address, why) = &report.faults.0[0];
    assert_eq!((address, why.is("quota"), report.faults.0.len()), (&full, true, 1), "{report:?}");

    let listed = StorageConfig { accounts: Some(Vec::new()), ..StorageConfig::default() };
    let refusing = circle.grow(listed).await;
    let why = Backup::new(&mut vault, &secret()).add_peer(&refusing).await.unwrap_err();
    let account = Backup::new(&mut vault, &secret()).account_at(&refusing).unwrap();
    let RunError::NotTaken { account: told, why, .. } = why else { panic!("{why}") };
    assert!(told == account && why.is("not-listed"));
    let again = Backup::new(&mut vault, &secret()).add_peer(&full).await;
    assert!(matches!(again, Err(RunError::Known(known)) if known == full));
    let open = Backup::new(&mut vault, &secret()).add_peer("http://192.0.2.1").await;
    assert!(matches!(open, Err(RunError::Unprotected(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_too_few_peers_nothing_is_said_to_be_safe() {
    let mut circle = Circle::start(3).await;
    let mut vault = filled(&Memory::default());
    assert!(matches!(
        Backup::new(&mut vault, &secret()).run(How::default(), &mut |_| ()).await,
        Err(RunError::NoPeers)
    ));
    circle.join(&mut vault).await;
    circle.stop(1).await;
    circle.stop(2).await;
    let why = Backup::new(&mut vault, &secret()).run(How::default(), &mut |_| ()).await.unwrap_err();
    let RunError::TooFewPeers { usable: 1, needed: 2, faults } = why else { panic!("{why}") };
    assert_eq!(faults.0.len(), 2);
    assert_eq!(Backup::new(&mut vault, &secret()).status().unwrap().generation, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_is_nothing_to_store_and_no_new_catalogue() {
    let circle = Circle::start(3).await;
    let memory = Memory::default();
    let mut vault = filled(&memory);
    circle.join(&mut vault).await;
    let first = run(&mut vault).await;
    drop(vault);
    let mut vault = open(&memory);
    let second = run(&mut vault).await;
    assert_eq!((second.objects, second.packs, second.generation), (0, 0, first.generation));
    assert!(second.is_safe);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_claims_a_newer_backup_than_it_can_show_is_named_and_stops_nothing() {
    let circle = Circle::start(2).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    let claim = r#"{"used":0,"quota":1000000000,"shards":0,"generation":99}"#;
    let liar =
        axum::Router::new().route("/storage/account", axum::routing::get(move || async move { claim }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, liar).await });
    Backup::new(&mut vault, &secret()).add_peer(&address).await.unwrap();
    let report = run(&mut vault).await;
    assert!(report.is_safe && report.generation == 1, "{report:?}");
    assert!(report.faults.0.iter().any(|(accused, _)| *accused == address), "{report:?}");
    assert!(report.faults.0.iter().all(|(accused, _)| *accused == address), "{report:?}");
    // Nor does it become the number of the next one where the person takes over.
    let how = How { take_over: true, ..How::default() };
    let report = Backup::new(&mut vault, &secret()).run(how, &mut |_| ()).await.unwrap();
    assert!(report.is_safe && report.generation == 1, "{report:?}");
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_whose_list_does_not_end_is_named() {
    use axum::body::Body;
    use axum::extract::Request;
    let circle = Circle::start(2).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    // It takes everything, and has ever more shards.
    let liar = axum::Router::new().fallback(|request: Request| async move {
        match request.uri().path() {
            "/storage/account" => Body::from(r#"{"used":0,"quota":1000000000,"shards":0,"generation":0}"#),
            "/storage/shards" => {
                let after = request.uri().query().and_then(|query| query.strip_prefix("after="));
                let after = after.and_then(|text| u64::from_str_radix(&text[..16], 16).ok()).unwrap_or(0);
                let mut page = Vec::new();
                for number in after + 1..=after + crate::storage::LIST_MAX as u64 {
                    page.extend_from_slice(&number.to_be_bytes());
                    page.extend_from_slice(&[0; 28]);
                }
                Body::from(page)
            }
            _ => Body::empty(),
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, liar).await });
    Backup::new(&mut vault, &secret()).add_peer(&address).await.unwrap();
    let audited = Backup::new(&mut vault, &secret()).verify(Audit::Every).await.unwrap();
    let faults: Vec<bool> =
        audited.iter().map(|peer| peer.address == address && !peer.faults.0.is_empty()).collect();
    assert_eq!(faults.iter().filter(|fault| **fault).count(), 1, "{audited:?}");
    serving.abort();
}

#[test]
fn one_of_something_is_said_as_one() {
    let lost = |packs: Vec<u64>, found, needed| {
        RunError::Lost { packs, found, needed, faults: Faults::default() }.to_string()
    };
    let one = "1 pack did not come back: of pack 4, 0 good shards were found and 1 is needed. What came back is kept";
    assert_eq!(lost(vec![4], 0, 1), one);
    let two = "2 packs did not come back: of pack 4, 1 good shard was found and 2 are needed. What came back is kept";
    assert_eq!(lost(vec![4, 5], 1, 2), two);
    let damaged = |count| {
        let all = vec![allod_vault::object::ObjectId([7; 32]); count];
        RunError::Damaged(all).to_string().split(',').next().unwrap().to_owned()
    };
    assert_eq!(damaged(1), "1 object of this vault is damaged");
    assert_eq!(damaged(2), "2 objects of this vault are damaged");
    let few =
        |usable, needed| RunError::TooFewPeers { usable, needed, faults: Faults::default() }.to_string();
    assert_eq!(few(0, 1), "0 of your peers take shards, and 1 is needed: ");
    assert_eq!(few(1, 2), "1 of your peers takes shards, and 2 are needed: ");
}
