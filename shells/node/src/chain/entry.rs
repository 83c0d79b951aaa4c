//! How operators found a network together, none of them having another's keys.
//!
//! Roles: each operator has an identity, kept where the guardian is not, and a
//! guardian; somebody, any of them, collects. Messages, each one line of text that
//! may be public: an [`Identity`], which an operator gives its guardian, and an
//! [`Entry`], which the guardian gives back. Flow: all entries together make a
//! genesis (see [`super::founding`]), which every guardian is given as it is.
//!
//! Whoever collects can leave an operator out or ask for other rules, and
//! everybody sees it: the network's id is the hash of the genesis, and operators
//! compare it. It cannot enter a guardian under another operator or at another
//! address than the guardian signed.

use std::fmt;
use std::str::FromStr;

use allod_crypto::hash;
use allod_crypto::sign::{SigningKey, VerifyingKey};
use allod_did::{Did, Operation, PublicKey, Signature, State};
use allod_ledger::guardian::Terms;
use allod_wire::{GuardianId, Wire};
use data_encoding::BASE64URL_NOPAD;
use minicbor::{Decode, Encode};

use super::founding::Place;
use super::ordering;
use crate::person::Address;

/// What an identity's line begins with.
const IDENTITY: &str = "allod-operator:";
/// What an entry's line begins with.
const ENTRY: &str = "allod-entry:";

/// Why a line was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// It is not such a line, or was not copied whole.
    #[error("a line that begins with {expected} is expected, copied whole")]
    Text {
        /// What it should begin with.
        expected: &'static str,
    },
    /// The operation in it founds no identity.
    #[error("this is no new identity: {0}")]
    Identity(allod_did::Error),
    /// The guardian's signature is not good: somebody changed it.
    #[error("the guardian {0} did not sign this")]
    Signature(GuardianId),
    /// Other guardians could not reach it there.
    #[error("{0:?} is no place at which other guardians reach it; HOST:PORT is expected")]
    Peers(String),
    /// People could not reach it there.
    #[error(transparent)]
    Service(#[from] crate::person::BadAddress),
}

/// The identity that will answer for a guardian: the operation that founds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    operation: Operation,
    did: Did,
}

impl Identity {
    /// # Errors
    /// [`BadEntry::Identity`] for an operation that does not found one.
    pub fn new(operation: Operation) -> Result<Self, BadEntry> {
        let did = State::found(&operation).map_err(BadEntry::Identity)?.did();
        Ok(Self { operation, did })
    }

    /// Whose it is.
    pub fn did(&self) -> Did {
        self.did
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{IDENTITY}{}", BASE64URL_NOPAD.encode(&self.operation.encode()))
    }
}

impl FromStr for Identity {
    type Err = BadEntry;

    fn from_str(text: &str) -> Result<Self, BadEntry> {
        let bytes = bytes(text, IDENTITY)?;
        Self::new(Operation::decode(&bytes).map_err(|_| BadEntry::Text { expected: IDENTITY })?)
    }
}

/// A guardian that is to be among a network's first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    #[n(0)]
    guardian: GuardianId,
    #[n(1)]
    terms: Terms,
    #[n(2)]
    identity: Operation,
    /// The guardian's, over all of it.
    #[n(3)]
    signature: Signature,
}

impl Wire for Entry {
    const SIZE_MAX: usize = 4096;
}

impl Entry {
    /// The entry of the guardian whose key this is.
    ///
    /// # Errors
    /// [`BadEntry::Peers`], [`BadEntry::Service`] where it could not be reached.
    pub fn sign(key: &SigningKey, terms: Terms, identity: &Identity) -> Result<Self, BadEntry> {
        check(&terms)?;
        let signature = Signature::Ed25519(key.sign(&message(&terms, &identity.did)));
        let guardian = GuardianId(key.verifying_key().0);
        Ok(Self { guardian, terms, identity: identity.operation.clone(), signature })
    }

    /// Whom it enters.
    pub fn guardian(&self) -> GuardianId {
        self.guardian
    }

    /// Checks it, and gives what a genesis is made of.
    ///
    /// # Errors
    /// [`BadEntry`].
    pub fn place(self) -> Result<Place, BadEntry> {
        let Self { guardian, terms, identity, signature } = self;
        let Identity { operation, did } = Identity::new(identity)?;
        PublicKey::from(VerifyingKey(*guardian.as_bytes()))
            .verify(&message(&terms, &did), &signature)
            .map_err(|_| BadEntry::Signature(guardian))?;
        check(&terms)?;
        Ok(Place { guardian, terms, operator: did, identity: operation })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ENTRY}{}", BASE64URL_NOPAD.encode(&allod_wire::encode(self)))
    }
}

impl FromStr for Entry {
    type Err = BadEntry;

    fn from_str(text: &str) -> Result<Self, BadEntry> {
        allod_wire::decode(&bytes(text, ENTRY)?).map_err(|_| BadEntry::Text { expected: ENTRY })
    }
}

/// What the guardian signs. The operator's DID is the hash of all that founds it.
fn message(terms: &Terms, operator: &Did) -> [u8; 32] {
    hash::tagged("allod/node/entry", &[operator.as_bytes(), &allod_wire::encode(terms)])
}

