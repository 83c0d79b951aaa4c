//! A device that acts for the identity.

use alloc::string::String;

use allod_wire::Instant;

use crate::{DeviceId, Error, PublicKey};

/// Bytes of a device's name.
pub const NAME_MAX: usize = 64;

/// A device: its key, what the person calls it, and since when it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    key: PublicKey,
    name: String,
    added_at: Instant,
}

impl Device {
    /// A device with `key`, called `name`, added at `added_at`.
    ///
    /// # Errors
    /// [`Error::BadName`] where the name is empty, over [`NAME_MAX`] bytes, or
    /// has a character that controls how text is shown.
    pub fn new(key: PublicKey, name: &str, added_at: Instant) -> Result<Self, Error> {
        if name.is_empty() || name.len() > NAME_MAX || name.chars().any(is_forbidden) {
            return Err(Error::BadName { sequence: None });
        }
        Ok(Self { key, name: name.into(), added_at })
    }

    /// The device's id: a hash of its key.
    pub fn id(&self) -> DeviceId {
        self.key.device_id()
    }

    /// The device's key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What the person calls it. Readable by everyone who has the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was added, by the clock of whoever signed that.
    pub fn added_at(&self) -> Instant {
        self.added_at
    }
}

/// Control characters, line and paragraph separators, and the marks that turn
/// the direction of text (Unicode `Bidi_Control`): a name is shown where a
/// person decides whether to trust a device.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use allod_crypto::sign::VerifyingKey;

    use super::*;

    #[test]
    fn a_name_is_short_printable_text() {
        let named = |name: &str| Device::new(VerifyingKey([1; 32]).into(), name, Instant(0));
        for good in ["laptop", "Ärger im Büro", "📱", &"x".repeat(64)] {
            assert_eq!(named(good).unwrap().name(), good);
        }
        for bad in [
            "",
            &"x".repeat(65),
            "a\nb",
            "\0",
            "\u{7F}",
            "\u{85}",
            "a\u{202E}b",
            "\u{2066}",
            "\u{2028}",
            "\u{200F}",
        ] {
            assert_eq!(named(bad), Err(Error::BadName { sequence: None }), "{bad:?}");
        }
    }

    #[test]
    fn keys_of_different_algorithms_have_different_ids() {
        assert_ne!(
            PublicKey::from(VerifyingKey([1; 32])).device_id(),
            PublicKey::X25519([1; 32]).device_id()
        );
    }
}
