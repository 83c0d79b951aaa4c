//! How a request to a peer says whose it is: a signature over the method, the path, the time,
//! a number that is used once, and the hash of the body.
//!
//! `account (32) ‖ time (8) ‖ once (16) ‖ hash of the body (32) ‖ signature (64)`, the time in
//! milliseconds since 1970, little endian. All of it goes ahead of the body, so that a peer
//! knows who sends before it takes anything. Nobody else has an account at this peer with this
//! key, so a request is of no use at another peer.

use allod_crypto::CryptoRng;
use allod_crypto::hash::{blake3, tagged};
use allod_crypto::sign::{BadSignature, Signature, VerifyingKey};
use allod_wire::Instant;

use super::keys::Account;

/// Bytes of an authorization.
pub const AUTHORIZATION: usize = 32 + 8 + 16 + 32 + 64;

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The account.
    pub account: VerifyingKey,
    /// When it was made, as the person's device said.
    pub time: Instant,
    /// A number that the account uses once.
    pub once: [u8; 16],
    /// BLAKE3 of the body.
    pub body: [u8; 32],
    signature: Signature,
}

impl Authorization {
    /// Signs a request.
    pub fn sign(
        account: &Account,
        method: &str,
        path: &str,
        body: &[u8],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut once = [0; 16];
        rng.fill_bytes(&mut once);
        let body = blake3(body);
        let id = account.id();
        let signature = account.key.sign(&signed_hash(&id, method, path, now, &once, &body));
        Self { account: id, time: now, once, body, signature }
    }

    /// Checks that it was signed for this method and path by the account that it names.
    /// Whether the time is near and the number new is for the peer to see to.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn check(&self, method: &str, path: &str) -> Result<(), BadSignature> {
        let hash = signed_hash(&self.account, method, path, self.time, &self.once, &self.body);
        self.account.verify(&hash, &self.signature)
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; AUTHORIZATION] {
        let mut bytes = [0; AUTHORIZATION];
        let time = self.time.0.to_le_bytes();
        let parts: [&[u8]; 5] = [&self.account.0, &time, &self.once, &self.body, &self.signature.0];
        let mut rest = bytes.as_mut_slice();
        for part in parts {
            let (into, after) = rest.split_at_mut(part.len());
            into.copy_from_slice(part);
            rest = after;
        }
        bytes
    }

    /// What [`Self::encode`] gave. Nothing for other bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (account, rest) = bytes.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (once, rest) = rest.split_first_chunk()?;
        let (body, rest) = rest.split_first_chunk()?;
        let signature = Signature(rest.try_into().ok()?);
        let time = Instant(u64::from_le_bytes(*time));
        Some(Self { account: VerifyingKey(*account), time, once: *once, body: *body, signature })
    }
}

fn signed_hash(
    account: &VerifyingKey,
    method: &str,
    path: &str,
    time: Instant,
    once: &[u8; 16],
    body: &[u8; 32],
) -> [u8; 32] {
    let time = time.0.to_le_bytes();
    tagged("allod 2026 backup, request", &[&account.0, method.as_bytes(), path.as_bytes(), &time, once, body])
}
