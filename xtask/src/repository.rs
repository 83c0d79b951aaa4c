//! What the checkout consists of: its root, its files as git sees them, and the
//! workspace's packages as cargo sees them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;
use crate::run::Invocation;

/// One text file of the checkout.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/` between folders.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Which table of a manifest a dependency stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `[dependencies]` or `[build-dependencies]`: part of what is built.
    Ordinary,
    /// `[dev-dependencies]`: tests and benchmarks only.
    Dev,
}

/// One dependency of a package.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// One package of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root.
    pub(crate) manifest: String,
    /// `[package.metadata.allod] floor`.
    pub(crate) floor: Option<u64>,
    /// Whether it has neither a standard library nor `unsafe` code: floors 0 and 1, and shells' parts that
    /// say so by `[package.metadata.allod] bare`.
    pub(crate) is_bare: bool,
    pub(crate) dependencies: Vec<Dependency>,
    /// The library's root file, relative to the root.
    pub(crate) lib: Option<String>,
}

/// Everything the house rules look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// The text files; binary ones are left out.
    pub(crate) files: Vec<File>,
    /// The paths of all files, binary ones too.
    pub(crate) paths: BTreeSet<String>,
    pub(crate) packages: Vec<Package>,
}

impl Tree {
    /// Reads the checkout at `root`: what git tracks, and what it would.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let list = Invocation::new("git", &["ls-files", "-co", "--exclude-standard", "-z"]);
        let names = list.output(root).map_err(|(_, failure)| failure)?;
        let mut tree = Self { packages: packages(root)?, ..Self::default() };
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            let path = root.join(name);
            // A file deleted but not yet committed is still listed.
            let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
            tree.paths.insert(name.to_owned());
            if !metadata.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path)
                .map_err(|error| Failure::Unreadable { what: name.to_owned(), why: error.to_string() })?;
            if let Ok(text) = String::from_utf8(bytes) {
                tree.files.push(File { path: name.to_owned(), text });
            }
        }
        Ok(tree)
    }
}

/// The workspace's root folder: above this crate when cargo started it, else
/// found upwards from the current folder.
pub(crate) fn root() -> Result<PathBuf, Failure> {
    if let Some(own) = std::env::var_os("CARGO_MANIFEST_DIR")
        && let Some(parent) = Path::new(&own).parent()
    {
        return Ok(parent.to_owned());
    }
    let here = std::env::current_dir().map_err(|error| Failure::Unreadable {
        what: "the current folder".to_owned(),
        why: error.to_string(),
    })?;
    here.ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| Failure::Usage("start this inside the checkout: `cargo xtask`".to_owned()))
}

/// The workspace's packages, by `cargo metadata`.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>, Failure> {
    let command = Invocation::cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let text = command.output(root).map_err(|(_, failure)| failure)?;
    let unreadable = |why: String| Failure::Unreadable { what: command.shown(), why };
    let metadata: Value = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    parse(&metadata).ok_or_else(|| unreadable("its shape is not the known one".to_owned()))
}

/// Takes out of cargo's metadata what the rules need; `None` when a part that
/// format version 1 promises is absent.
fn parse(metadata: &Value) -> Option<Vec<Package>> {
    let root = Path::new(metadata["workspace_root"].as_str()?);
    let relative = |path: &Value| -> Option<String> {
        let path = Path::new(path.as_str()?);
        Some(path.strip_prefix(root).unwrap_or(path).to_str()?.to_owned())
    };
    let is = |target: &Value, kind: &str| {
        target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind))
    };
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array()? {
        let targets = package["targets"].as_array()?;
        let mut dependencies = Vec::new();
        for dependency in package["dependencies"].as_array()? {
            dependencies.push(Dependency {
                name: dependency["name"].as_str()?.to_owned(),
                kind: if dependency["kind"] == "dev" { Kind::Dev } else { Kind::Ordinary },
            });
        }
        packages.push(Package {
            name: package["name"].as_str()?.to_owned(),
            manifest: relative(&package["manifest_path"])?,
            floor: package["metadata"]["allod"]["floor"].as_u64(),
            is_bare: package["metadata"]["allod"]["floor"].as_u64().is_some_and(|floor| floor <= 1)
                || package["metadata"]["allod"]["bare"] == true,
            dependencies,
            lib: targets
                .iter()
                .find(|target| is(target, "lib"))
                .and_then(|target| relative(&target["src_path"])),
        });
    }
    Some(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_from_cargo_metadata() {
        let metadata = serde_json::json!({
            "workspace_root": "/w",
            "packages": [{
                "name": "allod-wire",
                "manifest_path": "/w/matter/wire/Cargo.toml",
                "metadata": { "allod": { "floor": 0 } },
                "dependencies": [
                    { "name": "minicbor", "kind": null },
                    { "name": "proptest", "kind": "dev" },
                ],
                "targets": [
                    { "kind": ["lib"], "name": "allod_wire", "src_path": "/w/matter/wire/src/lib.rs" },
                ],
            }],
        });
        let packages = parse(&metadata).expect("the shape is right");
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].manifest, "matter/wire/Cargo.toml");
        assert_eq!(packages[0].floor, Some(0));
        assert_eq!(packages[0].lib.as_deref(), Some("matter/wire/src/lib.rs"));
        let kinds: Vec<Kind> = packages[0].dependencies.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, [Kind::Ordinary, Kind::Dev]);
    }

    #[test]
    fn metadata_of_another_shape_is_refused() {
        assert!(parse(&serde_json::json!({ "packages": [] })).is_none());
    }
}
