//! No tracked file holds a path that exists on one machine only.

use crate::repository::{File, Tree};

use super::{Finding, extension, is_test};

/// Folders of one machine, cut in two so that this file does not find itself.
/// What follows must look like a name for the path to count.
const FOLDERS: &[(&str, &str)] =
    &[("/ho", "me/"), ("/ro", "ot/"), ("/Us", "ers/"), ("/wo", "rk/"), ("\\Us", "ers\\")];

/// The folder for files that pass away, which tests may name.
const PASSING: (&str, &str) = ("/t", "mp/");

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            for (head, tail) in FOLDERS {
                if names_a_path(line, &format!("{head}{tail}")) {
                    findings.push(Finding::of_line(
                        &file.path,
                        index + 1,
                        format!("a path below {head}{tail}, which is one machine's"),
                        "use a path relative to the checkout, `~`, or an argument",
                    ));
                }
            }
            let (head, tail) = PASSING;
            if names_a_path(line, &format!("{head}{tail}")) && !in_tests(file, index) {
                findings.push(Finding::of_line(
                    &file.path,
                    index + 1,
                    format!("a fixed path below {head}{tail}"),
                    "use `std::env::temp_dir()`, `mktemp -d` in a shell, or an argument",
                ));
            }
        }
    }
    findings
}

/// Whether `folder` begins a path in `line` and a name follows it.
fn names_a_path(line: &str, folder: &str) -> bool {
    let before = |c: char| c.is_alphanumeric() || "_-.~})>".contains(c);
    let named = |c: char| c.is_alphanumeric() || "_.{$".contains(c);
    line.match_indices(folder)
        .any(|(at, _)| !line[..at].ends_with(before) && line[at + folder.len()..].starts_with(named))
}

/// Whether a line stands in a file of tests, or below the mark where a Rust
/// file's own tests begin.
fn in_tests(file: &File, line: usize) -> bool {
    is_test(&file.path)
        || extension(&file.path) == Some("rs")
            && file.text.lines().take(line).any(|line| line.trim() == "#[cfg(test)]")
}

#[cfg(test)]
mod tests {
    use super::super::made_up::files;
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&files(&[(path, text)])).len()
    }

    fn join((head, tail): (&str, &str), rest: &str) -> String {
        format!("\"{head}{tail}{rest}\"")
    }

    #[test]
    fn relative_paths_addresses_and_placeholders_pass() {
        for folder in FOLDERS {
            assert_eq!(count("a.md", &format!("see docs{}{}limits.md", folder.0, folder.1)), 0);
            assert_eq!(count("a.md", &join(*folder, "<name>")), 0);
            assert_eq!(count("a.md", &format!("https://example.org{}{}x", folder.0, folder.1)), 0);
        }
    }

    #[test]
    fn a_path_of_one_machine_is_found_anywhere() {
        for folder in FOLDERS {
            assert_eq!(count("a.md", &join(*folder, "alice")), 1, "{folder:?}");
            assert_eq!(count("x/tests/a.rs", &join(*folder, "alice")), 1, "{folder:?}");
        }
    }

    #[test]
    fn only_tests_may_name_a_passing_file() {
        let text = join(PASSING, "x");
        assert_eq!(count("x/src/a.rs", &text), 1);
        assert_eq!(count("x/tests/a.rs", &text), 0);
        assert_eq!(count("x/src/tests.rs", &text), 0);
        assert_eq!(count("x/src/a.rs", &format!("#[cfg(test)]\n{text}")), 0);
    }
}
