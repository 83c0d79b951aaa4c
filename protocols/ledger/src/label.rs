//! Text that people read.

/// Text that people read: not empty, not too long, nothing that controls how it
/// is shown.
pub(crate) fn is_label(text: &str, max: usize) -> bool {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    !text.trim().is_empty() && text.len() <= max && !text.chars().any(hidden)
}
