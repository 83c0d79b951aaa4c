//! Stopping a command that takes long, in such a way that what was done is kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::commands::ending::Ending;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// Has the command stop at SIGINT or SIGTERM where it next can, and says so; at a second one, the
/// process ends at once. Work for another process stops when that one says so.
pub(super) fn stop_at_signals(screen: &Screen, said: &'static str) -> Result<(), Failure> {
    if screen.caller().is_some() {
        return Ok(());
    }
    let mut ending = Ending::new(false)?;
    let (stops, screen) = (Arc::clone(screen.stops()), screen.clone());
    tokio::spawn(async move {
        ending.wait().await;
        stops.store(true, Ordering::Relaxed);
        screen.note(said);
        ending.wait().await;
        // The vault takes this as any other crash.
        std::process::exit(i32::from(Kind::Failed as u8));
    });
    Ok(())
}
