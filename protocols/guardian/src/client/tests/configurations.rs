//! Which sets of guardians are taken.

use allod_wire::{RealmId, limits};

use super::*;

fn guardian(n: u8) -> Guardian {
    Guardian { realm: RealmId([n; 16]), address: "https://a.example".into() }
}

#[test]
fn a_threshold_must_be_more_than_half_and_at_most_all() {
    for guardians in 1..=6u8 {
        for threshold in 0..=7u8 {
            let valid = threshold * 2 > guardians && threshold <= guardians;
            let made = Configuration::new((0..guardians).map(guardian).collect(), threshold);
            let expected = BadConfiguration::Threshold { threshold, guardians: guardians.into() };
            assert_eq!(made.is_ok(), valid, "{threshold} of {guardians}");
            assert!(valid || made == Err(expected));
        }
    }
}

#[test]
fn guardians_are_ordered_by_realm_whatever_order_they_were_given_in() {
    let one = Configuration::new([3, 1, 2].map(guardian).to_vec(), 2);
    assert_eq!(one, Configuration::new([1, 2, 3].map(guardian).to_vec(), 2));
}

#[test]
fn a_guardian_named_twice_is_refused_also_under_another_address() {
    let again = Guardian { address: "https://b.example".into(), ..guardian(2) };
    let made = Configuration::new(vec![guardian(1), guardian(2), again], 2);
    assert_eq!(made, Err(BadConfiguration::Twice(RealmId([2; 16]))));
}

#[test]
fn none_and_more_than_255_guardians_are_refused() {
    assert_eq!(Configuration::new(vec![], 1), Err(BadConfiguration::Size(0)));
    let realm = |n: u16| {
        let mut realm = [0; 16];
        realm[..2].copy_from_slice(&n.to_be_bytes());
        Guardian { realm: RealmId(realm), address: "a".into() }
    };
    let made = Configuration::new((0..256).map(realm).collect(), 129);
    assert_eq!(made, Err(BadConfiguration::Size(256)));
    assert!(Configuration::new((0..255).map(realm).collect(), 128).is_ok());
}

#[test]
fn an_address_that_is_too_long_is_refused_by_name() {
    let long = Guardian { address: "a".repeat(limits::ADDRESS_MAX + 1), ..guardian(1) };
    assert_eq!(Configuration::new(vec![long], 1), Err(BadConfiguration::Address(RealmId([1; 16]))));
}

#[test]
fn the_most_common_key_is_found_and_a_tie_is_the_smallest() {
    assert_eq!(most_common([3, 1, 3, 2].into_iter()), Some((3, 2)));
    assert_eq!(most_common([2, 1, 2, 1].into_iter()), Some((1, 2)));
    assert_eq!(most_common(core::iter::empty::<u8>()), None);
}
