//! The static binary: linked with musl, without debugging symbols, and the same
//! bytes wherever the same checkout is built with the same compilers.
//!
//! What would differ between two machines is taken out: paths of the checkout, of
//! cargo's home and of the folder for what is built become fixed names, in what
//! rustc writes and in what the C compiler does, and there is no time in it. The image
//! around it is from the time of the commit.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::run::Invocation;
use crate::target::TARGET;
use crate::up;

/// What was built.
pub(super) struct Built {
    pub(super) path: PathBuf,
    /// The time of the commit, in seconds since 1970.
    pub(super) epoch: String,
}

/// Builds it.
pub(super) fn build(root: &Path) -> Result<Built, Failure> {
    // Where the sources of dependencies lie is known once they are there.
    Invocation::cargo(&["fetch", "--locked", "--target", TARGET]).run(root)?;
    let epoch = epoch(root);
    let renamed = renamed(root)?;
    let command = Invocation::cargo(&arguments(&renamed));
    let mut cargo = command.command(root);
    // These would replace the flags given here and in .cargo/config.toml.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let output = cargo.stderr(Stdio::inherit()).output().map_err(|error| command.not_started(&error))?;
    if !output.status.success() {
        return Err(Failure::Command {
            command: command.shown(),
            ended: format!("failed ({})", output.status),
        });
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let path = up::executable(&messages).ok_or_else(|| Failure::Unreadable {
        what: format!("where `{}` put the program `allod`", command.shown()),
        why: "cargo named no executable".to_owned(),
    })?;
    Ok(Built { path, epoch })
}

/// What cargo is called with.
fn arguments(renamed: &[(PathBuf, &'static str)]) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["build", "--release", "--locked", "-p", "allod", "--target", TARGET].map(str::to_owned).into();
    let mut set = |key: &str, value: &str| {
        arguments.extend(["--config".to_owned(), format!("{key}={value}")]);
    };
    let pairs = renamed.iter().map(|(path, name)| format!("{}={name}", path.display()));
    let rust: Vec<String> =
        pairs.clone().map(|pair| quoted(&format!("--remap-path-prefix={pair}"))).collect();
    let c: Vec<String> = pairs.map(|pair| shell_quoted(&format!("-ffile-prefix-map={pair}"))).collect();
    // Lists are joined with those of .cargo/config.toml, not put in their place.
    set(&format!("target.{TARGET}.rustflags"), &format!("[{}]", rust.join(",")));
    set(&format!("env.CFLAGS_{}", TARGET.replace('-', "_")), &quoted(&c.join(" ")));
    // Without this the C compiler's flags are split at every space.
    set("env.CC_SHELL_ESCAPED_FLAGS", "\"1\"");
    // Always the same: the parts in C are built anew whenever it changes, and with
    // them all that stands on them.
    set("env.SOURCE_DATE_EPOCH", "\"0\"");
    set("profile.release.strip", "\"symbols\"");
    arguments.push("--message-format=json-render-diagnostics".to_owned());
    arguments
}

/// A string of TOML: JSON's strings are among them.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A word that a shell takes as it stands.
fn shell_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// This machine's paths, and what they are called in the binary. Where one lies
/// in another, the inner one comes later, since the last that fits is taken.
fn renamed(root: &Path) -> Result<Vec<(PathBuf, &'static str)>, Failure> {
    let command = Invocation::cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let text = command.output(root).map_err(|(_, failure)| failure)?;
    let unreadable = |why: &str| Failure::Unreadable { what: command.shown(), why: why.to_owned() };
    let metadata: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| unreadable(&error.to_string()))?;
    let target = metadata["target_directory"].as_str().ok_or_else(|| unreadable("no target directory"))?;
    let cargo = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .ok_or_else(|| Failure::Missing("no home folder is known; set CARGO_HOME".to_owned()))?;
    let mut renamed =
        vec![(root.to_owned(), "/allod"), (target.into(), "/target"), (cargo.clone(), "/cargo")];
    // Each index has a folder of its own, named differently behind a mirror.
    if let Ok(entries) = std::fs::read_dir(cargo.join("registry/src")) {
        renamed.extend(entries.flatten().map(|entry| (entry.path(), "/cargo/registry")));
    }
    renamed.sort();
    Ok(renamed)
}

/// The time that the image says it is from: the commit's, unless the
/// environment names another.
fn epoch(root: &Path) -> String {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    let committed = || {
        let output = Command::new("git")
            .args(["log", "-1", "--format=%ct"])
            .current_dir(root)
            .stderr(Stdio::null())
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let is_number = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    given.filter(is_number).or_else(|| committed().filter(is_number)).unwrap_or_else(|| "0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_of_this_machine_is_left_to_be_written() {
        let root = crate::repository::root().expect("inside the checkout");
        let renamed = renamed(&root).expect("cargo answers");
        assert!(renamed.contains(&(root.clone(), "/allod")));
        let arguments = arguments(&renamed);
        let shown = arguments.join("\n");
        for flag in ["--remap-path-prefix", "-ffile-prefix-map"] {
            assert!(shown.contains(&format!("{flag}={}=/allod", root.display())), "{shown}");
        }
        assert!(shown.contains("env.SOURCE_DATE_EPOCH=\"0\""), "{shown}");
        assert!(arguments.contains(&"--locked".to_owned()));
    }

    #[test]
    fn a_path_inside_another_is_named_after_it() {
        let paths = renamed(&crate::repository::root().expect("inside the checkout")).expect("cargo answers");
        for (place, (path, _)) in paths.iter().enumerate() {
            assert!(paths[place..].iter().all(|(later, _)| later == path || !path.starts_with(later)));
        }
    }

    #[test]
    fn strings_survive_a_configuration_on_the_command_line() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
        let odd = [(PathBuf::from("/a b's"), "/x")];
        let shown = arguments(&odd).join("\n");
        assert!(shown.contains(r#"["--remap-path-prefix=/a b's=/x"]"#), "{shown}");
        assert!(shown.contains(r#"="'-ffile-prefix-map=/a b'\\''s=/x'""#), "{shown}");
    }
}
