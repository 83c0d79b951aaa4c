//! The clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use allod_wire::Instant;

/// How much this process's clock is ahead, in milliseconds. It is 0 but in a
/// guardian of a network for trying out; see [`crate::network::skew_clock`].
static SKEW_MS: AtomicI64 = AtomicI64::new(0);

/// What the system's clock says. Before 1970 counts as 1970.
pub fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    Instant(ms.saturating_add_signed(SKEW_MS.load(Ordering::Relaxed)))
}

/// Puts this process's clock wrong from now on.
pub(crate) fn skew(ahead_ms: i64) {
    SKEW_MS.store(ahead_ms, Ordering::Relaxed);
}
