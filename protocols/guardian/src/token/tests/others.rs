//! Tokens made by an independent implementation (`jsonwebtoken`), and the
//! signatures of RFC 8037 and RFC 7515.

use alloc::vec::Vec;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use super::*;

fn header(algorithm: Algorithm, kid: &str) -> Header {
    Header { kid: Some(kid.into()), ..Header::new(algorithm) }
}

/// An Ed25519 key as PKCS#8 (RFC 8410, section 7).
fn pkcs8(seed: [u8; 32]) -> Vec<u8> {
    let prefix =
        [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    [&prefix[..], &seed].concat()
}

#[test]
fn an_hs256_token_of_another_implementation_is_taken() {
    let key = EncodingKey::from_secret(HS_KEY);
    let token = encode(&header(Algorithm::HS256, "hs:1"), &good("hs"), &key).unwrap();
    let caller = check(&token).unwrap();
    assert_eq!((caller.tenant.as_str(), caller.permit, caller.locator), ("hs", Permit::Own, None));
}

#[test]
fn an_eddsa_token_of_another_implementation_is_taken() {
    let key = EncodingKey::from_ed_der(&pkcs8([3; 32]));
    let token = encode(&header(Algorithm::EdDSA, "ed:2"), &good("ed"), &key).unwrap();
    let caller = check(&token).unwrap();
    assert_eq!((caller.tenant.as_str(), caller.permit, caller.locator), ("ed", Permit::Own, None));
}

#[test]
fn another_implementations_tokens_with_other_algorithms_or_keys_are_refused() {
    let secret = EncodingKey::from_secret(HS_KEY);
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = encode(&header(algorithm, "hs:1"), &good("hs"), &secret).unwrap();
        assert_eq!(check(&token), Err(TokenError::WrongAlgorithm));
    }
    let other = EncodingKey::from_secret(b"another key");
    let token = encode(&header(Algorithm::HS256, "hs:1"), &good("hs"), &other).unwrap();
    assert_eq!(check(&token), Err(TokenError::BadSignature));
    let other = EncodingKey::from_ed_der(&pkcs8([4; 32]));
    let token = encode(&header(Algorithm::EdDSA, "ed:2"), &good("ed"), &other).unwrap();
    assert_eq!(check(&token), Err(TokenError::BadSignature));
}

#[test]
fn a_token_signed_with_the_public_key_as_if_it_were_shared_is_refused() {
    // The algorithm is the tenant's, never the token's own word.
    let public = EncodingKey::from_secret(&ed_key().verifying_key().0);
    let token = encode(&header(Algorithm::HS256, "ed:2"), &good("ed"), &public).unwrap();
    assert_eq!(check(&token), Err(TokenError::WrongAlgorithm));
}

#[test]
fn the_signature_of_rfc_8037_verifies() {
    // RFC 8037, appendices A.1 and A.4.
    let seed = BASE64URL_NOPAD.decode(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let seed: [u8; 32] = seed.try_into().unwrap();
    let key = SigningKey::from_seed(&Secret::from(seed));
    let public = BASE64URL_NOPAD.encode(&key.verifying_key().0);
    assert_eq!(public, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    assert_eq!(verify_ed25519(&key.verifying_key(), signed, &bytes), Ok(()));
    assert_eq!(key.sign(signed.as_bytes()).0[..], bytes);
    assert_eq!(verify_ed25519(&key.verifying_key(), "x", &bytes), Err(TokenError::BadSignature));
    assert_eq!(verify_ed25519(&key.verifying_key(), signed, &bytes[..63]), Err(TokenError::BadSignature));
}

#[test]
fn the_signature_of_rfc_7515_verifies() {
    // RFC 7515, appendix A.1.
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = BASE64URL_NOPAD.decode(key.as_bytes()).unwrap();
    let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = hash::hmac_sha256(&key, signed.as_bytes());
    assert_eq!(BASE64URL_NOPAD.encode(&signature), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}
