//! Files stay short: most under 400 lines, none over 800.

use crate::repository::Tree;

use super::{Finding, extension};

const MOST: usize = 800;
const USUAL: usize = 400;

/// What people write and read; data and lock files may be long.
const WRITTEN: &[&str] = &["rs", "md", "sh", "js", "mjs", "ts", "py", "css", "html"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if !extension(&file.path).is_some_and(|extension| WRITTEN.contains(&extension)) {
            continue;
        }
        let lines = file.text.lines().count();
        if lines > USUAL {
            let mut finding = Finding::of_file(
                &file.path,
                format!("{lines} lines; most files have under {USUAL}, none over {MOST}"),
                "split it by ideas, one a file; tests go to `tests.rs` beside it",
            );
            finding.warning = lines <= MOST;
            findings.push(finding);
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::made_up::files;
    use super::*;

    fn warnings(lines: usize) -> Vec<bool> {
        let text = "//! x\n".repeat(lines);
        check(&files(&[("a.rs", &text), ("a.json", &text)])).iter().map(|f| f.warning).collect()
    }

    #[test]
    fn a_short_file_passes() {
        assert!(warnings(USUAL).is_empty());
    }

    #[test]
    fn a_long_file_is_a_warning_and_a_very_long_one_an_error() {
        assert_eq!(warnings(USUAL + 1), [true]);
        assert_eq!(warnings(MOST), [true]);
        assert_eq!(warnings(MOST + 1), [false]);
    }
}
