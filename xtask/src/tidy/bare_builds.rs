//! Crates of floors 0 and 1, and those that say that they are bare, build where there is no
//! standard library: bare metal and WebAssembly.

use std::path::Path;

use crate::failure::Failure;
use crate::repository::Tree;
use crate::run::Invocation;

use super::Finding;

/// Targets without an operating system. xtask installs them; see `needs.rs`.
const TARGETS: &[&str] = &["x86_64-unknown-none", "wasm32-unknown-unknown"];

/// Builds all bare crates for each target with `build`.
pub(crate) fn check(tree: &Tree, mut build: impl FnMut(&Invocation) -> Result<(), Failure>) -> Vec<Finding> {
    let mut crates: Vec<&str> = tree
        .packages
        .iter()
        .filter(|package| package.lib.is_some() && package.is_bare)
        .map(|package| package.name.as_str())
        .collect();
    crates.sort_unstable();
    let mut findings = Vec::new();
    if crates.is_empty() {
        return findings;
    }
    for target in TARGETS {
        let mut args = vec!["build", "--quiet", "--lib", "--target", target];
        for name in &crates {
            args.extend(["-p", name]);
        }
        let command = Invocation::cargo(&args);
        if let Err(failure) = build(&command) {
            findings.push(Finding::of_file(
                target,
                failure.to_string(),
                "take from `alloc` and our own crates what was taken from `std`, and turn off \
                 default features of dependencies",
            ));
        }
    }
    findings
}

/// Runs one build with the repository's own compiler flags: `RUSTFLAGS` from
/// outside would replace those in `.cargo/config.toml`, which bare metal needs.
pub(crate) fn build(command: &Invocation, root: &Path) -> Result<(), Failure> {
    let mut process = command.command(root);
    process.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    match process.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Command { command: command.shown(), ended: format!("failed ({status})") }),
        Err(error) => Err(command.not_started(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{package, packages};
    use super::*;

    fn tree() -> Tree {
        packages(vec![
            package("matter", "wire", 0, &[]),
            package("protocols", "guardian", 1, &[]),
            package("shells", "node", 2, &[]),
        ])
    }

    #[test]
    fn a_shell_s_part_that_says_it_is_bare_is_built_too() {
        let mut tree = tree();
        tree.packages.extend([package("shells", "zstd", 2, &[]), package("shells", "disk", 2, &[])]);
        tree.packages[3].is_bare = true;
        let mut commands = Vec::new();
        check(&tree, |command| {
            commands.push(command.shown());
            Ok(())
        });
        assert!(commands[0].ends_with("-p allod-guardian -p allod-wire -p allod-zstd"), "{commands:?}");
    }

    #[test]
    fn both_lower_floors_are_built_for_both_targets() {
        let mut commands = Vec::new();
        let findings = check(&tree(), |command| {
            commands.push(command.shown());
            Ok(())
        });
        assert_eq!(findings, []);
        assert_eq!(commands.len(), TARGETS.len());
        for (command, target) in commands.iter().zip(TARGETS) {
            assert!(command.contains(&format!("--target {target} ")), "{command}");
            assert!(command.ends_with("-p allod-guardian -p allod-wire"), "{command}");
        }
    }

    #[test]
    fn a_build_that_fails_is_found_and_the_next_target_still_tried() {
        let findings = check(&tree(), |command| {
            if command.args.iter().any(|arg| arg == TARGETS[0]) {
                Err(Failure::Command { command: command.shown(), ended: "failed".to_owned() })
            } else {
                Ok(())
            }
        });
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, TARGETS[0]);
    }
}
