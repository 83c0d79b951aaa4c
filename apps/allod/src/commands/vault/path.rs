//! Paths inside a vault: from its top, with `/` between names.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use allod_disk::{Vault, Zstd};
use allod_vault::files::{Ino, Reader};
use allod_vault::{Blocks, Refusal, VaultError};
use serde_json::{Value, json};

use crate::failure::{Failure, Kind};

/// A path inside a vault. Without names, it is the top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct VaultPath {
    names: Vec<Vec<u8>>,
}

impl VaultPath {
    /// What was typed, from the top, whether it begins with `/` or not. `..` takes a name
    /// away.
    pub(crate) fn typed(text: &OsStr) -> Self {
        let mut names = Vec::new();
        for name in text.as_bytes().split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => drop(names.pop()),
                name => names.push(name.to_vec()),
            }
        }
        Self { names }
    }

    pub(crate) fn is_top(&self) -> bool {
        self.names.is_empty()
    }

    pub(crate) fn names(&self) -> &[Vec<u8>] {
        &self.names
    }

    /// The directory that it is in and its name there; nothing for the top.
    pub(crate) fn split(&self) -> Option<(Self, &[u8])> {
        let (name, above) = self.names.split_last()?;
        Some((Self { names: above.to_vec() }, name))
    }

    pub(crate) fn join(&self, name: &[u8]) -> Self {
        Self { names: [&self.names[..], &[name.to_vec()]].concat() }
    }

    /// From the top, beginning with `/`.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        if self.is_top() {
            return b"/".to_vec();
        }
        self.names.iter().flat_map(|name| [b"/", &name[..]].concat()).collect()
    }

    /// As a person reads it.
    pub(crate) fn shown(&self) -> String {
        readable(&self.bytes())
    }

    /// Which file has it.
    pub(crate) fn find<B: Blocks>(&self, reader: &mut Reader<'_, B, Zstd>) -> Result<Ino, Failure> {
        self.look_up(reader)?.ok_or_else(|| {
            Failure::new(Kind::Failed, format!("there is no {} in the vault", self.shown()))
                .next("`allod ls` lists what there is")
        })
    }

    /// Which file has it, if one does.
    pub(crate) fn look_up<B: Blocks>(
        &self,
        reader: &mut Reader<'_, B, Zstd>,
    ) -> Result<Option<Ino>, VaultError> {
        let mut ino = Ino::ROOT;
        for name in &self.names {
            match reader.lookup(ino, name) {
                Ok(entry) => ino = entry.ino,
                Err(VaultError::Refused(Refusal::NotFound | Refusal::NotDirectory)) => return Ok(None),
                Err(why) => return Err(why),
            }
        }
        Ok(Some(ino))
    }
}

/// Which file of the vault has a path now.
pub(crate) fn find(vault: &mut Vault, path: &VaultPath) -> Result<Ino, Failure> {
    path.find(&mut vault.read())
}

/// Bytes of a path, without what would move a terminal's cursor or is no text.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                character if character.is_control() => text.extend(character.escape_default()),
                character => text.push(character),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// A path for other programs: its text, and where that is not all of it, its bytes.
pub(crate) fn to_json(path: &VaultPath) -> Value {
    let bytes = path.bytes();
    match std::str::from_utf8(&bytes) {
        Ok(text) => json!({ "path": text }),
        Err(_) => json!({
            "path": OsString::from(OsStr::from_bytes(&bytes)).to_string_lossy(),
            "path_hex": data_encoding::HEXLOWER.encode(&bytes),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_at_the_top_however_it_is_typed() {
        let shown = |text: &str| VaultPath::typed(OsStr::new(text)).shown();
        for text in ["a/b", "/a/b", "./a//b/", "/../a/c/../b", "a/./b/."] {
            assert_eq!(shown(text), "/a/b", "{text}");
        }
        for text in ["", "/", ".", "..", "a/.."] {
            assert_eq!(shown(text), "/", "{text}");
        }
        let path = VaultPath::typed(OsStr::new("a/b"));
        assert_eq!(path.split(), Some((VaultPath::typed(OsStr::new("a")), &b"b"[..])));
        assert_eq!(path.join(b"c").bytes(), b"/a/b/c");
        assert_eq!(VaultPath::default().split(), None);
    }

    #[test]
    fn names_do_nothing_to_a_terminal() {
        assert_eq!(readable("grün \u{1b}[2J\n\\".as_bytes()), "grün \\u{1b}[2J\\n\\\\");
        assert_eq!(readable(b"a\xff\xfeb"), "a\\xff\\xfeb");
    }
}
