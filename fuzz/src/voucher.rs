//! What stands in for a lost card: pieces that somebody hands to a holder or answers with, and requests.

use allod_courier::voucher::{ANSWER_MAX, Asking, PIECE_MAX, Piece, Request, deal};
use allod_crypto::Secret;
use allod_did::Did;

use crate::fixture::made;
use crate::guardian::stream;

const PERSON: Did = Did([1; 32]);

/// Two of three pieces are needed.
pub fn fixture_pieces() -> Vec<Piece> {
    let holders = [Did([2; 32]), Did([3; 32]), Did([4; 32])];
    made(deal((PERSON, 5), b"a card", &holders, 2, &mut stream()))
}

/// Whoever lost the card.
pub fn fixture_asking() -> Asking {
    Asking::from_secret(PERSON, Secret::from([9; 32]))
}

/// A piece, as somebody hands it to its holder, and what comes of it when it is released.
pub fn voucher_piece(data: &[u8]) {
    let Ok(piece) = Piece::decode(data) else { return };
    assert!(piece.encode().expose() == data && data.len() <= PIECE_MAX);
    let mut asking = Asking::from_secret(piece.vouched().did(), Secret::from([9; 32]));
    let answer = made(piece.release(&asking.request(), &mut stream()));
    assert!(answer.len() <= ANSWER_MAX);
    let standing = made(asking.add(&answer));
    assert!(standing.holder == piece.holder() && standing.have == 1 && standing.needed >= 2);
    assert!(asking.released().is_empty());
}

/// A request, as somebody shows it, and after it an answer to ours.
pub fn voucher_request(data: &[u8]) {
    if let Ok(request) = Request::decode(data) {
        assert_eq!(request.encode(), data);
        for piece in fixture_pieces() {
            let released = piece.release(&request, &mut stream());
            assert!(released.is_err() || request.did() == PERSON);
        }
    }
    let mut asking = fixture_asking();
    if asking.add(data).is_ok() {
        assert!(asking.released().is_empty());
    }
}
