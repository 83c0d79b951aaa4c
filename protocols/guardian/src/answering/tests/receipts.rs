//! A log held against what clients were given.

use super::audits::{audit, findings, log, read};
use super::*;

fn held() -> impl Fn(&str, u32) -> Option<HeldPart> {
    deal(KEY, 1, 2, &[1, 2, 3]).held_by(1)
}

/// Another log of the same guardian, with other answers after the first entries.
fn fork(same: u64, entries: u64) -> Vec<SignedAnswer> {
    let mut shell = Shell::holding(&deal(KEY, 1, 2, &[1, 2, 3]), 1);
    for seed in 0..entries {
        shell.now = shell.now.plus_ms(10);
        // Proofs are random: where the logs are the same, so is what was drawn.
        shell.reply(request(if seed < same { seed } else { seed + 100 }));
    }
    shell.disk
}

#[test]
fn what_clients_were_given_is_found_in_an_honest_log() {
    let log = log(6);
    let mut audit = audit();
    for place in [5, 0, 3] {
        assert_eq!(audit.expect(log[place].clone(), held()), Ok(()));
        // Two may have kept the same.
        assert_eq!(audit.expect(log[place].clone(), held()), Ok(()));
    }
    read(&mut audit, &log);
    audit.end();
    assert_eq!(findings(&mut audit), []);
}

#[test]
fn a_guardian_that_shows_an_auditor_another_log_is_proven_a_liar() {
    let (shown, given) = (log(6), fork(3, 6));
    assert_eq!(shown[..3], given[..3]);
    let mut audit = audit();
    for receipt in &given {
        assert_eq!(audit.expect(receipt.clone(), held()), Ok(()));
    }
    read(&mut audit, &shown);
    audit.end();
    let found = findings(&mut audit);
    assert_eq!(found.len(), 3);
    for (finding, position) in found.iter().zip(4..) {
        let Finding::Lied(Evidence::Fork(first, second)) = finding else { panic!("{finding:?}") };
        assert_eq!(first.answer.position, position);
        // What the ledger looks at.
        assert!(first.answer.contradicts(&second.answer));
        assert_eq!((first.verify(), second.verify()), (Ok(()), Ok(())));
    }
}

#[test]
fn what_the_log_leaves_out_is_missing() {
    let log = log(6);
    // The end is left out.
    let mut audit = audit();
    for receipt in &log {
        assert_eq!(audit.expect(receipt.clone(), held()), Ok(()));
    }
    read(&mut audit, &log[..4]);
    assert_eq!(findings(&mut audit), []);
    audit.end();
    let missing = |place: usize| Finding::Missing { receipt: log[place].clone() };
    assert_eq!(findings(&mut audit), [missing(4), missing(5)]);
    // Something in the middle is left out.
    let mut audit = super::audits::audit();
    for receipt in &log {
        assert_eq!(audit.expect(receipt.clone(), held()), Ok(()));
    }
    read(&mut audit, log[..2].iter().chain(&log[4..]));
    let out = Finding::OutOfOrder { expected: 3, found: 5 };
    assert_eq!(findings(&mut audit), [out, missing(2), missing(3)]);
}

#[test]
fn two_receipts_can_prove_a_fork_without_any_log() {
    let (one, other) = (log(3), fork(1, 3));
    let mut audit = audit();
    assert_eq!(audit.expect(one[2].clone(), held()), Ok(()));
    assert_eq!(audit.expect(other[2].clone(), held()), Ok(()));
    let evidence = Evidence::Fork(one[2].clone().into(), other[2].clone().into());
    assert_eq!(findings(&mut audit), [Finding::Lied(evidence)]);
}

#[test]
fn a_receipt_for_the_place_that_was_just_read_is_still_compared() {
    let (shown, given) = (log(3), fork(1, 3));
    let mut audit = audit();
    read(&mut audit, &shown);
    assert_eq!(audit.expect(shown[2].clone(), held()), Ok(()));
    assert_eq!(findings(&mut audit), []);
    assert_eq!(audit.expect(given[2].clone(), held()), Ok(()));
    assert!(matches!(findings(&mut audit)[..], [Finding::Lied(Evidence::Fork(..))]));
    assert_eq!(audit.expect(given[1].clone(), held()), Err(ReceiptError::Late));
}

#[test]
fn a_false_receipt_proves_itself() {
    let mut answer = log(1).remove(0).answer;
    answer.partial[5] ^= 1;
    let signed = answer.sign(&signing_key(1));
    let mut audit = audit();
    assert_eq!(audit.expect(signed.clone(), held()), Ok(()));
    assert_eq!(findings(&mut audit), [Finding::Lied(Evidence::False(signed.into()))]);
}

#[test]
fn receipts_that_anybody_could_have_made_accuse_nobody() {
    let mut audit = audit();
    let mut forged = log(1).remove(0);
    forged.signature.0[0] ^= 1;
    let of_another = Shell::holding(&deal(KEY, 1, 2, &[1, 2, 3]), 2).answer(request(1));
    for receipt in [forged, of_another] {
        assert_eq!(audit.expect(receipt, held()), Err(ReceiptError::NotTheGuardians));
    }
    audit.end();
    assert_eq!(findings(&mut audit), []);
}

#[test]
fn an_auditor_keeps_so_many_receipts_and_no_more() {
    let mut audit = audit();
    let mut answer = log(1).remove(0).answer;
    // Signatures take the most of this, proofs are not looked at without a share.
    let nothing = |_: &str, _: u32| None;
    for position in 1..=RECEIPTS_MAX as u64 {
        answer.position = position;
        assert_eq!(audit.expect(answer.clone().sign(&signing_key(1)), nothing), Ok(()));
        assert!(audit.poll().is_some());
    }
    answer.position = RECEIPTS_MAX as u64 + 1;
    assert_eq!(audit.expect(answer.clone().sign(&signing_key(1)), nothing), Err(ReceiptError::Full));
    // One that stands beside another takes no room.
    answer.position = 1;
    assert_eq!(audit.expect(answer.sign(&signing_key(1)), nothing), Ok(()));
}
