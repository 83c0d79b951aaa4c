//! Bearer tokens: who is calling, in JSON Web Tokens (RFC 7519) as Juicebox
//! realms take them.
//!
//! A token names its tenant in `iss` and, with a key version, in the header's
//! `kid` (`tenant:version`); the account in `sub`; the one realm it is for in
//! `aud`. An operator's tenant signs with HS256 or EdDSA and a key that the
//! guardian's configuration holds. The tenant [`SELF_TENANT`] has no key of its
//! own: its tokens are signed by a key of the account itself, whose public
//! halves stand in the claim `keys` and hash to `sub`.
//!
//! RS256 tenants are not served: they would need an RSA implementation for
//! nothing else.

mod known;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_crypto::{ConstantTimeEq, SecretBytes, hash};
use allod_wire::{AccountId, Instant, Locator, RealmId, limits};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};

pub use self::known::Known;
use crate::account::{self, AccountKeys, Permit};

/// The tenant whose accounts authenticate themselves.
pub const SELF_TENANT: &str = "self";

/// Longest life of an operator's token (Juicebox realms allow one day).
pub const LIFETIME_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// Longest life of an account's own token, which anybody who saw it on the way
/// could repeat until it ends.
pub const SELF_LIFETIME_MS_MAX: u64 = 15 * 60 * 1000;

/// How far a caller's clock may be off, as Juicebox realms allow.
const LEEWAY_MS: u64 = 5_000;

/// An operator's tenants: by name and key version, the key that signs.
pub type Tenants = BTreeMap<(String, u64), TenantKey>;

/// What verifies a tenant's tokens.
#[derive(Clone, Debug)]
pub enum TenantKey {
    /// HMAC-SHA-256 with a shared key.
    Hs256(SecretBytes),
    /// Ed25519.
    EdDsa(VerifyingKey),
}

/// Who is calling, once a token was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant's name.
    pub tenant: String,
    /// The account, as the guardian files it: a hash of tenant and subject.
    pub account: [u8; 32],
    /// What the caller may ask for.
    pub permit: Permit,
    /// Where the account's descriptor goes: for a self-authenticating account
    /// whose token shows that its card's key agreed to be the account's.
    pub locator: Option<Locator>,
}

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Over [`limits::TOKEN_MAX`] bytes.
    TooLong,
    /// Not a compact token with the claims that are needed.
    Malformed,
    /// Signed for a tenant or key version that this guardian does not serve.
    UnknownTenant,
    /// Signed with another algorithm than the tenant's.
    WrongAlgorithm,
    /// The signature is not the tenant's, or not the account's.
    BadSignature,
    /// For another realm.
    WrongAudience,
    /// For another purpose than a person's requests.
    WrongScope,
    /// The account's id is not the hash of the keys shown.
    NotTheAccount,
    /// Valid for longer than is allowed.
    LifetimeTooLong,
    /// Over. Clocks may differ.
    Expired {
        /// For how long, in milliseconds.
        ago_ms: u64,
    },
    /// Not valid yet. Clocks may differ.
    NotYetValid {
        /// For how long yet, in milliseconds.
        in_ms: u64,
    },
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the token is too long"),
            Self::Malformed => f.write_str("the token is malformed"),
            Self::UnknownTenant => f.write_str("the token's tenant or key version is not served here"),
            Self::WrongAlgorithm => {
                f.write_str("the token is signed with another algorithm than its tenant's")
            }
            Self::BadSignature => f.write_str("the token's signature is wrong"),
            Self::WrongAudience => f.write_str("the token is for another guardian"),
            Self::WrongScope => f.write_str("the token is for another purpose"),
            Self::NotTheAccount => f.write_str("the token's keys are not the account's"),
            Self::LifetimeTooLong => f.write_str("the token is valid for longer than is allowed"),
            Self::Expired { ago_ms } => {
                write!(f, "the token ended {} s ago; check the clock", ago_ms / 1000)
            }
            Self::NotYetValid { in_ms } => {
                write!(f, "the token begins in {} s; check the clock", in_ms / 1000)
            }
        }
    }
}

