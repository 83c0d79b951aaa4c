//! A sync over a link: anything that carries bytes both ways, such as a connection, or the
//! standard input and output of a command.
//!
//! A message goes as its length (4 bytes, little endian) and its bytes. Who is at the other end
//! of the link is for the link to prove; what is taken from there is only what devices signed
//! that may write.

use std::io::{self, Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use allod_crypto::CryptoRng;
use allod_vault::files::Time;
use allod_vault::share::Writers;
use allod_vault::sync::{Event, MESSAGE_MAX, Me, Now, Role, Session, Summary, SyncError, With};

use crate::within_reach::{IsOpen, Use};

/// Why a sync over a link ended early. What was durable before still is, and the next goes on
/// from there.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The link broke, or the other side went away.
    #[error("the link to the other device: {0}")]
    Link(#[from] io::Error),
    /// The sync itself.
    #[error("{0}")]
    Sync(SyncError),
}

impl From<SyncError> for LinkError {
    fn from(why: SyncError) -> Self {
        Self::Sync(why)
    }
}

/// Who syncs, and whose changes are taken.
pub struct Who<'a> {
    /// This device.
    pub me: &'a Me,
    /// What is taken of what devices did.
    pub writers: &'a Writers,
}

/// Syncs over a link, until both sides have what the other had. `see` is shown what is found out
/// about devices.
///
/// # Errors
/// [`LinkError`].
pub fn sync(
    mut files: impl Use,
    role: Role,
    who: &Who<'_>,
    link: &mut (impl Read + Write),
    rng: &mut impl CryptoRng,
    see: &mut dyn FnMut(Event),
) -> Result<Summary, LinkError> {
    let session = files.look(|files| Session::new(files, role, &with(who, &|_| false, rng)));
    let mut session = session.map_err(SyncError::from)?;
    loop {
        while let Some(message) = files.look(|files| session.poll(files))? {
            link.write_all(&(message.len() as u32).to_le_bytes())?;
            link.write_all(&message)?;
        }
        link.flush()?;
        session.events().into_iter().for_each(&mut *see);
        if session.is_done() {
            return Ok(session.summary());
        }
        let mut length = [0; 4];
        link.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MESSAGE_MAX {
            return Err(SyncError::TooMuch.into());
        }
        let mut message = vec![0; length];
        link.read_exact(&mut message)?;
        let handled =
            files.change(|files, is_open| session.handle(files, &with(who, is_open, rng), &message));
        handled.map_err(SyncError::from)??;
    }
}

fn with<'a>(who: &Who<'a>, is_open: &'a IsOpen<'a>, rng: &mut impl CryptoRng) -> With<'a> {
    let mut nonce = [0; 16];
    rng.fill_bytes(&mut nonce);
    let time = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Time { seconds: since.as_secs() as i64, nanoseconds: since.subsec_nanos() },
        // A clock that stands before 1970; only names of copies depend on it.
        Err(_) => Time::default(),
    };
    With { me: who.me, now: Now { time, nonce, is_open }, writers: who.writers }
}
