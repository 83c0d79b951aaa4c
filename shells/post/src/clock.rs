//! The clock.

use std::time::{SystemTime, UNIX_EPOCH};

use allod_wire::Instant;

/// What the system's clock says. Before 1970 counts as 1970.
pub fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
