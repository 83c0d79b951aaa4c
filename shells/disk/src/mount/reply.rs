//! Answers of the kinds that many requests have.

use allod_vault::files::{Ino, Reader};
use allod_vault::{Blocks, Compress, Refusal, VaultError};
use fuser::{Errno, FileAttr, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyLseek, ReplyXattr};

use super::convert::errno;
use super::{Answer, GENERATION, REMEMBERED};

/// Where data, or what is none, begins at or after a place in a file.
pub(super) fn seek<B: Blocks, C: Compress>(
    reader: &mut Reader<'_, B, C>,
    ino: Ino,
    (offset, whence): (i64, i32),
) -> Result<u64, Errno> {
    const DATA: i32 = 3;
    const HOLE: i32 = 4;
    let (Ok(offset), DATA | HOLE) = (u64::try_from(offset), whence) else {
        return Err(Errno::EINVAL);
    };
    let failed = |why| errno(&why);
    let size = reader.inode(ino).map_err(failed)?.size;
    if offset >= size {
        return Err(Errno::ENXIO);
    }
    let mut place = offset;
    loop {
        match reader.next_data(ino, place).map_err(failed)? {
            Some((start, _)) if whence == DATA => return Ok(start),
            None if whence == DATA => return Err(Errno::ENXIO),
            Some((start, end)) if start == place && end < size => place = end,
            Some((start, _)) if start == place => return Ok(size),
            _ => return Ok(place),
        }
    }
}

pub(super) fn sought(place: Result<u64, Errno>, reply: ReplyLseek) {
    match place {
        Ok(place) => reply.offset(place as i64),
        Err(why) => reply.error(why),
    }
}

pub(super) fn empty(done: Answer<()>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(why) => reply.error(errno(&why)),
    }
}

pub(super) fn attributes(found: Answer<FileAttr>, reply: ReplyAttr) {
    match found {
        Ok(attributes) => reply.attr(&REMEMBERED, &attributes),
        Err(why) => reply.error(errno(&why)),
    }
}

pub(super) fn data(bytes: Answer<Vec<u8>>, reply: ReplyData) {
    match bytes {
        Ok(bytes) => reply.data(&bytes),
        Err(why) => reply.error(errno(&why)),
    }
}

pub(super) fn entry(found: Answer<FileAttr>, reply: ReplyEntry) {
    match found {
        Ok(attributes) => reply.entry(&REMEMBERED, &attributes, GENERATION),
        Err(why) => reply.error(errno(&why)),
    }
}

pub(super) fn attribute_bytes(bytes: Answer<Vec<u8>>, size: u32, reply: ReplyXattr) {
    match bytes {
        Ok(bytes) if size == 0 => reply.size(bytes.len() as u32),
        Ok(bytes) if bytes.len() > size as usize => reply.error(Errno::ERANGE),
        Ok(bytes) => reply.data(&bytes),
        Err(VaultError::Refused(Refusal::NotFound)) => reply.error(Errno::ENODATA),
        Err(why) => reply.error(errno(&why)),
    }
}

pub(super) fn attribute_set(done: Answer<()>, reply: ReplyEmpty) {
    match done {
        Err(VaultError::Refused(Refusal::NotFound)) => reply.error(Errno::ENODATA),
        Err(VaultError::Refused(Refusal::TooLarge)) => reply.error(Errno::E2BIG),
        done => empty(done, reply),
    }
}
