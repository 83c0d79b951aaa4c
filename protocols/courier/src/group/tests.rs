//! Tests: changes of groups in any order, and messages to all of one.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::hash::blake3_keyed;
use allod_crypto::sign::{SigningKey, VerifyingKey};
use allod_did::Did;
use allod_wire::Instant;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use proptest::prelude::*;

use super::*;
use crate::CourierError;
use crate::ratchet::{Tag, Token, WINDOW};

const NOW: Instant = Instant(1_000_000);

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

fn did(number: u8) -> Did {
    Did([number; 32])
}

fn device(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::from([number; 32]))
}

fn sender(number: u8) -> (Did, VerifyingKey) {
    (did(number), device(number).verifying_key())
}

/// A member who has some changes, and makes more.
#[derive(Clone)]
struct View {
    who: u8,
    gathered: Gathered,
}

impl View {
    fn found() -> Self {
        let action = Action::Found { name: "choir".to_string(), salt: [1; 16] };
        let founding = Change::new(vec![], did(0), action, &device(0)).unwrap();
        Self { who: 0, gathered: Gathered::new(founding).unwrap() }
    }

    fn of(&self, who: u8) -> Self {
        Self { who, ..self.clone() }
    }

    fn act(&mut self, action: Action) -> Change {
        let heads = self.gathered.membership().heads().to_vec();
        let change = Change::new(heads, did(self.who), action, &device(self.who)).unwrap();
        assert_eq!(self.gathered.add(change.clone()), Taken::Yes(0));
        change
    }

    /// Hears of all that the other has.
    fn hear(&mut self, other: &Self) {
        let changes: Vec<_> = other.gathered.changes().cloned().collect();
        for change in changes {
            let change = Change::decode(&change.encode()).unwrap();
            assert_ne!(self.gathered.add(change), Taken::Waits);
        }
    }

    fn members(&self) -> Vec<u8> {
        self.gathered.membership().members().iter().map(|did| did.0[0]).collect()
    }
}

fn meet(one: &mut View, other: &mut View) {
    one.hear(other);
    other.hear(one);
    assert_eq!(one.gathered.membership(), other.gathered.membership());
}

/// Founded by 0, who appointed 1; 2 and 3 are members.
fn four() -> View {
    let mut view = View::found();
    for member in 1..4 {
        view.act(Action::Add(did(member)));
    }
    view.act(Action::Appoint(did(1)));
    assert_eq!(view.members(), [0, 1, 2, 3]);
    view
}

#[test]
fn admins_add_and_remove_and_others_do_not() {
    let mut group = four();
    let refused = group.of(2).act(Action::Add(did(9)));
    let mut by_two = group.of(2);
    by_two.act(Action::Add(did(9)));
    assert!(by_two.gathered.membership().is_void(&refused.id()));
    assert_eq!(by_two.members(), [0, 1, 2, 3]);
    let mut by_one = group.of(1);
    by_one.act(Action::Remove(did(3)));
    by_one.act(Action::Rename("band".to_string()));
    group.hear(&by_one);
    assert_eq!(group.members(), [0, 1, 2]);
    assert_eq!(group.gathered.membership().name(), "band");
    // A stranger does nothing.
    let mut stranger = group.of(9);
    stranger.act(Action::Leave);
    assert_eq!(stranger.members(), [0, 1, 2]);
}

#[test]
fn both_sides_of_a_partition_come_to_one_membership() {
    let (mut left, mut right) = (four(), four().of(1));
    left.act(Action::Add(did(4)));
    left.act(Action::Remove(did(2)));
    right.act(Action::Add(did(5)));
    right.act(Action::Remove(did(3)));
    right.act(Action::Appoint(did(2)));
    meet(&mut left, &mut right);
    assert_eq!(left.members(), [0, 1, 4, 5]);
    // And from there on one of them is after the other.
    let after = right.act(Action::Add(did(2)));
    assert_eq!(after.parents().len(), 2);
    meet(&mut left, &mut right);
    assert_eq!(left.members(), [0, 1, 4, 5, 2]);
}

#[test]
fn of_two_who_remove_each_other_the_senior_stays() {
    let mut group = four();
    group.act(Action::Appoint(did(2)));
    let (mut one, mut two) = (group.of(1), group.of(2));
    one.act(Action::Remove(did(2)));
    let void = two.act(Action::Remove(did(1)));
    two.act(Action::Add(did(7)));
    meet(&mut one, &mut two);
    assert_eq!(one.members(), [0, 1, 3]);
    assert!(one.gathered.membership().is_void(&void.id()));
    // Nobody puts out the founder.
    let mut by_one = one.of(1);
    by_one.act(Action::Remove(did(0)));
    assert_eq!(by_one.members(), [0, 1, 3]);
}

