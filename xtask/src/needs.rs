//! What the commands need on a machine, and how they get it.
//!
//! [`TABLE`] is the one list. [`ensure`] is called by every command before its
//! work: what is missing is installed when that can be done without asking, and
//! otherwise the exact command is printed and the run stops.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::run::Invocation;
use crate::target::TARGET;

/// A command of this tool, as far as its needs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Up,
    Test,
    Tidy,
    Bench,
    Image,
    Posix,
}

/// How to see whether something is there.
enum Presence {
    /// The program runs with these arguments and ends well.
    Runs(&'static str, &'static [&'static str]),
    /// The program prints a version whose first number is at least `least`.
    Version {
        program: &'static str,
        args: &'static [&'static str],
        least: u32,
        /// Where its maker offers it, for systems that have an older one.
        offered: &'static str,
    },
    /// A file of this name is on the search path.
    OnPath(&'static str),
    /// The standard library for this target lies in the toolchain.
    RustTarget(&'static str),
}

/// Where something comes from.
enum Source {
    /// `rustup target add`.
    RustTarget(&'static str),
    /// `rustup component add`.
    RustComponent(&'static str),
    /// `apt-get install`.
    Debian(&'static str),
}

/// One thing a command cannot do without.
struct Need {
    name: &'static str,
    presence: Presence,
    source: Source,
    why: &'static str,
    tasks: &'static [Task],
}

/// Everything that is needed, by whom and why.
static TABLE: &[Need] = &[
    Need {
        name: "cc",
        presence: Presence::OnPath("cc"),
        source: Source::Debian("build-essential"),
        why: "Rust programs are linked with it, and dependencies build C and assembly parts",
        tasks: &[Task::Up, Task::Test, Task::Bench, Task::Image, Task::Posix],
    },
    Need {
        name: TARGET,
        presence: Presence::RustTarget(TARGET),
        source: Source::RustTarget(TARGET),
        why: "the image holds one static binary, linked with musl",
        tasks: &[Task::Image],
    },
    Need {
        name: "musl-gcc",
        presence: Presence::OnPath("musl-gcc"),
        source: Source::Debian("musl-tools"),
        why: "parts of dependencies in C and assembly are built for that binary",
        tasks: &[Task::Image],
    },
    Need {
        name: "restic",
        presence: Presence::OnPath("restic"),
        source: Source::Debian("restic"),
        why: "backups are measured beside it",
        tasks: &[Task::Bench],
    },
    Need {
        name: "borg",
        presence: Presence::OnPath("borg"),
        source: Source::Debian("borgbackup"),
        why: "backups are measured beside it",
        tasks: &[Task::Bench],
    },
    Need {
        name: "gocryptfs",
        presence: Presence::OnPath("gocryptfs"),
        source: Source::Debian("gocryptfs"),
        why: "a mounted vault is measured and tried beside it",
        tasks: &[Task::Bench, Task::Posix],
    },
    Need {
        name: "fusermount",
        presence: Presence::OnPath("fusermount"),
        source: Source::Debian("fuse3"),
        why: "gocryptfs is unmounted with it",
        tasks: &[Task::Bench, Task::Posix],
    },
    Need {
        name: "git",
        presence: Presence::Runs("git", &["--version"]),
        source: Source::Debian("git"),
        why: "the house rules look at the files git tracks",
        tasks: &[Task::Test, Task::Tidy],
    },
    Need {
        name: "x86_64-unknown-none",
        presence: Presence::RustTarget("x86_64-unknown-none"),
        source: Source::RustTarget("x86_64-unknown-none"),
        why: "floors 0 and 1 must build for bare metal",
        tasks: &[Task::Test, Task::Tidy],
    },
    Need {
        name: "wasm32-unknown-unknown",
        presence: Presence::RustTarget("wasm32-unknown-unknown"),
        source: Source::RustTarget("wasm32-unknown-unknown"),
        why: "floors 0 and 1 must build for browsers",
        tasks: &[Task::Test, Task::Tidy],
    },
    Need {
        name: "rustfmt",
        presence: Presence::Runs("cargo", &["fmt", "--version"]),
        source: Source::RustComponent("rustfmt"),
        why: "the format is checked",
        tasks: &[Task::Test],
    },
    Need {
        name: "clippy",
        presence: Presence::Runs("cargo", &["clippy", "--version"]),
        source: Source::RustComponent("clippy"),
        why: "the lints are checked",
        tasks: &[Task::Test],
    },
    Need {
        name: "Node.js 20 or later",
        presence: Presence::Version {
            program: "node",
            args: &["--version"],
            least: 20,
            offered: "https://nodejs.org/en/download",
        },
        source: Source::Debian("nodejs"),
        why: "one test runs an independent client that is written in JavaScript",
        tasks: &[Task::Test],
    },
    Need {
        name: "npm",
        presence: Presence::Runs("npm", &["--version"]),
        source: Source::Debian("npm"),
        why: "it fetches that client",
        tasks: &[Task::Test],
    },
    Need {
        name: "python3 with venv",
        presence: Presence::Runs("python3", &["-c", "import ensurepip, venv"]),
        source: Source::Debian("python3-venv"),
        why: "one test runs an independent implementation of bundles that is written in Python",
        tasks: &[Task::Test],
    },
    Need {
        name: "ssh-keygen",
        presence: Presence::OnPath("ssh-keygen"),
        source: Source::Debian("openssh-client"),
        why: "one test checks our signatures with it",
        tasks: &[Task::Test],
    },
];

/// What a look at the machine showed.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Present,
    Absent,
    /// There, but this version is too old; a later one is offered there.
    Old {
        version: String,
        offered: &'static str,
    },
}

/// Makes sure of everything `task` needs, or says how to get it.
pub(crate) fn ensure(task: Task, root: &Path) -> Result<(), Failure> {
    let missing = look(task, root)?;
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        eprintln!("missing: {} ({})", need.name, need.why);
    }
    for command in rustup_commands(&missing) {
        eprintln!("running: {}", command.shown());
        command
            .run(root)
            .map_err(|_| Failure::Missing(format!("run `{}` and start this again", command.shown())))?;
    }
    let packages = debian_packages(&missing);
    if !packages.is_empty() {
        install(&packages, root)?;
    }
    match look(task, root)?.first() {
        None => Ok(()),
        Some(need) => {
            Err(Failure::Missing(format!("{} is still missing after installing it; {}", need.name, need.why)))
        }
    }
}

/// What of `task`'s needs is absent. A program that is there but too old ends
/// the run: replacing what somebody chose to install is theirs to do.
fn look(task: Task, root: &Path) -> Result<Vec<&'static Need>, Failure> {
    let mut missing = Vec::new();
    for need in TABLE.iter().filter(|need| need.tasks.contains(&task)) {
        match look_for(&need.presence, root) {
            Found::Present => {}
            Found::Absent => missing.push(need),
            Found::Old { version, offered } => {
                return Err(Failure::Missing(format!(
                    "{} is needed and {version} was found; {}. Install a later one ({offered}) \
                     and start this again",
                    need.name, need.why
                )));
            }
        }
    }
    Ok(missing)
}

fn look_for(presence: &Presence, root: &Path) -> Found {
    let present = |there: bool| if there { Found::Present } else { Found::Absent };
    match presence {
        Presence::Runs(program, args) => present(printed(program, args, root).is_some()),
        Presence::Version { program, args, least, offered } => match printed(program, args, root) {
            Some(text) => new_enough(&text, *least, offered),
            None => Found::Absent,
        },
        Presence::OnPath(program) => present(on_path(program)),
        Presence::RustTarget(target) => {
            let sysroot = printed("rustc", &["--print", "sysroot"], root);
            present(sysroot.is_some_and(|sysroot| {
                Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir()
            }))
        }
    }
}

/// Compares the first number in `text` with `least`.
fn new_enough(text: &str, least: u32, offered: &'static str) -> Found {
    let version = text.trim();
    let first: String =
        version.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    match first.parse::<u32>() {
        Ok(number) if number >= least => Found::Present,
        _ => Found::Old { version: version.to_owned(), offered },
    }
}

/// What a program prints, when it runs and ends well.
fn printed(program: &str, args: &[&str], root: &Path) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

fn rustup_commands(missing: &[&Need]) -> Vec<Invocation> {
    let mut targets = vec!["target", "add"];
    let mut components = vec!["component", "add"];
    for need in missing {
        match need.source {
            Source::RustTarget(name) => targets.push(name),
            Source::RustComponent(name) => components.push(name),
            Source::Debian(_) => {}
        }
    }
    [targets, components]
        .into_iter()
        .filter(|args| args.len() > 2)
        .map(|args| Invocation::new("rustup", &args))
        .collect()
}

fn debian_packages(missing: &[&Need]) -> Vec<&'static str> {
    missing
        .iter()
        .filter_map(|need| match need.source {
            Source::Debian(package) => Some(package),
            Source::RustTarget(_) | Source::RustComponent(_) => None,
        })
        .collect()
}

/// Installs Debian packages as root, or says what to run.
fn install(packages: &[&str], root: &Path) -> Result<(), Failure> {
    let mut args = vec!["install", "-y", "--no-install-recommends"];
    args.extend(packages);
    let command = Invocation::new("apt-get", &args);
    if !is_root(root) || !on_path("apt-get") {
        return Err(Failure::Missing(by_hand(packages, &command)));
    }
    let update = Invocation::new("apt-get", &["update"]);
    let quiet = |invocation: &Invocation| {
        eprintln!("running: {}", invocation.shown());
        let mut command = invocation.command(root);
        command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    // On a fresh machine there are no package lists yet, and old lists name
    // versions that are gone; one update mends both.
    if quiet(&command) || (quiet(&update) && quiet(&command)) {
        Ok(())
    } else {
        Err(Failure::Missing(by_hand(packages, &command)))
    }
}

/// Whether root runs this.
pub(crate) fn is_root(root: &Path) -> bool {
    printed("id", &["-u"], root).is_some_and(|id| id.trim() == "0")
}

fn by_hand(packages: &[&str], command: &Invocation) -> String {
    if on_path("apt-get") {
        format!("run `sudo apt-get update && sudo {}` and start this again", command.shown())
    } else {
        format!(
            "install what Debian calls {} by the means of this system and start this again",
            packages.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(name: &str) -> &'static Need {
        TABLE.iter().find(|need| need.name == name).expect("in the table")
    }

    #[test]
    fn a_version_is_compared_by_its_first_number() {
        let old = |version: &str| Found::Old { version: version.to_owned(), offered: "there" };
        assert_eq!(new_enough("v20.20.2\n", 20, "there"), Found::Present);
        assert_eq!(new_enough("v100.0.0", 20, "there"), Found::Present);
        assert_eq!(new_enough("v18.19.0\n", 20, "there"), old("v18.19.0"));
        assert_eq!(new_enough("what?", 20, "there"), old("what?"));
    }

    #[test]
    fn a_program_that_does_not_exist_is_absent() {
        let here = Path::new(".");
        let absent = [
            Presence::Runs("no-such-program-exists", &[]),
            Presence::Version { program: "no-such-program-exists", args: &[], least: 1, offered: "" },
            Presence::OnPath("no-such-program-exists"),
            Presence::RustTarget("no-such-target"),
        ];
        for presence in &absent {
            assert_eq!(look_for(presence, here), Found::Absent);
        }
        assert_eq!(look_for(&Presence::Runs("cargo", &["--version"]), here), Found::Present);
        assert_eq!(look_for(&Presence::OnPath("cargo"), here), Found::Present);
    }

    #[test]
    fn what_is_missing_is_grouped_into_one_command_each() {
        let missing =
            [need("x86_64-unknown-none"), need("wasm32-unknown-unknown"), need("clippy"), need("npm")];
        let shown: Vec<String> = rustup_commands(&missing).iter().map(Invocation::shown).collect();
        assert_eq!(
            shown,
            ["rustup target add x86_64-unknown-none wasm32-unknown-unknown", "rustup component add clippy"]
        );
        assert_eq!(debian_packages(&missing), ["npm"]);
    }

    #[test]
    fn starting_the_network_needs_no_test_tools() {
        let up: Vec<&str> =
            TABLE.iter().filter(|need| need.tasks.contains(&Task::Up)).map(|need| need.name).collect();
        assert_eq!(up, ["cc"]);
    }
}
