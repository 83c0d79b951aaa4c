//! Imports point down only: every manifest names its floor, and no ordinary
//! dependency leads to the same floor or up.
//!
//! The one exception is floor 0, whose crates stand in an order among
//! themselves: `wire`, then `crypto`, then `did`, `threshold` and `proof`.
//! Development dependencies are free, since nothing that is shipped holds them.

use crate::repository::{Kind, Package, Tree};

use super::Finding;

/// The order on floor 0; a crate may import those of an earlier row.
const MATTER: &[&[&str]] =
    &[&["allod-wire"], &["allod-crypto"], &["allod-did", "allod-threshold", "allod-proof"]];

/// Which floor a folder is.
const FOLDERS: &[(&str, u64)] =
    &[("matter", 0), ("protocols", 1), ("shells", 2), ("os", 2), ("apps", 3), ("xtask", 3)];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &tree.packages {
        let Some(floor) = package.floor else {
            findings.push(Finding::of_file(
                &package.manifest,
                format!("{} does not say its floor", package.name),
                "add `[package.metadata.allod]` with `floor = N`; ARCHITECTURE.md says which",
            ));
            continue;
        };
        check_folder(package, floor, &mut findings);
        for dependency in package.dependencies.iter().filter(|d| d.kind == Kind::Ordinary) {
            // Crates from outside stand on no floor.
            let Some(target) = tree.packages.iter().find(|p| p.name == dependency.name) else {
                continue;
            };
            if let Some(target_floor) = target.floor {
                check_edge(package, floor, target, target_floor, &mut findings);
            }
        }
    }
    findings
}

fn check_folder(package: &Package, floor: u64, findings: &mut Vec<Finding>) {
    let folder = package.manifest.split('/').next().unwrap_or_default();
    match FOLDERS.iter().find(|(name, _)| *name == folder) {
        Some((_, expected)) if *expected == floor => {}
        Some((_, expected)) => findings.push(Finding::of_file(
            &package.manifest,
            format!("says floor {floor}, and {folder}/ is floor {expected}"),
            format!("write `floor = {expected}`, or move the crate to its floor's folder"),
        )),
        None => findings.push(Finding::of_file(
            &package.manifest,
            format!("{folder}/ is no folder of a floor"),
            "move the crate into matter/, protocols/, shells/, os/ or apps/",
        )),
    }
    if floor == 0 && rank(&package.name).is_none() {
        findings.push(Finding::of_file(
            &package.manifest,
            format!("{} has no place in the order of floor 0", package.name),
            "give it a row in `MATTER` in xtask/src/tidy/floors.rs, and say so in ARCHITECTURE.md",
        ));
    }
}

fn check_edge(from: &Package, from_floor: u64, to: &Package, to_floor: u64, findings: &mut Vec<Finding>) {
    if to_floor < from_floor {
        return;
    }
    let in_order = rank(&from.name).zip(rank(&to.name)).is_some_and(|(from, to)| to < from);
    if to_floor == 0 && from_floor == 0 && in_order {
        return;
    }
    let instead = match (from_floor, to_floor) {
        (0, 0) => "keep the order wire, crypto, then did/threshold/proof; move what both need down",
        (1, 1) => "let a shell carry messages between the two, and move shared types to floor 0",
        _ => "turn the dependency round, or move what is needed to a lower floor",
    };
    findings.push(Finding::of_file(
        &from.manifest,
        format!("{} (floor {from_floor}) imports {} (floor {to_floor})", from.name, to.name),
        instead,
    ));
}

/// The row of a floor-0 crate in [`MATTER`].
fn rank(name: &str) -> Option<usize> {
    MATTER.iter().position(|row| row.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{package, packages};
    use super::*;

    fn found(list: Vec<Package>) -> Vec<String> {
        check(&packages(list)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn imports_that_point_down_pass() {
        let list = vec![
            package("matter", "wire", 0, &["minicbor"]),
            package("matter", "crypto", 0, &["allod-wire"]),
            package("matter", "threshold", 0, &["allod-crypto", "allod-wire"]),
            package("protocols", "guardian", 1, &["allod-threshold"]),
            package("shells", "node", 2, &["allod-guardian", "allod-wire"]),
        ];
        assert_eq!(found(list), [] as [&str; 0]);
    }

    #[test]
    fn an_import_that_points_up_is_found() {
        let list = vec![package("matter", "wire", 0, &["allod-node"]), package("shells", "node", 2, &[])];
        assert_eq!(found(list), ["allod-wire (floor 0) imports allod-node (floor 2)"]);
    }

    #[test]
    fn protocols_never_import_each_other() {
        let list = vec![
            package("protocols", "guardian", 1, &["allod-vault"]),
            package("protocols", "vault", 1, &[]),
        ];
        assert_eq!(found(list), ["allod-guardian (floor 1) imports allod-vault (floor 1)"]);
    }

    #[test]
    fn floor_0_keeps_its_order() {
        let list = vec![
            package("matter", "wire", 0, &["allod-crypto"]),
            package("matter", "crypto", 0, &[]),
            package("matter", "did", 0, &["allod-threshold"]),
            package("matter", "threshold", 0, &[]),
        ];
        assert_eq!(
            found(list),
            [
                "allod-wire (floor 0) imports allod-crypto (floor 0)",
                "allod-did (floor 0) imports allod-threshold (floor 0)"
            ]
        );
    }

    #[test]
    fn a_development_dependency_may_point_anywhere() {
        let mut wire = package("matter", "wire", 0, &["allod-crypto"]);
        wire.dependencies[0].kind = Kind::Dev;
        assert_eq!(found(vec![wire, package("matter", "crypto", 0, &[])]), [] as [&str; 0]);
    }

    #[test]
    fn a_manifest_without_a_floor_or_with_anothers_is_found() {
        let mut silent = package("matter", "wire", 0, &[]);
        silent.floor = None;
        assert_eq!(found(vec![silent]), ["allod-wire does not say its floor"]);
        let wrong = package("protocols", "guardian", 2, &[]);
        assert_eq!(found(vec![wrong]), ["says floor 2, and protocols/ is floor 1"]);
    }

    #[test]
    fn an_unknown_crate_of_floor_0_must_be_given_its_place() {
        let stray = package("matter", "stray", 0, &[]);
        assert_eq!(found(vec![stray]), ["allod-stray has no place in the order of floor 0"]);
    }
}
