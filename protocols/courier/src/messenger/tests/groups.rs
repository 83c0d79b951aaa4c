//! Tests of groups on whole devices: partitions, members who come and go, keys that are late.

use super::*;
use crate::group::Action;

/// People of whom the first knows all others, and nobody else anybody.
fn star(count: usize) -> Vec<(Human, Device)> {
    let mut people: Vec<_> = (0..count).map(|_| Human::new()).collect();
    for other in 1..count {
        let invitation = people[0].1.invite();
        let out = people[other].1.accept(&invitation, "first", Some("hello"));
        let (first, rest) = people.split_at_mut(1);
        bring(&mut [&mut first[0].1, &mut rest[other - 1].1], out, NOW);
    }
    people
}

fn among(people: &mut [(Human, Device)], which: &[usize], bundles: Vec<Bundle>) {
    let mut devices: Vec<&mut Device> = people
        .iter_mut()
        .enumerate()
        .filter(|(at, _)| which.contains(at))
        .map(|(_, (_, device))| device)
        .collect();
    bring(&mut devices, bundles, NOW);
}

fn change(device: &mut Device, group: GroupId, action: Action) -> Vec<Bundle> {
    let (done, out) = device.act(|m| m.change_group(group, action, NOW, &mut rng()));
    done.unwrap();
    out
}

fn members(device: &Device, group: GroupId) -> BTreeSet<Did> {
    device.load().group(&group).unwrap().members.into_iter().map(|(did, _)| did).collect()
}

/// A group of all of them.
fn group_of(people: &mut [(Human, Device)]) -> GroupId {
    let (group, _) = people[0].1.act(|m| m.found_group("walkers", &mut rng()).unwrap());
    let all: Vec<usize> = (0..people.len()).collect();
    for other in 1..people.len() {
        let did = people[other].0.did();
        let out = change(&mut people[0].1, group, Action::Add(did));
        among(people, &all, out);
    }
    group
}

#[test]
fn eight_who_did_not_know_each_other_write_to_all() {
    let mut people = star(8);
    let group = group_of(&mut people);
    let all: Vec<usize> = (0..8).collect();
    let everybody: BTreeSet<Did> = people.iter().map(|(human, _)| human.did()).collect();
    for (_, device) in &people {
        assert_eq!(members(device, group), everybody);
        assert_eq!(device.load().group(&group).unwrap().name, "walkers");
    }
    for from in 0..8 {
        let out = people[from].1.say_to_group(group, &alloc::format!("from {from}"), NOW);
        among(&mut people, &all, out);
    }
    for (at, (_, device)) in people.iter().enumerate() {
        let mut texts: Vec<String> =
            device.texts().into_iter().filter(|text| text.starts_with("from")).collect();
        texts.sort();
        let expected: Vec<String> =
            (0..8).filter(|from| *from != at).map(|from| alloc::format!("from {from}")).collect();
        assert_eq!(texts, expected, "{at}");
    }
    // The author sees who has it.
    let mine = people[3]
        .1
        .kept()
        .into_iter()
        .find(|kept| kept.from == people[3].0.did() && kept.to == Whom::Group(group))
        .unwrap();
    let reached = people[3].1.reached().iter().filter(|(id, _, _)| *id == mine.id).count();
    assert_eq!(reached, 7);
}

#[test]
fn a_member_who_was_put_out_reads_nothing_later() {
    let mut people = star(4);
    let group = group_of(&mut people);
    let out = people[1].1.say_to_group(group, "all of us", NOW);
    among(&mut people, &[0, 1, 2, 3], out);
    let gone = people[3].0.did();
    let out = change(&mut people[0].1, group, Action::Remove(gone));
    among(&mut people, &[0, 1, 2, 3], out);
    assert!(!members(&people[1].1, group).contains(&gone));
    assert!(!members(&people[3].1, group).contains(&gone), "they are told");
    let out = people[1].1.say_to_group(group, "only us", NOW);
    among(&mut people, &[0, 1, 2, 3], out);
    assert!(people[2].1.texts().contains(&"only us".into()));
    assert!(!people[3].1.texts().contains(&"only us".into()));
    let (refused, _) = people[3].1.act(|m| {
        m.send(Whom::Group(group), Body::Text("and me?".into()), Sending::default(), NOW, &mut rng())
    });
    assert_eq!(refused, Err(CourierError::NotAMember));
}

