//! What is on disk.

use alloc::format;

use super::*;

fn record() -> Record {
    let mut network = Network::new(GroupName::Ristretto255, 1);
    network.session(&[0], 1);
    network.ledger.begin(&[0], 1);
    network.follow(0);
    network.nodes[0].disk.clone()
}

#[test]
fn a_record_comes_back_from_its_bytes() {
    let full = record();
    assert!(full.secret.is_some() && full.share.is_some());
    for record in [
        Record::default(),
        Record { secret: None, ..full.clone() },
        Record { share: None, ..full.clone() },
        full,
    ] {
        let bytes = allod_wire::encode(&record);
        assert!(bytes.len() <= <Record as allod_wire::Wire>::SIZE_MAX);
        assert_eq!(allod_wire::decode(&bytes), Ok(record));
    }
}

#[test]
fn a_record_that_was_cut_or_changed_in_form_is_refused() {
    let bytes = allod_wire::encode(&record());
    for end in 0..bytes.len() {
        assert!(allod_wire::decode::<Record>(&bytes[..end]).is_err(), "cut at {end}");
    }
    let mut version = bytes.clone();
    version[1] = 2;
    assert!(allod_wire::decode::<Record>(&version).is_err());
}

#[test]
fn a_record_shows_no_secret() {
    let record = record();
    let shown = format!("{record:?}");
    assert!(shown.contains("Secret<32>(..)"));
    let mut network = Network::new(GroupName::Ristretto255, 1);
    network.session(&[0], 1);
    let shown = format!("{:?}", network.nodes[0].keyholder);
    assert!(shown.contains("Secret<32>(..)"), "{shown}");
}

#[test]
fn a_share_is_given_out_in_its_own_group_only() {
    let mut network = Network::new(GroupName::Ristretto255, 1);
    network.session(&[0], 1);
    let keyholder = &network.nodes[0].keyholder;
    assert_eq!((keyholder.key(), keyholder.group()), ("key", GroupName::Ristretto255));
    let share = keyholder.share::<allod_crypto::group::Ristretto255>();
    assert_eq!(share.expect("a share").expect("held").index.get(), 1);
}
