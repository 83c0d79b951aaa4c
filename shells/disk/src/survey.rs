//! Looking how much an import will have to do, so that somebody who waits can be told.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::import::ImportOptions;

/// Adds up the sizes of the files that an import of this path brings, and tells the sum from
/// time to time, as long as the one who sees it says so. What cannot be looked at counts nothing.
pub fn survey(from: &Path, mut options: ImportOptions<'_>, see: &mut dyn FnMut(u64) -> bool) {
    options.ignored.begin(from);
    let (mut sum, mut links) = (0, BTreeSet::new());
    // Directories, and after what is in them where to come out of them.
    let mut rest = vec![Step::Look(from.to_owned())];
    let file_system = fs::symlink_metadata(from).map(|metadata| metadata.dev()).unwrap_or_default();
    while let Some(step) = rest.pop() {
        let path = match step {
            Step::Look(path) => path,
            Step::Leave(directory) => {
                options.ignored.leave(&directory);
                continue;
            }
        };
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let identity = (metadata.dev(), metadata.ino());
        let is_left_out = path != from && options.ignored.has(&path, metadata.is_dir());
        if is_left_out || options.without.contains(&identity) {
            continue;
        }
        if metadata.is_dir() && (metadata.dev() == file_system || !options.one_file_system) {
            let Ok(entries) = fs::read_dir(&path) else { continue };
            let names: Vec<OsString> = entries.flatten().map(|entry| entry.file_name()).collect();
            options.ignored.enter(&path, names.iter().map(OsString::as_os_str));
            rest.push(Step::Leave(path.clone()));
            rest.extend(names.iter().map(|name| Step::Look(path.join(name))));
            if !see(sum) {
                return;
            }
        } else if metadata.is_file() && (metadata.nlink() == 1 || links.insert(identity)) {
            sum += metadata.len();
        }
    }
    see(sum);
}

enum Step {
    Look(PathBuf),
    Leave(PathBuf),
}