#[test]
fn a_new_member_reads_what_comes_and_nothing_of_before() {
    let mut people = star(3);
    let (group, _) = people[0].1.act(|m| m.found_group("two", &mut rng()).unwrap());
    let one = people[1].0.did();
    let out = change(&mut people[0].1, group, Action::Add(one));
    among(&mut people, &[0, 1], out);
    let early = people[1].1.say_to_group(group, "early", NOW);
    among(&mut people, &[0, 1], early.clone());
    let two = people[2].0.did();
    let out = change(&mut people[0].1, group, Action::Add(two));
    among(&mut people, &[0, 1, 2], out);
    among(&mut people, &[2], early);
    let out = people[1].1.say_to_group(group, "late", NOW);
    among(&mut people, &[0, 1, 2], out);
    assert_eq!(people[2].1.texts(), ["late"]);
}

#[test]
fn both_sides_of_a_partition_add_and_remove_and_come_to_one_membership_without_losing_a_message() {
    let mut people = star(8);
    // 0 to 5 are members, 6 and 7 are not.
    let (group, _) = people[0].1.act(|m| m.found_group("walkers", &mut rng()).unwrap());
    for other in 1..6 {
        let did = people[other].0.did();
        let out = change(&mut people[0].1, group, Action::Add(did));
        among(&mut people, &[0, 1, 2, 3, 4, 5], out);
    }
    let first = people[3].0.did();
    let out = change(&mut people[0].1, group, Action::Appoint(first));
    among(&mut people, &[0, 1, 2, 3, 4, 5], out);
    // 3 knows 7 from elsewhere.
    let invitation = people[3].1.invite();
    let out = people[7].1.accept(&invitation, "three", None);
    among(&mut people, &[3, 7], out);
    for from in 0..6 {
        let out = people[from].1.say_to_group(group, &alloc::format!("together {from}"), NOW);
        among(&mut people, &[0, 1, 2, 3, 4, 5], out);
    }

    // The partition: 0, 1, 2, 6 here, 3, 4, 5, 7 there.
    let (here, there) = ([0, 1, 2, 6], [3, 4, 5, 7]);
    let mut crossing = Vec::new();
    let mut side = |people: &mut Vec<(Human, Device)>, which: &[usize], out: Vec<Bundle>| {
        // What one side's devices answer each other stays to be carried over, too.
        let mut bundles = out;
        while !bundles.is_empty() {
            crossing.extend(bundles.iter().cloned());
            let mut next = Vec::new();
            for at in which {
                next.extend(people[*at].1.take(&bundles, NOW));
            }
            bundles = next;
        }
    };
    let did = |people: &[(Human, Device)], at: usize| people[at].0.did();
    let (two, four, six, seven) = (did(&people, 2), did(&people, 4), did(&people, 6), did(&people, 7));
    let out = change(&mut people[0].1, group, Action::Add(six));
    side(&mut people, &here, out);
    let out = change(&mut people[0].1, group, Action::Remove(four));
    side(&mut people, &here, out);
    let out = change(&mut people[3].1, group, Action::Add(seven));
    side(&mut people, &there, out);
    let out = change(&mut people[3].1, group, Action::Remove(two));
    side(&mut people, &there, out);
    for from in [0, 1, 2, 6] {
        let out = people[from].1.say_to_group(group, &alloc::format!("here {from}"), NOW);
        side(&mut people, &here, out);
    }
    for from in [3, 4, 5, 7] {
        let out = people[from].1.say_to_group(group, &alloc::format!("there {from}"), NOW);
        side(&mut people, &there, out);
    }

    // Healed: all of it is carried over, the youngest first.
    crossing.reverse();
    among(&mut people, &[0, 1, 2, 3, 4, 5, 6, 7], crossing);
    let expected = members(&people[0].1, group);
    assert!(expected.contains(&six) && expected.contains(&seven));
    assert!(!expected.contains(&two) && !expected.contains(&four));
    for at in [1, 3, 5, 6, 7] {
        assert_eq!(members(&people[at].1, group), expected, "{at}");
    }
    // Whoever was a member all along, on either side, has everything that members wrote.
    for at in [0, 1, 3, 5] {
        let texts = people[at].1.texts();
        for from in (0..6).filter(|from| *from != at) {
            assert!(texts.contains(&alloc::format!("together {from}")), "{at} has no together {from}");
            let side = if from < 3 { "here" } else { "there" };
            assert!(texts.contains(&alloc::format!("{side} {from}")), "{at} has no {side} {from}");
        }
    }
    // And afterwards those who are out read nothing, and all others everything.
    for from in [0, 3, 6, 7] {
        let out = people[from].1.say_to_group(group, &alloc::format!("after {from}"), NOW);
        among(&mut people, &[0, 1, 2, 3, 4, 5, 6, 7], out);
    }
    for at in [0, 1, 3, 5, 6, 7] {
        let texts = people[at].1.texts();
        for from in [0, 3, 6, 7].into_iter().filter(|from| *from != at) {
            assert!(texts.contains(&alloc::format!("after {from}")), "{at} has no after {from}");
        }
    }
    for at in [2, 4] {
        assert!(!people[at].1.texts().iter().any(|text| text.starts_with("after")), "{at} reads on");
    }
}

