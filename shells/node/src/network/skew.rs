//! A clock that is put wrong on purpose, to see what the others make of it.
//!
//! A guardian reads the time through [`now`](crate::now) alone. When it starts
//! it looks for [`SKEW_VARIABLE`], and obeys it only as a guardian of a network
//! that some process watches over at this moment: its configuration lies in a
//! folder below a `lock` that is held. Any other guardian refuses to start with
//! the variable, so that none that people rely on ever runs with a wrong clock.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::NetworkError;

/// Names how many milliseconds a guardian's clock is ahead; behind, where the
/// number is negative.
pub const SKEW_VARIABLE: &str = "ALLOD_CLOCK_SKEW_MS";

/// Puts this process's clock wrong, where it is to be the guardian of a network
/// for trying out and the environment says so. Returns by how many milliseconds.
///
/// # Errors
/// [`NetworkError::Refused`], where the variable is set and the guardian is of no
/// such network, or where it names no number.
pub fn skew_clock(config: &Path) -> Result<Option<i64>, NetworkError> {
    let Some(value) = std::env::var_os(SKEW_VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    if !is_watched_over(config) {
        return Err(NetworkError::Refused(format!(
            "{SKEW_VARIABLE} is set, which puts clocks wrong and is only for the guardians of a running \
             `allod testnet`; {} is of none, so unset it",
            config.display()
        )));
    }
    let skew_ms = value.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
        NetworkError::Refused(format!("{SKEW_VARIABLE} is not a number of milliseconds: {value:?}"))
    })?;
    crate::clock::skew(skew_ms);
    tracing::warn!(
        skew_ms,
        "THE CLOCK OF THIS GUARDIAN IS WRONG ON PURPOSE, since {SKEW_VARIABLE} is set: this is a test"
    );
    Ok(Some(skew_ms))
}

/// Whether the configuration is of a guardian in a network that runs.
fn is_watched_over(config: &Path) -> bool {
    let Ok(config) = config.canonicalize() else { return false };
    let network = config.parent().and_then(Path::parent);
    let lock = network.and_then(|network| File::open(network.join("lock")).ok());
    lock.is_some_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}
