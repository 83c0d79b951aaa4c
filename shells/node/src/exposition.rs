//! What is counted and measured, as text that Prometheus reads.
//! Source: Prometheus, "Exposition formats", text format 0.0.4.

use std::fmt::{Display, Write};

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// How a figure behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows, until the next start.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A page of figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// A figure with its description.
    pub(crate) fn put(&mut self, name: &str, help: &str, kind: Kind, value: impl Display) {
        self.put_each(name, help, kind, [("", value)]);
    }

    /// A figure that there is once for each of some labels, which are written as
    /// they stand between the braces; nothing where there is none.
    pub(crate) fn put_each<L: AsRef<str>, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        kind: Kind,
        values: impl IntoIterator<Item = (L, V)>,
    ) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let mut head = Some(format!("# HELP {name} {help}.\n# TYPE {name} {kind}\n"));
        for (labels, value) in values {
            self.0.extend(head.take());
            let labels = labels.as_ref();
            // Writing to a string does not fail.
            let _ = match labels {
                "" => writeln!(self.0, "{name} {value}"),
                labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
            };
        }
    }

    /// Figures that somebody else wrote as OpenMetrics text 1.0, each under its name
    /// with `prefix` in front. That format describes a counter without the `_total`
    /// that its samples have, and has an end of its own.
    pub(crate) fn put_open_metrics(&mut self, prefix: &str, text: &str) {
        let mut help = None;
        for line in text.lines() {
            let Some(described) = line.strip_prefix("# ") else {
                self.0 += &format!("{prefix}{line}\n");
                continue;
            };
            let mut words = described.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("HELP"), Some(name), text) => help = Some((name, text.unwrap_or_default())),
                (Some("TYPE"), Some(name), Some(kind)) => {
                    let (end, kind) = match kind {
                        "counter" => ("_total", "counter"),
                        "gauge" | "histogram" | "summary" => ("", kind),
                        _ => ("", "untyped"),
                    };
                    if let Some((_, help)) = help.take().filter(|(of, _)| *of == name) {
                        self.0 += &format!("# HELP {prefix}{name}{end} {help}\n");
                    }
                    self.0 += &format!("# TYPE {prefix}{name}{end} {kind}\n");
                }
                _ => {}
            }
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], self.0).into_response()
    }
}

impl Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_there_for_nobody_is_not_described() {
        let mut page = Page::default();
        page.put("a_total", "How many", Kind::Counter, 3);
        page.put_each("b", "Of each", Kind::Gauge, [("of=\"x\"", 1), ("of=\"y\"", 2)]);
        page.put_each::<&str, u64>("c", "Of none", Kind::Gauge, []);
        let text = "# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n\
                    # HELP b Of each.\n# TYPE b gauge\nb{of=\"x\"} 1\nb{of=\"y\"} 2\n";
        assert_eq!(page.to_string(), text);
    }

    #[test]
    fn open_metrics_become_figures_of_this_format() {
        let mut page = Page::default();
        page.put_open_metrics(
            "x_",
            "# HELP votes Votes sent.\n# TYPE votes counter\nvotes_total{of=\"1\"} 7\n\
             # HELP rate How fast.\n# TYPE rate gauge\n# UNIT rate seconds\nrate 0.5\n\
             # HELP odd What.\n# TYPE odd stateset\nodd 1\n# EOF\n",
        );
        assert_eq!(
            page.to_string(),
            "# HELP x_votes_total Votes sent.\n# TYPE x_votes_total counter\nx_votes_total{of=\"1\"} 7\n\
             # HELP x_rate How fast.\n# TYPE x_rate gauge\nx_rate 0.5\n\
             # HELP x_odd What.\n# TYPE x_odd untyped\nx_odd 1\n"
        );
    }
}
