//! What gives a file power over the device that it is on: bits and attributes by which a program
//! runs as somebody else, and nodes of devices. Who may write in a space could take over a device
//! with them, where files are brought out by the superuser.
//!
//! So a device shows such a thing only if it did it itself. For all others the operation is
//! there as any other, what they do replaces it only where they know better, and it is told on:
//! all have the same operations, the same entries and the same names.

use alloc::collections::BTreeMap;

use super::{Replica, Version};
use crate::sync::batch::Device;
use crate::sync::operation::{Data, Id};

/// The bits of a mode that files of others have: no set-user-ID, set-group-ID or sticky bit.
const OF_FILES: u16 = 0o0777;

/// The same of directories, where set-group-ID only says which group new files are of.
const OF_DIRECTORIES: u16 = 0o2777;

/// How attributes begin that a kernel takes its own decisions by, capabilities among them.
const POWERS: [&[u8]; 2] = [b"security.", b"trusted."];

impl Replica {
    /// Who may do what with a file, or with the directory that an entry is, as this device shows
    /// it, if anybody said.
    pub fn permissions(&self, of: &Id, me: &Device) -> Option<u16> {
        let (permissions, by) = self.origins(of).find_map(|id| self.permissions.get(&id).copied())?;
        let mask = if self.files.contains_key(of) { OF_FILES } else { OF_DIRECTORIES };
        let is_mine = by == *me && self.is_content_of(of, me);
        Some(if is_mine { permissions } else { permissions & mask })
    }

    /// The extended attributes of a file, or of the directory that an entry is, as this device
    /// shows it.
    pub fn attributes(&self, of: &Id, me: &Device) -> BTreeMap<&[u8], &[u8]> {
        let said = self.origins(of).find_map(|id| self.attributes.get(&id));
        let is_mine = self.is_content_of(of, me);
        let may = |name: &[u8], by: &Device| {
            let is_power = POWERS.iter().any(|power| name.starts_with(power));
            !is_power || (is_mine && by == me)
        };
        said.into_iter()
            .flatten()
            .filter(|(name, (_, by))| may(name, by))
            .filter_map(|(name, (value, _))| Some((name.as_slice(), value.as_deref()?)))
            .collect()
    }

    /// Whether this device shows what these files, which are shown as one, have in them.
    pub fn is_shown<'a>(&self, files: impl IntoIterator<Item = &'a Id>, me: &Device) -> bool {
        let mut files = files.into_iter().peekable();
        let data = files.peek().and_then(|file| self.content(file)).map(|content| &content.data);
        !data.is_some_and(Data::is_device) || files.any(|file| self.is_content_of(file, me))
    }

    /// Whether this device gave a file the content that it is shown with, or an equal one.
    /// Directories have none.
    fn is_content_of(&self, file: &Id, me: &Device) -> bool {
        let Some(file) = self.files.get(file) else { return true };
        let Some(main) = file.main() else { return false };
        let is_mine = |version: &Version| self.stamp(version.rank).is_some_and(|by| by.device == *me);
        file.versions.iter().any(|version| version.content.data == main.content.data && is_mine(version))
    }
}

impl Data {
    /// Whether it is a node of a device.
    pub fn is_device(&self) -> bool {
        matches!(self, Self::Characters(_) | Self::Blocks(_))
    }
}
