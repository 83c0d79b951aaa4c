//! Libraries of floors 0 and 1, and those that say that they are bare, have no standard library and no `unsafe` code
//! from their first lines on.

use crate::repository::Tree;

use super::Finding;

const WANTED: &[&str] = &["#![no_std]", "#![forbid(unsafe_code)]"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &tree.packages {
        let Some(lib) = &package.lib else { continue };
        if !package.is_bare {
            continue;
        }
        let text = tree.files.iter().find(|file| file.path == *lib).map_or("", |file| &file.text);
        for wanted in WANTED {
            if !text.lines().any(|line| line.trim() == *wanted) {
                findings.push(Finding::of_file(
                    lib,
                    format!("{} has no `{wanted}`", package.name),
                    format!("write `{wanted}` below the header docs, without any condition"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{files, package};
    use super::*;

    fn found(floor: u64, text: &str) -> Vec<String> {
        let mut tree = files(&[("matter/wire/src/lib.rs", text)]);
        tree.packages = vec![package("matter", "wire", floor, &[])];
        check(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn both_attributes_together_pass() {
        let text = "//! Wire.\n#![no_std]\n#![forbid(unsafe_code)]\n";
        assert_eq!(found(0, text), [] as [&str; 0]);
    }

    #[test]
    fn a_missing_attribute_is_found() {
        let text = "//! Wire.\n#![no_std]\n";
        assert_eq!(found(1, text), ["allod-wire has no `#![forbid(unsafe_code)]`"]);
    }

    #[test]
    fn an_attribute_under_a_condition_does_not_count() {
        let text = "//! Wire.\n#![cfg_attr(not(test), no_std)]\n#![forbid(unsafe_code)]\n";
        assert_eq!(found(0, text), ["allod-wire has no `#![no_std]`"]);
    }

    #[test]
    fn shells_are_free() {
        assert_eq!(found(2, "//! Node.\n"), [] as [&str; 0]);
    }
}
