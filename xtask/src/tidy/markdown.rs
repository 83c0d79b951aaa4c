//! As much of Markdown as the rules need: text without code, links, anchors.

use std::collections::{BTreeMap, BTreeSet};

/// `text` with code blocks and code spans blanked out, line for line.
pub(crate) fn without_code(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(close)) if open == close => fence = None,
            (Some(_), _) => {}
            (None, None) => plain.push_str(&without_spans(line)),
        }
        plain.push('\n');
    }
    plain
}

/// A line without its code spans. A span ends at as many backticks as began it.
fn without_spans(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let inside = &rest[ticks..];
        match closing(inside, ticks) {
            Some(end) => rest = &inside[end + ticks..],
            None => {
                plain.push_str(&rest[..ticks]);
                rest = inside;
            }
        }
    }
    plain + rest
}

/// Where exactly `ticks` backticks stand in `text`.
fn closing(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('`') {
        let start = at + next;
        let run = text[start..].len() - text[start..].trim_start_matches('`').len();
        if run == ticks {
            return Some(start);
        }
        at = start + run;
    }
    None
}

/// The targets of inline links, images and reference definitions, each with its
/// line counted from 1.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (index, line) in without_code(text).lines().enumerate() {
        for (at, _) in line.match_indices("](") {
            if let Some(target) = target(&line[at + 2..]) {
                links.push((index + 1, target));
            }
        }
        let trimmed = line.trim_start();
        if trimmed.starts_with('[')
            && !trimmed.starts_with("[^")
            && let Some((_, rest)) = trimmed.split_once("]:")
            && let Some(first) = rest.split_whitespace().next()
        {
            links.push((index + 1, first.trim_matches(['<', '>']).to_owned()));
        }
    }
    links
}

/// The target of a link, from the text behind `](`; a title is left out.
fn target(rest: &str) -> Option<String> {
    if let Some(pointed) = rest.strip_prefix('<') {
        return Some(pointed.split_once('>')?.0.to_owned());
    }
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ')' | ' ' => return Some(rest[..at].to_owned()),
            _ => {}
        }
    }
    None
}

/// The anchors of a document, as GitHub makes them: one for each heading, and
/// those written as `id="..."` or `name="..."`.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    // Headings keep what stands in code spans, so only blocks are left out.
    for (line, plain) in text.lines().zip(without_code(text).lines()) {
        if plain.starts_with('#') {
            let title = line.trim_start_matches('#');
            if line.len() - title.len() <= 6 && title.starts_with(' ') {
                let slug = slug(title);
                let count = seen.entry(slug.clone()).or_insert(0);
                anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
                *count += 1;
            }
        }
        for attribute in ["id=\"", "name=\""] {
            for (at, _) in plain.match_indices(attribute) {
                if let Some((name, _)) = plain[at + attribute.len()..].split_once('"') {
                    anchors.insert(name.to_owned());
                }
            }
        }
    }
    anchors
}

/// A heading as an anchor: link targets gone, letters small, spaces as hyphens,
/// punctuation left out.
fn slug(title: &str) -> String {
    let mut words = String::new();
    let mut rest = title.trim();
    while let Some((before, after)) = rest.split_once("](") {
        words.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    words.push_str(rest);
    words
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            _ if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_left_out_line_for_line() {
        let text = "a `b` c\n```rust\n[x](y)\n```\nd ``e`f`` g `h\n";
        assert_eq!(without_code(text), "a  c\n\n\n\nd  g `h\n");
    }

    #[test]
    fn links_are_found_in_all_three_forms() {
        let text = "[a](b.md) and ![c](d(1).png \"t\")\n[e](<f g.md>)\n[h]: i.md\n`[no](x)`\n";
        let found: Vec<String> = links(text).into_iter().map(|(_, target)| target).collect();
        assert_eq!(found, ["b.md", "d(1).png", "f g.md", "i.md"]);
    }

    #[test]
    fn headings_become_anchors() {
        let text = "# One: *two*, `three`!\n## Same\n## Same\n## [L](x.md) é\n<a id=\"own\"></a>\n#no\n```\n# code\n```\n";
        let expected = ["one-two-three", "same", "same-1", "l-é", "own"].map(str::to_owned);
        assert_eq!(anchors(text), BTreeSet::from(expected));
    }
}
