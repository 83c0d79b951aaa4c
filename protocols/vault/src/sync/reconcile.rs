//! Reconciliation: two devices find out which items one of them has and the other lacks, in
//! messages that grow with how many these are, not with how many they have in common.
//!
//! # Roles and flow
//! The *asking* side sends a first message, the *answering* one answers each message with
//! one, until the asking side knows all differences ([`Asking::handle`] gives no message
//! more). The answering side learns nothing; it is told what to fetch afterwards.
//!
//! Messages are those of the negentropy protocol, version 1 (range-based set
//! reconciliation, A. Meyer 2023), made by the crate of that name: no_std, without
//! dependencies, MIT, with implementations in other languages to test against. Its
//! fingerprint is a sum, so that somebody who makes items on purpose can hide one of theirs
//! from others, which they can by not sending it. Nothing here relies on more.
//!
//! # What it never does
//! It keeps no more than it was told in messages of bounded size, asks no more rounds than
//! an honest answer can need, and never reads what an item stands for.

use alloc::vec::Vec;
use core::fmt;

use negentropy::{Id, Negentropy, NegentropyStorageVector};

/// The most bytes of a message.
pub const MESSAGE_MAX: usize = 64 << 10;

/// The least that messages can be limited to, in bytes.
pub const MESSAGE_MIN: usize = 4 << 10;

/// The most items that somebody can be told to lack by one reconciliation. What is more is
/// found by the next.
pub const NEED_MAX: usize = 1 << 20;

/// Rounds that are always granted: some seven halvings to a sixteenth, and corrections.
const ROUNDS: usize = 64;

/// Bytes of a message for each item that an honest round settles at least, where there are
/// many differences.
const SETTLED: usize = 64;

/// Something that one side has and the other may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// What items are sorted by before their ids, so that those that came lately lie
    /// together. Below 2^64 − 1, for which the protocol has another use.
    pub at: u64,
    /// Its id.
    pub id: [u8; 32],
}

/// Why a reconciliation was given up. It is the other side's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileError {
    /// The message has more bytes than it may.
    TooLong {
        /// How many it may have.
        size_max: usize,
    },
    /// The message is none of the protocol.
    Malformed,
    /// The other side answers, and nothing comes out of it.
    Endless,
    /// The other side claims to have more than anybody is told of at once.
    TooMany,
}

/// The items of one side, sorted.
#[derive(Clone, Debug)]
pub struct Items(NegentropyStorageVector);

impl FromIterator<Item> for Items {
    fn from_iter<T: IntoIterator<Item = Item>>(items: T) -> Self {
        let items = items.into_iter();
        let mut sorted = NegentropyStorageVector::with_capacity(items.size_hint().0);
        for item in items.filter(|item| item.at < u64::MAX) {
            // It refuses when it was sealed, which it was not.
            let _ = sorted.insert(item.at, Id::from_byte_array(item.id));
        }
        let _ = sorted.seal();
        Self(sorted)
    }
}

/// What came out, each id once, in the order of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Items that only the asking side has.
    pub have: Vec<[u8; 32]>,
    /// Items that only the answering side has, it says.
    pub need: Vec<[u8; 32]>,
}

/// The side that asks, and learns the differences.
#[derive(Debug)]
pub struct Asking {
    inside: Negentropy<'static, NegentropyStorageVector>,
    size: usize,
    size_max: usize,
    rounds: usize,
    differences: Differences,
}

/// The side that answers.
#[derive(Debug)]
pub struct Answering {
    inside: Negentropy<'static, NegentropyStorageVector>,
    size_max: usize,
}

impl Asking {
    /// Begins, with the first message. No message of ours is longer than `size_max`, which is
    /// between [`MESSAGE_MIN`] and [`MESSAGE_MAX`].
    ///
    /// # Errors
    /// None that the other side can cause.
    pub fn new(items: Items, size_max: usize) -> Result<(Self, Vec<u8>), ReconcileError> {
        let (inside, size, size_max) = begin(items, size_max)?;
        let mut asking = Self { inside, size, size_max, rounds: 0, differences: Differences::default() };
        let first = asking.inside.initiate().map_err(|_| ReconcileError::Malformed)?;
        Ok((asking, first))
    }

