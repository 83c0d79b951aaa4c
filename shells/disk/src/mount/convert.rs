//! What the kernel says, as a vault has it, and the other way round.

use std::time::{Duration, SystemTime};

use allod_vault::files::{FileKind, Ino, Inode, Time};
use allod_vault::{Refusal, VaultError};
use fuser::{Errno, FileAttr, FileType, INodeNo};

/// Bytes that are read and written well at a time.
const PREFERRED: u32 = 128 << 10;

/// A moment, as a vault has it. What is before 1970 has negative seconds, and nanoseconds
/// after those.
pub(super) fn time(moment: SystemTime) -> Time {
    match moment.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => Time {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: since.subsec_nanos(),
        },
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).map_or(i64::MIN + 1, |seconds| -seconds);
            match before.subsec_nanos() {
                0 => Time { seconds, nanoseconds: 0 },
                nanoseconds => Time { seconds: seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
            }
        }
    }
}

/// A moment, as the system has it; the epoch where it has none.
pub(super) fn system_time(moment: Time) -> SystemTime {
    let seconds = Duration::from_secs(moment.seconds.unsigned_abs());
    let whole = match moment.seconds < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(seconds),
        false => SystemTime::UNIX_EPOCH.checked_add(seconds),
    };
    let exact = whole.and_then(|whole| whole.checked_add(Duration::from_nanos(moment.nanoseconds.into())));
    exact.unwrap_or(SystemTime::UNIX_EPOCH)
}

pub(super) fn type_of(kind: FileKind) -> FileType {
    match kind {
        FileKind::File => FileType::RegularFile,
        FileKind::Directory => FileType::Directory,
        FileKind::Symlink => FileType::Symlink,
        FileKind::Pipe => FileType::NamedPipe,
        FileKind::Socket => FileType::Socket,
        FileKind::Characters(_) => FileType::CharDevice,
        FileKind::Blocks(_) => FileType::BlockDevice,
    }
}

/// The kind that the upper bits of a mode name, of what `mknod` makes.
pub(super) fn kind_of_mode(mode: u32, device: u32) -> Option<FileKind> {
    match mode & 0o170_000 {
        0 | 0o100_000 => Some(FileKind::File),
        0o010_000 => Some(FileKind::Pipe),
        0o140_000 => Some(FileKind::Socket),
        0o020_000 => Some(FileKind::Characters(device)),
        0o060_000 => Some(FileKind::Blocks(device)),
        _ => None,
    }
}

pub(super) fn attributes(ino: Ino, inode: &Inode) -> FileAttr {
    let device = match inode.kind {
        FileKind::Characters(device) | FileKind::Blocks(device) => device,
        _ => 0,
    };
    FileAttr {
        ino: INodeNo(ino.0),
        size: inode.size,
        blocks: inode.size.div_ceil(512),
        atime: system_time(inode.accessed),
        mtime: system_time(inode.modified),
        ctime: system_time(inode.changed),
        crtime: system_time(inode.created),
        kind: type_of(inode.kind),
        perm: inode.permissions,
        nlink: inode.links,
        uid: inode.owner,
        gid: inode.group,
        rdev: device,
        blksize: PREFERRED,
        flags: 0,
    }
}

/// What a program is told.
pub(super) fn errno(why: &VaultError) -> Errno {
    match why {
        VaultError::Refused(why) => match why {
            Refusal::NotFound => Errno::ENOENT,
            Refusal::Exists => Errno::EEXIST,
            Refusal::NotDirectory => Errno::ENOTDIR,
            Refusal::IsDirectory => Errno::EISDIR,
            Refusal::NotEmpty => Errno::ENOTEMPTY,
            Refusal::NameTooLong => Errno::ENAMETOOLONG,
            Refusal::TooManyLinks => Errno::EMLINK,
            Refusal::TooLarge => Errno::EFBIG,
            Refusal::BadName | Refusal::WithinItself | Refusal::WrongKind => Errno::EINVAL,
        },
        VaultError::Full => Errno::ENOSPC,
        VaultError::ReadOnly => Errno::EROFS,
        _ => Errno::EIO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_also_those_before_1970() {
        for (seconds, nanoseconds) in [(0, 0), (1, 5), (-1, 999_999_999), (-5, 0), (1 << 40, 7)] {
            let moment = Time { seconds, nanoseconds };
            assert_eq!(time(system_time(moment)), moment);
        }
    }
}
