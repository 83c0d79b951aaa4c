//! Tests: pieces of cards, those who ask for them, and those who lie.

use alloc::string::ToString;
use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_did::Did;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use proptest::prelude::*;

use super::*;
use crate::CourierError;

const CARD: &[u8] = b"twenty-four words that somebody wrote down";
const PERSON: Did = Did([1; 32]);

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

fn holders(count: u8) -> Vec<Did> {
    (0..count).map(|number| Did([100 + number; 32])).collect()
}

fn dealt(generation: u32, count: u8, needed: u8) -> Vec<Piece> {
    let pieces = deal((PERSON, generation), CARD, &holders(count), needed, &mut rng()).unwrap();
    pieces.iter().map(|piece| Piece::decode(piece.encode().expose()).unwrap()).collect()
}

/// What a holder answers to a request, which came as bytes.
fn answer(piece: &Piece, asking: &Asking) -> Vec<u8> {
    let request = Request::decode(&asking.request().encode()).unwrap();
    assert_eq!(request.code(), asking.request().code());
    piece.release(&request, &mut rng()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_k_of_n_release_it_and_fewer_do_not(
        (count, needed) in (2_u8..=16).prop_flat_map(|count| (Just(count), 2..=count)),
        order in any::<[prop::sample::Index; 16]>(),
    ) {
        let mut pieces = dealt(7, count, needed);
        let mut asking = Asking::new(PERSON, &mut rng());
        for have in 1..=needed {
            prop_assert!(asking.released().is_empty());
            let piece = pieces.swap_remove(order[usize::from(have) - 1].index(pieces.len()));
            let bytes = answer(&piece, &asking);
            // The same one again is no further one.
            for _ in 0..2 {
                let standing = asking.add(&bytes).unwrap();
                let expected = Standing {
                    holder: piece.holder(), generation: 7, have: have.into(), needed: needed.into()
                };
                prop_assert_eq!(standing, expected);
            }
        }
        let released = asking.released();
        prop_assert_eq!(released.len(), 1);
        prop_assert!(released[0].card.expose() == CARD);
        prop_assert!(released[0].left_out.is_empty());
        // So do more than are needed.
        for piece in pieces {
            asking.add(&answer(&piece, &asking)).unwrap();
            prop_assert!(asking.released()[0].card.expose() == CARD);
        }
    }

    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in prop::collection::vec(any::<u8>(), 0..2600)) {
        prop_assert!(Piece::decode(&bytes).is_err());
        prop_assert!(Request::decode(&bytes).is_err());
        prop_assert!(Asking::from_secret(PERSON, Secret::from([3; 32])).add(&bytes).is_err());
    }
}

#[test]
fn fewer_than_needed_do_not_open_it_even_where_they_say_that_they_are_enough() {
    // What two of three would compute, were they to pass for two of two.
    let pieces = dealt(1, 5, 3);
    let two: Vec<&Piece> = pieces.iter().take(2).collect();
    assert!(pieces[0].vouched().open(&two).is_none());
    assert!(pieces[0].needing(2).vouched().open(&two).is_none());
    // Two of one dealing and one of another.
    let other = dealt(1, 5, 3);
    let mixed = [&pieces[0], &pieces[1], &other[2]];
    assert!(pieces[0].vouched().open(&mixed).is_none());
    let three: Vec<&Piece> = pieces.iter().skip(2).collect();
    assert_eq!(pieces[0].vouched().open(&three).unwrap().expose(), CARD);
}

