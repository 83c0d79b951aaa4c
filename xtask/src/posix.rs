//! `cargo xtask posix`: independent suites that try a tree of files, through a mounted vault
//! and through gocryptfs.
//!
//! `pjdfstest` tries one property of a system call after the other, `fsx` does random things to
//! one file and looks whether it has what it should have. Both come from the Rust registry and
//! are installed below the build folder. A failure of a vault fails the run; those of gocryptfs
//! are shown beside it. It needs root: the suites act as several users.

mod mounted;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use crate::failure::Failure;
use crate::needs;
use crate::paint;
use crate::repository;
use crate::run::{Invocation, took};
use mounted::{Mounted, Place, Tried};

/// The suites, each with its version.
const SUITES: [&str; 2] = ["pjdfstest@0.2.2", "fsx@0.3.2"];

/// What `pjdfstest` is told: what a vault is to be able to do, and who acts.
const PJDFSTEST: &str = r#"
[features]
posix_fallocate = {}
rename_ctime = {}
utime_now = {}
utimensat = {}

[settings]
naptime = 0.01
allow_remount = false

[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"], ["bin", "bin"]]
"#;

/// What `fsx` does, and how often compared with the rest.
const FSX: &str = "
flen = 1048576

[opsize]
max = 131072

[weights]
close_open = 2
read = 10
write = 10
mapread = 10
mapwrite = 10
invalidate = 1
truncate = 5
fsync = 1
fdatasync = 1
posix_fallocate = 2
sendfile = 2
posix_fadvise = 1
copy_file_range = 2
";

/// The same with holes, which not everything mounted can make.
const HOLES: &str = "punch_hole = 5\n";

/// Runs of `fsx`, each with another seed.
const SEEDS: u32 = 8;

/// Operations of each run.
const OPERATIONS: u32 = 5000;

/// How a suite went.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    passed: u32,
    skipped: u32,
    failed: Vec<String>,
}

/// Installs the suites, and runs them through both.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let Some(other) = args.first() {
        return Err(Failure::Usage(format!("`posix` has no argument `{other}`")));
    }
    let root = repository::root()?;
    needs::ensure(needs::Task::Posix, &root)?;
    if !needs::is_root(&root) {
        return Err(Failure::Missing("the suites act as several users: run this as root".to_owned()));
    }
    let tools = install(&root)?;
    let mount = build_mount(&root)?;
    let mut outcomes = Vec::new();
    for tried in [Tried::Vault, Tried::Gocryptfs] {
        let begun = Instant::now();
        let holes = [FSX, HOLES].concat();
        let files = [("pjdfstest.toml", PJDFSTEST), ("fsx.toml", FSX), ("holes.toml", &holes)];
        let place = Place::new(tried, &files)?;
        let mounted = Mounted::new(tried, &mount, &place)?;
        let outcome = [
            ("pjdfstest", pjdfstest(&tools, &place)?),
            ("fsx", fsx(&tools, &place, "fsx.toml")?),
            ("fsx with holes", fsx(&tools, &place, "holes.toml")?),
        ];
        mounted.end()?;
        eprintln!("{} {} in {}", paint::good("tried:"), tried.name(), took(begun.elapsed()));
        outcomes.push((tried, outcome));
    }
    for (tried, suites) in &outcomes {
        for (suite, Outcome { passed, skipped, failed }) in suites {
            println!(
                "{suite} through {}: {passed} passed, {} failed, {skipped} skipped",
                tried.name(),
                failed.len()
            );
            failed.iter().for_each(|name| println!("  failed: {name}"));
        }
    }
    let failed = outcomes.iter().filter(|(tried, _)| *tried == Tried::Vault);
    match failed.flat_map(|(_, suites)| suites).map(|(_, outcome)| outcome.failed.len()).sum::<usize>() {
        0 => Ok(()),
        count => Err(Failure::Result(format!("{count} tests failed through a vault"))),
    }
}

/// Installs the suites below the build folder. With the folder of the programs.
fn install(root: &Path) -> Result<PathBuf, Failure> {
    let folder = target_folder(root)?.join("posix");
    let into = folder.display().to_string();
    let arguments = ["install", "--quiet", "--locked", "--root", &into];
    // Does nothing where they are there in these versions.
    let command = Invocation::cargo(&[&arguments[..], &SUITES].concat());
    eprintln!("{} {}", paint::strong("running:"), command.shown());
    // The workspace's own settings are not for programs of others.
    command.run(&std::env::temp_dir())?;
    Ok(folder.join("bin"))
}

