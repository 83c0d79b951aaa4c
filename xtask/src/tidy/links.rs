//! Links of Markdown files lead somewhere: to a file or folder of the checkout,
//! and to an anchor that the file has.

use std::collections::{BTreeMap, BTreeSet};

use crate::repository::Tree;

use super::{Finding, extension, markdown};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let documents: Vec<_> = tree.files.iter().filter(|file| extension(&file.path) == Some("md")).collect();
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        documents.iter().map(|file| (file.path.as_str(), markdown::anchors(&file.text))).collect();
    let mut findings = Vec::new();
    for file in &documents {
        for (line, link) in markdown::links(&file.text) {
            if leads_outside(&link) {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let Some(path) = resolve(&file.path, path) else {
                findings.push(Finding::of_line(
                    &file.path,
                    line,
                    format!("the link `{link}` leads out of the checkout"),
                    "link to a file of the checkout, or give a full address",
                ));
                continue;
            };
            let is_folder = path.is_empty() || {
                let below = format!("{path}/");
                tree.paths.iter().any(|known| known.starts_with(&below))
            };
            if !is_folder && !tree.paths.contains(&path) {
                findings.push(Finding::of_line(
                    &file.path,
                    line,
                    format!("the link `{link}` leads to {path}, which does not exist"),
                    "mend the path, or write the file",
                ));
            } else if !anchor.is_empty()
                && anchors.get(path.as_str()).is_some_and(|known| !known.contains(anchor))
            {
                findings.push(Finding::of_line(
                    &file.path,
                    line,
                    format!("{path} has no heading for `#{anchor}`"),
                    "take the heading in small letters, spaces as hyphens, without punctuation",
                ));
            }
        }
    }
    findings
}

/// Whether a link has a scheme (`https:`, `mailto:`).
fn leads_outside(link: &str) -> bool {
    link.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// The path a link means, relative to the root; `None` when it leaves it. A link
/// that begins with `/` starts at the root, and an empty one is the file itself.
fn resolve(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let link = link.replace("%20", " ");
    let mut parts: Vec<&str> = if link.starts_with('/') {
        Vec::new()
    } else {
        from.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect())
    };
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::made_up::files;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let tree = files(&[
            ("README.md", "# Top\n"),
            ("docs/limits.md", "# Limits\n## What is not promised\n"),
            ("docs/a.md", text),
        ]);
        check(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "# Here\n[a](limits.md) [b](../README.md#top) [c](#here) [d](../docs) \
                    [e](/docs/limits.md#what-is-not-promised) [f](https://example.org) [g](..)\n";
        assert_eq!(found(text), [] as [&str; 0]);
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        assert_eq!(
            found("[a](limit.md)\n"),
            ["the link `limit.md` leads to docs/limit.md, which does not exist"]
        );
    }

    #[test]
    fn an_anchor_that_is_not_there_is_found() {
        assert_eq!(found("[a](limits.md#promised)\n"), ["docs/limits.md has no heading for `#promised`"]);
        assert_eq!(found("[a](#there)\n"), ["docs/a.md has no heading for `#there`"]);
    }

    #[test]
    fn a_link_out_of_the_checkout_is_found() {
        assert_eq!(found("[a](../../x.md)\n"), ["the link `../../x.md` leads out of the checkout"]);
    }
}
