//! Nothing is left for later, and nothing left over from debugging.

use crate::repository::Tree;

use super::{Finding, extension, markdown};

/// Files in which people leave such notes; data is not looked at.
const WRITTEN: &[&str] = &["rs", "toml", "md", "sh", "js", "mjs", "ts", "py", "css", "html", "yml", "yaml"];

/// What is looked for, cut in two so that this file does not find itself, and
/// what to do instead.
const MARKS: &[(&str, &str, &str)] = &[
    ("TO", "DO", "do it now, or write down plainly what is not promised (docs/limits.md)"),
    ("FIX", "ME", "mend it now, or write down plainly what is not promised (docs/limits.md)"),
    ("to", "do!", "write the code, or leave the case out of the type"),
    ("unimple", "mented!", "write the code, or leave the case out of the type"),
    ("db", "g!", "remove it; what matters to users goes through `tracing` in a shell"),
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let kind = extension(&file.path);
        if !kind.is_some_and(|kind| WRITTEN.contains(&kind)) {
            continue;
        }
        // A document may name a macro in `code`.
        let prose = (kind == Some("md")).then(|| markdown::without_code(&file.text));
        for (index, line) in prose.as_ref().unwrap_or(&file.text).lines().enumerate() {
            for (head, tail, instead) in MARKS {
                let mark = format!("{head}{tail}");
                if stands_alone(line, &mark) {
                    findings.push(Finding::of_line(&file.path, index + 1, format!("`{mark}`"), *instead));
                }
            }
        }
    }
    findings
}

/// Whether `mark` is in `line` and no part of a longer word.
fn stands_alone(line: &str, mark: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(mark).any(|(at, _)| {
        let after = &line[at + mark.len()..];
        !line[..at].ends_with(in_word) && (mark.ends_with('!') || !after.starts_with(in_word))
    })
}

#[cfg(test)]
mod tests {
    use super::super::made_up::files;
    use super::*;

    #[test]
    fn finished_files_pass() {
        let tree = files(&[("a.rs", "//! Mastodon.\nlet todos = 1;\n"), ("a.json", "xTODOx")]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn every_mark_is_found_with_its_line() {
        for (head, tail, _) in MARKS {
            let text = format!("//! a\n  {head}{tail}(x)\n");
            let findings = check(&files(&[("a.rs", &text)]));
            assert_eq!(findings.len(), 1, "{text}");
            assert_eq!(findings[0].line, 2);
        }
    }

    #[test]
    fn a_document_may_name_a_macro_as_code() {
        let (head, tail, _) = MARKS[4];
        assert_eq!(check(&files(&[("a.md", &format!("no `{head}{tail}` here"))])), []);
        assert_eq!(check(&files(&[("a.md", &format!("no {head}{tail} here"))])).len(), 1);
    }
}
