//! `cargo xtask bench`: run the benchmark programs, print one table.
//!
//! A benchmark program prints lines for people, and with `-- --json` one object
//! on each line (see `help.rs` for its fields). Nothing is written into the
//! checkout.

mod figure;

use crate::failure::Failure;
use crate::needs;
use crate::paint;
use crate::repository;
use crate::run::Invocation;

/// A benchmark program of the workspace.
struct Program {
    /// What it is called on the command line, and its bench target.
    name: &'static str,
    package: &'static str,
}

/// The package that is not a part of the workspace.
const OUTSIDE: &str = "allod-interop";

/// All of them; a new one is added here and to the help text.
static PROGRAMS: &[Program] = &[
    Program { name: "partials", package: "allod-threshold" },
    Program { name: "dealing", package: "allod-threshold" },
    Program { name: "groups", package: "allod-crypto" },
    Program { name: "proofs", package: "allod-ledger" },
    Program { name: "recovery", package: "allod-node" },
    Program { name: "ordering", package: "allod-node" },
    Program { name: "chain", package: "allod-node" },
    Program { name: "evaluation", package: "allod-node" },
    Program { name: "backup", package: "allod-disk" },
    Program { name: "mounted", package: "allod-disk" },
    Program { name: "shards", package: "allod-node" },
    Program { name: "reconcile", package: "allod-vault" },
    Program { name: "carry", package: "allod-courier" },
    Program { name: "reconcile-bundles", package: "allod-courier" },
    Program { name: "sealed-messages", package: "allod-courier" },
    Program { name: "bundle-round-trip", package: OUTSIDE },
    Program { name: "password", package: "allod-crypto" },
];

/// Runs the programs named, or all, and prints what they measured.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let (json, programs) = chosen(args)?;
    let root = repository::root()?;
    needs::ensure(needs::Task::Bench, &root)?;
    let mut figures = Vec::new();
    let mut failed = Vec::new();
    for program in programs {
        let outside = ["--manifest-path", "interop/Cargo.toml", "--target-dir", "target"];
        let place: &[&str] = if program.package == OUTSIDE { &outside } else { &["-p", program.package] };
        let what = ["--bench", program.name, "--", "--json"];
        let command = Invocation::cargo(&[&["bench"], place, &what].concat());
        eprintln!("{} {}", paint::strong("running:"), command.shown());
        let (text, failure) = match command.output(&root) {
            Ok(text) => (text, None),
            Err((text, failure)) => (text, Some(failure)),
        };
        let mut read = figure::read(program.name, &text);
        if let Some(failure) = failure {
            eprintln!("{} {failure}", paint::bad("failed:"));
            failed.push(program.name);
        } else if read.is_empty() {
            eprintln!("{} {} printed no figures", paint::bad("failed:"), program.name);
            failed.push(program.name);
        }
        figures.append(&mut read);
    }
    if json {
        figures.iter().for_each(|figure| println!("{}", figure.line));
    } else if !figures.is_empty() {
        print!("{}", figure::table(&figures));
    }
    let missed = figures.iter().filter(|figure| figure.met() == Some(false)).count();
    let aims = figures.iter().filter(|figure| figure.met().is_some()).count();
    eprintln!("{} figures, {} of {aims} aims met", figures.len(), aims - missed);
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Result(format!("these benchmarks gave no full result: {}", failed.join(", "))))
    }
}

/// Whether JSON is wanted, and which programs.
fn chosen(args: &[String]) -> Result<(bool, Vec<&'static Program>), Failure> {
    let mut json = false;
    let mut programs = Vec::new();
    for arg in args {
        if arg == "--json" {
            json = true;
        } else if let Some(program) = PROGRAMS.iter().find(|program| program.name == arg) {
            programs.push(program);
        } else {
            let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
            return Err(Failure::Usage(format!(
                "there is no benchmark `{arg}`; there are {}",
                names.join(", ")
            )));
        }
    }
    if programs.is_empty() {
        programs = PROGRAMS.iter().collect();
    }
    Ok((json, programs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(args: &[&str]) -> Result<Vec<&'static str>, Failure> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        chosen(&args).map(|(_, programs)| programs.iter().map(|program| program.name).collect())
    }

    #[test]
    fn without_names_all_run() {
        assert_eq!(names(&[]).unwrap().len(), PROGRAMS.len());
        assert_eq!(names(&["--json"]).unwrap().len(), PROGRAMS.len());
    }

    #[test]
    fn a_named_benchmark_runs_alone() {
        assert_eq!(names(&["password", "--json"]).unwrap(), ["password"]);
    }

    #[test]
    fn an_unknown_benchmark_is_misuse() {
        assert!(matches!(names(&["speed"]), Err(Failure::Usage(_))));
    }

    #[test]
    fn the_help_names_every_benchmark() {
        let help = crate::help::asked_for("bench", &["--help".to_owned()]).expect("help");
        assert!(PROGRAMS.iter().all(|program| help.contains(program.name)));
    }
}
