//! Tokens as others make them, and every reason to refuse one.

mod claims;
mod others;
mod own;

use alloc::collections::BTreeMap;
use alloc::string::String;

use allod_crypto::Secret;
use serde_json::{Value, json as claims};

use super::*;

/// 2026-01-01.
const NOW_SECS: u64 = 1_767_225_600;

const HS_KEY: &[u8] = b"a key that tenant and guardian share";

fn now() -> Instant {
    Instant::from_secs(NOW_SECS)
}

fn realm() -> RealmId {
    RealmId([0xA7; 16])
}

fn ed_key() -> SigningKey {
    SigningKey::from_seed(&Secret::from([3; 32]))
}

fn tenants() -> Tenants {
    BTreeMap::from([
        (("hs".into(), 1), TenantKey::Hs256(SecretBytes::from(HS_KEY.to_vec()))),
        (("ed".into(), 2), TenantKey::EdDsa(ed_key().verifying_key())),
    ])
}

fn check(token: &str) -> Result<Caller, TokenError> {
    authenticate(token, &realm(), &tenants(), now())
}

/// The claims of a good token of this tenant.
fn good(tenant: &str) -> Value {
    claims!({
        "iss": tenant,
        "sub": "alice",
        "aud": realm().to_string(),
        "nbf": NOW_SECS - 10,
        "exp": NOW_SECS + 600,
        "scope": "user",
    })
}

/// A token by hand (RFC 7515, section 3.1), signed with the tenant's key.
fn signed(header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", json(header), json(claims));
    let signature = hash::hmac_sha256(HS_KEY, signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

/// A good token of the tenant `hs` but for one claim.
fn with(claim: &str, value: Value) -> Result<Caller, TokenError> {
    let mut claims = good("hs");
    claims[claim] = value;
    check(&signed(&claims!({"alg": "HS256", "typ": "JWT", "kid": "hs:1"}), &claims))
}

/// A good token of the tenant `hs` but for one header field.
fn with_header(field: &str, value: Value) -> Result<Caller, TokenError> {
    let mut header = claims!({"alg": "HS256", "typ": "JWT", "kid": "hs:1"});
    header[field] = value;
    check(&signed(&header, &good("hs")))
}
