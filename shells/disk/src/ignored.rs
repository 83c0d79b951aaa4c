//! What is left out when files are brought into a vault, in the words of git's ignore files
//! (gitignore(5)).
//!
//! A `.allodignore` in a directory is always heeded; `.gitignore`, and what else git ignores in a
//! repository, only where that is wished: a backup that leaves out what git does would lack
//! what nobody can make again. Patterns that were typed go before all files, and a deeper file
//! goes before one above it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The file that is always heeded.
const OWN: &str = ".allodignore";

/// What is left out.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    /// Patterns that were typed, in the words of an ignore file.
    patterns: Vec<String>,
    with_git: bool,
    typed: Option<Gitignore>,
    /// Files that hold where the walk is, each with its directory, the deepest last.
    files: Vec<(PathBuf, Gitignore)>,
}

/// A pattern, or an ignore file, says nothing that can be understood.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadPattern(String);

impl Ignored {
    /// Leaves out what matches these patterns, and where wished what git ignores.
    ///
    /// # Errors
    /// [`BadPattern`].
    pub fn new(patterns: &[String], with_git: bool) -> Result<Self, BadPattern> {
        let ignored = Self { patterns: patterns.to_vec(), with_git, ..Self::default() };
        ignored.matcher(Path::new("/"))?;
        Ok(ignored)
    }

    /// The patterns that were typed, below a directory.
    fn matcher(&self, top: &Path) -> Result<Gitignore, BadPattern> {
        let mut builder = GitignoreBuilder::new(top);
        for pattern in &self.patterns {
            builder.add_line(None, pattern).map_err(|why| BadPattern(why.to_string()))?;
        }
        builder.build().map_err(|why| BadPattern(why.to_string()))
    }

    /// Begins with what is at this path, which is itself never left out.
    pub(crate) fn begin(&mut self, top: &Path) {
        self.files.clear();
        self.typed = self.matcher(top).ok();
        if self.with_git {
            // What git knows from above, as far as the repository goes.
            let above: Vec<&Path> = top.ancestors().skip(1).collect();
            let is_top = |path: &&Path| path.join(".git").exists();
            if let Some(count) = above.iter().position(is_top).filter(|_| !top.join(".git").exists()) {
                for directory in above[..=count].iter().rev() {
                    self.heed(directory, &[".git/info/exclude", ".gitignore"]);
                }
            }
        }
    }

    /// Goes into a directory that has these names.
    pub(crate) fn enter<'a>(&mut self, directory: &Path, names: impl IntoIterator<Item = &'a OsStr>) {
        let mut found = Vec::new();
        for name in names {
            match name.to_str() {
                Some(".git") if self.with_git => found.push(".git/info/exclude"),
                Some(".gitignore") if self.with_git => found.push(".gitignore"),
                Some(OWN) => found.push(OWN),
                _ => {}
            }
        }
        // The last of them goes before the others.
        found.sort_unstable_by_key(|name| {
            [".git/info/exclude", ".gitignore", OWN].iter().position(|file| file == name)
        });
        if !found.is_empty() {
            self.heed(directory, &found);
        }
    }

    fn heed(&mut self, directory: &Path, files: &[&str]) {
        let mut builder = GitignoreBuilder::new(directory);
        for file in files {
            // What is no pattern in a file is passed over, as git does.
            let _ = builder.add(directory.join(file));
        }
        if let Ok(file) = builder.build() {
            self.files.push((directory.to_owned(), file));
        }
    }

    /// Comes out of a directory.
    pub(crate) fn leave(&mut self, directory: &Path) {
        while self.files.last().is_some_and(|(of, _)| of == directory) {
            self.files.pop();
        }
    }

    /// Whether this is left out. It is in the directory that was entered last.
    pub(crate) fn has(&self, path: &Path, is_directory: bool) -> bool {
        let files = self.files.iter().rev().map(|(_, file)| file);
        for file in self.typed.iter().chain(files) {
            match file.matched(path, is_directory) {
                Match::None => {}
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
            }
        }
        false
    }
}
