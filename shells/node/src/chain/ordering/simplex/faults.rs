//! What the engine saw: views that ended, and votes that contradict each other.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use commonware_actor::Feedback;
use commonware_codec::{Copying, Encode, ReadExt};
use commonware_consensus::simplex::types::{Activity, Finalize, Notarize, Nullify, Proposal};
use commonware_consensus::{Epochable, Reporter, Viewable};
use commonware_cryptography::Verifier as _;
use commonware_cryptography::blake3::Digest;
use commonware_cryptography::certificate::{Attestation, Scheme as _};
use commonware_cryptography::ed25519::PublicKey;

use super::super::{Evidence, Signed, Statement};
use super::convert::{Scheme, signature_bytes, verifying_key};
use super::shared::Shared;

/// How many accusations of an epoch are remembered, so that none is made twice.
/// A member that lies more often than that is accused more often.
const REMEMBERED: usize = 1_024;

/// Reads an epoch's votes and certificates for what the rest of the node has to
/// know.
#[derive(Clone)]
pub(super) struct Observer {
    shared: Arc<Shared>,
    scheme: Scheme,
    accused: Arc<Mutex<BTreeSet<Vec<u8>>>>,
}

impl Observer {
    /// Of the epoch whose votes `scheme` checks.
    pub(super) fn new(shared: Arc<Shared>, scheme: Scheme) -> Self {
        Self { shared, scheme, accused: Arc::default() }
    }

    /// Hands two votes on, if they are really the member's.
    fn accuse(&self, first: Option<Vote>, second: Option<Vote>) {
        let (Some(first), Some(second)) = (first, second) else { return };
        let network = self.shared.parameters.network;
        let offender = first.key.clone();
        if offender != second.key || ![&first, &second].iter().all(|vote| vote.is_signed(&network)) {
            return;
        }
        let (mut first, mut second) = (first.signed, second.signed);
        if allod_wire::encode(&second.statement) < allod_wire::encode(&first.statement) {
            std::mem::swap(&mut first, &mut second);
        }
        let evidence = Evidence { network, offender: verifying_key(&offender), first, second };
        {
            let mut accused = self.accused.lock().unwrap_or_else(PoisonError::into_inner);
            if accused.len() >= REMEMBERED {
                accused.clear();
            }
            if !accused.insert(evidence.encode()) {
                return;
            }
        }
        self.shared.application.accuse(evidence);
    }

    fn vote(&self, statement: Statement, attestation: &Attestation<Scheme>) -> Option<Vote> {
        let key = self.scheme.participants().get(attestation.signer.get() as usize)?.clone();
        let engine = attestation.signature.get()?.clone();
        let signed = Signed { statement, signature: signature_bytes(&engine)? };
        Some(Vote { key, signed, engine })
    }

    fn notarize(&self, vote: &Notarize<Scheme, Digest>) -> Option<Vote> {
        let (epoch, view, parent, block) = proposal(&vote.proposal);
        self.vote(Statement::Notarize { epoch, view, parent, block }, &vote.attestation)
    }

    fn finalize(&self, vote: &Finalize<Scheme, Digest>) -> Option<Vote> {
        let (epoch, view, parent, block) = proposal(&vote.proposal);
        self.vote(Statement::Finalize { epoch, view, parent, block }, &vote.attestation)
    }

    fn nullify(&self, vote: &Nullify<Scheme>) -> Option<Vote> {
        let (epoch, view) = (vote.epoch().get(), vote.view().get());
        self.vote(Statement::Nullify { epoch, view }, &vote.attestation)
    }
}

impl Reporter for Observer {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        // The engine keeps the two votes of a conflict to itself, but writes them
        // one after the other.
        match &activity {
            Activity::ConflictingNotarize(conflict) => {
                let bytes = conflict.encode();
                let mut bytes = Copying(&bytes);
                let votes = [Notarize::read(&mut bytes), Notarize::read(&mut bytes)];
                let [first, second] = votes.map(|vote| vote.ok().and_then(|vote| self.notarize(&vote)));
                self.accuse(first, second);
            }
            Activity::ConflictingFinalize(conflict) => {
                let bytes = conflict.encode();
                let mut bytes = Copying(&bytes);
                let votes = [Finalize::read(&mut bytes), Finalize::read(&mut bytes)];
                let [first, second] = votes.map(|vote| vote.ok().and_then(|vote| self.finalize(&vote)));
                self.accuse(first, second);
            }
            Activity::NullifyFinalize(conflict) => {
                let bytes = conflict.encode();
                let mut bytes = Copying(&bytes);
                let first = Nullify::read(&mut bytes).ok().and_then(|vote| self.nullify(&vote));
                let second = Finalize::read(&mut bytes).ok().and_then(|vote| self.finalize(&vote));
                self.accuse(first, second);
            }
            Activity::Notarization(_) | Activity::Nullification(_) | Activity::Finalization(_) => {
                self.shared.leave_view(activity.epoch().get(), activity.view().get());
            }
            Activity::Notarize(_)
            | Activity::Nullify(_)
            | Activity::Finalize(_)
            | Activity::Certification(_) => {}
        }
        Feedback::Ok
    }
}

/// A vote with what it takes to check it.
struct Vote {
    key: PublicKey,
    signed: Signed,
    engine: commonware_cryptography::ed25519::Signature,
}

impl Vote {
    fn is_signed(&self, network: &[u8; 32]) -> bool {
        let (namespace, message) = self.signed.statement.namespace_and_message(network);
        self.key.verify(&namespace, &message, &self.engine)
    }
}

fn proposal(proposal: &Proposal<Digest>) -> (u64, u64, u64, super::super::BlockDigest) {
    let round = proposal.round;
    (round.epoch().get(), round.view().get(), proposal.parent.get(), proposal.payload.into())
}
