//! Every Rust file begins with docs that say what it is.

use crate::repository::Tree;

use super::{Finding, extension};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|file| extension(&file.path) == Some("rs"))
        .filter(|file| {
            let first = file.text.lines().next().unwrap_or_default();
            // A bare `//!` says nothing.
            first.strip_prefix("//!").is_none_or(|words| words.trim().is_empty())
        })
        .map(|file| {
            Finding::of_line(
                &file.path,
                1,
                "the file does not begin with header docs",
                "make the first line `//! ` and a sentence that says what the file is",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::made_up::files;
    use super::*;

    #[test]
    fn a_file_that_says_what_it_is_passes() {
        let tree = files(&[("a.rs", "//! What it is.\nfn a() {}\n"), ("b.md", "no header")]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_file_without_header_docs_is_found() {
        let tree = files(&[("a.rs", "fn a() {}\n"), ("b.rs", ""), ("c.rs", "//!\n")]);
        assert_eq!(check(&tree).len(), 3);
    }
}
