//! What is found in a folder of parts, and what is wrong with it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::A_FOLDER;
use crate::blocks::DiskError;

/// Why a folder is no vault's, as it is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// What says how large parts are, or how many, is missing or says something else.
    #[error("{}: this does not say what a vault's folder of parts says there", .0.display())]
    Header(PathBuf),
    /// A part is not there.
    #[error("{}: this part of the vault is missing; copy it from where the rest was copied from", .0.display())]
    Missing(PathBuf),
    /// A part is too short or too long.
    #[error(
        "{}: this part of the vault has {size} bytes instead of {part_size}; copy it again from where it was copied from",
        path.display()
    )]
    Size {
        /// Which.
        path: PathBuf,
        /// Its bytes.
        size: u64,
        /// What each part has.
        part_size: u64,
    },
    /// A second file that is called like a part, as tools leave one where two copies differ.
    #[error("{}: this is a second copy of a part of the vault; move the one away that is not wanted", .0.display())]
    Doubled(PathBuf),
    /// Something that does not belong there.
    #[error("{}: this is no part of the vault; move it away", .0.display())]
    Surplus(PathBuf),
}

/// The sizes of all parts that are there.
pub(super) fn sizes(folder: &Path) -> Result<BTreeMap<u32, u64>, DiskError> {
    let mut sizes = BTreeMap::new();
    for (path, name) in names(folder)? {
        match name.as_deref() {
            Some("header" | "count" | "count.new") => continue,
            Some(name) if number_of(name).is_some() && path.is_dir() => {}
            _ => return Err(strange(path, name.as_deref())),
        }
        let above = name.as_deref().and_then(number_of).unwrap_or_default();
        for (path, name) in names(&path)? {
            let metadata = fs::metadata(&path);
            let metadata = metadata.map_err(|source| DiskError::File { path: path.clone(), source })?;
            match name.as_deref().and_then(number_of) {
                Some(number) if metadata.is_file() => {
                    sizes.insert(above * A_FOLDER + number, metadata.size());
                }
                _ => return Err(strange(path, name.as_deref())),
            }
        }
    }
    Ok(sizes)
}

/// What is in a folder, but for what is hidden, which systems leave everywhere.
fn names(folder: &Path) -> Result<Vec<(PathBuf, Option<String>)>, DiskError> {
    let failed = |source| DiskError::File { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().into_string().ok();
        if !name.as_deref().is_some_and(|name| name.starts_with('.')) {
            names.push((entry.path(), name));
        }
    }
    names.sort();
    Ok(names)
}

fn strange(path: PathBuf, name: Option<&str>) -> DiskError {
    let is_doubled = |name: &str| {
        let stem = name.get(..4).is_some_and(|stem| number_of(stem).is_some());
        stem || name.starts_with("header") || name.starts_with("count")
    };
    DiskError::Parts(match name {
        Some(name) if is_doubled(name) && number_of(name).is_none() => PartsError::Doubled(path),
        _ => PartsError::Surplus(path),
    })
}

/// The number that a folder or a part is called.
fn number_of(name: &str) -> Option<u32> {
    let is_number = name.len() == 4 && name.bytes().all(|byte| byte.is_ascii_digit());
    name.parse().ok().filter(|number| is_number && *number < A_FOLDER)
}

pub(super) fn folder_of(folder: u32) -> String {
    format!("{folder:04}")
}

pub(super) fn path_of(folder: &Path, number: u32) -> PathBuf {
    folder.join(folder_of(number / A_FOLDER)).join(format!("{:04}", number % A_FOLDER))
}
