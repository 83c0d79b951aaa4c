//! HKDF-SHA-512 (RFC 5869): one secret into many, each bound to its purpose.

use crate::Secret;

/// A secret of `N` bytes for the purpose that `info` names. `N` ≤ 16,320.
///
/// `salt` may be empty. The same inputs give the same secret; another `info`
/// gives one that tells nothing about it.
pub fn derive<const N: usize>(input: &[u8], salt: &[u8], info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 64, "HKDF-SHA-512 gives at most 16,320 bytes") };
    let mut out = Secret::from([0; N]);
    match hkdf::Hkdf::<sha2::Sha512>::new(Some(salt), input).expand_multi_info(info, out.expose_mut()) {
        Ok(()) => out,
        Err(_) => unreachable!("the length was checked when this was compiled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_twice_as_rfc_5869_says() {
        // One block of output: T(1) = HMAC(HMAC(salt, input), info ‖ 0x01),
        // computed here from the outside crate's HMAC alone.
        use hmac::{Hmac, KeyInit, Mac};
        let mac = |key: &[u8], message: &[u8]| -> [u8; 64] {
            Hmac::<sha2::Sha512>::new_from_slice(key)
                .unwrap()
                .chain_update(message)
                .finalize()
                .into_bytes()
                .into()
        };
        let expected = mac(&mac(b"salt", b"input"), b"ab\x01");
        assert_eq!(derive::<64>(b"input", b"salt", &[b"a", b"b"]).expose(), &expected);
    }

    #[test]
    fn another_purpose_gives_another_secret() {
        assert_ne!(derive::<32>(b"root", b"", &[b"ssh"]), derive::<32>(b"root", b"", &[b"age"]));
    }
}