#[test]
fn who_was_removed_undoes_nothing_with_changes_that_are_said_to_be_of_before() {
    let mut group = four();
    let before = group.of(1);
    group.act(Action::Remove(did(1)));
    let mut removed = before;
    for action in [Action::Add(did(8)), Action::Remove(did(2)), Action::Appoint(did(3))] {
        removed.act(action);
    }
    meet(&mut group, &mut removed);
    assert_eq!(group.members(), [0, 2, 3]);
    assert!(!group.gathered.membership().is_admin(&did(3)));
}

#[test]
fn where_all_admins_left_the_most_senior_member_is_one() {
    let mut group = four();
    group.act(Action::Leave);
    let mut one = group.of(1);
    one.act(Action::Leave);
    assert_eq!(one.members(), [2, 3]);
    let membership = one.gathered.membership();
    assert!(membership.is_admin(&did(2)) && !membership.is_admin(&did(3)));
    let mut two = one.of(2);
    two.act(Action::Add(did(6)));
    assert_eq!(two.members(), [2, 3, 6]);
    // Who has left does nothing more, also not beside the change by which they left.
    let mut again = four();
    again.act(Action::Add(did(9)));
    meet(&mut two, &mut again);
    assert_eq!(two.members(), [2, 3, 6]);
}

#[test]
fn changes_wait_for_what_they_had_seen() {
    let mut view = View::found();
    let mut late = View::found();
    let first = view.act(Action::Add(did(1)));
    let second = view.act(Action::Add(did(2)));
    let third = view.act(Action::Add(did(3)));
    assert_eq!(late.gathered.add(third), Taken::Waits);
    assert_eq!(late.gathered.missing(), BTreeSet::from([second.id()]));
    assert_eq!(late.gathered.add(second.clone()), Taken::Waits);
    assert_eq!(late.gathered.missing(), BTreeSet::from([first.id()]));
    assert_eq!(late.members(), [0]);
    assert_eq!(late.gathered.add(first), Taken::Yes(2));
    assert_eq!(late.gathered.add(second), Taken::Known);
    assert_eq!(late.gathered.membership(), view.gathered.membership());
}

#[test]
fn a_change_that_was_altered_or_signed_by_another_device_is_refused() {
    let change = four().act(Action::Add(did(4)));
    let bytes = change.encode();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(Change::decode(&altered).is_err(), "byte {at}");
    }
    let long = "x".repeat(NAME_MAX + 1);
    let parents = change.parents().to_vec();
    let make = |parents: Vec<ChangeId>, action| Change::new(parents, did(0), action, &device(0)).map(|_| ());
    assert_eq!(make(parents.clone(), Action::Rename(long)), Err(CourierError::TooLarge));
    assert_eq!(make(vec![], Action::Leave), Err(CourierError::Malformed));
    let many = (0..=PARENTS_MAX).map(|number| ChangeId([number as u8; 32])).collect();
    assert_eq!(make(many, Action::Leave), Err(CourierError::TooLarge));
    // The largest one fits.
    let largest = (0..PARENTS_MAX).map(|number| ChangeId([number as u8; 32])).collect();
    let largest = Change::new(largest, did(0), Action::Rename("x".repeat(NAME_MAX)), &device(0)).unwrap();
    assert_eq!(Change::decode(&largest.encode()), Ok(largest));
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0_u8..8).prop_map(|member| Action::Add(did(member))),
        3 => (0_u8..8).prop_map(|member| Action::Remove(did(member))),
        2 => (0_u8..8).prop_map(|member| Action::Appoint(did(member))),
        1 => Just(Action::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_who_have_the_same_changes_see_the_same_members(
        steps in prop::collection::vec((0_usize..8, action(), 0_usize..8), 1..60),
        order in prop::collection::vec(any::<prop::sample::Index>(), 80),
    ) {
        let mut views: Vec<View> = (0..8).map(|who| four().of(who)).collect();
        for (who, action, other) in steps {
            views[who].act(action);
            let heard = views[who].clone();
            // Some hear of it, most do not.
            if other % 3 == 0 {
                views[other].hear(&heard);
            }
        }
        let mut all = four();
        views.iter().for_each(|view| all.hear(view));
        let mut changes: Vec<Change> = all.gathered.changes().cloned().collect();
        let mut shuffled = View::found();
        for at in order {
            if changes.is_empty() {
                break;
            }
            shuffled.gathered.add(changes.swap_remove(at.index(changes.len())));
        }
        for change in changes {
            shuffled.gathered.add(change);
        }
        prop_assert_eq!(shuffled.gathered.membership(), all.gathered.membership());
        prop_assert!(shuffled.gathered.missing().is_empty());
        // The founder goes only by leaving.
        let left = all.gathered.changes().any(|change| change.author() == did(0) && *change.action() == Action::Leave);
        prop_assert!(left || all.gathered.membership().is_admin(&did(0)));
    }

    #[test]
    fn messages_to_a_group_open_in_any_order_and_once(
        count in 1_usize..60,
        order in prop::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        let group = View::found().gathered.id();
        let mut chain = SenderChain::new(group, sender(0), &mut rng());
        let mut listener = Listener::new(group, sender(0), chain.key());
        let mut messages: Vec<_> = (0..count).map(|number| (number, chain.seal(&[number as u8; 9]).unwrap())).collect();
        let tags: BTreeSet<_> = listener.expected().collect();
        for at in order.iter().take(count) {
            let (number, message) = messages.swap_remove(at.index(messages.len()));
            prop_assert!(tags.contains(&Tag(*message.first_chunk().unwrap())));
            let plain = listener.open(&message, NOW).unwrap();
            prop_assert_eq!(plain.expose(), [number as u8; 9]);
            prop_assert_eq!(listener.open(&message, NOW), Err(CourierError::NotExpected));
        }
    }
}

