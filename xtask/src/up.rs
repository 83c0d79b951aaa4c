//! `cargo xtask up`: build the `allod` command and become `allod up`.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::needs;
use crate::repository;
use crate::run::Invocation;

/// Builds and starts the network; returns only when that failed.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let root = repository::root()?;
    needs::ensure(needs::Task::Up, &root)?;
    let build =
        Invocation::cargo(&["build", "--release", "-p", "allod", "--message-format=json-render-diagnostics"]);
    let messages = build.output(&root).map_err(|(_, failure)| failure)?;
    let program = executable(&messages).ok_or_else(|| Failure::Unreadable {
        what: format!("where `{}` put the program `allod`", build.shown()),
        why: "cargo named no executable".to_owned(),
    })?;
    let error = Command::new(&program).arg("up").args(passed_on(args)).exec();
    Err(Failure::Command {
        command: format!("{} up", program.display()),
        ended: format!("could not be started: {error}"),
    })
}

/// The path of the `allod` executable, from cargo's messages.
pub(crate) fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == "allod")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// The arguments for `allod up`: all but a first `--`.
fn passed_on(args: &[String]) -> &[String] {
    match args.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => args,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_where_cargo_says() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"allod_wire"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"allod"},"executable":"out/allod"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages), Some(PathBuf::from("out/allod")));
        assert_eq!(executable(r#"{"reason":"build-finished"}"#), None);
    }

    #[test]
    fn only_the_first_double_dash_is_dropped() {
        let args = ["--", "--help", "--"].map(str::to_owned);
        assert_eq!(passed_on(&args), &args[1..]);
        assert_eq!(passed_on(&args[1..]), &args[1..]);
    }
}