fn bytes(text: &str, expected: &'static str) -> Result<Vec<u8>, BadEntry> {
    let wrong = || BadEntry::Text { expected };
    let code = text.trim().strip_prefix(expected).ok_or_else(wrong)?;
    BASE64URL_NOPAD.decode(code.as_bytes()).map_err(|_| wrong())
}

/// Whether others could find it at what it says. No name is looked up.
fn check(terms: &Terms) -> Result<(), BadEntry> {
    terms.peers.parse::<ordering::Address>().map_err(|_| BadEntry::Peers(terms.peers.clone()))?;
    terms.service.parse::<Address>()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use allod_wire::Instant;

    use super::*;
    use crate::chain::founding::{genesis, lasting_rules, local_rules};
    use crate::chain::operator::Operator;

    fn terms() -> Terms {
        Terms {
            peers: "guardian.example:7900".into(),
            service: "https://guardian.example:7800#HfKHTyZxarpw0vy-PwrmKA".into(),
            operator: "Ada".into(),
            jurisdiction: "DE".into(),
        }
    }

    fn operator(at: u64) -> (tempfile::TempDir, Operator) {
        let folder = tempfile::tempdir().unwrap();
        let operator = Operator::load(folder.path(), Instant(at)).unwrap();
        (folder, operator)
    }

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(&allod_crypto::Secret::from([byte; 32]))
    }

    #[test]
    fn lines_come_back_as_they_were_and_make_a_place() {
        let (_folder, operator) = operator(7);
        let identity = operator.identity().unwrap();
        assert_eq!(format!("  {identity}\n").parse::<Identity>().unwrap(), identity);
        let entry = Entry::sign(&key(1), terms(), &identity).unwrap();
        assert_eq!(format!("{entry}\n").parse::<Entry>().unwrap(), entry);
        let place = entry.place().unwrap();
        assert_eq!(place.guardian, GuardianId(key(1).verifying_key().0));
        assert_eq!((place.operator, place.terms), (identity.did(), terms()));
    }

    #[test]
    fn a_line_that_was_cut_or_is_another_is_refused() {
        let (_folder, operator) = operator(7);
        let identity = operator.identity().unwrap();
        let entry = Entry::sign(&key(1), terms(), &identity).unwrap().to_string();
        for wrong in ["", "hello", &entry[..entry.len() - 4], &entry[1..], &identity.to_string()] {
            assert_eq!(wrong.parse::<Entry>(), Err(BadEntry::Text { expected: ENTRY }), "{wrong:?}");
        }
        assert!(entry.parse::<Identity>().is_err());
    }

    #[test]
    fn whoever_collects_cannot_change_an_entry() {
        let (_folder, mine) = operator(7);
        let (_other_folder, other) = operator(8);
        let entry = Entry::sign(&key(1), terms(), &mine.identity().unwrap()).unwrap();
        let refused = |changed: Entry, guardian| {
            assert_eq!(changed.place().map(|place| place.guardian), Err(BadEntry::Signature(guardian)));
        };
        let identity = other.identity().unwrap().operation;
        refused(Entry { identity, ..entry.clone() }, entry.guardian);
        let terms = Terms { peers: "elsewhere.example:7900".into(), ..terms() };
        refused(Entry { terms, ..entry.clone() }, entry.guardian);
        let guardian = GuardianId(key(2).verifying_key().0);
        refused(Entry { guardian, ..entry }, guardian);
    }

    #[test]
    fn a_guardian_that_could_not_be_reached_makes_no_entry() {
        let (_folder, operator) = operator(7);
        let identity = operator.identity().unwrap();
        for peers in ["0.0.0.0:7900", "[::]:7900", "guardian.example", "guardian.example:0", ":7900", "a b:1"]
        {
            let terms = Terms { peers: peers.into(), ..terms() };
            let refused = Entry::sign(&key(1), terms, &identity);
            assert_eq!(refused, Err(BadEntry::Peers(peers.into())));
        }
        let terms = Terms { service: "guardian.example".into(), ..terms() };
        assert!(matches!(Entry::sign(&key(1), terms, &identity), Err(BadEntry::Service(_))));
    }

    #[test]
    fn entries_found_a_ledger_under_either_set_of_rules() {
        let operators: Vec<_> = (1..=4).map(operator).collect();
        let places: Vec<_> = (1..)
            .zip(&operators)
            .map(|(byte, (_, operator))| {
                Entry::sign(&key(byte), terms(), &operator.identity().unwrap()).unwrap().place().unwrap()
            })
            .collect();
        for rules in [local_rules(), lasting_rules()] {
            let genesis = genesis("four", Instant(9), rules, &places, 3);
            allod_ledger::begin(&genesis).unwrap();
            let bytes = allod_wire::encode(&genesis);
            assert_eq!(allod_wire::decode::<allod_ledger::Genesis>(&bytes).unwrap(), genesis);
        }
        // The same guardian twice founds nothing.
        let twice = [places[0].clone(), places[0].clone()];
        assert!(allod_ledger::begin(&genesis("two", Instant(9), local_rules(), &twice, 2)).is_err());
    }
}
