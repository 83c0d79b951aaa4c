//! The signed operation log and the texts of identifiers.

use allod_did::{Did, Fork, Log, Operation, PublicKey};

/// A whole log, verified.
pub fn did_log(data: &[u8]) {
    if let Ok(log) = Log::decode(data) {
        assert_eq!(log.encode(), data);
        assert_eq!(log.verify().as_ref(), Ok(log.state()));
        assert!(!log.document().is_empty());
    }
}

/// One operation.
pub fn did_operation(data: &[u8]) {
    if let Ok(operation) = Operation::decode(data) {
        assert_eq!(operation.encode(), data);
        // A log takes it or says why not.
        let _ = Log::from_operations(vec![operation]);
    }
}

/// Evidence of two continuations.
pub fn did_fork(data: &[u8]) {
    if let Ok(fork) = Fork::decode(data) {
        assert_eq!(fork.encode(), data);
        let _ = fork.verify();
    }
}

/// The text of a `did:key`.
pub fn did_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(key) = PublicKey::from_did_key(text) {
        assert_eq!(key.to_did_key(), text);
    }
}

/// The text of an identity.
pub fn did_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(did) = text.parse::<Did>() {
        assert_eq!(did.to_string(), text);
    }
}
