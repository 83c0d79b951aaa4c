//! Extended attributes of files outside.
//!
//! All that a system shows are brought into a vault. When they are brought out, those of the
//! `user` namespace have to be accepted; others, such as capabilities and access control lists,
//! are set where the system lets this user do so, as owners are.

use std::io;
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};
use rustix::io::Errno;

/// Bytes with which reading begins.
const ROOM: usize = 1024;

/// A name and its value.
pub(crate) type Attribute = (Vec<u8>, Vec<u8>);

/// The extended attributes of a file, and not of where it leads.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Attribute>> {
    let names = match whole(|room| llistxattr(path, spare_capacity(room))) {
        Ok(names) => names,
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(why) => return Err(why.into()),
    };
    let mut found = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match whole(|room| lgetxattr(path, name, spare_capacity(room))) {
            Ok(value) => found.push((name.to_vec(), value)),
            // It went meanwhile, or is not for this user to see.
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) => {}
            Err(why) => return Err(why.into()),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads with more and more room, until all fits.
fn whole(read: impl Fn(&mut Vec<u8>) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::with_capacity(ROOM);
    loop {
        match read(&mut bytes) {
            Ok(_) => return Ok(bytes),
            Err(Errno::RANGE) if bytes.capacity() < 1 << 20 => bytes.reserve(bytes.capacity() * 4),
            Err(why) => return Err(why),
        }
    }
}

/// Gives a file an extended attribute.
pub(crate) fn set(path: &Path, name: &[u8], value: &[u8]) -> io::Result<()> {
    match lsetxattr(path, name, value, XattrFlags::empty()) {
        Err(_) if !name.starts_with(b"user.") => Ok(()),
        done => Ok(done?),
    }
}
