//! `cargo xtask tidy`: the house rules of `STYLE.md` as checks.
//!
//! One rule a file. A rule looks at a [`Tree`] and returns [`Finding`]s, each of
//! which says what to do instead. Rules never look at anything but the tree, so
//! that their tests hand them small made-up ones; only [`bare_builds`] also
//! starts a compiler.

mod bare_builds;
mod crate_attributes;
mod crypto_door;
mod floors;
mod headers;
mod lengths;
mod links;
mod machine_paths;
mod markdown;
mod names;
mod registries;
mod unfinished;

#[cfg(test)]
mod made_up;

use std::path::Path;

use crate::failure::Failure;
use crate::needs;
use crate::paint;
use crate::repository::{self, Tree};

/// Something a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file or folder, relative to the root.
    pub(crate) path: String,
    /// The line, counted from 1; 0 when the finding is about the whole file.
    pub(crate) line: usize,
    pub(crate) what: String,
    /// What to do instead.
    pub(crate) instead: String,
    /// A warning is shown and does not fail the run.
    pub(crate) warning: bool,
}

impl Finding {
    /// A finding about a whole file.
    fn of_file(path: &str, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::of_line(path, 0, what, instead)
    }

    /// A finding about one line, counted from 1.
    fn of_line(path: &str, line: usize, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), instead: instead.into(), warning: false }
    }
}

/// A house rule that needs only the tree.
struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

static RULES: &[Rule] = &[
    Rule { name: "floors", check: floors::check },
    Rule { name: "crypto door", check: crypto_door::check },
    Rule { name: "crate attributes", check: crate_attributes::check },
    Rule { name: "header docs", check: headers::check },
    Rule { name: "file lengths", check: lengths::check },
    Rule { name: "names", check: names::check },
    Rule { name: "nothing unfinished", check: unfinished::check },
    Rule { name: "no path of a machine", check: machine_paths::check },
    Rule { name: "no registry host", check: registries::check },
    Rule { name: "links", check: links::check },
];

/// The command itself.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let Some(first) = args.first() {
        return Err(Failure::Usage(format!("`tidy` has no argument `{first}`")));
    }
    let root = repository::root()?;
    needs::ensure(needs::Task::Tidy, &root)?;
    check(&root)
}

/// Checks every rule on the checkout at `root`, and prints what they found.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let tree = Tree::read(root)?;
    let mut broken = 0;
    let mut report = |name: &str, findings: Vec<Finding>| {
        let failures = findings.iter().filter(|finding| !finding.warning).count();
        broken += failures;
        let verdict = if failures == 0 { paint::good("ok") } else { paint::bad("broken") };
        eprintln!("  {name}: {verdict}");
        for finding in &findings {
            show(finding);
        }
    };
    for rule in RULES {
        report(rule.name, (rule.check)(&tree));
    }
    report("builds without std", bare_builds::check(&tree, |command| bare_builds::build(command, root)));
    if broken == 0 {
        Ok(())
    } else {
        Err(Failure::Result(format!("the house rules are broken in {broken} places (see above)")))
    }
}

fn show(finding: &Finding) {
    let label = if finding.warning { paint::warn("warning") } else { paint::bad("error") };
    let place =
        if finding.line == 0 { finding.path.clone() } else { format!("{}:{}", finding.path, finding.line) };
    eprintln!("    {label}: {place}: {}", finding.what);
    eprintln!("      instead: {}", finding.instead);
}

/// Whether a file holds only tests, by where it stands.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests")
}

/// The end of a file's name after its last dot, if it has one.
fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}
