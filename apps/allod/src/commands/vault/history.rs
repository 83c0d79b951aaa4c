//! `allod history`: the snapshots, and the versions of one file.

use allod_disk::{FileBlocks, Use, Zstd};
use allod_vault::VaultError;
use allod_vault::files::{ContentPart, FileKind, Ino, Inode, Reader};
use serde_json::json;

use super::ls::{described, local, timestamp};
use super::meter::amount;
use super::open::{VaultHome, VaultReach, reach};
use super::path::{VaultPath, readable, to_json};
use super::snapshot::{all, is_unnamed};
use crate::cli::vault::History;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// Bytes of a content that is compared as it is, where it is not in objects.
const COMPARED: u64 = 1 << 20;

/// What a path leads to, as far as two are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    inode: Inode,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Parts(Vec<ContentPart>),
    Bytes(Vec<u8>),
    /// Of a directory.
    Names(Vec<Vec<u8>>),
    /// Told from another by size and time alone.
    Other,
}

impl Version {
    fn of(reader: &mut Reader<'_, FileBlocks, Zstd>, ino: Ino) -> Result<Self, VaultError> {
        let inode = reader.inode(ino)?;
        let content = match inode.kind {
            FileKind::Directory => {
                let names = reader.names(ino, None, usize::MAX)?;
                Content::Names(names.into_iter().map(|(name, _)| name).collect())
            }
            FileKind::Symlink => Content::Bytes(reader.target(ino)?),
            FileKind::File => match reader.parts(ino)? {
                Some(parts) => Content::Parts(parts),
                None if inode.size <= COMPARED => Content::Bytes(reader.read(ino, 0, inode.size as usize)?),
                None => Content::Other,
            },
            _ => Content::Other,
        };
        Ok(Self { inode, content })
    }

    fn is_as(&self, other: &Self) -> bool {
        let about = |version: &Self| {
            let Inode { kind, permissions, owner, group, size, modified, .. } = version.inode;
            (kind, permissions, owner, group, size, modified)
        };
        about(self) == about(other) && self.content == other.content
    }
}

pub(crate) fn run(home: &VaultHome, args: &History, screen: &Screen) -> Result<(), Failure> {
    let mut vault = reach(home, screen)?;
    match &args.path {
        Some(typed) => versions(&mut vault, &VaultPath::typed(typed), screen),
        None => snapshots(&mut vault, screen),
    }
}

fn snapshots(vault: &mut VaultReach, screen: &Screen) -> Result<(), Failure> {
    let all = vault.look(all)?;
    for (name, info) in &all {
        let is_named = !is_unnamed(name);
        let value = json!({
            "snapshot": String::from_utf8_lossy(name), "made": timestamp(info.made).to_string(), "named": is_named,
        });
        screen.result(&value, &format!("{}  {}", local(info.made), readable(name)));
    }
    if all.is_empty() {
        screen.note("There is no snapshot yet; every `allod put` that brings something new ends with one.");
    }
    Ok(())
}

fn versions(vault: &mut VaultReach, path: &VaultPath, screen: &Screen) -> Result<(), Failure> {
    let mut last: Option<Version> = None;
    let mut is_known = false;
    let mut show = |name: Option<&[u8]>, made: Option<String>, now: Option<Version>| {
        let change = match (&last, &now) {
            (None, None) => return,
            (Some(before), Some(now)) if before.is_as(now) => return,
            (None, Some(_)) => "new",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "gone",
        };
        is_known = true;
        let shown = name.map_or_else(|| "now".to_owned(), readable);
        let mut value = match &now {
            Some(version) => described(path, &version.inode, &target(version)),
            None => to_json(path),
        };
        value["change"] = json!(change);
        value["snapshot"] = name.map_or(json!(null), |name| json!(String::from_utf8_lossy(name)));
        value["made"] = json!(made);
        let about = now.as_ref().map_or_else(String::new, |version| {
            let Inode { size, modified, .. } = version.inode;
            format!("  {:>12}  of {}", amount(size), local(modified))
        });
        screen.result(&value, &format!("{shown:<22}  {change:<7}{about}"));
        last = now;
    };
    for (name, info) in vault.look(all)? {
        screen.go_on()?;
        let version = vault.look(|files| {
            let snapshot = match files.open_snapshot(&name) {
                // Somebody let it go meanwhile.
                Err(VaultError::Refused(_)) => return Ok(None),
                snapshot => snapshot?,
            };
            version(&mut files.read_snapshot(&snapshot), path)
        })?;
        show(Some(&name), Some(timestamp(info.made).to_string()), version);
    }
    let version = vault.look(|files| version(&mut files.read(), path))?;
    show(None, None, version);
    if is_known {
        return Ok(());
    }
    let message = format!("neither the vault nor a snapshot has {}", path.shown());
    Err(Failure::new(Kind::Failed, message).next("`allod ls` lists what there is"))
}

/// What a path leads to, if it does.
fn version(
    reader: &mut Reader<'_, FileBlocks, Zstd>,
    path: &VaultPath,
) -> Result<Option<Version>, VaultError> {
    path.look_up(reader)?.map(|ino| Version::of(reader, ino)).transpose()
}

fn target(version: &Version) -> Vec<u8> {
    match &version.content {
        Content::Bytes(bytes) if version.inode.kind == FileKind::Symlink => bytes.clone(),
        _ => Vec::new(),
    }
}
