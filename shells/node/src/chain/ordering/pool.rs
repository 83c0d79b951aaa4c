//! Operations that wait for a block: first come, first served, within bounds.
//!
//! What others pass on may fill three quarters of the pool, so that there is
//! room for what is submitted here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::{OPERATIONS_SIZE_MAX, Operation, OperationHash, Refusal};

/// How many operations of final blocks are remembered, so that a late copy is
/// not taken in again.
const REMEMBERED: usize = 65_536;

/// Where an operation came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was submitted at this node.
    Here,
    /// Another node passed it on.
    Peer,
}

#[derive(Debug)]
struct Waiting {
    operation: Operation,
    hash: OperationHash,
    origin: Origin,
    /// The tick at which it came.
    since: u64,
}

/// The pool.
#[derive(Debug)]
pub(super) struct Pool {
    operations_max: usize,
    bytes_max: usize,
    /// By arrival.
    queue: BTreeMap<u64, Waiting>,
    places: HashMap<OperationHash, u64>,
    arrivals: u64,
    bytes: usize,
    ticks: u64,
    done: HashSet<OperationHash>,
    done_order: VecDeque<OperationHash>,
}

impl Pool {
    /// An empty pool for so many operations and bytes.
    pub(super) fn new(operations_max: usize, bytes_max: usize) -> Self {
        Self {
            operations_max,
            bytes_max,
            queue: BTreeMap::new(),
            places: HashMap::new(),
            arrivals: 0,
            bytes: 0,
            ticks: 0,
            done: HashSet::new(),
            done_order: VecDeque::new(),
        }
    }

    /// Whether the operation waits, or was final a short while ago.
    pub(super) fn knows(&self, hash: &OperationHash) -> bool {
        self.places.contains_key(hash) || self.done.contains(hash)
    }

    /// Whether the operation waits.
    pub(super) fn waits(&self, hash: &OperationHash) -> bool {
        self.places.contains_key(hash)
    }

    /// Whether there is room for an operation of this origin.
    pub(super) fn has_room(&self, operation: &Operation, origin: Origin) -> bool {
        let share = |max: usize| if origin == Origin::Peer { max - max / 4 } else { max };
        self.queue.len() < share(self.operations_max)
            && self.bytes + operation.room() <= share(self.bytes_max)
    }

    /// Takes an operation in.
    ///
    /// # Errors
    /// [`Refusal::Duplicate`], [`Refusal::Full`].
    pub(super) fn insert(
        &mut self,
        operation: Operation,
        hash: OperationHash,
        origin: Origin,
    ) -> Result<(), Refusal> {
        if self.knows(&hash) {
            return Err(Refusal::Duplicate);
        }
        if !self.has_room(&operation, origin) {
            return Err(Refusal::Full);
        }
        self.bytes += operation.room();
        self.places.insert(hash, self.arrivals);
        self.queue.insert(self.arrivals, Waiting { operation, hash, origin, since: self.ticks });
        self.arrivals += 1;
        Ok(())
    }

    /// Takes out what a final block has.
    pub(super) fn finalized(&mut self, hashes: &[OperationHash]) {
        for hash in hashes {
            if let Some(waiting) = self.places.remove(hash).and_then(|place| self.queue.remove(&place)) {
                self.bytes -= waiting.operation.room();
            }
            if self.done.insert(*hash) {
                self.done_order.push_back(*hash);
            }
        }
        while self.done_order.len() > REMEMBERED {
            if let Some(oldest) = self.done_order.pop_front() {
                self.done.remove(&oldest);
            }
        }
    }

    /// A block's worth of operations, the oldest first, without those in
    /// `taken`.
    pub(super) fn candidates(&self, taken: &BTreeSet<OperationHash>) -> Vec<Operation> {
        let mut room = OPERATIONS_SIZE_MAX;
        let mut chosen = Vec::new();
        for waiting in self.queue.values().filter(|waiting| !taken.contains(&waiting.hash)) {
            match room.checked_sub(waiting.operation.room()) {
                Some(rest) => room = rest,
                None => break,
            }
            chosen.push(waiting.operation.clone());
        }
        chosen
    }

    /// Whether there is anything for a block.
    pub(super) fn has_candidates(&self, taken: &BTreeSet<OperationHash>) -> bool {
        self.queue.values().any(|waiting| !taken.contains(&waiting.hash))
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self) {
        self.ticks += 1;
    }

    /// The oldest operations that were submitted here at least `ticks` ago, of
    /// together at most `room` bytes.
    pub(super) fn overdue(&self, ticks: u64, mut room: usize) -> Vec<Operation> {
        let mut chosen = Vec::new();
        for waiting in self.queue.values() {
            if waiting.origin == Origin::Here && waiting.since + ticks <= self.ticks {
                match room.checked_sub(waiting.operation.room()) {
                    Some(rest) => room = rest,
                    None => break,
                }
                chosen.push(waiting.operation.clone());
            }
        }
        chosen
    }

