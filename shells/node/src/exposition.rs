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

    /// What somebody else wrote in the same format.
    pub(crate) fn append(&mut self, text: &str) {
        self.0 += text;
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
