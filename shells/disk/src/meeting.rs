//! A meeting over a link on which each side proved its device's key: both say who they are, and
//! bring each other's members and keys up to date. A [sync](crate::sync) follows.
//!
//! | the side that began | the side that was called |
//! |---|---|
//! | its hello | |
//! | | its hello, and its answer: nothing, a grant, or why not |
//! | its answer | |
//!
//! A message goes as its length (4 bytes, little endian) and its bytes.

use std::io::{self, ErrorKind, Read, Write};

use allod_crypto::CryptoRng;
use allod_crypto::sign::{SigningKey, VerifyingKey};
use allod_did::Log;
use allod_vault::SpaceId;
use allod_vault::files::Access;
use allod_vault::share::{GRANT_MAX, Grant, HELLO_MAX, Hello, RosterError, ShareError, accept, answer};

const NOTHING: u8 = 0;
const GRANT: u8 = 1;
const REFUSED: u8 = 2;

/// The most bytes of why somebody is refused.
const REASON_MAX: usize = 500;

/// Why a meeting came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum MeetingError {
    /// The link broke, or the other side went away.
    #[error("the link to the other device: {0}")]
    Link(#[from] io::Error),
    /// What the other side showed was refused here.
    #[error("{0}")]
    Here(RosterError),
    /// The other side refuses, and says this.
    #[error("the other device refuses: {0}")]
    There(String),
}

impl From<RosterError> for MeetingError {
    fn from(why: RosterError) -> Self {
        Self::Here(why)
    }
}

impl From<ShareError> for MeetingError {
    fn from(why: ShareError) -> Self {
        Self::Here(why.into())
    }
}

/// This device, and the key that the other side proved.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// The log of the person whose device this is.
    pub log: &'a Log,
    /// This device's key.
    pub device: &'a SigningKey,
    /// The other device's.
    pub proven: &'a VerifyingKey,
}

/// Begins a meeting about a space that is here. With the other side's hello, and whether
/// members or keys changed here.
///
/// # Errors
/// [`MeetingError`].
pub fn meet(
    mut files: impl Access,
    sides: Sides<'_>,
    (from, to): (&mut impl Read, &mut impl Write),
    rng: &mut impl CryptoRng,
) -> Result<(Hello, bool), MeetingError> {
    let own = files.with(|files| Hello::new(files, sides.log, sides.device))?;
    write(to, &own.encode())?;
    let hello = hello(from, sides.proven)?;
    let changed = take(&mut files, sides, &read(from, GRANT_MAX + 1)?, rng)?;
    give(&mut files, sides, &hello, to, rng)?;
    Ok((hello, changed))
}

/// Begins a meeting to join a space, or the person's own where none is named. With the grant,
/// of which the founder is one that the caller has to trust.
///
/// # Errors
/// [`MeetingError`].
pub fn join(
    space: Option<SpaceId>,
    sides: Sides<'_>,
    (from, to): (&mut impl Read, &mut impl Write),
) -> Result<Grant, MeetingError> {
    write(to, &Hello::to_join(space, sides.log, sides.device)?.encode())?;
    hello(from, sides.proven)?;
    let granted = read(from, GRANT_MAX + 1)?;
    if granted.first() == Some(&GRANT) {
        write(to, &[NOTHING])?;
    }
    match granted.split_first() {
        Some((&GRANT, sealed)) => {
            let (grant, by) = Grant::open(sealed, sides.device)?;
            match by.key == *sides.proven {
                true => Ok(grant),
                false => Err(ShareError::Signature(by.did).into()),
            }
        }
        Some((&REFUSED, why)) => Err(refused(why)),
        _ => Err(ShareError::Malformed.into()),
    }
}

/// What the side that began says first. The caller chooses by it which space it is about.
///
/// # Errors
/// [`MeetingError`].
pub fn hello(from: &mut impl Read, proven: &VerifyingKey) -> Result<Hello, MeetingError> {
    Ok(Hello::decode(&read(from, HELLO_MAX)?, proven)?)
}

/// Answers a meeting that was begun with this hello. With whether members or keys changed
/// here, and nothing where the other side joined and has to come again to sync.
///
/// # Errors
/// [`MeetingError`].
pub fn answer_meeting(
    mut files: impl Access,
    begun: &Hello,
    sides: Sides<'_>,
    (from, to): (&mut impl Read, &mut impl Write),
    rng: &mut impl CryptoRng,
) -> Result<Option<bool>, MeetingError> {
    let own = files.with(|files| Hello::new(files, sides.log, sides.device))?;
    write(to, &own.encode())?;
    give(&mut files, sides, begun, to, rng)?;
    let changed = take(&mut files, sides, &read(from, GRANT_MAX + 1)?, rng)?;
    Ok((!begun.joins()).then_some(changed))
}

/// Refuses a meeting before there is any space to speak of.
///
/// # Errors
/// What the link says.
pub fn refuse(own: &Hello, why: &str, to: &mut impl Write) -> io::Result<()> {
    write(to, &own.encode())?;
    write(to, &[&[REFUSED], cut(why).as_bytes()].concat())
}

fn give(
    files: &mut impl Access,
    sides: Sides<'_>,
    hello: &Hello,
    to: &mut impl Write,
    rng: &mut impl CryptoRng,
) -> Result<(), MeetingError> {
    match files.with(|files| answer(files, hello, sides.device, rng)) {
        Ok(Some(grant)) => write(to, &[&[GRANT], &grant[..]].concat())?,
        Ok(None) => write(to, &[NOTHING])?,
        Err(why) => {
            write(to, &[&[REFUSED], cut(&why.to_string()).as_bytes()].concat())?;
            return Err(why.into());
        }
    }
    Ok(())
}

