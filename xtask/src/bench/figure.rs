//! One measured figure: its line of JSON, whether it meets its aim, its row.

use serde_json::Value;

use crate::paint;

/// One measured figure.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// The benchmark program it comes from.
    program: String,
    /// The object as it was printed.
    pub(crate) line: String,
    name: String,
    value: f64,
    unit: String,
    aim: Option<Aim>,
    peer: String,
    ratio: Option<f64>,
}

/// What a figure should be.
#[derive(Clone, Debug, PartialEq)]
struct Aim {
    at_most: bool,
    bound: f64,
    /// The bound is about the ratio to the peer, not about the value.
    of_ratio: bool,
}

impl Figure {
    /// Whether the aim is met; `None` when there is no aim, or when it is about
    /// a ratio that was not measured.
    pub(crate) fn met(&self) -> Option<bool> {
        let aim = self.aim.as_ref()?;
        let figure = if aim.of_ratio { self.ratio? } else { self.value };
        Some(if aim.at_most { figure <= aim.bound } else { figure >= aim.bound })
    }
}

/// Reads the figures out of what a program printed; lines that are no JSON
/// object are for people, and an object without name or value is reported.
pub(crate) fn read(program: &str, text: &str) -> Vec<Figure> {
    let mut figures = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        match parse(program, line) {
            Some(figure) => figures.push(figure),
            None => eprintln!("{} {program} printed no figure: {line}", paint::warn("warning:")),
        }
    }
    figures
}

fn parse(program: &str, line: &str) -> Option<Figure> {
    let object: Value = serde_json::from_str(line).ok()?;
    let unit = object["unit"].as_str().unwrap_or_default().to_owned();
    Some(Figure {
        program: program.to_owned(),
        line: line.to_owned(),
        name: object["name"].as_str()?.to_owned(),
        value: object["value"].as_f64()?,
        aim: aim(&object["aim"], &unit)?,
        peer: shown(&object["peer"]),
        ratio: object["ratio"].as_f64(),
        unit,
    })
}

/// Reads an aim: `"<= 60"`, `">= 2x"`, a bare number, or none at all. The outer
/// `None` means that it could not be read.
fn aim(value: &Value, unit: &str) -> Option<Option<Aim>> {
    let rate = unit.ends_with("/s");
    let text = match value {
        Value::Null => return Some(None),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    let (at_most, rest) = if let Some(rest) = text.strip_prefix("<=") {
        (true, rest)
    } else if let Some(rest) = text.strip_prefix(">=") {
        (false, rest)
    } else {
        (!rate, text.as_str())
    };
    let number = rest.strip_suffix('x').unwrap_or(rest);
    let of_ratio = number.len() != rest.len();
    Some(Some(Aim { at_most, bound: number.trim().parse().ok()?, of_ratio }))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or(String::new(), rounded),
        other => other.to_string(),
    }
}

/// Three significant digits, and never fewer than stand before the point.
fn rounded(value: f64) -> String {
    let magnitude = value.abs();
    let digits = if magnitude >= 100.0 || magnitude == 0.0 {
        0
    } else if magnitude >= 10.0 {
        1
    } else if magnitude >= 1.0 {
        2
    } else {
        4
    };
    format!("{value:.digits$}")
}

/// All figures as a table for people.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut rows = vec![
        ["benchmark", "figure", "value", "unit", "aim", "", "peer", "ratio"].map(str::to_owned).to_vec(),
    ];
    for figure in figures {
        let aim = figure.aim.as_ref().map_or(String::new(), |aim| {
            let sign = if aim.at_most { "<=" } else { ">=" };
            format!("{sign} {}{}", aim.bound, if aim.of_ratio { "x" } else { "" })
        });
        let met = match figure.met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        rows.push(vec![
            figure.program.clone(),
            figure.name.clone(),
            rounded(figure.value),
            figure.unit.clone(),
            aim,
            met.to_owned(),
            figure.peer.clone(),
            figure.ratio.map_or(String::new(), |ratio| format!("{ratio:.3}x")),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..8).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let space = " ".repeat(widths[column] - cell.chars().count());
            // Numbers stand at the right edge of their column.
            let padded = if matches!(column, 2 | 7) { space + cell } else { cell.clone() + &space };
            line += &match cell.as_str() {
                "met" => paint::good(&padded),
                "missed" => paint::bad(&padded),
                _ => padded,
            };
            line += "  ";
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Figure {
        let figures = read("partials", line);
        assert_eq!(figures.len(), 1, "{line}");
        figures[0].clone()
    }

    #[test]
    fn lines_for_people_are_passed_over() {
        let text = "warming up\n{\"name\":\"a\",\"value\":1}\n{\"value\":1}\n{broken\n";
        assert_eq!(read("partials", text).len(), 1);
    }

    #[test]
    fn a_time_has_a_ceiling_and_a_rate_a_floor() {
        let time = one(r#"{"name":"a","value":50,"unit":"µs","aim":60}"#);
        assert_eq!(time.met(), Some(true));
        let rate = one(r#"{"name":"a","value":50,"unit":"op/s","aim":60}"#);
        assert_eq!(rate.met(), Some(false));
    }

    #[test]
    fn an_aim_may_be_about_the_ratio() {
        let figure = r#"{"name":"a","value":50,"unit":"µs","aim":"<= 1.1x","peer":40,"ratio":1.25}"#;
        assert_eq!(one(figure).met(), Some(false));
        assert_eq!(one(&figure.replace("1.1x", "1.3x")).met(), Some(true));
        let unmeasured = r#"{"name":"a","value":50,"aim":"<= 1.1x"}"#;
        assert_eq!(one(unmeasured).met(), None);
    }

    #[test]
    fn a_figure_without_an_aim_is_neither_met_nor_missed() {
        assert_eq!(one(r#"{"name":"a","value":50,"aim":null}"#).met(), None);
    }

    #[test]
    fn an_aim_that_cannot_be_read_is_no_figure() {
        assert!(read("partials", r#"{"name":"a","value":50,"aim":"soon"}"#).is_empty());
    }

    #[test]
    fn the_table_lines_up() {
        let figures = [
            one(r#"{"name":"evaluate","value":53.04,"unit":"µs","aim":60,"peer":"voprf 36","ratio":1.47}"#),
            one(r#"{"name":"batch","value":18700,"unit":"op/s","aim":20000}"#),
        ];
        assert_eq!(
            table(&figures),
            "benchmark  figure    value  unit  aim               peer       ratio\n\
             partials   evaluate   53.0  µs    <= 60     met     voprf 36  1.470x\n\
             partials   batch     18700  op/s  >= 20000  missed\n"
        );
    }
}
