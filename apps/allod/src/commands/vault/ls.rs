//! `allod ls`: what is in the vault.

use std::io::{self, Write};

use allod_disk::{Use, Zstd};
use allod_vault::files::{FileKind, Ino, Inode, Reader, Snapshot, Time};
use allod_vault::{Blocks, VaultError};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::get::reader;
use super::open::{VaultHome, VaultReach, reach};
use super::path::{VaultPath, readable, to_json};
use crate::cli::vault::List;
use crate::failure::Failure;
use crate::screen::Screen;

/// Names that are looked at together.
const PAGE: usize = 1024;

pub(crate) fn run(home: &VaultHome, args: &List, screen: &Screen) -> Result<(), Failure> {
    let mut vault = reach(home, screen)?;
    let path = VaultPath::typed(&args.path);
    let name = args.snapshot.as_ref().map(|name| name.as_bytes());
    let snapshot = name.map(|name| vault.look(|files| super::snapshot::find(files, name))).transpose()?;
    list(&mut vault, snapshot.as_ref(), &path, args, screen)
}

/// A name, what it leads to, and where that leads if it is a link.
type Row = (Vec<u8>, Ino, Inode, Vec<u8>);

fn list(
    vault: &mut VaultReach,
    snapshot: Option<&Snapshot>,
    path: &VaultPath,
    args: &List,
    screen: &Screen,
) -> Result<(), Failure> {
    let out = screen.out();
    let mut listing = Listing {
        is_plain: !out.is_terminal(),
        out: io::BufWriter::new(out),
        long: args.long,
        json: screen.is_json(),
    };
    let (ino, inode, target) = vault.look(|files| {
        let mut reader = reader(files, snapshot);
        let ino = path.find(&mut reader)?;
        let inode = reader.inode(ino)?;
        Ok::<_, Failure>((ino, inode, target(&mut reader, ino, &inode)?))
    })?;
    if !inode.is_directory() {
        let name = path.names().last().cloned().unwrap_or_default();
        // A reader that went away has seen enough.
        let _ = listing.row(path, &name, &inode, &target);
        return Ok(());
    }
    // The directories that are still to be listed, the next one last.
    let mut rest = vec![(path.clone(), ino)];
    while let Some((directory, ino)) = rest.pop() {
        let (mut after, mut below): (Option<Vec<u8>>, Vec<(VaultPath, Ino)>) = (None, Vec::new());
        loop {
            screen.go_on()?;
            let rows = vault.look(|files| rows(&mut reader(files, snapshot), ino, after.as_deref()))?;
            let Some((last, ..)) = rows.last() else { break };
            after = Some(last.clone());
            for (name, ino, inode, target) in rows {
                let path = directory.join(&name);
                let shown = if args.recursive { path.bytes() } else { name };
                if listing.row(&path, &shown, &inode, &target).is_err() {
                    return Ok(());
                }
                if args.recursive && inode.is_directory() {
                    below.push((path, ino));
                }
            }
        }
        rest.extend(below.into_iter().rev());
    }
    Ok(())
}

/// The next names of a directory.
fn rows<B: Blocks>(
    reader: &mut Reader<'_, B, Zstd>,
    directory: Ino,
    after: Option<&[u8]>,
) -> Result<Vec<Row>, VaultError> {
    let names = match reader.names(directory, after, PAGE) {
        // Somebody removed it meanwhile.
        Err(VaultError::Refused(_)) => Vec::new(),
        names => names?,
    };
    let mut rows = Vec::with_capacity(names.len());
    for (name, entry) in names {
        let inode = reader.inode(entry.ino)?;
        let target = target(reader, entry.ino, &inode)?;
        rows.push((name, entry.ino, inode, target));
    }
    Ok(rows)
}

fn target<B: Blocks>(
    reader: &mut Reader<'_, B, Zstd>,
    ino: Ino,
    inode: &Inode,
) -> Result<Vec<u8>, VaultError> {
    if inode.kind == FileKind::Symlink { reader.target(ino) } else { Ok(Vec::new()) }
}

struct Listing<W: Write> {
    out: W,
    /// Names are written as they are, for another program.
    is_plain: bool,
    long: bool,
    json: bool,
}

