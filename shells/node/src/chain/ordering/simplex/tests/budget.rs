//! What a block may have that nobody pays for.

use std::sync::Arc;

use super::ledger::Ledger;
use crate::chain::ordering::simplex::proposer::acceptable;
use crate::chain::ordering::{FREE_MAX, Operation};

#[test]
fn a_block_may_have_little_that_nobody_pays_for_and_nothing_that_is_no_operation() {
    let ledger = Ledger::new(Arc::new(|_| None));
    let some = |first: u8, count: usize| -> Vec<Operation> {
        let operation = |number: usize| {
            let bytes = [&[first][..], &number.to_be_bytes()].concat();
            Operation::new(&bytes).expect("it is short")
        };
        (0..count).map(operation).collect()
    };
    assert!(acceptable(&*ledger, &some(7, 3_000)));
    assert!(acceptable(&*ledger, &some(1, FREE_MAX)));
    assert!(!acceptable(&*ledger, &some(1, FREE_MAX + 1)));
    assert!(!acceptable(&*ledger, &[some(7, 5), some(0, 1)].concat()));
}