    /// How many operations wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many bytes they count together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(byte: u8, size: usize) -> (Operation, OperationHash) {
        let operation = Operation::new(&vec![byte; size]).unwrap();
        let hash = operation.hash();
        (operation, hash)
    }

    fn insert(pool: &mut Pool, byte: u8, size: usize, origin: Origin) -> Result<(), Refusal> {
        let (operation, hash) = operation(byte, size);
        pool.insert(operation, hash, origin)
    }

    #[test]
    fn operations_leave_in_the_order_in_which_they_came() {
        let mut pool = Pool::new(10, 10_000);
        for byte in [3, 1, 2] {
            insert(&mut pool, byte, 10, Origin::Here).unwrap();
        }
        let bytes: Vec<u8> = pool.candidates(&BTreeSet::new()).iter().map(|one| one.bytes()[0]).collect();
        assert_eq!(bytes, [3, 1, 2]);
    }

    #[test]
    fn an_operation_that_waits_or_was_final_is_refused() {
        let mut pool = Pool::new(10, 10_000);
        insert(&mut pool, 1, 10, Origin::Here).unwrap();
        assert_eq!(insert(&mut pool, 1, 10, Origin::Peer), Err(Refusal::Duplicate));
        pool.finalized(&[operation(1, 10).1]);
        assert_eq!((pool.len(), pool.bytes()), (0, 0));
        assert_eq!(insert(&mut pool, 1, 10, Origin::Here), Err(Refusal::Duplicate));
    }

    #[test]
    fn a_full_pool_refuses_by_count_and_by_bytes() {
        let mut pool = Pool::new(2, 10_000);
        insert(&mut pool, 1, 10, Origin::Here).unwrap();
        insert(&mut pool, 2, 10, Origin::Here).unwrap();
        assert_eq!(insert(&mut pool, 3, 10, Origin::Here), Err(Refusal::Full));
        let mut pool = Pool::new(10, 400);
        insert(&mut pool, 1, 60, Origin::Here).unwrap();
        assert_eq!(insert(&mut pool, 2, 60, Origin::Here), Err(Refusal::Full));
    }

    #[test]
    fn peers_leave_a_quarter_for_what_is_submitted_here() {
        let mut pool = Pool::new(4, 10_000);
        for byte in 0..3 {
            insert(&mut pool, byte, 10, Origin::Peer).unwrap();
        }
        assert_eq!(insert(&mut pool, 3, 10, Origin::Peer), Err(Refusal::Full));
        insert(&mut pool, 3, 10, Origin::Here).unwrap();
    }

    #[test]
    fn a_block_is_not_filled_beyond_its_size() {
        let mut pool = Pool::new(100, 100 * 1024 * 1024);
        for byte in 0..20 {
            insert(&mut pool, byte, super::super::OPERATION_SIZE_MAX, Origin::Here).unwrap();
        }
        let chosen = pool.candidates(&BTreeSet::new());
        assert_eq!(chosen.len(), 15);
        assert!(chosen.iter().map(Operation::room).sum::<usize>() <= OPERATIONS_SIZE_MAX);
    }

    #[test]
    fn what_an_unfinished_block_has_is_not_chosen_again() {
        let mut pool = Pool::new(10, 10_000);
        insert(&mut pool, 1, 10, Origin::Here).unwrap();
        let taken = BTreeSet::from([operation(1, 10).1]);
        assert!(!pool.has_candidates(&taken));
        assert_eq!(pool.candidates(&taken), []);
    }

    #[test]
    fn only_what_was_submitted_here_and_waits_long_is_passed_on_again() {
        let mut pool = Pool::new(10, 10_000);
        let (own, own_hash) = operation(1, 10);
        let (other, other_hash) = operation(2, 10);
        pool.insert(own.clone(), own_hash, Origin::Here).unwrap();
        pool.insert(other, other_hash, Origin::Peer).unwrap();
        pool.tick();
        assert_eq!(pool.overdue(2, 1_000), []);
        pool.tick();
        assert_eq!(pool.overdue(2, 1_000), [own]);
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let mut pool = Pool::new(10, 10_000);
        let hashes: Vec<OperationHash> = (0..REMEMBERED as u64 + 5)
            .map(|number| {
                let mut hash = OperationHash::default();
                hash.0[..8].copy_from_slice(&number.to_le_bytes());
                hash
            })
            .collect();
        pool.finalized(&hashes);
        assert_eq!(pool.done.len(), REMEMBERED);
        assert!(!pool.knows(&hashes[4]) && pool.knows(&hashes[5]));
    }
}
