//! No crate, folder or module has a name that says nothing about what is in it.

use std::collections::BTreeSet;

use crate::repository::Tree;

use super::Finding;

const EMPTY: &[&str] = &["core", "common", "util", "utils", "helper", "helpers", "manager", "managers"];

const INSTEAD: &str = "name it after the one thing it holds, or move its parts to where they are used";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &tree.packages {
        if package.name.split(['-', '_']).any(|word| EMPTY.contains(&word)) {
            let what = format!("the crate is called {}", package.name);
            findings.push(Finding::of_file(&package.manifest, what, INSTEAD));
        }
    }
    let mut places = BTreeSet::new();
    for path in &tree.paths {
        let mut so_far = String::new();
        for part in path.split('/') {
            so_far.push_str(part);
            let is_module = part.ends_with(".rs");
            let name = part.strip_suffix(".rs").unwrap_or(part);
            // The last part is a file; only modules are named by this rule.
            if EMPTY.contains(&name) && (is_module || so_far.len() < path.len()) {
                places.insert(so_far.clone());
            }
            so_far.push('/');
        }
    }
    for place in places {
        findings.push(Finding::of_file(&place, "the name says nothing", INSTEAD));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{files, package};
    use super::*;

    #[test]
    fn names_that_say_something_pass() {
        let mut tree = files(&[("matter/wire/src/score.rs", ""), ("docs/core", "")]);
        tree.packages = vec![package("matter", "wire", 0, &[])];
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn empty_names_of_crates_folders_and_modules_are_found() {
        let mut tree = files(&[
            ("matter/core/src/lib.rs", ""),
            ("matter/core/src/key.rs", ""),
            ("matter/wire/src/utils.rs", ""),
        ]);
        tree.packages = vec![package("matter", "core", 0, &[])];
        let places: Vec<String> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(places, ["matter/core/Cargo.toml", "matter/core", "matter/wire/src/utils.rs"]);
    }
}
