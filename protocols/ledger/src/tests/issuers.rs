//! Issuers of credentials, and what they revoked.

use super::*;
use crate::issuer::{Issuer, IssuerTerms, RevocationList, Revocations};
use crate::{Action, Rejection};

fn terms(label: &str) -> IssuerTerms {
    IssuerTerms { label: label.into(), class: "age-over-18".into(), key: [7; 48].to_vec() }
}

fn declare(terms: IssuerTerms) -> Action {
    Action::DeclareIssuer { terms }
}

fn revoke(number: u64) -> Action {
    let list =
        RevocationList { number, root: [number as u8; 32], source: "https://town.example/list".into() };
    Action::Revoke { list }
}

#[test]
fn an_issuer_says_what_it_issues_and_the_ledger_counts_how_often() {
    let mut world = World::new();
    assert_eq!(world.does(ANN, declare(terms("Town"))), Ok(()));
    let first = Issuer { terms: terms("Town"), at: world.at, version: 1 };
    assert_eq!(world.get::<Issuer>(&world.did(ANN)), first);
    assert_eq!(world.does(ANN, declare(terms("City"))), Ok(()));
    let second = Issuer { terms: terms("City"), at: world.at, version: 2 };
    assert_eq!(world.get::<Issuer>(&world.did(ANN)), second);
    assert_eq!(world.find::<Issuer>(&world.did(BEN)), None);
}

#[test]
fn an_issuers_terms_can_be_read_and_have_a_key_of_some_length() {
    let mut world = World::new();
    for bad in [
        terms(""),
        terms(&"x".repeat(65)),
        terms("a\u{202E}b"),
        IssuerTerms { class: "\n".into(), ..terms("Town") },
        IssuerTerms { key: [].into(), ..terms("Town") },
        IssuerTerms { key: [0; 257].to_vec(), ..terms("Town") },
    ] {
        assert_eq!(world.does(ANN, declare(bad)), Err(Rejection::BadTerms));
    }
    let widest = IssuerTerms { label: "x".repeat(64), class: "y".repeat(64), key: [0; 256].to_vec() };
    assert_eq!(world.does(ANN, declare(widest.clone())), Ok(()));
    assert_eq!(world.does(ANN, declare(widest)), Ok(()), "it could be read again");
}

#[test]
fn lists_of_what_is_revoked_only_ever_grow_newer() {
    let mut world = World::new();
    assert_eq!(world.does(ANN, revoke(1)), Err(Rejection::NoIssuer));
    world.does(ANN, declare(terms("Town"))).unwrap();
    assert_eq!(world.does(ANN, revoke(5)), Ok(()));
    for old in [0, 4, 5] {
        assert_eq!(world.does(ANN, revoke(old)), Err(Rejection::OldList));
    }
    assert_eq!(world.does(ANN, revoke(6)), Ok(()));
    let Revocations { list, at } = world.get(&world.did(ANN));
    assert_eq!((list.number, list.root, at), (6, [6; 32], world.at));
    let long = RevocationList { number: 7, root: [7; 32], source: "x".repeat(256) };
    assert_eq!(world.does(ANN, Action::Revoke { list: long.clone() }), Err(Rejection::BadTerms));
    let widest = RevocationList { source: "x".repeat(255), number: u64::MAX, ..long };
    assert_eq!(world.does(ANN, Action::Revoke { list: widest }), Ok(()));
    assert_eq!(world.does(ANN, revoke(7)), Err(Rejection::OldList));
}
