//! Times as a script writes them: a number and a unit.

use std::fmt;

/// The longest time that can be written, in milliseconds: 10 000 days. Sums of a
/// few never overflow.
pub(super) const TIME_MS_MAX: u64 = 10_000 * 86_400_000;

/// Milliseconds, written as a script has them: `200ms`, `5s`, `5.003s`, `1h`, `3d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ms(pub u64);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (0, 0) => f.write_str("0s"),
            (s, 0) if s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            (s, 0) if s % 3600 == 0 => write!(f, "{}h", s / 3600),
            (0, ms) => write!(f, "{ms}ms"),
            (s, 0) => write!(f, "{s}s"),
            (s, ms) => write!(f, "{}s", format!("{s}.{ms:03}").trim_end_matches('0')),
        }
    }
}

/// Reads a time; nothing where it is none, or longer than [`TIME_MS_MAX`].
pub(super) fn parse(word: &str) -> Option<u64> {
    let unit_at = word.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = word.split_at(unit_at);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let (whole, fraction) = match number.split_once('.') {
        None => (number, 0),
        // Only seconds have a fraction, of milliseconds.
        Some((whole, digits)) if unit == "s" && (1..=3).contains(&digits.len()) => {
            (whole, format!("{digits:0<3}").parse().ok()?)
        }
        Some(_) => return None,
    };
    let ms = whole.parse::<u64>().ok()?.checked_mul(unit_ms)?.checked_add(fraction)?;
    (ms <= TIME_MS_MAX).then_some(ms)
}
