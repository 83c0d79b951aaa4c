//! `expand_message_xmd` (RFC 9380, section 5.3.1).

use sha2::digest::{Digest, common::BlockSizeUser};

use super::HashInputError;

/// Fills `uniform` with uniform bytes from the concatenation of `message`,
/// separated by the concatenation of `dst`, with the hash `D`.
///
/// # Errors
/// [`HashInputError`] when the tag is empty or longer than 255 bytes.
///
/// # Panics
/// If `uniform` takes more than 255 hashes: its length is fixed by each suite.
pub(super) fn expand<D: Digest + BlockSizeUser>(
    message: &[&[u8]],
    dst: &[&[u8]],
    uniform: &mut [u8],
) -> Result<(), HashInputError> {
    let dst_len = dst.iter().map(|part| part.len()).sum::<usize>();
    let dst_len = u8::try_from(dst_len).map_err(|_| HashInputError)?;
    if dst_len == 0 {
        return Err(HashInputError);
    }
    let hash_len = <D as Digest>::output_size();
    assert!(uniform.len() <= 255 * hash_len, "the suite asks for more bytes than its hash can give");
    let mut first = D::new();
    // A block of zeros. No hash in use has a longer one than SHA-512.
    first.update(&[0; 128][..D::block_size()]);
    for part in message {
        first.update(part);
    }
    let [high, low] = (uniform.len() as u16).to_be_bytes();
    first.update([high, low, 0]);
    for part in dst {
        first.update(part);
    }
    first.update([dst_len]);
    let first = first.finalize();
    let mut input = first.clone();
    for (block, i) in uniform.chunks_mut(hash_len).zip(1_u8..) {
        if i > 1 {
            for (byte, mask) in input.iter_mut().zip(&first) {
                *byte ^= mask;
            }
        }
        let mut hash = D::new();
        hash.update(&input);
        hash.update([i]);
        for part in dst {
            hash.update(part);
        }
        hash.update([dst_len]);
        input = hash.finalize();
        block.copy_from_slice(&input[..block.len()]);
    }
    Ok(())
}

/// 64 uniform bytes with the hash `D`: what a group of about 255 bits reduces to
/// a scalar.
///
/// # Errors
/// As [`expand`].
pub(super) fn expand_to_64<D: Digest + BlockSizeUser>(
    message: &[&[u8]],
    dst: &[&[u8]],
) -> Result<[u8; 64], HashInputError> {
    let mut uniform = [0; 64];
    expand::<D>(message, dst, &mut uniform)?;
    Ok(uniform)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use data_encoding::HEXLOWER;
    use serde_json::Value;
    use sha2::{Sha256, Sha512};

    use super::*;

    /// Expands every message of a file of RFC 9380's vectors.
    fn check<D: Digest + BlockSizeUser>(file: &str) {
        let file: Value = serde_json::from_str(file).expect("JSON");
        let dst = file["DST"].as_str().expect("a tag").as_bytes();
        let tests = file["tests"].as_array().expect("tests");
        assert_eq!(tests.len(), 10);
        for test in tests {
            let text = |name: &str| test[name].as_str().expect("text");
            let len = text("len_in_bytes").trim_start_matches("0x");
            let mut uniform = vec![0; usize::from_str_radix(len, 16).expect("a number")];
            let (begin, end) = text("msg").as_bytes().split_at(text("msg").len() / 2);
            expand::<D>(&[begin, end], &[dst], &mut uniform).expect("a short tag");
            assert_eq!(HEXLOWER.encode(&uniform), text("uniform_bytes"));
        }
    }

    #[test]
    fn messages_expand_with_sha_256_as_rfc_9380_gives_them() {
        check::<Sha256>(include_str!("../../../../vectors/rfc9380/expand-sha256.json"));
    }

    #[test]
    fn messages_expand_with_sha_512_as_rfc_9380_gives_them() {
        check::<Sha512>(include_str!("../../../../vectors/rfc9380/expand-sha512.json"));
    }
}
