//! `allod-crypto` is the only door to outside cryptography on floors 0 and 1.
//!
//! What counts as cryptography is what `allod-crypto` itself depends on, apart
//! from [`PLAIN`] crates, and the well-known crates of [`KNOWN`] besides. Development
//! dependencies are free: tests use other implementations as oracles.

use crate::repository::{Dependency, Kind, Package, Tree};

use super::Finding;

const DOOR: &str = "allod-crypto";

/// Dependencies of `allod-crypto` that are no cryptography: encodings, and the
/// wiping of memory, which `allod-wire` needs below the door.
const PLAIN: &[&str] = &["data-encoding", "minicbor", "serde", "serde_json", "zeroize"];

/// Cryptography, whether or not `allod-crypto` uses it yet.
const KNOWN: &[&str] = &[
    "aead",
    "aes",
    "aes-gcm",
    "ark-ec",
    "ark-ff",
    "blst",
    "cipher",
    "digest",
    "ecdsa",
    "elliptic-curve",
    "getrandom",
    "group",
    "k256",
    "kem",
    "ml-dsa",
    "ml-kem",
    "p256",
    "rand",
    "ring",
    "rsa",
    "sha1",
    "sha3",
    "signature",
    "voprf",
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let inside = |name: &str| tree.packages.iter().any(|package| package.name == name);
    let behind: Vec<&str> = tree
        .packages
        .iter()
        .filter(|package| package.name == DOOR)
        .flat_map(ordinary)
        .map(|dependency| dependency.name.as_str())
        .filter(|name| !PLAIN.contains(name) && !inside(name))
        .chain(KNOWN.iter().copied())
        .collect();
    let mut findings = Vec::new();
    for package in &tree.packages {
        if package.name == DOOR || package.floor.is_none_or(|floor| floor > 1) {
            continue;
        }
        for dependency in ordinary(package) {
            if behind.contains(&dependency.name.as_str()) {
                findings.push(Finding::of_file(
                    &package.manifest,
                    format!("{} depends on {}", package.name, dependency.name),
                    "use what allod-crypto offers, and add there what it lacks",
                ));
            }
        }
    }
    findings
}

fn ordinary(package: &Package) -> impl Iterator<Item = &Dependency> {
    package.dependencies.iter().filter(|dependency| dependency.kind == Kind::Ordinary)
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{package, packages};
    use super::*;

    fn found(dependencies: &[&str]) -> Vec<String> {
        let crypto = package("matter", "crypto", 0, &["allod-wire", "minicbor", "some-cipher", "zeroize"]);
        let wire = package("matter", "wire", 0, &[]);
        let guardian = package("protocols", "guardian", 1, dependencies);
        check(&packages(vec![wire, crypto, guardian])).into_iter().map(|f| f.what).collect()
    }

    #[test]
    fn going_through_the_door_passes() {
        assert_eq!(found(&["allod-crypto", "allod-wire", "minicbor", "zeroize"]), [] as [&str; 0]);
    }

    #[test]
    fn going_round_the_door_is_found() {
        assert_eq!(found(&["some-cipher"]), ["allod-guardian depends on some-cipher"]);
        assert_eq!(found(&["ring"]), ["allod-guardian depends on ring"]);
    }

    #[test]
    fn shells_may_use_what_they_need() {
        let node = package("shells", "node", 2, &["ring"]);
        assert_eq!(check(&packages(vec![node])), []);
    }
}
