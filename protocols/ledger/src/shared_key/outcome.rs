//! The algebra of a session, in whichever group the key is.

use alloc::vec::Vec;

use allod_crypto::group::{Group, Ristretto255};
use allod_did::Did;
use allod_threshold::dealing::{Complaint, Dealing, EncryptionKey, Outcome, Terms, Verdict};
use allod_threshold::knowledge::{self, Proof};
use allod_threshold::{GroupName, Index, Point, PublicShares, in_group};
use allod_wire::{GuardianId, NetworkId, SessionId};

use super::{Ceremony, KeyName, Sharing};
use crate::{Error, Rejection};

/// Bytes of an announcement: a key and the proof that somebody has its secret.
const ANNOUNCEMENT: usize = 32 + 64;

/// The public outcome of a session.
pub(super) struct Made {
    pub(super) public_key: Vec<u8>,
    /// One for each member, in their order.
    pub(super) public_shares: Vec<Vec<u8>>,
    pub(super) dealers: Vec<u16>,
}

/// The terms of a session whose members have announced their keys.
///
/// # Errors
/// [`Error::BadRecord`] where the ledger's own record makes no sense.
pub fn terms(ceremony: &Ceremony) -> Result<Terms, Error> {
    let keys = ceremony.members.iter().map(|member| (member.index, member.key));
    read_terms(&ceremony.session, ceremony.threshold, keys)
}

/// The terms of the session in which a sharing was made.
///
/// # Errors
/// As [`terms`].
pub fn sharing_terms(sharing: &Sharing) -> Result<Terms, Error> {
    let keys = sharing.holders.iter().map(|holder| (holder.index, Some(holder.key)));
    read_terms(&sharing.session, sharing.threshold, keys)
}

fn read_terms(
    session: &SessionId,
    threshold: u16,
    keys: impl Iterator<Item = (u16, Option<[u8; 32]>)>,
) -> Result<Terms, Error> {
    let broken = || Error::NoRecord { kind: "session's members" };
    let mut receivers = Vec::new();
    for (index, key) in keys {
        let key = EncryptionKey::decode(&key.ok_or_else(broken)?).map_err(|_| broken())?;
        receivers.push((Index::new(index).map_err(|_| broken())?, key));
    }
    Terms::new(*session.as_bytes(), threshold, receivers).map_err(|_| broken())
}

/// Checks an announcement: an encryption key, 32 bytes, and the proof of its
/// possession, 64 bytes.
pub(super) fn verify_announcement(
    session: &SessionId,
    index: u16,
    announcement: &[u8],
) -> Result<[u8; 32], Rejection> {
    let bytes: &[u8; ANNOUNCEMENT] = announcement.try_into().map_err(|_| Rejection::BadAnnouncement)?;
    let (key, proof) = bytes.split_at(32);
    let index = Index::new(index).map_err(Rejection::Dealing)?;
    let key = EncryptionKey::decode(key).map_err(Rejection::Dealing)?;
    let proof = Proof::<Ristretto255>::decode(proof).map_err(Rejection::Dealing)?;
    key.verify_possession(session.as_bytes(), index, &proof).map_err(Rejection::Dealing)?;
    Ok(*key.bytes())
}

/// Checks what is public of a dealing. `constant` is the dealer's public share
/// where a key is handed on.
pub(super) fn verify_dealing(
    group: GroupName,
    terms: &Terms,
    dealer: u16,
    dealing: &[u8],
    constant: Option<&[u8]>,
) -> Result<(), Rejection> {
    fn check<G: Group>(
        terms: &Terms,
        dealer: u16,
        dealing: &[u8],
        constant: Option<&[u8]>,
    ) -> Result<(), allod_threshold::Error> {
        let dealing = Dealing::<G>::decode(Index::new(dealer)?, dealing)?;
        let constant = constant.map(point::<G>).transpose()?;
        dealing.verify(terms, constant.as_ref())
    }
    in_group!(group, G => check::<G>(terms, dealer, dealing, constant)).map_err(Rejection::Dealing)
}

/// Judges a complaint about a dealing that was verified.
pub(super) fn judge(
    group: GroupName,
    terms: &Terms,
    dealer: u16,
    dealing: &[u8],
    complaint: &[u8],
) -> Result<Verdict, Rejection> {
    fn judge<G: Group>(
        terms: &Terms,
        dealer: u16,
        dealing: &[u8],
        complaint: &[u8],
    ) -> Result<Verdict, allod_threshold::Error> {
        let dealing = Dealing::<G>::decode(Index::new(dealer)?, dealing)?;
        Complaint::decode(complaint)?.judge(terms, &dealing)
    }
    in_group!(group, G => judge::<G>(terms, dealer, dealing, complaint)).map_err(Rejection::Dealing)
}

/// What comes of the dealings of these dealers; of a key that is handed on, with
/// the sharing so far.
pub(super) fn make(
    group: GroupName,
    terms: &Terms,
    dealings: &[(u16, Vec<u8>)],
    handed_on: Option<&Sharing>,
) -> Result<Made, allod_threshold::Error> {
    fn make<G: Group>(
        terms: &Terms,
        dealings: &[(u16, Vec<u8>)],
        handed_on: Option<&Sharing>,
    ) -> Result<Made, allod_threshold::Error> {
        let dealings = dealings
            .iter()
            .map(|(dealer, bytes)| Dealing::<G>::decode(Index::new(*dealer)?, bytes))
            .collect::<Result<Vec<_>, _>>()?;
        let outcome = match handed_on {
            Some(old) => {
                let shares = old.holders.iter().map(|holder| (holder.index, holder.public_share.as_slice()));
                let old = PublicShares::decode(old.threshold, &old.public_key, shares)?;
                Outcome::reshared(terms, &dealings, &old)?
            }
            None => Outcome::fresh(terms, &dealings, terms.threshold())?,
        };
        Ok(Made {
            public_key: outcome.public().public_key().bytes().as_ref().to_vec(),
            public_shares: outcome
                .public()
                .iter()
                .map(|(_, share)| share.bytes().as_ref().to_vec())
                .collect(),
            dealers: outcome.dealers().map(Index::get).collect(),
        })
    }
    in_group!(group, G => make::<G>(terms, dealings, handed_on))
}

/// What a proof that somebody knows a guardian's share is bound to: only the
/// claimant that it names has the bounty.
pub fn share_context(
    network: &NetworkId,
    key: &KeyName,
    generation: u32,
    guardian: &GuardianId,
    claimant: &Did,
) -> Vec<u8> {
    let key = key.as_str().as_bytes();
    [
        b"allod/ledger/bounty".as_slice(),
        network.as_bytes(),
        guardian.as_bytes(),
        claimant.as_bytes(),
        &generation.to_be_bytes(),
        key,
    ]
    .concat()
}

/// Checks a proof that somebody knows the share whose public counterpart this is.
pub(crate) fn knows_share(
    group: GroupName,
    public_share: &[u8],
    context: &[u8],
    proof: &[u8],
) -> Result<(), Rejection> {
    fn check<G: Group>(
        public_share: &[u8],
        context: &[u8],
        proof: &[u8],
    ) -> Result<(), allod_threshold::Error> {
        knowledge::verify(context, &point::<G>(public_share)?, &Proof::decode(proof)?)
    }
    in_group!(group, G => check::<G>(public_share, context, proof)).map_err(Rejection::Dealing)
}

fn point<G: Group>(bytes: &[u8]) -> Result<Point<G>, allod_threshold::Error> {
    Point::decode(bytes).map_err(|reason| allod_threshold::Error::Malformed {
        part: allod_threshold::Part::PublicKey,
        reason,
    })
}
