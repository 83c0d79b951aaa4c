//! The answer to an invitation, which carries the first message of a session.
//!
//! tag (8) ‖ fresh key (32) ‖ encapsulated secret (1,120) ‖ step (1) ‖ who greets, padded and
//! sealed ‖ first message of the session.
//!
//! Who greets is a log, whose length would tell one person from another. It is padded, so that
//! the sealed one has 1, 2, 4, 8 or 16 KiB: the step, which is all that the size tells. A log of up to
//! four devices is in the first one.

use alloc::vec::Vec;

use allod_crypto::aead::{open_once, seal_once};
use allod_crypto::hash::tagged;
use allod_crypto::{CryptoRng, Secret, SecretBytes, exchange, kdf, kem};
use allod_wire::Instant;

use super::identity::{IDENTITY_MAX, Identity, Own};
use super::invitation::{Invitation, InvitationSecret};
use crate::CourierError;
use crate::bundle::{pad_to, unpad};
use crate::ratchet::{OVERHEAD, Opened, Ratchet, Start, Tag};

/// The most bytes that a greeting has more than the message in it.
pub const GREETING_OVERHEAD_MAX: usize = FRONT + (STEP << STEPS) + OVERHEAD;

/// Bytes before who greets.
const FRONT: usize = Tag::SIZE + 32 + kem::CIPHERTEXT + 1;

/// Bytes of who greets, sealed, at the least: those of step 0. Each step doubles it.
const STEP: usize = 1024;

/// The highest step.
const STEPS: usize = 4;

/// Bytes that sealing adds to who greets.
const SEAL: usize = 16;

const _: () = assert!(IDENTITY_MAX + 1 + SEAL <= STEP << STEPS, "the largest log has a step");

/// Which greeting it is. Who invited many takes each one once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GreetingId(pub [u8; 32]);

/// A greeting that was opened.
#[derive(Debug)]
pub struct Greeted {
    /// Which one it is. One that was seen before is to be dropped, with all of this.
    pub id: GreetingId,
    /// Who greets. It is for the person to say whether that is who was meant.
    pub identity: Identity,
    /// The session.
    pub ratchet: Ratchet,
    /// The first message.
    pub plain: SecretBytes,
}

/// Answers an invitation with a first message. The session has to be durable before the
/// greeting leaves.
///
/// # Errors
/// [`CourierError::Expired`], [`CourierError::Malformed`] where a key is none.
pub fn greet(
    own: &Own,
    invitation: &Invitation,
    plain: &[u8],
    now: Instant,
    rng: &mut impl CryptoRng,
) -> Result<(Ratchet, Vec<u8>), CourierError> {
    if now > invitation.expires() {
        return Err(CourierError::Expired);
    }
    let fresh = Secret::random(rng);
    let key = exchange::public_key(&fresh);
    let agree = |ours: &Secret<32>, theirs: &[u8; 32]| {
        exchange::agree(ours, theirs).map_err(|_| CourierError::Malformed)
    };
    let (ciphertext, encapsulated) =
        kem::encapsulate(invitation.kem(), rng).map_err(|_| CourierError::Malformed)?;
    let with_identity = agree(&fresh, invitation.identity().agreement())?;
    let with_ratchet = agree(&fresh, invitation.ratchet())?;
    let spoken = Spoken { invitation, key: &key, ciphertext: &ciphertext };
    let (opening, chained) = spoken.first([&with_identity, &with_ratchet, &encapsulated]);
    let identity = own.identity().encode();
    let start = spoken.second(&chained, &agree(&own.agreement, invitation.ratchet())?, &identity);
    let mut ratchet = Ratchet::initiator(&start, *invitation.ratchet(), rng)?;
    let has_room = |step: &usize| identity.len() + 1 + SEAL <= STEP << step;
    let step = (0..=STEPS).find(has_room).ok_or(CourierError::TooLarge)?;
    let sealed = seal_once(opening, &pad_to((STEP << step) - SEAL, &identity));
    let mut greeting = Vec::with_capacity(FRONT + sealed.len() + OVERHEAD + plain.len());
    greeting.extend_from_slice(&invitation.id().tag().0);
    greeting.extend_from_slice(&key);
    greeting.extend_from_slice(&ciphertext);
    greeting.push(step as u8);
    greeting.extend_from_slice(&sealed);
    greeting.extend_from_slice(&ratchet.seal(plain, rng)?);
    Ok((ratchet, greeting))
}

