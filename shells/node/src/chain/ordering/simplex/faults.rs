//! What the engine saw: views that ended, and votes that contradict each other.
//!
//! The engine finds out a member that sends both votes to the same node, but not
//! one that sends one vote to some and the other to the rest. So votes are kept
//! here for a while, those that come inside certificates too, and each new one is
//! compared with what its member signed before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use commonware_actor::Feedback;
use commonware_codec::{Copying, Encode, ReadExt};
use commonware_consensus::simplex::types::{Activity, Finalize, Notarize, Nullify, Proposal};
use commonware_consensus::types::{Participant, Round};
use commonware_consensus::{Epochable, Reporter, Viewable};
use commonware_cryptography::Verifier as _;
use commonware_cryptography::blake3::Digest;
use commonware_cryptography::certificate::Scheme as _;
use commonware_cryptography::ed25519::Signature;
use commonware_cryptography::ed25519::certificate::Certificate;

use super::super::{COMMITTEE_MAX, Evidence, Signed, Statement};
use super::convert::{Scheme, signature_bytes, verifying_key};
use super::shared::Shared;

/// Views behind the last final one whose votes are kept, so that late ones that
/// contradict them are found out.
pub(super) const VIEWS_KEPT: u64 = 256;

/// How many votes are kept at most.
const VOTES_KEPT: usize = 3 * COMMITTEE_MAX * VIEWS_KEPT as usize;

/// How many accusations of an epoch are remembered, so that none is made twice.
/// Members that lie more often than that are accused more often.
const REMEMBERED: usize = 1_024;

/// Reads an epoch's votes and certificates for what the rest of the node has to
/// know.
#[derive(Clone)]
pub(super) struct Observer {
    shared: Arc<Shared>,
    scheme: Scheme,
    seen: Arc<Mutex<Seen>>,
}

/// Votes by view, signer and kind (as in [`kind`]), and accusations made.
#[derive(Default)]
struct Seen {
    votes: BTreeMap<(u64, u32, u8), (Statement, Signature)>,
    accused: BTreeSet<Vec<u8>>,
}

impl Observer {
    /// Of the epoch whose votes `scheme` checks.
    pub(super) fn new(shared: Arc<Shared>, scheme: Scheme) -> Self {
        Self { shared, scheme, seen: Arc::default() }
    }

    /// Compares a vote with what its member signed before.
    fn see(&self, signer: Participant, statement: Statement, signature: &Signature) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (view, signer_number) = (view(&statement), signer.get());
        for other in contradicting(&statement).iter().copied() {
            let place = (view, signer_number, other);
            let Some((before, signed)) = seen.votes.get(&place).cloned() else { continue };
            if before == statement {
                return;
            }
            // Votes come in unchecked; what was not signed is no vote.
            let [first, second] = [(before, &signed), (statement, signature)]
                .map(|(statement, signature)| self.check(signer, statement, signature));
            match (first, second) {
                (Some(first), Some(second)) => self.accuse(&mut seen, signer, first, second),
                (None, _) => {
                    seen.votes.remove(&place);
                }
                (_, None) => return,
            }
        }
        seen.votes.entry((view, signer_number, kind(&statement))).or_insert((statement, signature.clone()));
        while seen.votes.len() > VOTES_KEPT {
            seen.votes.pop_first();
        }
    }

    /// The vote, where its signature is the member's.
    fn check(&self, signer: Participant, statement: Statement, signature: &Signature) -> Option<Signed> {
        let key = self.scheme.participants().get(signer.get() as usize)?;
        let (namespace, message) = statement.namespace_and_message(&self.shared.parameters.network);
        if !key.verify(&namespace, &message, signature) {
            return None;
        }
        Some(Signed { statement, signature: signature_bytes(signature)? })
    }

    /// Hands two votes on, unless that was done before.
    fn accuse(&self, seen: &mut Seen, signer: Participant, mut first: Signed, mut second: Signed) {
        let Some(key) = self.scheme.participants().get(signer.get() as usize) else { return };
        if allod_wire::encode(&second.statement) < allod_wire::encode(&first.statement) {
            std::mem::swap(&mut first, &mut second);
        }
        let (network, offender) = (self.shared.parameters.network, verifying_key(key));
        let evidence = Evidence { network, offender, first, second };
        if seen.accused.len() >= REMEMBERED {
            seen.accused.clear();
        }
        if seen.accused.insert(evidence.encode()) {
            self.shared.application.accuse(evidence);
        }
    }

    fn notarize(&self, vote: &Notarize<Scheme, Digest>) {
        if let Some(signature) = vote.attestation.signature.get() {
            self.see(vote.attestation.signer, notarize(&vote.proposal), signature);
        }
    }

    fn nullify(&self, vote: &Nullify<Scheme>) {
        if let Some(signature) = vote.attestation.signature.get() {
            self.see(vote.attestation.signer, nullify(vote.round), signature);
        }
    }

    fn finalize(&self, vote: &Finalize<Scheme, Digest>) {
        if let Some(signature) = vote.attestation.signature.get() {
            self.see(vote.attestation.signer, finalize(&vote.proposal), signature);
        }
    }

    /// Sees all votes of a certificate, and that its view is over.
    fn certificate(&self, statement: Statement, certificate: &Certificate) {
        for (signer, signature) in certificate.signers.iter().zip(&certificate.signatures) {
            if let Some(signature) = signature.get() {
                self.see(signer, statement, signature);
            }
        }
    }
}

