//! Colour on a terminal, and none when `NO_COLOR` is set or output goes elsewhere.

use std::io::IsTerminal;
use std::sync::OnceLock;

/// Green: done, met.
pub(crate) fn good(text: &str) -> String {
    paint("32", text)
}

/// Yellow: worth a look.
pub(crate) fn warn(text: &str) -> String {
    paint("33", text)
}

/// Red: failed, missed.
pub(crate) fn bad(text: &str) -> String {
    paint("31", text)
}

/// Bold: the name of a step.
pub(crate) fn strong(text: &str) -> String {
    paint("1", text)
}

fn paint(code: &str, text: &str) -> String {
    if coloured() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Both streams must be terminals, so that a pipe on either stays plain.
fn coloured() -> bool {
    static COLOURED: OnceLock<bool> = OnceLock::new();
    *COLOURED.get_or_init(|| {
        // https://no-color.org: set and not empty means no colour.
        std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::io::stdout().is_terminal()
            && std::io::stderr().is_terminal()
    })
}
