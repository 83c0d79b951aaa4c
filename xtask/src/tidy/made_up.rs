//! Small made-up trees for the rules' tests.

use std::collections::BTreeSet;

use crate::repository::{Dependency, File, Kind, Package, Tree};

/// A tree of these files and no packages.
pub(crate) fn files(files: &[(&str, &str)]) -> Tree {
    Tree {
        files: files
            .iter()
            .map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect(),
        paths: files.iter().map(|(path, _)| (*path).to_owned()).collect::<BTreeSet<_>>(),
        packages: Vec::new(),
    }
}

/// A tree of these packages and no files.
pub(crate) fn packages(packages: Vec<Package>) -> Tree {
    Tree { packages, ..Tree::default() }
}

/// The package `allod-<name>` in `<folder>/<name>`, with ordinary dependencies.
pub(crate) fn package(folder: &str, name: &str, floor: u64, dependencies: &[&str]) -> Package {
    Package {
        name: format!("allod-{name}"),
        manifest: format!("{folder}/{name}/Cargo.toml"),
        floor: Some(floor),
        is_bare: floor <= 1,
        dependencies: dependencies
            .iter()
            .map(|name| Dependency { name: (*name).to_owned(), kind: Kind::Ordinary })
            .collect(),
        lib: Some(format!("{folder}/{name}/src/lib.rs")),
    }
}
