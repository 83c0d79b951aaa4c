//! The person's vault: putting files in, looking at them, getting them out, and going back.

pub(super) mod anchor;
pub(super) mod backup;
pub(super) mod forget;
pub(super) mod fsck;
pub(super) mod gc;
pub(super) mod get;
pub(super) mod history;
pub(super) mod holder;
pub(super) mod image;
pub(crate) mod keep;
pub(super) mod ls;
pub(super) mod meter;
pub(super) mod mount;
pub(crate) mod open;
pub(crate) mod path;
pub(super) mod put;
pub(super) mod restore;
pub(super) mod rm;
pub(super) mod share;
pub(super) mod snapshot;
pub(crate) mod spaces;
mod stop;
pub(super) mod sync;

use allod_vault::files::Time;

/// The time, as files have it.
pub(crate) fn now() -> Time {
    let ms = allod_node::now().0;
    Time {
        seconds: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
        nanoseconds: (ms % 1000) as u32 * 1_000_000,
    }
}

/// As many threads as the machine runs at once.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
