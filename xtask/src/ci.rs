//! `cargo xtask test`: everything CI checks, step by step, with times.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::needs;
use crate::paint;
use crate::repository;
use crate::run::{Invocation, took};
use crate::tidy;

/// How long the run without `--full` may take on two cores.
const AIM: Duration = Duration::from_secs(40 * 60);

/// One step of the run.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    name: &'static str,
    work: Work,
}

#[derive(Debug, PartialEq, Eq)]
enum Work {
    /// Make sure of what the other steps need.
    Environment,
    /// The house rules, in this process.
    Tidy,
    /// Another program.
    Start(Invocation),
}

impl Step {
    /// The command that repeats this step alone.
    fn rerun(&self) -> String {
        match &self.work {
            Work::Environment => "cargo xtask test".to_owned(),
            Work::Tidy => "cargo xtask tidy".to_owned(),
            Work::Start(invocation) => invocation.shown(),
        }
    }

    fn run(&self, root: &Path) -> Result<(), Failure> {
        match &self.work {
            Work::Environment => needs::ensure(needs::Task::Test, root),
            Work::Tidy => tidy::check(root),
            Work::Start(invocation) => invocation.run(root),
        }
    }
}

/// Runs all steps, up to the first that fails.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut full = false;
    for arg in args {
        match arg.as_str() {
            "--full" => full = true,
            other => {
                return Err(Failure::Usage(format!(
                    "`test` has no argument `{other}`; to run single tests, use `cargo test <name>`"
                )));
            }
        }
    }
    let root = repository::root()?;
    let nextest = Invocation::cargo(&["nextest", "--version"])
        .command(&root)
        .output()
        .is_ok_and(|output| output.status.success());
    let fuzz = root.join("fuzz/Cargo.toml").is_file();
    let steps = steps(full, nextest, fuzz);
    let begun = Instant::now();
    for (index, step) in steps.iter().enumerate() {
        eprintln!("{}", paint::strong(&format!("[{}/{}] {}", index + 1, steps.len(), step.name)));
        let step_begun = Instant::now();
        let result = step.run(&root);
        let time = took(step_begun.elapsed());
        if let Err(failure) = result {
            eprintln!("{} {} after {time}: {failure}", paint::bad("failed:"), step.name);
            return Err(Failure::Result(format!(
                "step {} of {}, {}, failed after {} in all; to run it again: {}",
                index + 1,
                steps.len(),
                step.name,
                took(begun.elapsed()),
                step.rerun()
            )));
        }
        eprintln!("{} {} in {time}", paint::good("done:"), step.name);
    }
    let all = begun.elapsed();
    if !full && all > AIM {
        eprintln!("{} the run took longer than its aim of {}", paint::warn("warning:"), took(AIM));
    }
    eprintln!("{} all {} steps in {}", paint::good("passed:"), steps.len(), took(all));
    Ok(())
}

/// The steps in their order: what fails quickly comes first.
fn steps(full: bool, nextest: bool, fuzz: bool) -> Vec<Step> {
    let cargo = |name, args: &[&str]| Step { name, work: Work::Start(Invocation::cargo(args)) };
    let mut steps = vec![
        Step { name: "environment", work: Work::Environment },
        cargo("format", &["fmt", "--all", "--check"]),
        cargo("clippy", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        Step { name: "tidy", work: Work::Tidy },
    ];
    // Named targets leave out doctests, which have their own step, and benchmarks.
    let plain = ["test", "--workspace", "--lib", "--bins", "--tests"];
    steps.push(if nextest {
        cargo("tests", &["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        cargo("tests", &plain)
    });
    steps.push(cargo("doctests", &["test", "--workspace", "--doc"]));
    if fuzz {
        steps.push(cargo("fuzz corpora", &["test", "--manifest-path", "fuzz/Cargo.toml"]));
        let interop = ["test", "--manifest-path", "interop/Cargo.toml", "--target-dir", "target"];
        steps.push(cargo("others' programs", &interop));
    }
    if full {
        steps.push(if nextest {
            cargo("long tests", &["nextest", "run", "--workspace", "--no-fail-fast", "--run-ignored", "only"])
        } else {
            cargo("long tests", &[&plain[..], &["--", "--ignored"]].concat())
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(steps: &[Step]) -> Vec<&'static str> {
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn quick_checks_come_before_slow_ones() {
        assert_eq!(
            names(&steps(false, true, false)),
            ["environment", "format", "clippy", "tidy", "tests", "doctests"]
        );
    }

    #[test]
    fn corpora_are_replayed_when_there_are_any_and_long_tests_come_last() {
        let all = names(&steps(true, true, true));
        assert_eq!(all[6..], ["fuzz corpora", "others' programs", "long tests"]);
    }

    #[test]
    fn without_nextest_cargo_runs_the_tests() {
        let steps = steps(true, false, false);
        let shown: Vec<String> = steps.iter().map(Step::rerun).collect();
        assert!(shown.contains(&"cargo test --workspace --lib --bins --tests".to_owned()));
        assert!(shown.contains(&"cargo test --workspace --lib --bins --tests -- --ignored".to_owned()));
    }

    #[test]
    fn every_step_names_the_command_that_repeats_it() {
        for step in steps(true, true, true) {
            assert!(step.rerun().starts_with("cargo "), "{step:?}");
        }
    }

    #[test]
    fn an_unknown_argument_is_misuse() {
        let failure = run(&["--fast".to_owned()]).unwrap_err();
        assert!(matches!(failure, Failure::Usage(text) if text.contains("--fast")));
    }
}
