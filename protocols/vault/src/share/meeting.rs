//! A meeting: two devices that have found out each other's keys tell each other who they are,
//! and bring each other's roster and ring up to date, before they sync.
//!
//! # Roles and flow
//! Both sides do the same, at once:
//!
//! 1. Each says hello: its request, which space it is about, which epochs it has, and how new
//!    its roster is. A device that is not in the space yet names the space or none.
//! 2. Each answers with a grant, where the other is a member's device and lacks something, or
//!    with nothing.
//!
//! # What it never does
//! It grants nothing to a device that the link did not prove to be the one of the hello, takes
//! no roster that is not the known founder's, and tells nobody a secret that is not sealed.

use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::sign::{SigningKey, VerifyingKey};
use allod_did::{Did, Log};
use allod_wire::Wire;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::kept::{Changed, RosterError};
use super::{GRANT_MAX, Grant, REQUEST_MAX, Request, ShareError, Standing};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::files::Files;
use crate::ring::{EPOCHS_MAX, SpaceId};

/// The most bytes of a hello.
pub const HELLO_MAX: usize = REQUEST_MAX + EPOCHS_MAX * 5 + 256;

/// Says who a device is, and what it has of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Which space it is about; nothing where it asks for its person's own.
    pub space: Option<SpaceId>,
    request: Request,
    epochs: Vec<u32>,
    roster: Option<ByteArray<32>>,
}

#[derive(Encode, Decode)]
struct Encoded {
    #[n(0)]
    space: Option<SpaceId>,
    #[cbor(n(1), with = "minicbor::bytes")]
    request: Vec<u8>,
    #[n(2)]
    epochs: Vec<u32>,
    #[n(3)]
    roster: Option<ByteArray<32>>,
}

impl Wire for Encoded {
    const SIZE_MAX: usize = HELLO_MAX;
}

impl Hello {
    /// Of a device that is in the space.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn new<B: Blocks, C: Compress>(
        files: &mut Files<B, C>,
        log: &Log,
        device: &SigningKey,
    ) -> Result<Self, RosterError> {
        let roster = files.roster()?.map(|roster| roster.hash().into());
        let (space, epochs) = (Some(files.space()), files.ring().numbers());
        Ok(Self { space, request: Request::new(log, device)?, epochs, roster })
    }

    /// Of a device that is not in the space yet.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn to_join(space: Option<SpaceId>, log: &Log, device: &SigningKey) -> Result<Self, ShareError> {
        Ok(Self { space, request: Request::new(log, device)?, epochs: Vec::new(), roster: None })
    }

    /// The bytes to be sent.
    pub fn encode(&self) -> Vec<u8> {
        let Self { space, request, epochs, roster } = self;
        allod_wire::encode(&Encoded {
            space: *space,
            request: request.encode(),
            epochs: epochs.clone(),
            roster: *roster,
        })
    }

    /// What came over a link on which the other side proved to have this key.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn decode(bytes: &[u8], proven: &VerifyingKey) -> Result<Self, ShareError> {
        let encoded: Encoded = allod_wire::decode(bytes).map_err(|_| ShareError::Malformed)?;
        let request = Request::decode(&encoded.request)?;
        if request.key() != *proven {
            return Err(ShareError::Signature(request.did()));
        }
        if encoded.epochs.len() > EPOCHS_MAX {
            return Err(ShareError::Malformed);
        }
        Ok(Self { space: encoded.space, request, epochs: encoded.epochs, roster: encoded.roster })
    }

    /// Whether the other side is not in the space yet.
    pub fn joins(&self) -> bool {
        self.epochs.is_empty()
    }

    /// Who the other side is.
    pub fn did(&self) -> Did {
        self.request.did()
    }

    /// The person's log, as the other side has it.
    pub fn log(&self) -> &Log {
        self.request.log()
    }

    /// What the other side's device is called.
    pub fn device_name(&self) -> &str {
        self.request.device().map_or("", |device| device.name())
    }
}

/// Answers a hello: takes account of a newer log of the other side's person, and gives a grant,
/// where the other side lacks something, or nothing.
///
/// # Errors
/// [`ShareError::NotAMember`] and [`ShareError::NotADevice`], where the other side is not to be
/// talked to; [`RosterError`].
pub fn answer<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    hello: &Hello,
    device: &SigningKey,
    rng: &mut impl CryptoRng,
) -> Result<Option<Vec<u8>>, RosterError> {
    if hello.space.is_some_and(|space| space != files.space()) {
        return Err(ShareError::OtherSpace.into());
    }
    let known = files.roster()?;
    // A device that is known says which others its person has. One that is not known may not let
    // itself in by a log that it brings itself.
    if known.is_some_and(|roster| roster.device(&hello.request.key()).is_some()) {
        let _: Changed = files.renew_members(core::slice::from_ref(hello.log()), device, rng)?;
    }
    let Some(roster) = files.roster()? else { return Err(ShareError::NotAMember(hello.did()).into()) };
    if roster.device(&hello.request.key()).is_none() {
        let is_member = roster.members().iter().any(|log| log.state().did() == hello.did());
        let why = if is_member { ShareError::NotADevice } else { ShareError::NotAMember };
        return Err(why(hello.did()).into());
    }
    let ring = files.ring().clone();
    let lacks = ring.numbers().iter().any(|number| !hello.epochs.contains(number));
    let is_older = hello.roster != Some(roster.hash().into());
    if !lacks && !is_older {
        return Ok(None);
    }
    Ok(Some(Grant { ring, roster }.seal(&hello.request, device, rng)?))
}

/// Takes what the other side answered, which proved on the link to have this key. With whether
/// anything changed.
///
/// # Errors
/// [`ShareError::NotAMember`] and [`ShareError::NotADevice`], where the other side may not grant;
/// [`RosterError`].
pub fn accept<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    grant: &[u8],
    proven: &VerifyingKey,
    device: &SigningKey,
    rng: &mut impl CryptoRng,
) -> Result<bool, RosterError> {
    if grant.len() > GRANT_MAX {
        return Err(ShareError::Malformed.into());
    }
    let (grant, by) = Grant::open(grant, device)?;
    if by.key != *proven {
        return Err(ShareError::Signature(by.did).into());
    }
    // Who was left out, and a device that was, hands in no keys, nor a roster.
    let known = files.roster()?.ok_or(ShareError::OtherSpace)?;
    let newer = match grant.roster.stands_to(&known)? {
        Standing::Newer => &grant.roster,
        Standing::Older | Standing::Apart => &known,
    };
    if newer.device(&by.key).is_none() {
        let is_member = newer.members().iter().any(|log| log.state().did() == by.did);
        let why = if is_member { ShareError::NotADevice } else { ShareError::NotAMember };
        return Err(why(by.did).into());
    }
    files.take(&grant, device, rng)
}
