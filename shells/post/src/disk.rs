//! Files that only their owner reads, and that are whole or absent.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::PostError;

/// A folder that only its owner enters.
pub(crate) fn folder(path: &Path) -> Result<(), PostError> {
    DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(PostError::at(path))
}

/// A file that only its owner reads, made if it is not there.
pub(crate) fn file(path: &Path) -> Result<File, PostError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(PostError::at(path))
}

/// Puts a whole file in the place of what was there. Durable once its folder is [synced](sync).
pub(crate) fn put(path: &Path, parts: &[&[u8]]) -> Result<(), PostError> {
    let new = path.with_extension("new");
    let written = (|| -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_data()?;
        fs::rename(&new, path)
    })();
    written.map_err(PostError::at(path))
}

/// Makes durable what was put into a folder.
pub(crate) fn sync(path: &Path) -> Result<(), PostError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(PostError::at(path))
}

/// The bytes of a file, if it is there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, PostError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) => Err(PostError::at(path)(why)),
    }
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), PostError> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(PostError::at(path)(why)),
        _ => Ok(()),
    }
}
