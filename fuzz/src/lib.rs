//! One total function for each decoder of bytes that a peer can send: whatever
//! comes in, nothing panics, and what is taken has exactly one encoding.
//!
//! `fuzz_targets/` hands these functions to libFuzzer; `tests/corpus.rs` replays
//! the committed corpora on stable. No function has state, so that one file
//! always does the same.

mod dealing;
mod did;
mod guardian;
mod ledger;
mod shared;
mod threshold;
mod wire;

pub use dealing::{
    FIXTURE_LABEL, FixtureSession, fixture_quorum, fixture_session, fixture_signed, threshold_complaint,
    threshold_dealing, threshold_encryption_key, threshold_quorum, threshold_signature, threshold_timelock,
};
pub use did::{did_fork, did_key, did_log, did_operation, did_text};
pub use guardian::{
    FIXTURE_KEY, card_code, card_words, descriptor, descriptor_signed, fixture_card, fixture_log,
    fixture_realm, fixture_root, juicebox_request, juicebox_response, kit, record, sealed_descriptor, stream,
    token, token_signed,
};
pub use ledger::{
    fixture_genesis, ledger_asked, ledger_certificate, ledger_conflict, ledger_genesis, ledger_operation,
    ledger_proof, signed_answer,
};
pub use shared::{
    FIXTURE_NETWORK, FIXTURE_NOW, answering_log, answering_reply, answering_request, fixture_answer,
    fixture_answering, fixture_committee, fixture_guardian, fixture_keyholder, fixture_question,
    fixture_reply, fixture_sealed, fixture_unsealing, keyholder_record, sealed_header, sealed_payload,
    sealed_reply, sealed_request,
};
pub use threshold::{
    threshold_commitment, threshold_juicebox, threshold_oprf, threshold_partial, threshold_point,
    threshold_proof,
};
pub use wire::{wire_id_text, wire_ids};

/// A target's name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target. Each has a file in `fuzz_targets/` and a folder in `corpus/`.
pub const TARGETS: [Target; 45] = [
    ("answering_log", answering_log),
    ("answering_reply", answering_reply),
    ("answering_request", answering_request),
    ("card_code", card_code),
    ("card_words", card_words),
    ("descriptor", descriptor),
    ("descriptor_signed", descriptor_signed),
    ("did_fork", did_fork),
    ("did_key", did_key),
    ("did_log", did_log),
    ("did_operation", did_operation),
    ("did_text", did_text),
    ("juicebox_request", juicebox_request),
    ("juicebox_response", juicebox_response),
    ("keyholder_record", keyholder_record),
    ("kit", kit),
    ("ledger_asked", ledger_asked),
    ("ledger_certificate", ledger_certificate),
    ("ledger_conflict", ledger_conflict),
    ("ledger_genesis", ledger_genesis),
    ("ledger_operation", ledger_operation),
    ("ledger_proof", ledger_proof),
    ("record", record),
    ("sealed_descriptor", sealed_descriptor),
    ("sealed_header", sealed_header),
    ("sealed_payload", sealed_payload),
    ("sealed_reply", sealed_reply),
    ("sealed_request", sealed_request),
    ("signed_answer", signed_answer),
    ("threshold_commitment", threshold_commitment),
    ("threshold_complaint", threshold_complaint),
    ("threshold_dealing", threshold_dealing),
    ("threshold_encryption_key", threshold_encryption_key),
    ("threshold_juicebox", threshold_juicebox),
    ("threshold_oprf", threshold_oprf),
    ("threshold_partial", threshold_partial),
    ("threshold_point", threshold_point),
    ("threshold_proof", threshold_proof),
    ("threshold_quorum", threshold_quorum),
    ("threshold_signature", threshold_signature),
    ("threshold_timelock", threshold_timelock),
    ("token", token),
    ("token_signed", token_signed),
    ("wire_id_text", wire_id_text),
    ("wire_ids", wire_ids),
];
