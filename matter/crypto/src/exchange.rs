//! X25519 key agreement (RFC 7748).

use core::fmt;

use crate::Secret;

/// The other side's key would fix the shared secret whatever ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonContributory;

impl fmt::Display for NonContributory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the public key is of small order")
    }
}

impl core::error::Error for NonContributory {}

/// The public key of `secret`, 32 bytes.
pub fn public_key(secret: &Secret<32>) -> [u8; 32] {
    x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*secret.expose())).to_bytes()
}

/// The secret shared between `secret` and `public`, 32 bytes. Not uniform: run
/// it through [`crate::kdf`].
///
/// # Errors
/// [`NonContributory`] where `public` is of small order (RFC 7748, section 6.1).
pub fn agree(secret: &Secret<32>, public: &[u8; 32]) -> Result<Secret<32>, NonContributory> {
    let shared = x25519_dalek::StaticSecret::from(*secret.expose())
        .diffie_hellman(&x25519_dalek::PublicKey::from(*public));
    if shared.was_contributory() { Ok(Secret::from(shared.to_bytes())) } else { Err(NonContributory) }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn hex(text: &str) -> [u8; 32] {
        HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_rfc_7748_vector_comes_out() {
        // RFC 7748, section 5.2, first vector.
        let scalar = hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
        let u = hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
        let out = hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
        assert_eq!(agree(&Secret::from(scalar), &u).unwrap().expose(), &out);
    }

    #[test]
    fn both_sides_agree() {
        let (a, b) = (Secret::from([1; 32]), Secret::from([2; 32]));
        assert_eq!(agree(&a, &public_key(&b)), agree(&b, &public_key(&a)));
    }

    #[test]
    fn a_small_order_key_is_refused() {
        assert_eq!(agree(&Secret::from([1; 32]), &[0; 32]), Err(NonContributory));
    }
}
