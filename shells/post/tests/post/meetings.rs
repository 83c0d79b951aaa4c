//! Tests: two carriers who meet, with much to give, and with links that break.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use allod_courier::link::Link;

use super::world::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_who_carry_a_thousand_each_have_all_of_it_afterwards() {
    let folders = [folder(), folder()];
    let [a, b] = [carrier(folders[0].path(), 1, LARGE), carrier(folders[1].path(), 2, LARGE)];
    for (carrier, first) in [(&a, 0), (&b, 1000)] {
        let whose = |number: u32| if number.is_multiple_of(10) { 1 + (first == 0) as u8 } else { 7 };
        within(carrier, |bag| {
            for number in first..first + 1000 {
                bag.put_own(&bundle(whose(number), number, 200), allod_post::now()).unwrap();
            }
        });
    }
    for met in meeting([&a, &b], LINK, honestly()).await {
        assert_eq!((met.came, met.took, met.gave, met.fault), (100, 900, 1000, None));
    }
    assert_eq!(ids(&a), ids(&b));
    assert_eq!(ids(&a).len(), 2000);
    // Nothing is left to say, also to whoever reads it from the disk.
    drop((a, b));
    let [a, b] = [carrier(folders[0].path(), 1, LARGE), carrier(folders[1].path(), 2, LARGE)];
    assert_eq!(ids(&a).len(), 2000);
    for met in meeting([&a, &b], LINK, honestly()).await {
        assert_eq!((met.came, met.took, met.gave, met.fault), (0, 0, 0, None));
    }
}

#[tokio::test]
async fn a_contact_that_is_cut_at_any_frame_goes_on_the_next_time() {
    let link = Link { mtu: 1024, ..LINK };
    let frames = Arc::new(AtomicUsize::new(0));
    let mut cut = 0;
    loop {
        let folders = [folder(), folder()];
        let start = || [carrier(folders[0].path(), 1, LARGE), carrier(folders[1].path(), 2, LARGE)];
        let [a, b] = start();
        for (carrier, whose) in [(&a, 2), (&b, 1)] {
            leave(carrier, &bundle(whose, 1, 300));
            leave(carrier, &bundle(7, whose.into(), 6000));
            leave(carrier, &bundle(whose, 5, 5000));
        }
        frames.store(0, Ordering::SeqCst);
        let count = Arc::clone(&frames);
        let until = move |_, frame| (count.fetch_add(1, Ordering::SeqCst) < cut).then(|| vec![frame]);
        let met = meeting([&a, &b], link, Box::new(until)).await;
        assert!(met.iter().all(|met| met.fault.is_none()), "{cut}: {met:?}");
        let was_cut = frames.load(Ordering::SeqCst) > cut;
        drop((a, b));
        let [a, b] = start();
        for (carrier, folder) in [&a, &b].into_iter().zip(&folders) {
            let all = ids(carrier);
            assert_eq!(all.len(), on_disk(folder.path()).0, "nothing half written");
            for id in all {
                assert_eq!(within(carrier, |bag| bag.load(&id).unwrap()).unwrap().id(), id);
            }
        }
        let met = meeting([&a, &b], link, honestly()).await;
        assert!(met.iter().all(|met| met.fault.is_none()), "{cut}: {met:?}");
        // Whole, or all of it in fragments.
        for (carrier, mine) in [(&a, 1), (&b, 2)] {
            for wanted in [bundle(mine, 1, 300), bundle(mine, 5, 5000), bundle(7, 3 - u32::from(mine), 6000)]
            {
                let have = within(carrier, |bag| {
                    let ids = bag.store().with_tag(&wanted.tag).to_vec();
                    ids.iter().map(|id| bag.load(id).unwrap().unwrap()).collect::<Vec<_>>()
                });
                let mut together = allod_courier::bundle::Reassembly::new(&have[0]);
                assert!(have.iter().all(|one| together.add(one).is_ok()));
                let whole: Vec<_> = together.whole().map(|whole| whole.payload).collect();
                assert!(whole.contains(&wanted.payload), "cut {cut}, {} pieces", have.len());
            }
        }
        if !was_cut {
            break;
        }
        cut += 1;
    }
    assert!(cut > 15, "{cut} frames");
}

#[tokio::test]
async fn what_is_put_into_the_bag_during_a_contact_goes_at_once() {
    let folders = [folder(), folder()];
    let [a, b] = [carrier(folders[0].path(), 1, LARGE), carrier(folders[1].path(), 2, LARGE)];
    let late = bundle(2, 9, 100);
    let (here, new) = (Arc::clone(&a), late.clone());
    let mut is_new = true;
    // When the first frame passes, both are in the contact.
    let tamper = move |_, frame| {
        if std::mem::take(&mut is_new) {
            leave(&here, &new);
        }
        Some(vec![frame])
    };
    let [_, met] = meeting([&a, &b], LINK, Box::new(tamper)).await;
    assert_eq!(met.came, 1);
    assert!(ids(&b).contains(&late.id()));
}