impl<W: Write> Listing<W> {
    fn row(&mut self, path: &VaultPath, name: &[u8], inode: &Inode, target: &[u8]) -> io::Result<()> {
        if self.json {
            return writeln!(self.out, "{}", described(path, inode, target));
        }
        let text = |bytes: &[u8]| if self.is_plain { bytes.to_vec() } else { readable(bytes).into_bytes() };
        let mut line = Vec::new();
        if self.long {
            let (owner, group, links) = (inode.owner, inode.group, inode.links);
            let (mode, time) = (mode(inode), local(inode.modified));
            write!(line, "{mode} {links:>3} {owner:>5} {group:>5} {:>12} {time} ", inode.size)?;
        }
        line.extend(text(name));
        match inode.kind {
            FileKind::Directory => line.push(b'/'),
            FileKind::Symlink if self.long => line.extend([b" -> ", &text(target)[..]].concat()),
            _ => {}
        }
        line.push(b'\n');
        self.out.write_all(&line)
    }
}

/// A file, for other programs.
pub(super) fn described(path: &VaultPath, inode: &Inode, target: &[u8]) -> Value {
    let mut value = to_json(path);
    if let Some(all) = value.as_object_mut() {
        all.insert("kind".into(), json!(kind(inode.kind)));
        all.insert("size".into(), json!(inode.size));
        all.insert("modified".into(), json!(timestamp(inode.modified).to_string()));
        all.insert("permissions".into(), json!(format!("{:04o}", inode.permissions)));
        all.insert("owner".into(), json!(inode.owner));
        all.insert("group".into(), json!(inode.group));
        all.insert("links".into(), json!(inode.links));
        if inode.kind == FileKind::Symlink {
            all.insert("target".into(), json!(String::from_utf8_lossy(target)));
        }
    }
    value
}

fn kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink => "symlink",
        FileKind::Pipe => "pipe",
        FileKind::Socket => "socket",
        FileKind::Characters(_) => "character device",
        FileKind::Blocks(_) => "block device",
    }
}

/// The mode in the letters of ls.
fn mode(inode: &Inode) -> String {
    let first = match inode.kind {
        FileKind::File => '-',
        FileKind::Directory => 'd',
        FileKind::Symlink => 'l',
        FileKind::Pipe => 'p',
        FileKind::Socket => 's',
        FileKind::Characters(_) => 'c',
        FileKind::Blocks(_) => 'b',
    };
    let mut letters = String::from(first);
    for (class, special, set, alone) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')]
    {
        let bits = inode.permissions >> class;
        letters.push(if bits & 4 != 0 { 'r' } else { '-' });
        letters.push(if bits & 2 != 0 { 'w' } else { '-' });
        letters.push(match (bits & 1 != 0, inode.permissions & special != 0) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => set,
            (false, true) => alone,
        });
    }
    letters
}

/// A moment of a file; the nearest there is, where it is out of all bounds.
pub(super) fn timestamp(time: Time) -> Timestamp {
    let bound = if time.seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::new(time.seconds, i32::try_from(time.nanoseconds).unwrap_or_default()).unwrap_or(bound)
}

/// A moment, as a clock here shows it.
pub(super) fn local(time: Time) -> String {
    timestamp(time).to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_shown_as_ls_shows_it() {
        let inode = |kind, permissions| {
            let time = Time::default();
            Inode {
                kind,
                permissions,
                owner: 0,
                group: 0,
                links: 1,
                size: 0,
                accessed: time,
                modified: time,
                changed: time,
                created: time,
                parent: Ino::ROOT,
            }
        };
        assert_eq!(mode(&inode(FileKind::File, 0o644)), "-rw-r--r--");
        assert_eq!(mode(&inode(FileKind::Directory, 0o1777)), "drwxrwxrwt");
        assert_eq!(mode(&inode(FileKind::File, 0o6750)), "-rwsr-s---");
        assert_eq!(mode(&inode(FileKind::Pipe, 0o7000)), "p--S--S--T");
    }

    #[test]
    fn no_moment_is_out_of_bounds() {
        assert_eq!(timestamp(Time { seconds: i64::MAX, nanoseconds: 0 }), Timestamp::MAX);
        assert_eq!(timestamp(Time { seconds: i64::MIN, nanoseconds: 5 }), Timestamp::MIN);
        assert_eq!(timestamp(Time { seconds: 1, nanoseconds: 5 }).as_nanosecond(), 1_000_000_005);
    }
}
