//! Sealed files, those who open them, and those who should not.

mod forms;
mod guardians;
mod headers;
mod liars;
mod opening;
mod payloads;
mod until;

use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use allod_crypto::sign::SigningKey;
use allod_crypto::{CryptoRng, Secret};
use allod_did::{Did, Log, Root};
use allod_threshold::Point;
use allod_wire::{GuardianId, Instant};

use super::*;
use crate::answering::tests::{Dealt, NETWORK, deal, guardian, signing_key};
use crate::realm::Rate;
use crate::test_rng::Seeded;

const KEY: &str = "seal/a";

/// A little after the ledger's last block.
const NOW: Instant = Instant(10_000_000);

/// Somebody with a root and one device.
struct Person {
    root: Root,
    log: Log,
    device: SigningKey,
}

impl Person {
    fn new(seed: u8) -> Self {
        let root = Root::from_bytes(Secret::from([seed; 32]));
        let device = SigningKey::from_seed(&Secret::from([seed + 100; 32]));
        let log = Log::create(&root, device.verifying_key().into(), "phone", Instant(1)).expect("a log");
        Self { root, log, device }
    }

    fn did(&self) -> Did {
        self.log.state().did()
    }
}

fn policy(openers: &[&Person], after: u64) -> Policy {
    Policy::new(openers.iter().map(|person| person.did()).collect(), Instant(after)).expect("a policy")
}

fn dealt() -> Dealt {
    deal(KEY, 1, 3, &[1, 2, 3, 4, 5])
}

fn public_key(dealt: &Dealt) -> Point<Ristretto255> {
    Point::decode(&dealt.public_key()).expect("a key")
}

fn unlimited() -> Limits {
    let rate = Rate { burst: u32::MAX, per_second: u32::MAX };
    Limits { overall: rate, identity: rate }
}

/// One guardian that holds its share.
fn opening(dealt: &Dealt, who: u8) -> Opening {
    let mut opening = Opening::new(NETWORK, signing_key(who), unlimited());
    opening.follow(&dealt.keyholder(who), &dealt.public_key()).expect("a share");
    assert_eq!(opening.guardian(), guardian(who));
    opening
}

/// A file sealed to the guardians: its header and key.
fn seal(dealt: &Dealt, policy: Policy) -> (Header, FileKey) {
    Header::quorum(NETWORK, dealt.name, &public_key(dealt), policy, &mut Seeded::new(3)).expect("a header")
}

/// The opening of a file by somebody, now.
fn unsealing(header: &Header, dealt: &Dealt, person: &Person, rng: &mut impl CryptoRng) -> Unsealing {
    Unsealing::new(header, dealt.committee(), person.did(), &person.device, NOW, rng).expect("an opening")
}

/// What a guardian replies to somebody, now.
fn reply(dealt: &Dealt, who: u8, request: &Request, person: &Person) -> Reply {
    opening(dealt, who).reply(NOW, &mut Seeded::new(who.into()), request, Some(person.log.state()), NOW)
}

/// A whole file.
fn sealed(header: &Header, key: FileKey, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encryptor = Encryptor::new(header, key, &mut Seeded::new(6), &mut out);
    encryptor.write(content, &mut out);
    encryptor.finish(&mut out);
    out
}

fn opened(header: &Header, key: FileKey, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut decryptor = Decryptor::new(header, key);
    decryptor.write(sealed, &mut out)?;
    decryptor.finish(&mut out)?;
    Ok(out)
}
