//! Opening the secret with shares of which some may be from another dealing.
//!
//! A share's commitment proves that the registration's owner made it for its
//! guardian, but not in which dealing: after guardians were replaced, a guardian
//! that shows its old share again shows a committed one. Shares of two dealings
//! never fit, and whether t of them fit is seen when the secret opens, so every
//! t of them are tried, up to [`ATTEMPTS_MAX`].

use alloc::vec::Vec;

use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_crypto::{Secret, SecretBytes};
use allod_threshold::juicebox::recover_scalar;
use allod_threshold::{Index, shamir};

use crate::juicebox::{ENCRYPTED_SECRET, secret};

/// Sets of t shares that are tried. All there are for up to 12 guardians; with
/// more, as many as take about a second.
const ATTEMPTS_MAX: u32 = 1_000;

/// The shares shown so far.
#[derive(Debug)]
pub(super) struct Opening {
    threshold: usize,
    held: Vec<Held>,
    attempts: u32,
    /// The scalar behind the t shares that fit, and which those are.
    opened: Option<(SecretScalar<Ristretto255>, Vec<usize>)>,
    /// How many shares were compared with those.
    checked: usize,
}

#[derive(Debug)]
struct Held {
    place: usize,
    index: Index,
    scalar: SecretScalar<Ristretto255>,
    encrypted_secret: [u8; ENCRYPTED_SECRET],
}

impl Opening {
    pub(super) fn new(threshold: usize) -> Self {
        Self { threshold, held: Vec::new(), attempts: 0, opened: None, checked: 0 }
    }

    /// How many shares were shown.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes in the share of the guardian at `place`. The secret, the first time
    /// that t shares open it.
    pub(super) fn add(
        &mut self,
        place: usize,
        scalar: SecretScalar<Ristretto255>,
        encrypted_secret: [u8; ENCRYPTED_SECRET],
        encryption_key_seed: &Secret<32>,
    ) -> Option<SecretBytes> {
        let index = Index::new(u16::try_from(place + 1).ok()?).ok()?;
        let newest = self.held.len();
        self.held.push(Held { place, index, scalar, encrypted_secret });
        if self.opened.is_some() {
            return None;
        }
        // Sets without the newest share were tried before.
        let others: Vec<usize> =
            (0..newest).filter(|i| self.held[*i].encrypted_secret == encrypted_secret).collect();
        let mut picks: Vec<usize> = (0..self.threshold.checked_sub(1)?).collect();
        if picks.len() > others.len() {
            return None;
        }
        while self.attempts < ATTEMPTS_MAX {
            self.attempts += 1;
            let mut set: Vec<usize> = picks.iter().map(|pick| others[*pick]).collect();
            set.push(newest);
            let scalar = self.combine(&set);
            let secret = scalar.as_ref().and_then(|scalar| {
                let key = secret::encryption_key(encryption_key_seed, &Secret::from(*scalar.encode()));
                secret::decrypt(&encrypted_secret, &key)
            });
            if let (Some(scalar), Some(secret)) = (scalar, secret) {
                self.opened = Some((scalar, set));
                return Some(secret);
            }
            if !next(&mut picks, others.len()) {
                break;
            }
        }
        None
    }

    /// The guardians whose share does not fit those that opened the secret, each
    /// once.
    pub(super) fn strays(&mut self) -> Vec<usize> {
        let Some((opened, set)) = &self.opened else { return Vec::new() };
        let unchecked = core::mem::replace(&mut self.checked, self.held.len())..self.held.len();
        unchecked
            .filter(|i| !set.contains(i))
            .filter(|i| {
                // Any t points of the polynomial give the same scalar.
                let other: Vec<usize> = set.iter().skip(1).copied().chain([*i]).collect();
                self.combine(&other).is_none_or(|scalar| scalar.encode() != opened.encode())
            })
            .map(|i| self.held[i].place)
            .collect()
    }

    fn combine(&self, set: &[usize]) -> Option<SecretScalar<Ristretto255>> {
        let shares: Vec<shamir::Share<Ristretto255>> = set
            .iter()
            .map(|i| &self.held[*i])
            .map(|held| shamir::Share { index: held.index, value: held.scalar.clone() })
            .collect();
        recover_scalar(&shares).ok()
    }
}

/// The next set of as many out of `size`, in order; whether there is one.
fn next(picks: &mut [usize], size: usize) -> bool {
    let count = picks.len();
    for i in (0..count).rev() {
        if picks[i] < size - (count - i) {
            picks[i] += 1;
            for j in i + 1..count {
                picks[j] = picks[j - 1] + 1;
            }
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn every_set_comes_once_and_in_order() {
        let mut picks = vec![0, 1];
        let mut seen = vec![picks.clone()];
        while next(&mut picks, 4) {
            seen.push(picks.clone());
        }
        assert_eq!(seen, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
        assert!(!next(&mut [], 4));
    }
}
