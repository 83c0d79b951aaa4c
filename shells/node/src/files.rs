//! Files that are whole or absent, readable by their owner alone, and on the
//! disk before anybody is told so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file or folder could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = path.display())]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

#[cfg(test)]
thread_local! {
    /// The folders that this thread synced.
    pub(crate) static SYNCED: std::cell::RefCell<Vec<PathBuf>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Names the file in an error.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { path, source }
}

/// Makes a folder, with those above it, that only its owner can enter. Durable
/// when this returns.
pub(crate) fn private_folder(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    private_folder(parent)?;
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(at(path)(e)),
        // Its name is in its parent, which must be on the disk as well.
        _ => sync_folder(parent),
    }
}

/// Opens or makes a file that only its owner can read, for reading and writing.
pub(crate) fn private_file(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(at(path))
}

/// Writes a new file that only its owner can read. Durable when this returns.
///
/// # Errors
/// [`FileError`], also where there is a file already.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(at(path))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(at(path))
}

/// Writes a new file that everybody may read, whatever the caller's mask. Durable
/// when this returns.
///
/// # Errors
/// [`FileError`], also where there is a file already.
pub fn write_public(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_private(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).map_err(at(path))
}

/// Replaces a file's content: afterwards the new content is durable, and at no
/// moment is there anything but the old or the new. Only its owner can read it.
///
/// # Errors
/// [`FileError`].
pub fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = folder.join(name);
    // What a crash left behind may be of another owner's making; start afresh.
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(at(&temporary)(e)),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(at(&temporary))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(at(&temporary))?;
    fs::rename(&temporary, path).map_err(at(path))?;
    sync_folder(folder)
}

/// Makes a folder's entries durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), FileError> {
    #[cfg(test)]
    SYNCED.with_borrow_mut(|synced| synced.push(folder.to_owned()));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

/// A file's content, or nothing where there is no file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(at(path)(e)),
    }
}
