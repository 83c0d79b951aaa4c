//! How much is kept, and for whom.

use allod_crypto::sign::VerifyingKey;
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Serialize};

/// How much room is given, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageConfig {
    /// Bytes that one account may have.
    #[serde(default = "account_bytes_max")]
    pub account_bytes_max: u64,
    /// Bytes that all accounts together may have.
    #[serde(default = "bytes_max")]
    pub bytes_max: u64,
    /// How many accounts may have anything.
    #[serde(default = "accounts_max")]
    pub accounts_max: usize,
    /// The accounts that are served, as their owners are told them. Without it, anybody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<String>>,
}

fn account_bytes_max() -> u64 {
    1 << 30
}

fn bytes_max() -> u64 {
    16 << 30
}

fn accounts_max() -> usize {
    1000
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            account_bytes_max: account_bytes_max(),
            bytes_max: bytes_max(),
            accounts_max: accounts_max(),
            accounts: None,
        }
    }
}

/// An account as people write it: 64 digits in hexadecimal.
pub fn parse_account(text: &str) -> Option<VerifyingKey> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?;
    bytes.try_into().ok().map(VerifyingKey)
}

/// The accounts of a configuration.
///
/// # Errors
/// The text that is no account.
pub fn accounts_from(texts: &[String]) -> Result<Vec<VerifyingKey>, String> {
    texts.iter().map(|text| parse_account(text).ok_or_else(|| text.clone())).collect()
}
