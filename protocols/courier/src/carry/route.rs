//! To whom how many copies are given.

use allod_crypto::Secret;
use allod_crypto::hash::blake3_keyed;

use crate::bundle::{BundleId, Priority, Terms};

/// Copies that a message to one person begins with.
pub const COPIES: u8 = 64;

/// Of so many bundles for others that a carrier shows, one is asked for as a cover.
pub const COVER: u8 = 32;

/// The most bytes of an urgent bundle that is copied to everybody.
pub const EPIDEMIC_MAX: usize = 16 << 10;

/// Copies of a bundle that is copied to everybody.
pub const SPREAD: u8 = u8::MAX;

/// What is given to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Giving {
    /// Nothing, unless they ask for it.
    Nothing,
    /// A copy, with so many for others; whoever gives it keeps as many as are said second. With
    /// none it stays a cover copy, so that nobody can make a bundle vanish by taking the last one.
    Copies(u8, u8),
}

/// What of a bundle of so many bytes is given to whom somebody meets. `here` and `there` are how many
/// others the two have met of late; nobody can gain more than three parts of four by saying
/// that they are many.
pub fn giving(terms: &Terms, size: usize, here: u32, there: u32) -> Giving {
    if terms.copies == SPREAD || (terms.priority == Priority::Urgent && size <= EPIDEMIC_MAX) {
        return Giving::Copies(terms.copies, terms.copies);
    }
    match terms.copies {
        0 => Giving::Nothing,
        // Whoever meets many more is likelier to meet the recipient.
        1 if u64::from(there) > 2 * u64::from(here) => Giving::Copies(1, 0),
        1 => Giving::Nothing,
        copies => {
            let (copies, here, there) = (u64::from(copies), u64::from(here) + 1, u64::from(there) + 1);
            let part = (copies * there / (here + there)).clamp(1, (copies * 3 / 4).max(1));
            let given = u8::try_from(part).unwrap_or(1);
            Giving::Copies(given, terms.copies - given)
        }
    }
}

/// Whether this device asks for a bundle that is not for it. `secret` is the device's own, so
/// that it always asks for the same ones, and nobody can tell them from those that are for it. The
/// [short form](BundleId::short) of the id decides.
pub fn is_cover(secret: &Secret<32>, id: &BundleId) -> bool {
    blake3_keyed(secret, &[&id.short()])[0].is_multiple_of(COVER)
}
