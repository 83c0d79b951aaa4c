//! From the values that a block changed to the tree's next version.

use alloc::collections::BTreeMap;

use crate::draft::Changes;
use crate::jellyfish::{self, Nodes, TreeError, Update, ValueHash};

/// The tree of height `height`, from that of the height before (none for the
/// beginning) and the values that changed.
///
/// # Errors
/// [`TreeError`], where the nodes of the height before cannot be had.
pub fn grow<N: Nodes>(nodes: &N, height: u64, changes: &Changes) -> Result<Update, TreeError<N::Error>> {
    let hashes: BTreeMap<_, _> =
        changes.iter().map(|(place, value)| (*place, value.as_deref().map(ValueHash::of))).collect();
    jellyfish::update(nodes, height.checked_sub(1), height, &hashes)
}
