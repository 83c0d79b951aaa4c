//! Where a network keeps what belongs to a guardian.

use std::path::{Path, PathBuf};

pub(super) fn guardian_folder(network: &Path, number: usize) -> PathBuf {
    network.join(format!("guardian-{number}"))
}
