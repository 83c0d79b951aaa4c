//! The canonical encoding: every value has exactly one byte string.
//!
//! Encoders write deterministic CBOR (RFC 8949, section 4.2.1): shortest heads,
//! definite lengths, fixed order. Decoders take nothing else: what was decoded
//! is encoded again and must give back the same bytes, so a second encoding of
//! a value cannot exist, whatever a type's own decoder lets pass.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;

use minicbor::{Decode, Encode, Encoder};
use zeroize::Zeroizing;

/// A value with a canonical encoding.
pub trait Wire: Encode<()> + for<'b> Decode<'b, ()> {
    /// The largest number of bytes that its encoding may have.
    const SIZE_MAX: usize;
}

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// More bytes than the type may have.
    TooLong {
        /// How many there were.
        size: usize,
        /// How many there may be.
        size_max: usize,
    },
    /// Not the expected type, cut short, or an item out of its range.
    Malformed {
        /// Where reading stopped, in bytes from the start.
        position: usize,
    },
    /// Bytes follow the value.
    Trailing {
        /// Where the value ended, in bytes from the start.
        position: usize,
    },
    /// A longer, reordered or otherwise different encoding of a value that has
    /// a canonical one.
    NotCanonical,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { size, size_max } => write!(f, "{size} bytes, where at most {size_max} are taken"),
            Self::Malformed { position } => write!(f, "malformed at byte {position}"),
            Self::Trailing { position } => {
                write!(f, "bytes follow the value, which ended at byte {position}")
            }
            Self::NotCanonical => f.write_str("not the canonical encoding"),
        }
    }
}

impl core::error::Error for Error {}

/// The canonical bytes of `value`.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut encoder = Encoder::new(Buffer(Vec::new()));
    // Writing to memory cannot fail, and no encoder of ours refuses a value.
    match encoder.encode(value) {
        Ok(_) => encoder.into_writer().0,
        Err(_) => unreachable!("an encoder refused a value that its type allows"),
    }
}

/// The value that `bytes` canonically encode.
///
/// # Errors
/// See [`Error`]. Never panics, whatever the bytes.
pub fn decode<T: Wire>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.len() > T::SIZE_MAX {
        return Err(Error::TooLong { size: bytes.len(), size_max: T::SIZE_MAX });
    }
    let mut decoder = minicbor::Decoder::new(bytes);
    let value =
        T::decode(&mut decoder, &mut ()).map_err(|_| Error::Malformed { position: decoder.position() })?;
    if decoder.position() != bytes.len() {
        return Err(Error::Trailing { position: decoder.position() });
    }
    // The value may be a secret, so its second encoding does not outlive this.
    if *Zeroizing::new(encode(&value)) != bytes {
        return Err(Error::NotCanonical);
    }
    Ok(value)
}

/// Memory that grows, as a writer that cannot fail. What is encoded may be a
/// secret, so growing leaves no copy of it behind.
struct Buffer(Vec<u8>);

impl minicbor::encode::Write for Buffer {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.next_power_of_two().max(256));
            larger.extend_from_slice(&self.0);
            Zeroizing::new(core::mem::replace(&mut self.0, larger));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::{AccountId, Instant, Locator, RealmId, RegistrationVersion};

    #[derive(Clone, Debug, PartialEq, Encode, Decode)]
    struct Sample {
        #[n(0)]
        realm: RealmId,
        #[n(1)]
        at: Instant,
        #[n(2)]
        names: Vec<String>,
        #[n(3)]
        note: Option<u32>,
    }

    impl Wire for Sample {
        const SIZE_MAX: usize = 256;
    }

    fn sample() -> Sample {
        Sample { realm: RealmId([7; 16]), at: Instant(1_000), names: vec!["a".into()], note: Some(23) }
    }

    #[test]
    fn what_is_encoded_comes_back() {
        assert_eq!(decode::<Sample>(&encode(&sample())), Ok(sample()));
    }

    #[test]
    fn a_longer_head_for_the_same_number_is_refused() {
        let mut bytes = encode(&sample());
        // The note 23 (0x17) in the one-byte form 0x18 0x17.
        assert_eq!(bytes.pop(), Some(0x17));
        bytes.extend([0x18, 0x17]);
        assert_eq!(decode::<Sample>(&bytes), Err(Error::NotCanonical));
    }

    #[test]
    fn an_indefinite_length_is_refused() {
        let bytes = encode(&sample());
        let mut other = vec![0x9F];
        other.extend(&bytes[1..]);
        other.push(0xFF);
        assert_eq!(decode::<Sample>(&other), Err(Error::NotCanonical));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&sample());
        let end = bytes.len();
        bytes.push(0);
        assert_eq!(decode::<Sample>(&bytes), Err(Error::Trailing { position: end }));
    }

    #[test]
    fn over_long_input_is_refused_before_it_is_read() {
        assert_eq!(decode::<Sample>(&[0xFF; 257]), Err(Error::TooLong { size: 257, size_max: 256 }));
    }

    #[test]
    fn every_cut_is_refused() {
        let bytes = encode(&sample());
        for end in 0..bytes.len() {
            assert!(matches!(decode::<Sample>(&bytes[..end]), Err(Error::Malformed { .. })), "cut at {end}");
        }
    }

    #[test]
    fn ids_and_instants_keep_their_frozen_encoding() {
        let mut all = Vec::new();
        all.extend(encode(&RealmId([1; 16])));
        all.extend(encode(&AccountId([2; 32])));
        all.extend(encode(&Locator([3; 32])));
        all.extend(encode(&RegistrationVersion([4; 16])));
        all.extend(encode(&Instant(5)));
        let hash = allod_crypto::hash::blake3(&all);
        assert_eq!(
            data_encoding::HEXLOWER.encode(&hash),
            "5d46e90fdc8a485264ba2cd4984afd40dd7c4f7d12e8d5fc525977ef913e66f8"
        );
    }

    #[test]
    fn an_id_is_read_from_its_own_text_only() {
        let id = RealmId([0xAB; 16]);
        assert_eq!(alloc::format!("{id}").parse(), Ok(id));
        assert!("ABABABABABABABABABABABABABABABAB".parse::<RealmId>().is_err());
        assert!("ab".parse::<RealmId>().is_err());
        assert!("".parse::<RealmId>().is_err());
    }

    proptest! {
        #[test]
        fn whatever_decodes_encodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = decode::<Sample>(&bytes) {
                prop_assert_eq!(encode(&value), bytes);
            }
        }

        #[test]
        fn one_flipped_bit_never_gives_the_same_value(position in 0usize..24, bit in 0u8..8) {
            let mut bytes = encode(&sample());
            let position = position % bytes.len();
            bytes[position] ^= 1 << bit;
            prop_assert_ne!(decode::<Sample>(&bytes).ok(), Some(sample()));
        }
    }
}
