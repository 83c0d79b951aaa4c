//! Tests of whoever copied the state of a device.

use super::*;

#[test]
fn a_session_heals_once_both_have_written_after_a_thief_copied_a_device() {
    let ((alice, mut a), (bob, mut b)) = acquainted();
    let mut thief = a.clone();
    let texts_of = |thief: &Device| thief.texts();
    // The thief reads what comes under the copied state.
    let out = b.say(alice.did(), "before the turn", NOW);
    thief.take(&out, NOW);
    assert!(texts_of(&thief).contains(&"before the turn".to_string()));
    bring(&mut [&mut a, &mut b], out, NOW);
    // Each writes once with the thief only listening.
    let out = a.say(bob.did(), "one", NOW);
    thief.take(&out, NOW);
    bring(&mut [&mut a, &mut b], out, NOW);
    let out = b.say(alice.did(), "two", NOW);
    bring(&mut [&mut a, &mut b], out, NOW);
    let out = a.say(bob.did(), "three", NOW);
    bring(&mut [&mut a, &mut b], out, NOW);
    let count = texts_of(&thief).len();
    for number in 0..5 {
        let out = b.say(alice.did(), &alloc::format!("healed {number}"), NOW);
        let answers = thief.take(&out, NOW);
        assert!(answers.is_empty());
        bring(&mut [&mut a, &mut b], out, NOW);
    }
    assert_eq!(texts_of(&thief).len(), count, "the thief reads nothing later");
    assert_eq!(a.texts().iter().filter(|text| text.starts_with("healed")).count(), 5);
}

#[test]
fn records_of_a_device_hold_no_key_of_what_was_read() {
    let ((alice, mut a), (_, mut b)) = acquainted();
    let out = b.say(alice.did(), "secret", NOW);
    bring(&mut [&mut a, &mut b], out.clone(), NOW);
    // Whoever takes the device later cannot open what was carried past.
    let mut thief = a.clone();
    thief.records.retain(|name, _| !Kept::is_name(name));
    assert!(thief.take(&out, NOW).is_empty());
    assert!(thief.texts().is_empty());
    assert!(out.iter().all(|bundle| thief.carried.contains(bundle)));
}
