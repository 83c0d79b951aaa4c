//! Numbers that count once each, in almost any order.

use minicbor::{Decode, Encode};

/// Which numbers of one signer were used: everything up to `highest - 64`, and
/// of the last 64 those whose bit is set (RFC 4303, section 3.4.3, keeps such a
/// window against replays). Two operations of one device that overtake each
/// other on the way to the guardians both count, and neither counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Window {
    /// The highest number used; 0 before the first.
    #[n(0)]
    highest: u64,
    /// Bit i stands for `highest - i`.
    #[n(1)]
    used: u64,
}

impl Window {
    /// The number that comes after all that were used.
    pub(crate) fn next(&self) -> u64 {
        self.highest.saturating_add(1)
    }

    /// Whether `nonce` can still be used. Zero never can.
    pub(crate) fn is_free(&self, nonce: u64) -> bool {
        match self.highest.checked_sub(nonce) {
            _ if nonce == 0 => false,
            None => true,
            Some(age) => age < 64 && self.used & (1 << age) == 0,
        }
    }

    /// Uses `nonce`; tells whether it was free. How far ahead a number may be is
    /// not limited: whoever skips numbers harms only themselves.
    pub(crate) fn take(&mut self, nonce: u64) -> bool {
        if !self.is_free(nonce) {
            return false;
        }
        match self.highest.checked_sub(nonce) {
            Some(age) => self.used |= 1 << age,
            None => {
                let ahead = nonce - self.highest;
                self.used = if ahead < 64 { self.used << ahead | 1 } else { 1 };
                self.highest = nonce;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_window_at_the_end_of_numbers_still_refuses_what_was_used() {
        let mut window = Window::default();
        assert!(!window.take(0));
        assert!(window.take(u64::MAX));
        assert!(!window.take(u64::MAX));
        assert!(window.take(u64::MAX - 63));
        assert!(!window.take(u64::MAX - 64), "too old");
        assert_eq!(window.next(), u64::MAX);
    }

    proptest! {
        #[test]
        fn every_number_counts_at_most_once(nonces in proptest::collection::vec(0u64..200, 0..400)) {
            let mut window = Window::default();
            let mut seen = BTreeSet::new();
            for nonce in nonces {
                let highest = seen.last().copied().unwrap_or(0);
                let expected = nonce != 0 && !seen.contains(&nonce) && nonce + 64 > highest;
                prop_assert_eq!(window.is_free(nonce), expected);
                prop_assert_eq!(window.take(nonce), expected);
                if expected {
                    seen.insert(nonce);
                }
                prop_assert!(window.is_free(window.next()));
            }
        }
    }
}