/// Opens a greeting to an invitation of this device's.
///
/// # Errors
/// [`CourierError::Expired`], [`CourierError::OtherInvitation`], [`CourierError::Malformed`],
/// [`CourierError::Forged`]; [`CourierError::Log`], [`CourierError::NotADevice`],
/// [`CourierError::Signature`] where whoever made it is not who they say.
pub fn welcome(
    own: &Own,
    invitation: &Invitation,
    secret: &InvitationSecret,
    greeting: &[u8],
    now: Instant,
) -> Result<Greeted, CourierError> {
    if now > invitation.expires() {
        return Err(CourierError::Expired);
    }
    let malformed = CourierError::Malformed;
    let (tag, rest) = greeting.split_first_chunk::<{ Tag::SIZE }>().ok_or(malformed.clone())?;
    let (key, rest) = rest.split_first_chunk::<32>().ok_or(malformed.clone())?;
    let (ciphertext, rest) = rest.split_at_checked(kem::CIPHERTEXT).ok_or(malformed.clone())?;
    let (step, rest) = rest.split_first().ok_or(malformed.clone())?;
    let step = usize::from(*step);
    if step > STEPS {
        return Err(malformed);
    }
    let (sealed, message) = rest.split_at_checked(STEP << step).ok_or(malformed.clone())?;
    if Tag(*tag) != invitation.id().tag() {
        return Err(CourierError::OtherInvitation);
    }
    let agree = |ours: &Secret<32>, theirs: &[u8; 32]| {
        exchange::agree(ours, theirs).map_err(|_| CourierError::Malformed)
    };
    let encapsulated = kem::decapsulate(&secret.kem(), ciphertext).map_err(|_| malformed)?;
    let with_identity = agree(&own.agreement, key)?;
    let with_ratchet = agree(&secret.ratchet(), key)?;
    let spoken = Spoken { invitation, key, ciphertext };
    let (opening, chained) = spoken.first([&with_identity, &with_ratchet, &encapsulated]);
    let padded = open_once(&opening, sealed).map_err(|_| CourierError::Forged)?;
    let identity = unpad(padded.expose()).ok_or(CourierError::Malformed)?;
    let shown = Identity::decode(identity)?;
    let start = spoken.second(&chained, &agree(&secret.ratchet(), shown.agreement())?, identity);
    let mut ratchet = Ratchet::responder(&start, secret.ratchet());
    let Opened { plain, .. } = ratchet.open(message, now).map_err(|why| match why {
        CourierError::NotExpected => CourierError::Forged,
        why => why,
    })?;
    let id = GreetingId(tagged("allod 2026 courier, greeting", &[key, ciphertext]));
    Ok(Greeted { id, identity: shown, ratchet, plain })
}

/// What both have seen when the keys are made.
struct Spoken<'a> {
    invitation: &'a Invitation,
    key: &'a [u8; 32],
    ciphertext: &'a [u8],
}

impl Spoken<'_> {
    /// The key that hides who greets, and what the session's secret comes from. From the fresh
    /// key with the agreement key, the fresh key with the ratchet key, and what was encapsulated.
    fn first(&self, agreed: [&Secret<32>; 3]) -> (Secret<32>, Secret<32>) {
        let mut input = Secret::from([0; 96]);
        for (part, secret) in input.expose_mut().chunks_exact_mut(32).zip(agreed) {
            part.copy_from_slice(secret.expose());
        }
        let salt = tagged(
            "allod 2026 courier, before who greets",
            &[&self.invitation.id().0, self.key, self.ciphertext],
        );
        let derive = |info: &[u8]| kdf::derive(input.expose(), &salt, &[info]);
        (derive(b"allod 2026 courier, who greets"), derive(b"allod 2026 courier, chained"))
    }

    /// What the session begins with. From the agreement key of whoever greets with the ratchet
    /// key, and bound to who the two are.
    fn second(&self, chained: &Secret<32>, agreed: &Secret<32>, identity: &[u8]) -> Start {
        let bound = tagged(
            "allod 2026 courier, session",
            &[&self.invitation.id().0, self.key, self.ciphertext, identity],
        );
        let secret =
            kdf::derive(agreed.expose(), chained.expose(), &[b"allod 2026 courier, session", &bound]);
        Start { secret, bound }
    }
}
