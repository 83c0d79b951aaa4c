//! Starting other programs, and showing what was started.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::failure::Failure;

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
}

impl Invocation {
    /// `program` with `args`.
    pub(crate) fn new<S: AsRef<str>>(program: &str, args: &[S]) -> Self {
        Self { program: program.to_owned(), args: args.iter().map(|arg| arg.as_ref().to_owned()).collect() }
    }

    /// `cargo` with `args`.
    pub(crate) fn cargo<S: AsRef<str>>(args: &[S]) -> Self {
        Self::new("cargo", args)
    }

    /// The command as one can type it into a shell.
    pub(crate) fn shown(&self) -> String {
        let mut shown = self.program.clone();
        for arg in &self.args {
            shown.push(' ');
            shown.push_str(&quoted(arg));
        }
        shown
    }

    /// A [`Command`] that runs this in `folder`.
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(folder);
        command
    }

    /// Runs this in `folder` with the terminal's own input and output.
    pub(crate) fn run(&self, folder: &Path) -> Result<(), Failure> {
        let status = self.command(folder).status().map_err(|error| self.not_started(&error))?;
        if status.success() { Ok(()) } else { Err(self.ended(status)) }
    }

    /// Runs this in `folder` and returns what it wrote to standard output, even
    /// when it failed; its standard error is shown as it comes.
    pub(crate) fn output(&self, folder: &Path) -> Result<String, (String, Failure)> {
        let output = self
            .command(folder)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| (String::new(), self.not_started(&error)))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(text) } else { Err((text, self.ended(output.status))) }
    }

    pub(crate) fn not_started(&self, error: &std::io::Error) -> Failure {
        Failure::Command { command: self.shown(), ended: format!("could not be started: {error}") }
    }

    fn ended(&self, status: std::process::ExitStatus) -> Failure {
        Failure::Command { command: self.shown(), ended: format!("failed ({status})") }
    }
}

fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:+,@%".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

/// A duration for people: `0.3s`, `12s`, `3m 05s`.
pub(crate) fn took(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds >= 60 {
        format!("{}m {:02}s", seconds / 60, seconds % 60)
    } else if seconds >= 10 {
        format!("{seconds}s")
    } else {
        format!("{:.1}s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_survives_a_shell() {
        let command = Invocation::new("cargo", &["test", "a b", "it's", ""]);
        assert_eq!(command.shown(), r"cargo test 'a b' 'it'\''s' ''");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(took(Duration::from_millis(340)), "0.3s");
        assert_eq!(took(Duration::from_secs(12)), "12s");
        assert_eq!(took(Duration::from_secs(185)), "3m 05s");
    }

    #[test]
    fn a_failing_program_is_reported_with_its_command() {
        let command = Invocation::new("cargo", &["no-such-subcommand-exists"]);
        let failure = command.command(Path::new(".")).stderr(Stdio::null()).status();
        assert!(failure.is_ok_and(|status| !status.success()));
        let missing = Invocation::new("no-such-program-exists", &[] as &[&str]);
        let error = missing.run(Path::new(".")).unwrap_err().to_string();
        assert!(error.contains("`no-such-program-exists` could not be started"), "{error}");
    }
}
