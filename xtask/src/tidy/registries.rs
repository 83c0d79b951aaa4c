//! No tracked file names the host of a package registry: where packages come
//! from is a setting of the machine, and a checkout must build behind any.
//!
//! Cargo's lock files name Cargo's default registry by its fixed address, which
//! is allowed as it stands and stays the same behind a mirror.

use crate::repository::Tree;

use super::Finding;

/// The hosts, cut in two so that this file does not find itself.
const HOSTS: &[(&str, &str)] = &[
    ("crates", ".io"),
    ("npm", "js.org"),
    ("npm", "js.com"),
    ("yarn", "pkg.com"),
    ("npm", "mirror.com"),
    ("py", "pi.org"),
    ("python", "hosted.org"),
    ("proxy.gol", "ang.org"),
    ("rubyge", "ms.org"),
    ("deb.deb", "ian.org"),
];

/// What a package from Cargo's default registry has for a source in a lock file.
const DEFAULT: (&str, &str) = ("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"");

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let default = format!("{}{}", DEFAULT.0, DEFAULT.1);
    let mut findings = Vec::new();
    for file in &tree.files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        for (index, line) in file.text.lines().enumerate() {
            if name == "Cargo.lock" && line == default {
                continue;
            }
            let found = HOSTS.iter().any(|(head, tail)| line.contains(&format!("{head}{tail}")));
            let (what, instead) = if name == "Cargo.lock" && names_a_registry(line) {
                ("another registry than Cargo's default", "rewrite the lock file with the default")
            } else if is_npm_lock(name) && line.contains("resolved") && line.contains("://") {
                (
                    "the address a package was fetched from",
                    "put `omit-lockfile-registry-resolved=true` into .npmrc and write the lock anew",
                )
            } else if name == ".npmrc" && line.contains("registry") && line.contains("://") {
                ("a registry setting", "keep it in the settings of the machine")
            } else if found {
                ("the host of a package registry", "name the package, without where it lies")
            } else {
                continue;
            };
            findings.push(Finding::of_line(&file.path, index + 1, what, instead));
        }
    }
    findings
}

fn names_a_registry(line: &str) -> bool {
    line.starts_with("source = \"registry+") || line.starts_with("source = \"sparse+")
}

fn is_npm_lock(name: &str) -> bool {
    matches!(name, "package-lock.json" | "npm-shrinkwrap.json" | "yarn.lock" | "pnpm-lock.yaml")
}

#[cfg(test)]
mod tests {
    use super::super::made_up::files;
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&files(&[(path, text)])).len()
    }

    #[test]
    fn lock_files_without_an_address_of_a_mirror_pass() {
        assert_eq!(count("Cargo.lock", &format!("{}{}", DEFAULT.0, DEFAULT.1)), 0);
        assert_eq!(count("t/package-lock.json", r#"  "integrity": "sha512-x""#), 0);
        assert_eq!(count("t/package-lock.json", r#"  "resolved": "packages/wallet""#), 0);
    }

    #[test]
    fn every_host_is_found_in_any_file() {
        for (head, tail) in HOSTS {
            assert_eq!(count("a.md", &format!("from https://{head}{tail}/x")), 1);
        }
    }

    #[test]
    fn the_default_source_is_allowed_in_lock_files_only() {
        assert_eq!(count("a.toml", &format!("{}{}", DEFAULT.0, DEFAULT.1)), 1);
    }

    #[test]
    fn a_mirror_is_found_in_every_lock_file() {
        assert_eq!(count("fuzz/Cargo.lock", r#"source = "registry+https://mirror.example/index""#), 1);
        assert_eq!(count("package-lock.json", r#""resolved": "https://mirror.example/a.tgz""#), 1);
        assert_eq!(count("t/.npmrc", "registry=https://mirror.example/"), 1);
    }
}
