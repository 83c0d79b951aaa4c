//! `expand_message_xmd` with SHA-512 (RFC 9380, section 5.3.1), for exactly the
//! 64 bytes that a 255-bit group takes.

use sha2::{Digest, Sha512};

use super::HashInputError;

/// Bytes in a block of SHA-512.
const BLOCK_LEN: usize = 128;

/// 64 uniform bytes from the concatenation of `message`, separated by the
/// concatenation of `dst`.
///
/// # Errors
/// [`HashInputError`] when the tag is empty or longer than 255 bytes.
pub(super) fn expand_to_64(message: &[&[u8]], dst: &[&[u8]]) -> Result<[u8; 64], HashInputError> {
    let dst_len = dst.iter().map(|part| part.len()).sum::<usize>();
    let dst_len = u8::try_from(dst_len).map_err(|_| HashInputError)?;
    if dst_len == 0 {
        return Err(HashInputError);
    }
    let mut first = Sha512::new_with_prefix([0; BLOCK_LEN]);
    for part in message {
        first.update(part);
    }
    // The wanted length in two bytes, then the index of this block.
    first.update([0, 64, 0]);
    let mut second = Sha512::new();
    for part in dst {
        first.update(part);
    }
    first.update([dst_len]);
    second.update(first.finalize());
    second.update([1]);
    for part in dst {
        second.update(part);
    }
    second.update([dst_len]);
    Ok(second.finalize().into())
}
