//! Vouchers: some contacts of a person, any k of n, together give back what stands in for a lost
//! recovery card.
//!
//! Roles: the *person*, who has a card and chooses n contacts; the *holders*, who keep a piece
//! each; later the person again, who has lost everything and is known to the holders by voice or face.
//!
//! Messages: a [`Piece`], under 1.4 kB, which goes to its holder as the content of a message; a
//! [`Request`], 1.3 kB, which goes by any way (a code that is scanned, a file) and is public; an
//! answer, under 2.6 kB, sealed to the request.
//!
//! Flow: the person [deals](deal) pieces of the card's bytes. These are sealed under a key that
//! comes of a random scalar, and the scalar is shared among the holders (Shamir, over Ristretto255);
//! every piece has the sealed card and a hash of each share, so that a share which was altered is
//! told from a right one, also by its holder. Whoever has lost everything makes a request, which
//! names who they say they are, and shows it to the holders. Each holder asks the human whom they
//! know to read the request's [`Code`] aloud, compares, and [releases](Piece::release) the piece to it. The
//! person's new device [gathers](Asking::add) answers until k fit, and has the card.
//!
//! What this never does: it never releases a piece to a request that names somebody else; never
//! shows a piece to anybody on the way, also not to whoever has a quantum computer later, since
//! the shares are kept by hashes (and not by elements, as Feldman's commitments would, of which a
//! single piece would then be enough) and answers go by X-Wing; never lets one wrong answer spoil
//! the others: it is named by its holder and left out. It cannot say that the one who asks is the
//! person: that is for each holder to know, and k holders who are deceived, or agree, have the
//! card. A card alone opens nothing, the PIN is not on it.
//!
//! A new dealing has a higher generation. It takes nothing away from the old pieces, which open
//! the old card as before: they are worthless only once the card was renewed, too. Whoever puts
//! another holder in the place of one renews both.

mod asking;
mod piece;
#[cfg(test)]
mod tests;

pub use asking::{ANSWERS_MAX, Asking, Code, REQUEST_MAX, Released, Request, Standing};
pub use piece::{ANSWER_MAX, CARD_MAX, HOLDERS_MAX, PIECE_MAX, Piece, Vouched, deal};
