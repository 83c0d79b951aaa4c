//! The help texts.

/// What `cargo xtask --help` prints.
pub(crate) const OVERVIEW: &str = "\
The project's own tasks.

Usage: cargo xtask <command> [options]

Commands:
  up     build what is needed and start the network with one command
  test   everything CI checks: format, lints, house rules, tests
  tidy   only the house rules
  bench  measure, and print one table of figures
  image  make a guardian's container image from one static binary, and try it
  posix  try a mounted vault with independent suites, beside gocryptfs

Every command first makes sure of what it needs (Rust targets and components,
and for `test` Node.js and ssh-keygen). What is missing is installed when that is
possible without asking; otherwise the exact command to run is printed.

Options:
  -h, --help   this text, or a command's own with `cargo xtask <command> --help`

Exit codes: 0 done, 1 something failed, 2 the command line was wrong.
Set NO_COLOR=1 for plain output.

Examples:
  cargo xtask up
  cargo xtask test
";

const UP: &str = "\
Build what is needed and run `allod up`.

Usage: cargo xtask up [arguments of allod up...]

Builds the `allod` command in release mode and becomes it: `allod up` with the
arguments given here. A first `--` is dropped, so that options which this tool
knows itself can be passed on.

Examples:
  cargo xtask up
  cargo xtask up -- --help    the options of `allod up`
";

const TEST: &str = "\
Everything CI checks, in this order: environment, `cargo fmt --check`, clippy with
warnings as errors, `tidy`, tests, doctests, replay of the fuzz corpora.

Usage: cargo xtask test [--full]

Tests run under cargo-nextest when it is installed, else under `cargo test`. The
first step that fails ends the run; its name and the command that repeats it are
printed. The aim is under 40 minutes on two cores.

Options:
  --full       also run the long tests (those marked `#[ignore]`)
  -h, --help   this text

Examples:
  cargo xtask test
  cargo xtask test --full
";

const TIDY: &str = "\
Check the house rules of STYLE.md.

Usage: cargo xtask tidy

Looks at every file that git tracks or would track, at the workspace's manifests,
and builds the crates of floors 0 and 1 for targets without a standard library.
Each finding says what to do instead. Warnings do not fail the run.

Options:
  -h, --help   this text

Example:
  cargo xtask tidy
";

const BENCH: &str = "\
Run the benchmark programs and print their figures in one table.

Usage: cargo xtask bench [--json] [name...]

Without names all of them run: partials, dealing, groups, proofs, recovery,
ordering, chain, evaluation, backup, mounted, shards, reconcile, carry, reconcile-bundles,
sealed-messages, bundle-round-trip, password. Nothing is written into the checkout. A missed aim is shown and does
not fail the run, since figures vary with the machine; a benchmark that cannot run does.

A benchmark program started with `-- --json` prints one object on each line:
  {\"name\":..,\"value\":..,\"unit\":..,\"aim\":..,\"peer\":..,\"ratio\":..}
`value` is a number, the other figures may be null or left out. `aim` is a text
such as \"<= 60\" or \">= 1000\" about the value, or \"<= 1.1x\" about the ratio; a
bare number is a ceiling, or a floor when the unit is a rate (ends in /s).
`peer` is the figure or the name compared with, `ratio` our figure over its own.

Options:
  --json       print the collected objects, one on each line, and no table
  -h, --help   this text

Examples:
  cargo xtask bench
  cargo xtask bench partials
  cargo xtask bench --json > figures.jsonl
";

const IMAGE: &str = "\
Make a guardian's container image from one static binary, and try it.

Usage: cargo xtask image [--binary | --try]

Builds `allod` for musl in release mode, from the lock file alone: the same checkout
and the same compilers give the same bytes. With podman or buildah on the machine it
makes the image localhost/allod of deploy/Containerfile; without, it says so and
leaves the binary.

Options:
  --binary     only the binary
  --try        then run three guardians in containers, register and recover a
               person with them while one is away, and end them in good order;
               skipped where there is no podman
  -h, --help   this text

Examples:
  cargo xtask image
  cargo xtask image --try
";

const POSIX: &str = "\
Try a mounted vault with independent suites, beside gocryptfs.

Usage: cargo xtask posix

Installs pjdfstest and fsx from the Rust registry below the build folder, mounts a new
vault and a new folder of gocryptfs, runs both suites through each, and prints how many
tests passed and which failed. Fails where one fails through a vault. Needs root and
/dev/fuse, since the suites act as several users.

Options:
  -h, --help   this text

Example:
  cargo xtask posix
";

/// The help that `command` and its arguments ask for, if they do.
pub(crate) fn asked_for(command: &str, rest: &[String]) -> Option<&'static str> {
    let is_help = |word: &str| matches!(word, "-h" | "--help" | "help");
    let text = |command: &str| match command {
        "up" => Some(UP),
        "test" => Some(TEST),
        "tidy" => Some(TIDY),
        "bench" => Some(BENCH),
        "image" => Some(IMAGE),
        "posix" => Some(POSIX),
        _ => None,
    };
    if is_help(command) {
        return Some(rest.first().and_then(|named| text(named)).unwrap_or(OVERVIEW));
    }
    // Only the first argument: what follows may belong to the program started.
    let first = rest.first()?;
    if matches!(first.as_str(), "-h" | "--help") { text(command) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Option<&'static str> {
        let rest: Vec<String> = words[1..].iter().map(|word| (*word).to_owned()).collect();
        asked_for(words[0], &rest)
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        for command in ["up", "test", "tidy", "bench", "image", "posix"] {
            let text = asked(&[command, "--help"]).expect("help");
            assert!(text.contains(&format!("Usage: cargo xtask {command}")));
            assert!(text.contains("Example"), "{command}");
            assert!(OVERVIEW.contains(&format!("  {command} ")), "{command}");
        }
    }

    #[test]
    fn help_can_be_asked_for_in_three_ways() {
        assert_eq!(asked(&["--help"]), Some(OVERVIEW));
        assert_eq!(asked(&["help", "tidy"]), Some(TIDY));
        assert_eq!(asked(&["tidy", "-h"]), Some(TIDY));
    }

    #[test]
    fn what_follows_a_double_dash_is_passed_on() {
        assert_eq!(asked(&["up", "--", "--help"]), None);
    }
}