impl core::error::Error for TokenError {}

/// Checks a token for `realm`.
///
/// # Errors
/// See [`TokenError`].
pub fn authenticate(
    token: &str,
    realm: &RealmId,
    tenants: &Tenants,
    now: Instant,
) -> Result<Caller, TokenError> {
    Verified::new(token, realm, tenants)?.caller(now).cloned()
}

/// A token of which everything was checked that stays as it is: all but the time.
#[derive(Clone, Debug)]
pub struct Verified {
    caller: Caller,
    begin: Instant,
    end: Instant,
}

impl Verified {
    /// Checks a token for `realm`, whenever it may be valid.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn new(token: &str, realm: &RealmId, tenants: &Tenants) -> Result<Self, TokenError> {
        verify_all(token, realm, tenants)
    }

    /// Who is calling, if the token is valid now.
    ///
    /// # Errors
    /// [`TokenError::Expired`], [`TokenError::NotYetValid`].
    pub fn caller(&self, now: Instant) -> Result<&Caller, TokenError> {
        if now > self.end.plus_ms(LEEWAY_MS) {
            return Err(TokenError::Expired { ago_ms: now.ms_since(self.end) });
        }
        if self.begin > now.plus_ms(LEEWAY_MS) {
            return Err(TokenError::NotYetValid { in_ms: self.begin.ms_since(now) });
        }
        Ok(&self.caller)
    }
}

fn verify_all(token: &str, realm: &RealmId, tenants: &Tenants) -> Result<Verified, TokenError> {
    if token.len() > limits::TOKEN_MAX {
        return Err(TokenError::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    let header: Header = part(header)?;
    // RFC 7515, section 4.1.11: what a critical extension means is not known here.
    if header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    let claims: Claims = part(claims)?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| TokenError::Malformed)?;

    let (tenant, version) = header.kid.split_once(':').ok_or(TokenError::Malformed)?;
    let version: u64 = version.parse().map_err(|_| TokenError::Malformed)?;
    if tenant != claims.iss || claims.sub.is_empty() {
        return Err(TokenError::Malformed);
    }

    let (permit, locator, lifetime_ms_max) = if tenant == SELF_TENANT {
        let (keys, permit) = self_signed(&header, &claims, signed, &signature)?;
        (permit, bound_locator(&keys, &claims)?, SELF_LIFETIME_MS_MAX)
    } else {
        let key = tenants.get(&(tenant.to_string(), version)).ok_or(TokenError::UnknownTenant)?;
        verify(key, &header, signed, &signature)?;
        (Permit::Own, None, LIFETIME_MS_MAX)
    };

    // What follows is only told to whoever signed correctly.
    let audience = match &claims.aud {
        Audience::One(one) => one.as_str(),
        Audience::Many(many) if many.len() == 1 => many[0].as_str(),
        Audience::Many(_) => return Err(TokenError::WrongAudience),
    };
    if audience.parse() != Ok(*realm) {
        return Err(TokenError::WrongAudience);
    }
    if claims.scope.as_deref().is_some_and(|scope| scope != "user") {
        return Err(TokenError::WrongScope);
    }
    let (begin, end) = (Instant::from_secs(claims.nbf), Instant::from_secs(claims.exp));
    if end.ms_since(begin) > lifetime_ms_max {
        return Err(TokenError::LifetimeTooLong);
    }

    let account = hash::tagged("allod 2026 guardian record", &[tenant.as_bytes(), claims.sub.as_bytes()]);
    Ok(Verified { caller: Caller { tenant: claims.iss, account, permit, locator }, begin, end })
}

/// A token of the self-authenticating tenant for `realm`, signed by `key`,
/// which is one of the account's two. Valid from some time before `now`, so
/// that clocks may differ, until five minutes after.
///
/// With the card's `binding` ([`crate::card::Card::bind`]) the account may write
/// the descriptor that the card finds.
pub fn mint(
    keys: &AccountKeys,
    binding: Option<&Signature>,
    key: &SigningKey,
    realm: &RealmId,
    now: Instant,
) -> String {
    let header =
        Header { alg: "EdDSA".into(), typ: Some("JWT".into()), kid: format!("{SELF_TENANT}:1"), crit: None };
    let claims = Claims {
        iss: SELF_TENANT.into(),
        sub: keys.id().to_string(),
        aud: Audience::One(realm.to_string()),
        nbf: now.as_secs().saturating_sub(5 * 60),
        exp: now.as_secs().saturating_add(5 * 60),
        scope: Some("user".into()),
        keys: Some(HEXLOWER.encode(&[keys.recover.0, keys.owner.0].concat())),
        binding: binding.map(|signature| BASE64URL_NOPAD.encode(&signature.0)),
    };
    let signed = format!("{}.{}", json(&header), json(&claims));
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature.0))
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    kid: String,
    /// Extensions that must be understood. None are.
    #[serde(skip_serializing_if = "Option::is_none")]
    crit: Option<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    nbf: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

