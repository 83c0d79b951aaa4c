//! The sizes past which bytes are refused before they are looked at.
//!
//! Each number bounds what a peer can make this side hold or compute.

/// Guardians that may share one secret. Juicebox configurations allow as many.
pub const GUARDIANS_MAX: usize = 255;

/// Bytes of a realm request's body. The Juicebox SDK promises to stay below
/// (`BODY_SIZE_LIMIT` in its `realm_api`).
pub const REALM_REQUEST_MAX: usize = 2048;

/// Bytes of a realm response's body that a client reads.
pub const REALM_RESPONSE_MAX: usize = 2048;

/// Bytes of a compact JSON Web Token.
pub const TOKEN_MAX: usize = 1024;

/// Bytes of a sealed descriptor that a guardian keeps for one account.
pub const DESCRIPTOR_MAX: usize = 128 * 1024;

/// Bytes of one operation of a DID's log. Room for a rotation under ML-DSA-87:
/// a 2,592-byte key and two signatures of 4,627 bytes.
pub const DID_OPERATION_MAX: usize = 16 * 1024;

/// Operations in one DID's log.
pub const DID_LOG_MAX: usize = 256;

/// Bytes of a guardian's address.
pub const ADDRESS_MAX: usize = 255;
