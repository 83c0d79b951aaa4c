//! How a bundle is to be carried.

use allod_wire::Instant;

/// Seconds since the beginning of 2000, which is when the time of RFC 9171 (section 4.2.6)
/// begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub u32);

/// Milliseconds from 1970 to 2000.
const EPOCH_MS: u64 = 946_684_800_000;

impl Seconds {
    /// The second that an instant is in. The last one there is, for instants after 2136.
    pub fn at(instant: Instant) -> Self {
        Self(u32::try_from(instant.0.saturating_sub(EPOCH_MS) / 1000).unwrap_or(u32::MAX))
    }

    /// When the second begins.
    pub fn instant(self) -> Instant {
        Instant(u64::from(self.0) * 1000 + EPOCH_MS)
    }
}

/// How urgent a bundle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Whatever room is left: parts of files.
    Bulk = 0,
    /// What people write.
    Normal = 1,
    /// What must not wait, is small, and is copied to everybody.
    Urgent = 2,
}

impl Priority {
    /// The one with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Bulk, Self::Normal, Self::Urgent].into_iter().find(|priority| *priority as u8 == code)
    }
}

/// How long a bundle is carried: one of a few steps, so that its lifetime tells little of who
/// made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime(u8);

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// The steps, in seconds.
const STEPS: [u64; 12] = [
    600,
    HOUR,
    6 * HOUR,
    DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    60 * DAY,
    90 * DAY,
    180 * DAY,
    365 * DAY,
];

impl Lifetime {
    /// What people write: a month.
    pub const MESSAGE: Self = Self(7);

    /// The shortest step that is at least so many seconds; a year at most.
    pub fn at_least(seconds: u64) -> Self {
        let step = STEPS.iter().position(|step| *step >= seconds).unwrap_or(STEPS.len() - 1);
        Self(step as u8)
    }

    /// The step that is just so many seconds.
    pub fn exactly(seconds: u64) -> Option<Self> {
        STEPS.iter().position(|step| *step == seconds).map(|step| Self(step as u8))
    }

    /// The step with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        (usize::from(code) < STEPS.len()).then_some(Self(code))
    }

    /// The step's number.
    pub fn code(self) -> u8 {
        self.0
    }

    /// How long that is, in seconds.
    pub fn seconds(self) -> u64 {
        STEPS[usize::from(self.0)]
    }
}

/// How a bundle is to be carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// When it was made.
    pub created: Seconds,
    /// A random number that tells bundles of one second and one tag apart.
    pub sequence: u16,
    /// How long it is carried.
    pub lifetime: Lifetime,
    /// How urgent it is.
    pub priority: Priority,
    /// How many carriers more may have it from whoever gives it on. It changes on the way.
    pub copies: u8,
    /// Whoever takes it on is asked to keep it until it expires or was delivered.
    pub custody: bool,
}

impl Terms {
    /// When it expires.
    pub fn expires(&self) -> Instant {
        let created = self.created.instant();
        Instant(created.0.saturating_add(self.lifetime.seconds() * 1000))
    }
}
