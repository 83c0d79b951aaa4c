//! How long to wait before an address is dialled again.

use std::time::Duration;

use allod_crypto::CryptoRng;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait, and how long a contact has to have lasted so that the next wait is the
/// first again.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Waits of 1 s, 2 s and so on to 60 s, each with up to half of it taken off by chance, so that
/// devices which lost each other at one moment do not all come back at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) const fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next wait.
    pub(super) fn wait(&mut self, rng: &mut impl CryptoRng) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        let half = wait / 2;
        half + half * (rng.next_u32() >> 16) / 0xffff
    }

    /// A contact has lasted so long.
    pub(super) fn lasted(&mut self, duration: Duration) {
        if duration >= LONGEST {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_differ() {
        let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..20).map(|_| backoff.wait(&mut rng)).collect();
        let mut full = FIRST;
        for wait in &waits {
            assert!((full / 2..=full).contains(wait), "{wait:?} of {full:?}");
            full = (full * 2).min(LONGEST);
        }
        // Of so many waits, two are of one length by an accident that nobody sees.
        assert!(waits.windows(2).skip(10).any(|pair| pair[0] != pair[1]));
        backoff.lasted(LONGEST / 2);
        assert!(backoff.wait(&mut rng) >= LONGEST / 2);
        backoff.lasted(LONGEST);
        assert!(backoff.wait(&mut rng) <= FIRST);
    }
}