impl Reporter for Observer {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        match &activity {
            Activity::Notarize(vote) => self.notarize(vote),
            Activity::Nullify(vote) => self.nullify(vote),
            Activity::Finalize(vote) => self.finalize(vote),
            // The engine keeps the two votes of a conflict to itself, but writes
            // them one after the other.
            Activity::ConflictingNotarize(conflict) => {
                let bytes = conflict.encode();
                let mut bytes = Copying(&bytes);
                for vote in [Notarize::read(&mut bytes), Notarize::read(&mut bytes)].into_iter().flatten() {
                    self.notarize(&vote);
                }
            }
            Activity::ConflictingFinalize(conflict) => {
                let bytes = conflict.encode();
                let mut bytes = Copying(&bytes);
                for vote in [Finalize::read(&mut bytes), Finalize::read(&mut bytes)].into_iter().flatten() {
                    self.finalize(&vote);
                }
            }
            Activity::NullifyFinalize(conflict) => {
                let bytes = conflict.encode();
                let mut bytes = Copying(&bytes);
                if let Ok(vote) = Nullify::read(&mut bytes) {
                    self.nullify(&vote);
                }
                if let Ok(vote) = Finalize::read(&mut bytes) {
                    self.finalize(&vote);
                }
            }
            Activity::Notarization(by) => self.certificate(notarize(&by.proposal), &by.certificate),
            Activity::Nullification(by) => self.certificate(nullify(by.round), &by.certificate),
            Activity::Finalization(by) => self.certificate(finalize(&by.proposal), &by.certificate),
            Activity::Certification(_) => {}
        }
        if let Activity::Notarization(_) | Activity::Nullification(_) | Activity::Finalization(_) = &activity
        {
            self.shared.leave_view(activity.epoch().get(), activity.view().get());
        }
        Feedback::Ok
    }
}

fn notarize(proposal: &Proposal<Digest>) -> Statement {
    let (epoch, view) = (proposal.round.epoch().get(), proposal.round.view().get());
    Statement::Notarize { epoch, view, parent: proposal.parent.get(), block: proposal.payload.into() }
}

fn nullify(round: Round) -> Statement {
    Statement::Nullify { epoch: round.epoch().get(), view: round.view().get() }
}

fn finalize(proposal: &Proposal<Digest>) -> Statement {
    let (epoch, view) = (proposal.round.epoch().get(), proposal.round.view().get());
    Statement::Finalize { epoch, view, parent: proposal.parent.get(), block: proposal.payload.into() }
}

fn view(statement: &Statement) -> u64 {
    match statement {
        Statement::Notarize { view, .. }
        | Statement::Nullify { view, .. }
        | Statement::Finalize { view, .. } => *view,
    }
}

fn kind(statement: &Statement) -> u8 {
    match statement {
        Statement::Notarize { .. } => 0,
        Statement::Nullify { .. } => 1,
        Statement::Finalize { .. } => 2,
    }
}

/// The kinds of votes that may contradict this one in its view; its own is first.
fn contradicting(statement: &Statement) -> &'static [u8] {
    match statement {
        Statement::Notarize { .. } => &[0],
        Statement::Nullify { .. } => &[1, 2],
        Statement::Finalize { .. } => &[2, 1],
    }
}