fn take(
    files: &mut impl Access,
    sides: Sides<'_>,
    answered: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<bool, MeetingError> {
    match answered.split_first() {
        Some((&NOTHING, [])) => Ok(false),
        Some((&GRANT, grant)) => {
            Ok(files.with(|files| accept(files, grant, sides.proven, sides.device, rng))?)
        }
        Some((&REFUSED, why)) => Err(refused(why)),
        _ => Err(ShareError::Malformed.into()),
    }
}

fn refused(why: &[u8]) -> MeetingError {
    let text = String::from_utf8_lossy(why);
    MeetingError::There(text.chars().filter(|character| !character.is_control()).take(REASON_MAX).collect())
}

fn cut(why: &str) -> &str {
    why.get(..REASON_MAX.min(why.len())).unwrap_or_default()
}

fn write(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    to.write_all(&(message.len() as u32).to_le_bytes())?;
    to.write_all(message)?;
    to.flush()
}

fn read(from: &mut impl Read, size_max: usize) -> io::Result<Vec<u8>> {
    let mut size = [0; 4];
    from.read_exact(&mut size)?;
    let size = u32::from_le_bytes(size) as usize;
    if size > size_max {
        return Err(io::Error::new(ErrorKind::InvalidData, "a message is too long"));
    }
    // Memory is taken as bytes come.
    let mut message = Vec::new();
    from.take(size as u64).read_to_end(&mut message)?;
    match message.len() == size {
        true => Ok(message),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use allod_crypto::Secret;
    use allod_did::{PublicKey, Root};
    use allod_vault::files::{Files, Time};
    use allod_vault::{Geometry, Ring};
    use allod_wire::Instant;
    use getrandom::rand_core::UnwrapErr;

    use super::*;
    use crate::{FileBlocks, Zstd};

    type Vault = Files<FileBlocks, Zstd>;

    fn rng() -> UnwrapErr<getrandom::SysRng> {
        UnwrapErr(getrandom::SysRng)
    }

    fn person(number: u8) -> (Log, SigningKey) {
        let root = Root::from_bytes(Secret::from([number; 32]));
        let device = SigningKey::from_seed(&Secret::from([number + 100; 32]));
        let log = Log::create(&root, PublicKey::Ed25519(device.verifying_key()), "device", Instant(1));
        (log.unwrap(), device)
    }

    fn vault(folder: &std::path::Path, name: &str, of: Option<(SpaceId, Ring)>) -> Vault {
        let blocks = FileBlocks::create(&folder.join(name)).unwrap();
        let (root, by) = (Secret::from([1; 32]), (0, 0, Time::default()));
        match of {
            Some(of) => Files::join(blocks, Zstd, &root, Geometry::VAULT, of, by, &mut rng()),
            None => Files::create(blocks, Zstd, &root, Geometry::VAULT, by, &mut rng()),
        }
        .unwrap()
    }

    #[test]
    fn a_member_joins_over_a_link_and_meets_again_and_a_stranger_is_told_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let ((log, device), (friend_log, friend)) = (person(1), person(2));
        let (stranger_log, stranger) = person(3);
        let mut files = vault(folder.path(), "one", None);
        let logs = [friend_log.clone()];
        files.set_members(&log, &logs, b"photos", &device, &mut rng()).unwrap();
        let mut serve = |proven: &VerifyingKey, link: UnixStream| {
            let (mut from, mut to) = (link.try_clone().unwrap(), link);
            let sides = Sides { log: &log, device: &device, proven };
            let begun = hello(&mut from, proven)?;
            answer_meeting(&mut files, &begun, sides, (&mut from, &mut to), &mut rng())
        };
        let key = device.verifying_key();
        std::thread::scope(|scope| {
            let (here, there) = UnixStream::pair().unwrap();
            let sides = Sides { log: &friend_log, device: &friend, proven: &key };
            let joined = scope.spawn(move || {
                let (mut from, mut to) = (here.try_clone().unwrap(), here);
                join(None, sides, (&mut from, &mut to)).unwrap()
            });
            assert_eq!(serve(&friend.verifying_key(), there).unwrap(), None);
            let grant = joined.join().unwrap();
            let mut other = vault(folder.path(), "other", Some((grant.roster.space(), grant.ring.clone())));
            other.join_roster(&grant.roster).unwrap();
            let (here, there) = UnixStream::pair().unwrap();
            let met = scope.spawn(move || {
                let (mut from, mut to) = (here.try_clone().unwrap(), here);
                meet(&mut other, sides, (&mut from, &mut to), &mut rng()).unwrap().1
            });
            assert_eq!(serve(&friend.verifying_key(), there).unwrap(), Some(false));
            assert!(!met.join().unwrap());
            let (here, there) = UnixStream::pair().unwrap();
            let sides = Sides { log: &stranger_log, device: &stranger, proven: &key };
            let refused = scope.spawn(move || {
                let (mut from, mut to) = (here.try_clone().unwrap(), here);
                join(None, sides, (&mut from, &mut to)).unwrap_err()
            });
            assert!(serve(&stranger.verifying_key(), there).is_err());
            let refused = refused.join().unwrap();
            assert!(
                matches!(&refused, MeetingError::There(why) if why.contains("not a member")),
                "{refused}"
            );
        });
    }

    #[test]
    fn a_message_that_is_too_long_or_cut_off_is_no_message() {
        let mut long = &[0xFF, 0xFF, 0xFF, 0x7F, 1][..];
        assert_eq!(read(&mut long, 1000).unwrap_err().kind(), ErrorKind::InvalidData);
        let mut short = &[5, 0, 0, 0, 1, 2][..];
        assert_eq!(read(&mut short, 1000).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
