//! The contact of two carriers: over a link whose frames arrive whole and in order, each finds out
//! what the other has, asks for what it wants, and gives what the other asks for.
//!
//! Roles: both sides do the same, but that whoever drew the greater nonce *asks* in the
//! reconciliation. Each *gives* and *takes* at the same time.
//!
//! Flow:
//! 1. Both say hello: the largest frame they take, how many others they met of late, a
//!    nonce, and a key if they want to be recognised. Unless the link knows the other side, each
//!    signs both hellos: quotas and days met hang on a key that was there.
//! 2. They reconcile the ids of what they carry ([`Asking`], [`Answering`]). The asking side says what it lacks.
//! 3. Each shows the headers of what the other lacks, the most urgent first, then what expires
//!    first; some at a time. The other asks for what is for it, what it carries for others, and its
//!    covers, which look all the same; or it shows the token of what was delivered.
//! 4. What was asked for comes in its order, in frames that say where in the bundle they belong. Once it is
//!    durable, whoever took it says so, and whether it answers for it from now on. Then copies
//!    are counted here, and not before: if the contact breaks, there are rather too many than none.
//! 5. While the contact lasts, what is new is shown at once, and so are tokens. What was declined
//!    is shown again when it is asked for: opening one message may let others be expected. Among
//!    those that are wanted then are three times as many that are not.
//!
//! What came of a large bundle when the contact breaks is kept as a fragment; the same carrier is
//! asked for the rest when it is met again.
//!
//! The rule for a shell: after each [`handle`](Encounter::handle), take outputs until
//! [`poll`](Encounter::poll) gives none; when the link has taken all frames, say
//! [`Input::Sent`], and poll again. After an error, or once it has said [`Input::Over`], it polls, answers what
//! it is asked to keep, and forgets the encounter.
//!
//! What this never does: it never says that it keeps what is not durable; never shows parts of
//! files on a link whose bytes cost something; never takes more than it asked for; never says
//! for whom a bundle is that it asks for.

mod contact;
mod error;
mod frame;
mod give;
mod message;
mod reconcile;
mod take;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use allod_crypto::Secret;

pub use contact::Encounter;
pub use error::{EncounterError, Faults};
pub use message::Declined;
pub use reconcile::{Answering, Asking, ReconcileError};

use crate::bundle::{Bundle, BundleId};
use crate::carry::{Carried, Origin, PeerId, Store};
use crate::ratchet::{Tag, Token};

/// The least bytes of a frame.
pub const MTU_MIN: usize = 230;

/// The most bytes of a frame.
pub const MTU_MAX: usize = 4 << 20;

/// What of this device an encounter works on.
pub struct Here<'a> {
    /// What it carries.
    pub store: &'a mut Store,
    /// Whether a session expects a message with this tag.
    pub wants: &'a dyn Fn(&Tag) -> bool,
    /// Which covers are asked for; see [`crate::carry::is_cover`].
    pub cover: &'a Secret<32>,
    /// On how many days somebody was met, today included.
    pub days: &'a dyn Fn(&PeerId) -> u32,
}

/// What a shell tells an encounter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A frame came.
    Frame(Vec<u8>),
    /// All frames that were given out have left: there is room for more.
    Sent,
    /// The bundle that was to be [loaded](Output::Load), or that it is not there.
    Loaded(BundleId, Option<Bundle>),
    /// What was to be [kept](Output::Keep) is durable.
    Kept(BundleId),
    /// It could not be kept.
    NotKept(BundleId),
    /// A bundle is in the store that was not before, and durable. Those that this encounter took itself
    /// need not be told.
    New(BundleId),
    /// Something was delivered, as a message that was opened here says ([`Store::tell`]), or another encounter.
    Delivered(Token),
    /// Other tags may be wanted than before.
    Wanted,
    /// The [deadline](Encounter::deadline) may have passed.
    Tick,
    /// The link is closed, from here or there.
    Over,
}

/// What an encounter tells its shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Give this to the link.
    Send(Vec<u8>),
    /// Read a bundle: [`Input::Loaded`].
    Load(BundleId),
    /// Store a bundle with what is known of it, durably: [`Input::Kept`]. It is in the [`Store`] already. Where
    /// [`Carried::is_wanted`] is set, it is for this device.
    Keep(Bundle, Carried),
    /// Store what is known of a bundle; nothing waits for it.
    Update(BundleId, Carried),
    /// Erase a bundle; it is not in the [`Store`] any more.
    Erase(BundleId),
    /// Something happened.
    Event(Event),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The other side has shown who it is, or that it does not want to.
    Met {
        /// Who it is.
        peer: Origin,
        /// How many others it has met of late, as it says.
        reach: u32,
    },
    /// A bundle for this device is durable: it can be opened.
    Came(BundleId),
    /// A bundle for others is durable.
    Took(BundleId),
    /// The other side keeps a bundle.
    Gave {
        /// Which one.
        id: BundleId,
        /// How many copies it got; without any it has one for whoever asks.
        copies: u8,
        /// Whether it answers for it from now on.
        custody: bool,
    },
    /// The other side does not keep a bundle.
    Declined(BundleId, Declined),
    /// The other side showed the token of a bundle that was carried here. It is to be told to
    /// other encounters, and the [tokens](Store::delivered) to be stored.
    Delivered(Token),
    /// Both have shown all that they had, and what was asked for is durable on the other side.
    Settled,
}
