//! How messages and news are said on a terminal.

use allod_courier::messenger::{Messenger, News, Reached, Standing, Whom};
use allod_wire::Instant;
use jiff::{Timestamp, tz::TimeZone};

use super::{conversation, who};

/// A time, as clocks here show it.
pub(super) fn time(at: Instant) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    match Timestamp::from_millisecond(ms) {
        Ok(at) => at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "long from now".into(),
    }
}

/// What somebody else wrote, without what could move about on a terminal.
pub(super) fn printable(text: &str) -> String {
    let is_shown = |letter: &char| *letter == '\n' || *letter == '\t' || !(letter.is_control() || is_formatting(*letter));
    text.chars().map(|letter| if is_shown(&letter) { letter } else { '\u{FFFD}' }).collect()
}

/// Letters that turn the direction of others, or have no width.
fn is_formatting(letter: char) -> bool {
    matches!(letter, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// News, in a line; `None` for what is not worth one.
pub(super) fn news(messenger: &Messenger, news: &News) -> Option<String> {
    let name = |did| printable(&who::name_of(messenger, did));
    Some(match news {
        News::Met { did, standing: Standing::Asking } => {
            format!("{} asks to write to you: `allod contact admit {did}`, or `block`", name(did))
        }
        News::Met { did, .. } => format!("{} answered your invitation", name(did)),
        News::Came(kept) => {
            let from = match kept.to {
                Whom::Person(_) => name(&kept.from),
                Whom::Group(group) => {
                    let group = messenger.group(&group).map(|group| group.name).unwrap_or_default();
                    format!("{} in {}", name(&kept.from), printable(&group))
                }
            };
            format!("{from}: {}", conversation::one_line(&kept.body))
        }
        News::Sent(_) => return None,
        News::Reached { by, reached: Reached::Delivered, .. } => format!("delivered to {}", name(by)),
        News::Reached { by, reached: Reached::Read, .. } => format!("read by {}", name(by)),
        News::Group { group, joined, left } => {
            let group = messenger.group(group).map(|group| group.name).unwrap_or_default();
            let names = |dids: &[allod_did::Did]| dids.iter().map(name).collect::<Vec<_>>().join(", ");
            let mut parts = Vec::new();
            if !joined.is_empty() {
                parts.push(format!("in: {}", names(joined)));
            }
            if !left.is_empty() {
                parts.push(format!("out: {}", names(left)));
            }
            format!("the group {}: {}", printable(&group), parts.join("; "))
        }
        News::Piece { from } => format!("{} gave you a piece of their recovery card to keep", name(from)),
        News::Fork { did } => format!(
            "{} shows a log of devices that contradicts the one you know: somebody else may have their root. Nothing of it was taken; \
             ask them",
            name(did)
        ),
        News::Unreadable { from } => format!("{} sent something that this version does not understand", name(from)),
    })
}
