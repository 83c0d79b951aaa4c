//! The second vote: sent on the way from the engine to the links, which the
//! engine knows nothing of.

use std::time::SystemTime;

use allod_crypto::sign::SigningKey;
use commonware_actor::{Feedback, Unreliable};
use commonware_codec::types::lazy::Lazy;
use commonware_codec::varint::UInt;
use commonware_codec::{Copying, DecodeExt, Encode, ReadExt};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{Notarize, Proposal, Vote};
use commonware_cryptography::blake3::Digest;
use commonware_cryptography::certificate::Attestation;
use commonware_cryptography::ed25519::{PublicKey, Signature};
use commonware_p2p::{Channel, CheckedSender, LimitedSender, Recipients, Sender};
use commonware_runtime::IoBufs;

use crate::chain::ordering::simplex::{VOTES, Way};
use crate::chain::ordering::{BlockDigest, Statement};

/// Leads votes past a second pen.
pub(super) struct TwoVotes {
    pen: Pen,
}

/// Who signs, and for which network.
#[derive(Clone)]
struct Pen {
    network: [u8; 32],
    key: SigningKey,
}

impl TwoVotes {
    pub(super) fn new(network: [u8; 32], key: SigningKey) -> Self {
        Self { pen: Pen { network, key } }
    }
}

impl Way for TwoVotes {
    type Sender<S: Sender<PublicKey = PublicKey>> = TwoTongued<S>;

    fn lead<S: Sender<PublicKey = PublicKey>>(&self, channel: Channel, sender: S) -> TwoTongued<S> {
        let pen = (channel == VOTES.0).then(|| self.pen.clone());
        TwoTongued { again: sender.clone(), sender, pen }
    }
}

/// Sends what it is given and, after a vote that a block is good, another one.
#[derive(Clone)]
pub(super) struct TwoTongued<S> {
    sender: S,
    again: S,
    pen: Option<Pen>,
}

/// The same, with recipients that can be sent to.
pub(super) struct Checked<'a, S: Sender> {
    checked: S::Checked<'a>,
    again: &'a mut S,
    pen: Option<&'a Pen>,
}

impl<S: Sender<PublicKey = PublicKey>> LimitedSender for TwoTongued<S> {
    type PublicKey = PublicKey;
    type Checked<'a> = Checked<'a, S>;

    fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Checked<'_, S>, SystemTime> {
        let checked = self.sender.check(recipients)?;
        Ok(Checked { checked, again: &mut self.again, pen: self.pen.as_ref() })
    }
}

impl<S: Sender<PublicKey = PublicKey>> CheckedSender for Checked<'_, S> {
    type PublicKey = PublicKey;

    fn recipients(&self) -> Vec<PublicKey> {
        self.checked.recipients()
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        let message = message.into().coalesce();
        let second = self.pen.and_then(|pen| pen.contradict(message.as_ref()));
        let mut peers = self.checked.recipients();
        let sent = self.checked.send(message, priority);
        if let Some((second, view)) = second {
            peers.truncate(peers.len().div_ceil(2));
            tracing::warn!(view, peers = peers.len(), "voting for a second block, on purpose");
            self.again.send(Recipients::Some(peers), second, priority);
        }
        sent
    }
}

impl Pen {
    /// To a vote that a block is good, with the epoch that stands before it, the
    /// same vote for a block that nobody ever saw; and its view.
    fn contradict(&self, message: &[u8]) -> Option<(Vec<u8>, u64)> {
        let mut rest = Copying(message);
        let subchannel = UInt::<u64>::read(&mut rest).ok()?;
        let Vote::<Scheme, Digest>::Notarize(honest) = Vote::decode(rest).ok()? else { return None };
        let Proposal { round, parent, payload } = honest.proposal;
        let mut other = payload.0;
        other[0] ^= 1;
        let (epoch, view) = (round.epoch().get(), round.view().get());
        let statement = Statement::Notarize { epoch, view, parent: parent.get(), block: BlockDigest(other) };
        let signature = self.key.sign(&statement.signed_bytes(&self.network));
        let signature = Signature::decode(Copying(&signature.0)).ok()?;
        let second = Notarize::<Scheme, Digest> {
            proposal: Proposal::new(round, parent, Digest(other)),
            attestation: Attestation { signer: honest.attestation.signer, signature: Lazy::from(signature) },
        };
        let mut bytes = subchannel.encode().to_vec();
        bytes.extend_from_slice(&Vote::Notarize(second).encode());
        Some((bytes, view))
    }
}