#[test]
fn wrong_old_and_other_peoples_pieces_are_named_and_left_out() {
    let (pieces, old) = (dealt(2, 4, 2), dealt(1, 4, 2));
    let mut asking = Asking::new(PERSON, &mut rng());
    // A holder who altered the share.
    let request = asking.request();
    let altered = pieces[0].altered().release(&request, &mut rng()).unwrap();
    assert_eq!(asking.add(&altered), Err(CourierError::WrongPiece(Did([100; 32]))));
    // One who has an older piece.
    assert_eq!(asking.add(&answer(&old[1], &asking)).unwrap().generation, 1);
    // One who answers with a piece of somebody else.
    let others = deal((Did([2; 32]), 2), CARD, &holders(4), 2, &mut rng()).unwrap();
    assert_eq!(others[2].release(&request, &mut rng()), Err(CourierError::OtherPerson(PERSON)));
    let foreign = others[2].seal_to(&request, &mut rng()).unwrap();
    assert_eq!(asking.add(&foreign), Err(CourierError::NotTheirs(Did([102; 32]))));
    // And the two that are right.
    assert!(asking.released().is_empty());
    asking.add(&answer(&pieces[2], &asking)).unwrap();
    assert!(asking.released().is_empty());
    asking.add(&answer(&pieces[3], &asking)).unwrap();
    let released = asking.released();
    assert_eq!((released.len(), released[0].generation), (1, 2));
    assert_eq!(released[0].left_out, [Did([101; 32])]);
    // The old ones still open the old card.
    asking.add(&answer(&old[0], &asking)).unwrap();
    assert_eq!(asking.released().iter().map(|one| one.generation).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_request_that_was_exchanged_on_the_way_has_another_code_and_its_answer_opens_nothing_here() {
    let pieces = dealt(1, 2, 2);
    let (mut asking, between) = (Asking::new(PERSON, &mut rng()), Asking::new(PERSON, &mut rng()));
    let code = asking.request().code();
    assert_ne!(code, between.request().code());
    let as_other = Asking::from_secret(Did([2; 32]), asking.secret().clone());
    assert_ne!(code, as_other.request().code());
    assert_eq!(asking.add(&answer(&pieces[0], &between)), Err(CourierError::Forged));
    let again = Asking::from_secret(PERSON, asking.secret().clone());
    assert_eq!(again.request(), asking.request());
    let shown = code.to_string();
    assert_eq!(shown.len(), 17);
    assert!(shown.bytes().all(|byte| byte.is_ascii_digit() || byte == b' '));
}

#[test]
fn an_answer_or_a_piece_that_was_changed_anywhere_is_refused() {
    let pieces = dealt(1, 3, 2);
    let mut asking = Asking::new(PERSON, &mut rng());
    let whole = answer(&pieces[0], &asking);
    for at in (0..whole.len()).step_by(11) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(asking.add(&changed).is_err(), "byte {at}");
        assert!(asking.add(&whole[..at]).is_err());
    }
    let bytes = pieces[0].encode();
    for at in 0..bytes.expose().len() {
        let mut changed = bytes.expose().to_vec();
        changed[at] ^= 1;
        // What is sealed, and the other holders' hashes, prove themselves when the card is opened.
        let read = Piece::decode(&changed);
        assert!(read.is_err() || read.is_ok_and(|read| read != pieces[0]), "byte {at}");
        assert!(Piece::decode(&bytes.expose()[..at]).is_err());
    }
    asking.add(&whole).unwrap();
}

#[test]
fn what_goes_from_hand_to_hand_fits_into_a_qr_code() {
    let card = [7; CARD_MAX];
    let pieces = deal((PERSON, u32::MAX), &card, &holders(16), 16, &mut rng()).unwrap();
    let asking = Asking::new(PERSON, &mut rng());
    assert!(asking.request().encode().len() <= REQUEST_MAX);
    for piece in &pieces {
        assert!(piece.encode().expose().len() <= PIECE_MAX);
        let answer = answer(piece, &asking);
        assert!(answer.len() <= ANSWER_MAX && ANSWER_MAX < 2953);
    }
    let refused = |card: &[u8], holders: &[Did], needed| {
        deal((PERSON, 1), card, holders, needed, &mut rng()).map(|_| ()).unwrap_err()
    };
    assert_eq!(refused(&[7; CARD_MAX + 1], &holders(3), 2), CourierError::TooLarge);
    assert_eq!(refused(CARD, &holders(17), 2), CourierError::TooLarge);
    assert_eq!(refused(CARD, &holders(3), 4), CourierError::Malformed);
    assert_eq!(refused(CARD, &holders(3), 1), CourierError::Malformed);
    assert_eq!(refused(CARD, &[PERSON, Did([3; 32])], 2), CourierError::Malformed);
    assert_eq!(refused(CARD, &[Did([3; 32]), Did([3; 32])], 2), CourierError::Malformed);
}

#[test]
fn answers_that_somebody_makes_up_do_not_keep_the_right_ones_out_for_less_than_sixty_four() {
    let pieces = dealt(1, 2, 2);
    let mut asking = Asking::new(PERSON, &mut rng());
    for number in 0..40 {
        let made_up = dealt(100 + number, 3, 3);
        asking.add(&answer(&made_up[0], &asking)).unwrap();
    }
    for piece in &pieces {
        asking.add(&answer(piece, &asking)).unwrap();
    }
    let released = asking.released();
    assert_eq!(released[0].card.expose(), CARD);
    assert_eq!(released[0].left_out.len(), 40);
    for number in 0..22 {
        let made_up = dealt(200 + number, 3, 3);
        asking.add(&answer(&made_up[0], &asking)).unwrap();
    }
    assert_eq!(asking.add(&answer(&dealt(9, 3, 3)[0], &asking)), Err(CourierError::TooLarge));
}