#[test]
fn a_message_that_comes_before_its_key_is_read_when_that_is_here() {
    let mut people = star(3);
    let group = group_of(&mut people);
    let out = people[1].1.say_to_group(group, "hello all", NOW);
    let (message, keys): (Vec<Bundle>, Vec<Bundle>) =
        out.into_iter().partition(|bundle| bundle.terms.copies == 255);
    assert_eq!((message.len(), keys.len()), (1, 2));
    among(&mut people, &[2], message);
    assert!(!people[2].1.texts().contains(&"hello all".into()));
    among(&mut people, &[0, 1, 2], keys);
    assert!(people[2].1.texts().contains(&"hello all".into()));
}

#[test]
fn only_admins_change_a_group_and_strangers_learn_nothing_of_it() {
    let mut people = star(4);
    let group = group_of(&mut people[..3]);
    let other = people[2].0.did();
    let (refused, out) = people[1].1.act(|m| m.change_group(group, Action::Remove(other), NOW, &mut rng()));
    assert_eq!((refused, out.len()), (Err(CourierError::NotAllowed), 0));
    let (refused, _) = people[3].1.act(|m| m.change_group(group, Action::Leave, NOW, &mut rng()));
    assert_eq!(refused, Err(CourierError::NotAMember));
    // Leaving is always allowed.
    let out = change(&mut people[1].1, group, Action::Leave);
    among(&mut people, &[0, 1, 2, 3], out);
    let one = people[1].0.did();
    assert!([0, 1, 2].iter().all(|at| !members(&people[*at].1, group).contains(&one)));
}

#[test]
fn a_group_reaches_all_devices_of_a_member() {
    let mut people = star(2);
    let group = group_of(&mut people);
    let (human, first) = &mut people[1];
    let mut second = human.add_device("phone");
    first.log = human.log.clone();
    let invitation = first.invite();
    let out = second.accept(&invitation, "laptop", None);
    let (zero, one) = people.split_at_mut(1);
    bring(&mut [&mut zero[0].1, &mut one[0].1, &mut second], out, NOW);
    let out = people[0].1.say_to_group(group, "to all of yours", NOW);
    let (zero, one) = people.split_at_mut(1);
    bring(&mut [&mut zero[0].1, &mut one[0].1, &mut second], out, NOW);
    assert!(second.texts().contains(&"to all of yours".into()));
    assert!(one[0].1.texts().contains(&"to all of yours".into()));
}

#[test]
fn whatever_comes_first_a_new_member_comes_to_know_the_whole_group() {
    let mut people = star(4);
    let (group, _) = people[0].1.act(|m| m.found_group("walkers", &mut rng()).unwrap());
    let mut bundles = Vec::new();
    for other in 1..4 {
        let did = people[other].0.did();
        bundles.extend(change(&mut people[0].1, group, Action::Add(did)));
    }
    // One at a time, the last one first.
    for bundle in bundles.into_iter().rev() {
        among(&mut people, &[0, 1, 2, 3], alloc::vec![bundle]);
    }
    let everybody: BTreeSet<Did> = people.iter().map(|(human, _)| human.did()).collect();
    for (_, device) in &people {
        assert_eq!(members(device, group), everybody);
        assert!(!device.news.iter().any(|news| matches!(news, News::Unreadable { .. })));
    }
}