    /// Takes an answer. With the next message, or nothing where all differences are known.
    ///
    /// # Errors
    /// [`ReconcileError`]. What was found before can still be [taken](Self::differences).
    pub fn handle(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, ReconcileError> {
        check_size(answer)?;
        self.rounds += 1;
        let settled = self.size + self.differences.need.len();
        if self.rounds > ROUNDS + settled / (self.size_max / SETTLED) {
            return Err(ReconcileError::Endless);
        }
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let next = self.inside.reconcile_with_ids(answer, &mut have, &mut need);
        let next = next.map_err(|_| ReconcileError::Malformed)?;
        let Differences { have: all_had, need: all_needed } = &mut self.differences;
        // Ours are at most all that we have, however often the other side lets us find them.
        merge(all_had, have);
        merge(all_needed, need);
        if self.differences.need.len() > NEED_MAX {
            return Err(ReconcileError::TooMany);
        }
        match next {
            Some(message) if message.len() > self.size_max => Err(ReconcileError::Malformed),
            next => Ok(next),
        }
    }

    /// What was found.
    pub fn differences(self) -> Differences {
        self.differences
    }
}

impl Answering {
    /// With what this side has; see [`Asking::new`].
    ///
    /// # Errors
    /// None that the other side can cause.
    pub fn new(items: Items, size_max: usize) -> Result<Self, ReconcileError> {
        let (inside, _, size_max) = begin(items, size_max)?;
        Ok(Self { inside, size_max })
    }

    /// The answer to a message.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub fn handle(&mut self, message: &[u8]) -> Result<Vec<u8>, ReconcileError> {
        check_size(message)?;
        let answer = self.inside.reconcile(message).map_err(|_| ReconcileError::Malformed)?;
        if answer.len() > self.size_max { Err(ReconcileError::Malformed) } else { Ok(answer) }
    }
}

type Begun = (Negentropy<'static, NegentropyStorageVector>, usize, usize);

fn begin(items: Items, size_max: usize) -> Result<Begun, ReconcileError> {
    let size_max = size_max.clamp(MESSAGE_MIN, MESSAGE_MAX);
    let size = negentropy::NegentropyStorageBase::size(&items.0).map_err(|_| ReconcileError::Malformed)?;
    let inside = Negentropy::owned(items.0, size_max as u64).map_err(|_| ReconcileError::Malformed)?;
    Ok((inside, size, size_max))
}

fn check_size(message: &[u8]) -> Result<(), ReconcileError> {
    if message.len() > MESSAGE_MAX {
        return Err(ReconcileError::TooLong { size_max: MESSAGE_MAX });
    }
    Ok(())
}

/// Puts ids among others, each once.
fn merge(into: &mut Vec<[u8; 32]>, ids: Vec<Id>) {
    if ids.is_empty() {
        return;
    }
    into.extend(ids.into_iter().map(|id| id.to_bytes()));
    into.sort_unstable();
    into.dedup();
}

impl fmt::Display for ReconcileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { size_max } => write!(f, "a message of more than {size_max} bytes"),
            Self::Malformed => f.write_str("a message that is none"),
            Self::Endless => f.write_str("answers out of which nothing comes"),
            Self::TooMany => write!(f, "more than {NEED_MAX} items at once"),
        }
    }
}