fn target_folder(root: &Path) -> Result<PathBuf, Failure> {
    let command = Invocation::cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let text = command.output(root).map_err(|(_, failure)| failure)?;
    let folder = serde_json::from_str::<Value>(&text).ok();
    let folder = folder.and_then(|value| value["target_directory"].as_str().map(PathBuf::from));
    folder.ok_or_else(|| Failure::Unreadable {
        what: command.shown(),
        why: "it names no build folder".to_owned(),
    })
}

/// Builds the program that mounts a vault. With its path.
fn build_mount(root: &Path) -> Result<PathBuf, Failure> {
    let command = Invocation::cargo(&[
        "build",
        "--release",
        "-p",
        "allod-disk",
        "--example",
        "mount",
        "--message-format=json-render-diagnostics",
    ]);
    eprintln!("{} {}", paint::strong("running:"), command.shown());
    let messages = command.output(root).map_err(|(_, failure)| failure)?;
    let mut messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let path = messages.find_map(|message| {
        let is_it = message["target"]["name"] == "mount" && message["target"]["kind"][0] == "example";
        is_it.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    });
    path.ok_or_else(|| Failure::Unreadable {
        what: command.shown(),
        why: "cargo named no executable".to_owned(),
    })
}

/// What a suite printed, and whether it ended well.
fn output(program: &Path, args: &[&str], folder: &Path) -> Result<(bool, String), Failure> {
    let invocation = Invocation::new(&program.display().to_string(), args);
    let output = invocation
        .command(folder)
        .stdin(Stdio::null())
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .map_err(|error| invocation.not_started(&error))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

fn pjdfstest(tools: &Path, place: &Place) -> Result<Outcome, Failure> {
    let (config, point) = (place.tool("pjdfstest.toml"), place.point());
    let args = ["-c", &config.display().to_string(), "-p", &point.display().to_string()];
    let (_, text) = output(&tools.join("pjdfstest"), &args, &place.folder())?;
    read(&text).ok_or_else(|| Failure::Unreadable {
        what: "what pjdfstest printed".to_owned(),
        why: text.lines().last().unwrap_or("it is nothing").to_owned(),
    })
}

/// How pjdfstest went, by what it printed: a line with the name and the outcome of each test,
/// and at the end how many there were of each, which has to agree.
fn read(text: &str) -> Option<Outcome> {
    let mut outcome = Outcome::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(_), Some("ok"), None) => outcome.passed += 1,
            (Some(_), Some("skipped"), None) => outcome.skipped += 1,
            (Some(name), Some("FAILED"), None) => outcome.failed.push(name.to_owned()),
            _ => {}
        }
    }
    let Outcome { passed, skipped, failed } = &outcome;
    let summary = format!("Summary: {} failed, {skipped} skipped, {passed} passed,", failed.len());
    text.lines().any(|line| line.starts_with(&summary)).then_some(outcome)
}

fn fsx(tools: &Path, place: &Place, config: &str) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    for seed in 1..=SEEDS {
        let (config, file) = (place.tool(config), place.point().join(format!("{config} {seed}")));
        let (config, file) = (config.display().to_string(), file.display().to_string());
        let (seed, count) = (seed.to_string(), OPERATIONS.to_string());
        let args = ["-N", &count, "-S", &seed, "-f", &config, &file];
        let (passed, text) = output(&tools.join("fsx"), &args, &place.folder())?;
        match passed {
            true => outcome.passed += 1,
            false => {
                // Behind the line that says where it ended stands why.
                let mut lines = text.lines().skip_while(|line| !line.contains("panicked at"));
                let why = lines.nth(1).or(text.lines().last());
                outcome.failed.push(format!("seed {seed}: {}", why.unwrap_or_default().trim()));
            }
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pjdfstest_printed_is_counted_and_agrees_with_its_own_count() {
        let text = "chmod::changes      ok\nlink::other     skipped\n\tand why\nopen::last   FAILED\n\tleft: 1\n\n\
                    Summary: 1 failed, 1 skipped, 1 passed, 0 expected failures, 3 total\n";
        let outcome = read(text).expect("it can be read");
        assert_eq!(outcome, Outcome { passed: 1, skipped: 1, failed: vec!["open::last".to_owned()] });
        assert_eq!(read(&text.replace("1 passed", "2 passed")), None);
        assert_eq!(read("panicked"), None);
    }
}