fn part<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, TokenError> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

fn json(value: &impl Serialize) -> String {
    match serde_json::to_vec(value) {
        Ok(bytes) => BASE64URL_NOPAD.encode(&bytes),
        Err(_) => unreachable!("strings and numbers are always JSON"),
    }
}

fn verify(key: &TenantKey, header: &Header, signed: &str, signature: &[u8]) -> Result<(), TokenError> {
    match (key, header.alg.as_str()) {
        (TenantKey::Hs256(key), "HS256") => {
            let expected = hash::hmac_sha256(key.expose(), signed.as_bytes());
            if bool::from(expected.as_slice().ct_eq(signature)) {
                Ok(())
            } else {
                Err(TokenError::BadSignature)
            }
        }
        (TenantKey::EdDsa(key), "EdDSA") => verify_ed25519(key, signed, signature),
        _ => Err(TokenError::WrongAlgorithm),
    }
}

fn verify_ed25519(key: &VerifyingKey, signed: &str, signature: &[u8]) -> Result<(), TokenError> {
    let signature = Signature(signature.try_into().map_err(|_| TokenError::BadSignature)?);
    key.verify(signed.as_bytes(), &signature).map_err(|_| TokenError::BadSignature)
}

/// Which of its two keys signed an account's own token.
fn self_signed(
    header: &Header,
    claims: &Claims,
    signed: &str,
    signature: &[u8],
) -> Result<(AccountKeys, Permit), TokenError> {
    if header.alg != "EdDSA" {
        return Err(TokenError::WrongAlgorithm);
    }
    let keys = claims.keys.as_deref().ok_or(TokenError::Malformed)?;
    let keys = HEXLOWER.decode(keys.as_bytes()).map_err(|_| TokenError::Malformed)?;
    let (recover, owner) = keys.split_first_chunk::<32>().ok_or(TokenError::Malformed)?;
    let owner: [u8; 32] = owner.try_into().map_err(|_| TokenError::Malformed)?;
    let keys = AccountKeys { recover: VerifyingKey(*recover), owner: VerifyingKey(owner) };
    if claims.sub.parse::<AccountId>() != Ok(keys.id()) {
        return Err(TokenError::NotTheAccount);
    }
    if verify_ed25519(&keys.owner, signed, signature).is_ok() {
        Ok((keys, Permit::Own))
    } else {
        verify_ed25519(&keys.recover, signed, signature)?;
        Ok((keys, Permit::Recover))
    }
}

/// Where the account's descriptor goes, if its card's key agreed to be its card.
/// Without that, anybody who has seen the card's public key could make an account
/// with it and take its place.
fn bound_locator(keys: &AccountKeys, claims: &Claims) -> Result<Option<Locator>, TokenError> {
    let Some(binding) = &claims.binding else { return Ok(None) };
    let bytes = BASE64URL_NOPAD.decode(binding.as_bytes()).map_err(|_| TokenError::Malformed)?;
    let signature = Signature(bytes.try_into().map_err(|_| TokenError::Malformed)?);
    let agreed = keys.recover.verify(&account::binding(&keys.id()), &signature);
    agreed.map(|()| Some(keys.locator())).map_err(|_| TokenError::NotTheAccount)
}

#[cfg(test)]
mod tests;
