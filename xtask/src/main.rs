//! The project's own tasks, started as `cargo xtask <command>`.
//!
//! `up` builds and runs the network, `test` is what CI runs, `tidy` checks the
//! house rules, `bench` measures, `image` makes a guardian's container image, `posix`
//! tries a mounted vault with suites of others.
//! Each command first makes sure that what it needs is on the machine ([`needs`]).
//! Nothing here is part of the product, and no other crate depends on it.
//!
//! Exit codes: 0 done, 1 something failed, 2 the command line was wrong.
#![forbid(unsafe_code)]

mod bench;
mod ci;
mod failure;
mod help;
mod image;
mod needs;
mod paint;
mod posix;
mod repository;
mod run;
mod target;
mod tidy;
mod up;

use std::process::ExitCode;

use failure::Failure;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{} {failure}", paint::bad("error:"));
            failure.exit_code()
        }
    }
}

/// Finds the command that `args` name and runs it to its end.
fn dispatch(args: &[String]) -> Result<(), Failure> {
    let Some((command, rest)) = args.split_first() else {
        eprint!("{}", help::OVERVIEW);
        return Err(Failure::Usage("no command was given".to_owned()));
    };
    if let Some(text) = help::asked_for(command, rest) {
        print!("{text}");
        return Ok(());
    }
    match command.as_str() {
        "up" => up::run(rest),
        "test" => ci::run(rest),
        "tidy" => tidy::run(rest),
        "bench" => bench::run(rest),
        "image" => image::run(rest),
        "posix" => posix::run(rest),
        other => Err(Failure::Usage(format!(
            "there is no command `{other}`; the commands are up, test, tidy, bench, image and posix (`cargo xtask --help`)"
        ))),
    }
}
