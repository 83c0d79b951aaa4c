//! One total function for each decoder of bytes that a peer or a foreign disk can
//! send: whatever comes in, nothing panics, and what is taken has exactly one encoding.
//!
//! `fuzz_targets/` hands these functions to libFuzzer; `tests/corpus.rs` replays
//! the committed corpora on stable. No function has state, so that one file
//! always does the same.

mod backup;
mod courier;
mod dealing;
mod did;
mod encounter;
mod fixture;
mod guardian;
mod image;
mod ledger;
mod memory;
mod session;
mod share;
mod shared;
mod sync;
mod threshold;
mod voucher;
mod wire;

pub use backup::{
    FIXTURE_PEER, backup_catalogue, backup_head, backup_pack, backup_packed, backup_request, backup_roots,
    backup_shards, backup_shown, fixture_account, fixture_backup, fixture_catalogue, fixture_shard,
};
pub use courier::{
    FIXTURE_TODAY, bundle_compact, bundle_fragments, bundle_full, fixture_invitation,
    fixture_invitation_secret, fixture_own, greeting, invitation, padding,
};
pub use dealing::{
    FIXTURE_LABEL, FixtureSession, fixture_quorum, fixture_session, fixture_signed, threshold_complaint,
    threshold_dealing, threshold_encryption_key, threshold_quorum, threshold_signature, threshold_timelock,
};
pub use did::{did_fork, did_key, did_log, did_operation, did_text};
pub use encounter::{FixtureCarrier, encounter};
pub use fixture::joined;
pub use guardian::{
    FIXTURE_KEY, card_code, card_words, descriptor, descriptor_signed, fixture_card, fixture_log,
    fixture_realm, fixture_root, juicebox_request, juicebox_response, kit, record, sealed_descriptor, stream,
    token, token_signed,
};
pub use image::{object_opened, object_sealed, ring, vault_image, zstd_frame};
pub use ledger::{
    fixture_genesis, ledger_asked, ledger_certificate, ledger_conflict, ledger_genesis, ledger_operation,
    ledger_proof, signed_answer,
};
pub use session::{
    fixture_founding, fixture_met, fixture_sender, fixture_who, group_change, group_changes, group_key,
    group_open, ratchet_load, ratchet_open, ratchet_session,
};
pub use share::{
    FIXTURE_SPACE, fixture_device, fixture_granted, fixture_ring, fixture_roster, share_grant, share_granted,
    share_hello, share_request, share_roster,
};
pub use shared::{
    FIXTURE_NETWORK, FIXTURE_NOW, answering_log, answering_reply, answering_request, fixture_answer,
    fixture_answering, fixture_committee, fixture_guardian, fixture_keyholder, fixture_question,
    fixture_reply, fixture_sealed, fixture_unsealing, keyholder_record, sealed_header, sealed_payload,
    sealed_reply, sealed_request,
};
pub use sync::{
    fixture_items, fixture_told, fixture_writer, reconcile_answered, reconcile_asked, sync_batch,
    sync_merged, sync_session, sync_written,
};
pub use threshold::{
    threshold_commitment, threshold_juicebox, threshold_oprf, threshold_partial, threshold_point,
    threshold_proof,
};
pub use voucher::{fixture_asking, fixture_pieces, voucher_piece, voucher_request};
pub use wire::{wire_id_text, wire_ids};

/// A target's name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target. Each has a file in `fuzz_targets/` and a folder in `corpus/`.
pub const TARGETS: [Target; 85] = [
    ("answering_log", answering_log),
    ("answering_reply", answering_reply),
    ("answering_request", answering_request),
    ("backup_catalogue", backup_catalogue),
    ("backup_head", backup_head),
    ("backup_pack", backup_pack),
    ("backup_packed", backup_packed),
    ("backup_request", backup_request),
    ("backup_roots", backup_roots),
    ("backup_shards", backup_shards),
    ("backup_shown", backup_shown),
    ("bundle_compact", bundle_compact),
    ("bundle_fragments", bundle_fragments),
    ("bundle_full", bundle_full),
    ("card_code", card_code),
    ("card_words", card_words),
    ("descriptor", descriptor),
    ("descriptor_signed", descriptor_signed),
    ("did_fork", did_fork),
    ("did_key", did_key),
    ("did_log", did_log),
    ("did_operation", did_operation),
    ("did_text", did_text),
    ("encounter", encounter),
    ("greeting", greeting),
    ("group_change", group_change),
    ("group_changes", group_changes),
    ("group_key", group_key),
    ("group_open", group_open),
    ("invitation", invitation),
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
    ("object_opened", object_opened),
    ("object_sealed", object_sealed),
    ("padding", padding),
    ("ratchet_load", ratchet_load),
    ("ratchet_open", ratchet_open),
    ("ratchet_session", ratchet_session),
    ("reconcile_answered", reconcile_answered),
    ("reconcile_asked", reconcile_asked),
    ("record", record),
    ("ring", ring),
    ("sealed_descriptor", sealed_descriptor),
    ("sealed_header", sealed_header),
    ("sealed_payload", sealed_payload),
    ("sealed_reply", sealed_reply),
    ("sealed_request", sealed_request),
    ("share_grant", share_grant),
    ("share_granted", share_granted),
    ("share_hello", share_hello),
    ("share_request", share_request),
    ("share_roster", share_roster),
    ("signed_answer", signed_answer),
    ("sync_batch", sync_batch),
    ("sync_merged", sync_merged),
    ("sync_session", sync_session),
    ("sync_written", sync_written),
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
    ("vault_image", vault_image),
    ("voucher_piece", voucher_piece),
    ("voucher_request", voucher_request),
    ("wire_id_text", wire_id_text),
    ("wire_ids", wire_ids),
    ("zstd_frame", zstd_frame),
];