impl core::error::Error for ReconcileError {}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn item(number: u64) -> Item {
        // Several items have one time.
        Item { at: number / 3, id: allod_crypto::hash::blake3(&number.to_le_bytes()) }
    }

    fn items(numbers: &BTreeSet<u64>) -> Items {
        numbers.iter().map(|number| item(*number)).collect()
    }

    fn ids(numbers: &BTreeSet<u64>) -> Vec<[u8; 32]> {
        let mut ids: Vec<_> = numbers.iter().map(|number| item(*number).id).collect();
        ids.sort_unstable();
        ids
    }

    /// The differences, and how many messages it took.
    fn reconcile(ours: &BTreeSet<u64>, theirs: &BTreeSet<u64>, size_max: usize) -> (Differences, usize) {
        let (mut asking, mut message) = Asking::new(items(ours), size_max).unwrap();
        let mut answering = Answering::new(items(theirs), size_max).unwrap();
        for round in 1.. {
            let answer = answering.handle(&message).unwrap();
            assert!(message.len() <= size_max && answer.len() <= size_max);
            match asking.handle(&answer).unwrap() {
                Some(next) => message = next,
                None => return (asking.differences(), round),
            }
        }
        unreachable!("it counts on")
    }

    fn check(ours: &BTreeSet<u64>, theirs: &BTreeSet<u64>, size_max: usize) -> usize {
        let (found, rounds) = reconcile(ours, theirs, size_max);
        assert_eq!(found.have, ids(&(ours - theirs)));
        assert_eq!(found.need, ids(&(theirs - ours)));
        rounds
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn exactly_the_differences_of_two_sets_are_found(
            ours in prop::collection::btree_set(0..500_u64, 0..400),
            theirs in prop::collection::btree_set(0..500_u64, 0..400),
        ) {
            check(&ours, &theirs, MESSAGE_MIN);
            check(&ours, &theirs, MESSAGE_MAX);
        }

        #[test]
        fn garbage_is_refused_or_answered_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let set: BTreeSet<u64> = (0..200).collect();
            let framed = [&[0x61][..], &bytes].concat();
            for message in [&bytes, &framed] {
                let mut answering = Answering::new(items(&set), MESSAGE_MIN).unwrap();
                let _ = answering.handle(message).map(|answer| assert!(answer.len() <= MESSAGE_MIN));
                let (mut asking, _) = Asking::new(items(&set), MESSAGE_MIN).unwrap();
                let _ = asking.handle(message);
                let found = asking.differences();
                assert!(found.have.len() <= 200 && found.need.len() <= bytes.len() / 32);
            }
        }
    }

    #[test]
    fn few_differences_among_many_items_take_few_rounds() {
        let ours: BTreeSet<u64> = (0..20_000).collect();
        let theirs: BTreeSet<u64> =
            (0..20_000).map(|n| if n % 5000 == 7 { n + 100_000 } else { n }).collect();
        assert!(check(&ours, &theirs, MESSAGE_MAX) <= 5);
    }

    #[test]
    fn sets_with_nothing_in_common_are_found_in_small_messages() {
        let (ours, theirs) = ((0..5000).collect(), (5000..9000).collect());
        check(&ours, &theirs, MESSAGE_MIN);
        check(&BTreeSet::new(), &theirs, MESSAGE_MIN);
        check(&ours, &BTreeSet::new(), MESSAGE_MIN);
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_unread() {
        let set = (0..10).collect();
        let long = vec![0x61; MESSAGE_MAX + 1];
        let refused = ReconcileError::TooLong { size_max: MESSAGE_MAX };
        assert_eq!(Answering::new(items(&set), MESSAGE_MAX).unwrap().handle(&long), Err(refused));
        assert_eq!(Asking::new(items(&set), MESSAGE_MAX).unwrap().0.handle(&long), Err(refused));
    }

    #[test]
    fn a_count_of_ids_that_are_not_there_is_refused() {
        // The version, an infinite bound, a list of ids, and 2^34 of them, of which none follows.
        let message = [0x61, 0, 0, 2, 0xC0, 0x80, 0x80, 0x80, 0];
        let mut answering = Answering::new(items(&(0..10).collect()), MESSAGE_MAX).unwrap();
        assert_eq!(answering.handle(&message), Err(ReconcileError::Malformed));
        let (mut asking, _) = Asking::new(items(&(0..10).collect()), MESSAGE_MAX).unwrap();
        assert_eq!(asking.handle(&message), Err(ReconcileError::Malformed));
    }

    #[test]
    fn who_never_agrees_is_given_up() {
        let (mut asking, _) = Asking::new(items(&(0..1000).collect()), MESSAGE_MAX).unwrap();
        // The version, an infinite bound, and a fingerprint that nothing has.
        let message = [&[0x61, 0, 0, 1][..], &[7; 16]].concat();
        let rounds = (0..).map(|_| asking.handle(&message)).take_while(|answer| answer.is_ok()).count();
        assert!(rounds < 200, "{rounds}");
        assert_eq!(asking.handle(&message), Err(ReconcileError::Endless));
    }
}
