//! A home folder with an identity in it that no guardian knows.

use std::path::PathBuf;

use allod_crypto::sign::SigningKey;
use allod_did::{Log, Root};
use allod_node::person::{Home, Person};

/// Keeps an identity in a home folder, as one of its devices has it.
pub fn keep(home: PathBuf, root: Root, device: SigningKey, log: Log) {
    let person = Person {
        root,
        device,
        log,
        card_generation: 0,
        sequence: 0,
        kit: None,
        owed: Vec::new(),
        guarded: None,
        coming: None,
        told: false,
        retired: Vec::new(),
        approved: Vec::new(),
        backup_peers: Vec::new(),
    };
    Home::new(home).save(&person).unwrap();
}
