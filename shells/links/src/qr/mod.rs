//! Codes that are filmed: any bytes as an endless row of QR codes, of which a camera has to see
//! enough, no matter which.
//!
//! Roles: whoever *shows* and whoever *films*; nothing goes back.
//!
//! Messages: codes of alphanumeric text: `ALLOD:`, a frame in [Base45](base45), and a colon.
//!
//! | bytes | frame; numbers are little endian |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | which transfer: the beginning of the hash of all |
//! | 4 | bytes of all: a hash (32), and what is shown |
//! | 4 | number of the symbol |
//! | … | the symbol |
//! | 4 | check: the beginning of a hash of what is before it |
//!
//! The symbols are those of RaptorQ (RFC 6330), with one source block and no sub-blocks: first
//! what is shown in parts, then as many others as one likes. Of a hundred parts, any hundred
//! symbols and a few more give all.
//!
//! Text and not bytes, since what apps make of bytes in a code differs; Base45 is only three per cent
//! longer. The codes correct little by themselves (level L), since a code that is not read costs no more
//! than showing another one.
//!
//! What this never does: it never gives out bytes whose hash is not right; never holds more than a few
//! transfers of at most [`TRANSFER_MAX`] bytes, whatever codes say. What is shown is seen by everybody
//! who looks.

mod base45;
mod fountain;
mod picture;
#[cfg(test)]
mod tests;

pub use fountain::{Collector, Frames, Seen, Size, TRANSFER_MAX};
pub use picture::{Code, Gray, Ink, PIXELS_MAX};