#[test]
fn who_gets_a_chain_later_reads_nothing_of_before() {
    let group = View::found().gathered.id();
    let mut chain = SenderChain::new(group, sender(0), &mut rng());
    let before = chain.seal(b"before").unwrap();
    let mut late = Listener::new(group, sender(0), chain.key());
    let after = chain.seal(b"after").unwrap();
    assert_eq!(late.open(&before, NOW), Err(CourierError::NotExpected));
    assert_eq!(late.open(&after, NOW).unwrap().expose(), b"after");
    assert_eq!(after.len(), b"after".len() + SENDER_OVERHEAD);
}

#[test]
fn no_member_can_make_a_token_of_a_message_to_a_group() {
    let group = View::found().gathered.id();
    let mut chain = SenderChain::new(group, sender(0), &mut rng());
    let key = allod_wire::encode(&chain.key());
    let message = chain.seal(b"hello").unwrap();
    // Neither what a member has, nor a hash of it under any number, is the token of the tag.
    let tag = Tag(*message.first_chunk().unwrap());
    for secret in key.windows(32) {
        let secret = Secret::from(<[u8; 32]>::try_from(secret).unwrap());
        let hashes = [&[0, 0][..], &[0, 0, 0], &[1], &[2]].map(|part| blake3_keyed(&secret, &[part]));
        for token in hashes.iter().flat_map(|hash| hash.windows(Token::SIZE)).chain(key.windows(Token::SIZE))
        {
            assert_ne!(Token(token.try_into().unwrap()).tag(), tag);
        }
    }
}

#[test]
fn a_member_cannot_write_in_anothers_name() {
    let group = View::found().gathered.id();
    let mut chain = SenderChain::new(group, sender(0), &mut rng());
    let mut listener = Listener::new(group, sender(0), chain.key());
    // A member has the chain, and not what signs.
    let mut forger = SenderChain::new(group, sender(0), &mut rng()).with_chain_of(&chain.key());
    let forged = forger.seal(b"forged").unwrap();
    let before = listener.clone();
    assert_eq!(listener.open(&forged, NOW), Err(CourierError::Forged));
    assert_eq!(listener, before);
    let message = chain.seal(b"true").unwrap();
    for at in 0..message.len() {
        let mut changed = message.clone();
        changed[at] ^= 1;
        assert!(listener.open(&changed, NOW).is_err(), "byte {at}");
        assert!(listener.open(&message[..at], NOW).is_err());
    }
    assert_eq!(listener.open(&message, NOW).unwrap().expose(), b"true");
}

#[test]
fn a_key_that_a_member_passes_off_as_their_own_opens_nothing() {
    let group = View::found().gathered.id();
    let mut chain = SenderChain::new(group, sender(0), &mut rng());
    let mut deceived = Listener::new(group, sender(1), chain.key());
    let message = chain.seal(b"by 0").unwrap();
    assert_eq!(deceived.open(&message, NOW), Err(CourierError::Forged));
}

#[test]
fn a_chain_ends_after_so_many_messages() {
    let group = View::found().gathered.id();
    let mut chain = SenderChain::new(group, sender(0), &mut rng());
    for _ in 0..WINDOW {
        chain.seal(b"").unwrap();
    }
    assert_eq!(chain.seal(b""), Err(CourierError::Unanswered));
}
