//! Tests of contacts who keep pieces of a card, and of what a narrow link asks for.

use alloc::format;

use super::*;
use crate::voucher::{Asking, Piece};

fn card() -> SecretBytes {
    SecretBytes::from(b"a card".to_vec())
}

#[test]
fn pieces_go_to_contacts_who_keep_the_newest_whatever_comes_last() {
    let ((alice, mut a), (bob, mut b)) = acquainted();
    let (_, mut c) = Human::new();
    let invitation = a.invite();
    let out = c.accept(&invitation, "Alice", None);
    bring(&mut [&mut a, &mut c], out, NOW);
    assert!(a.load().dealt().is_none());
    let holders = [bob.did(), c.did()];
    let old = a.act(|m| m.deal_card((&card(), 0), &holders, 2, NOW, &mut rng()).unwrap()).1;
    let new = a.act(|m| m.deal_card((&card(), 1), &holders, 2, NOW, &mut rng()).unwrap()).1;
    b.take(&new, NOW);
    b.take(&old, NOW);
    c.take(&old, NOW);
    let dealt = a.load().dealt().cloned().unwrap();
    assert_eq!((dealt.needed, dealt.card_generation, &dealt.holders[..]), (2, 1, &holders[..]));
    let kept = |device: &Device| {
        let messenger = device.load();
        assert_eq!(messenger.pieces().collect::<Vec<_>>(), [&alice.did()]);
        Piece::decode(messenger.piece_of(&alice.did()).unwrap().expose()).unwrap()
    };
    assert_eq!(kept(&b).vouched().generation(), dealt.generation);
    assert!(kept(&c).vouched().generation() < dealt.generation);
    // One of each dealing gives nothing back, two of one do.
    let mut asking = Asking::new(alice.did(), &mut rng());
    let request = asking.request();
    let answer = |device: &Device| kept(device).release(&request, &mut rng()).unwrap();
    asking.add(&answer(&b)).unwrap();
    asking.add(&answer(&c)).unwrap();
    assert!(asking.released().is_empty());
    c.take(&new, NOW);
    let answer = kept(&c).release(&request, &mut rng()).unwrap();
    asking.add(&answer).unwrap();
    assert_eq!(asking.released()[0].card.expose(), b"a card");
}

#[test]
fn nobody_is_given_a_piece_who_is_not_known() {
    let ((_, mut a), (bob, _)) = acquainted();
    let stranger = Did([9; 32]);
    let (refused, _) = a.act(|m| m.deal_card((&card(), 0), &[bob.did(), stranger], 2, NOW, &mut rng()));
    assert_eq!(refused, Err(CourierError::Nobody(stranger)));
}

#[test]
fn what_may_come_next_is_among_few_tags_of_each_session() {
    let ((_, mut a), (bob, b)) = acquainted();
    let all: Vec<_> = b.load().expected_next(8).collect();
    // Two chains and late ones of one session, and an invitation or two.
    assert!(all.len() <= 3 * 8 + 4, "{}", all.len());
    for number in 0..8 {
        let out = a.say(bob.did(), &format!("text {number}"), NOW);
        assert!(all.contains(&out[0].tag), "text {number}");
    }
    let out = a.say(bob.did(), "one more", NOW);
    assert!(!all.contains(&out[0].tag) && b.load().wants(&out[0].tag));
}
