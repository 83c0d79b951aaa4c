//! Who takes part in the tests: people with a device, guardians with a key.

use alloc::format;
use core::cell::Cell;
use core::convert::Infallible;

use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, hash};
use allod_did::{DeviceId, Did, Log, Root};
use allod_wire::{GuardianId, Instant};
use rand_core::{TryCryptoRng, TryRng};

/// The people, by their places in [`World::people`].
pub(super) const ANN: usize = 0;
pub(super) const BEN: usize = 1;
pub(super) const CLEO: usize = 2;
pub(super) const DAN: usize = 3;
pub(super) const EVE: usize = 4;

/// The key that a number stands for.
pub(super) fn key(number: u64) -> SigningKey {
    SigningKey::from_seed(&Secret::from(hash::blake3(&number.to_be_bytes())))
}

/// The guardian whose key a number stands for.
pub(super) fn guardian_key(number: u64) -> SigningKey {
    key(1_000 + number)
}

pub(super) fn guardian_id(key: &SigningKey) -> GuardianId {
    GuardianId(key.verifying_key().0)
}

/// Randomness that is the same in every run.
pub(super) struct Stream(pub(in crate::tests) u64);

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|wide| wide as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for block in bytes.chunks_mut(32) {
            self.0 += 1;
            block.copy_from_slice(&hash::blake3(&self.0.to_le_bytes())[..block.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Stream {}

/// Somebody with one device, whether the ledger knows of them or not.
pub(super) struct Person {
    pub(super) root: Root,
    pub(super) device: SigningKey,
    pub(super) log: Log,
    pub(super) nonce: Cell<u64>,
}

impl Person {
    pub(super) fn new(number: u64) -> Self {
        let root = Root::from_bytes(Secret::from(hash::blake3(format!("root {number}").as_bytes())));
        let device = key(number);
        let log = Log::create(&root, device.verifying_key().into(), "phone", Instant(number)).unwrap();
        Self { root, device, log, nonce: Cell::new(0) }
    }

    pub(super) fn did(&self) -> Did {
        self.log.state().did()
    }

    pub(super) fn device_id(&self) -> DeviceId {
        device_id(&self.device)
    }
}

pub(super) fn device_id(key: &SigningKey) -> DeviceId {
    allod_did::PublicKey::from(key.verifying_key()).device_id()
}

/// A guardian's key, and the last number that it used.
pub(super) struct Keeper {
    pub(super) key: SigningKey,
    pub(super) nonce: Cell<u64>,
}

impl Keeper {
    pub(super) fn new(number: u64) -> Self {
        Self { key: guardian_key(number), nonce: Cell::new(0) }
    }

    pub(super) fn id(&self) -> GuardianId {
        guardian_id(&self.key)
    }
}
