//! How Juicebox's types become bytes: CBOR in the shape serde gives it.
//!
//! One encoding per value: whatever was decoded is encoded again and compared,
//! so that longer heads, other field orders, unknown or repeated fields and
//! trailing bytes are all refused.

use alloc::vec::Vec;
use core::fmt;

use allod_crypto::{Secret, Zeroizing};
use allod_wire::RegistrationVersion;
use minicbor::{Decoder, Encoder};

/// Bytes that are not the canonical encoding of a Juicebox message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a Juicebox message in its one encoding")
    }
}

impl core::error::Error for Malformed {}

impl From<minicbor::decode::Error> for Malformed {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// Where encoders write to.
pub(super) type Out = Encoder<Vec<u8>>;

/// One value inside a message.
pub(super) trait Item: Sized {
    fn put(&self, out: &mut Out);
    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed>;
}

/// The bytes of a message; zeroized on drop, since some carry shares.
pub(super) fn encode<T: Item>(message: &T) -> Zeroizing<Vec<u8>> {
    // Reserved at once, so that growing leaves no copy of a share behind.
    let mut out = Encoder::new(Vec::with_capacity(allod_wire::limits::REALM_REQUEST_MAX));
    message.put(&mut out);
    Zeroizing::new(out.into_writer())
}

/// The message that `bytes` are the one encoding of.
pub(super) fn decode<T: Item>(bytes: &[u8], size_max: usize) -> Result<T, Malformed> {
    if bytes.len() > size_max {
        return Err(Malformed);
    }
    let mut from = Decoder::new(bytes);
    let message = T::take(&mut from)?;
    if from.position() != bytes.len() || *encode(&message) != bytes { Err(Malformed) } else { Ok(message) }
}

// Writing to a vector cannot fail, so there is no error to look at.
pub(super) fn put_text(out: &mut Out, text: &str) {
    let _ = out.str(text);
}

pub(super) fn put_map(out: &mut Out, entries: u64) {
    let _ = out.map(entries);
}

fn put_bytes(out: &mut Out, bytes: &[u8]) {
    let _ = out.bytes(bytes);
}

/// A map with exactly `entries` entries follows.
pub(super) fn take_map(from: &mut Decoder<'_>, entries: u64) -> Result<(), Malformed> {
    if from.map()? == Some(entries) { Ok(()) } else { Err(Malformed) }
}

impl<const N: usize> Item for [u8; N] {
    fn put(&self, out: &mut Out) {
        put_bytes(out, self);
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        from.bytes()?.try_into().map_err(|_| Malformed)
    }
}

impl<const N: usize> Item for Secret<N> {
    fn put(&self, out: &mut Out) {
        put_bytes(out, self.expose());
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(Self::from(*Zeroizing::new(<[u8; N]>::take(from)?)))
    }
}

impl Item for RegistrationVersion {
    fn put(&self, out: &mut Out) {
        self.0.put(out);
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        <[u8; 16]>::take(from).map(Self)
    }
}

impl Item for u16 {
    fn put(&self, out: &mut Out) {
        let _ = out.u16(*self);
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(from.u16()?)
    }
}

/// A struct as a map from field names to values, in the order given.
macro_rules! fields {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl Item for $name {
            fn put(&self, out: &mut Out) {
                put_map(out, [$(stringify!($field)),+].len() as u64);
                $(
                    put_text(out, stringify!($field));
                    self.$field.put(out);
                )+
            }

            fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
                take_map(from, [$(stringify!($field)),+].len() as u64)?;
                Ok(Self {$(
                    $field: {
                        if from.str()? != stringify!($field) {
                            return Err(Malformed);
                        }
                        Item::take(from)?
                    },
                )+})
            }
        }
    };
}

/// An enum, externally tagged: a bare variant is its name, a variant with
/// content is a map of one entry from the name to the content.
macro_rules! variants {
    ($name:ident { $($bare:ident),* ; $($full:ident),* $(,)? }) => {
        impl Item for $name {
            fn put(&self, out: &mut Out) {
                match self {
                    $(Self::$bare => put_text(out, stringify!($bare)),)*
                    $(Self::$full(content) => {
                        put_map(out, 1);
                        put_text(out, stringify!($full));
                        content.put(out);
                    })*
                }
            }

            fn take(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
                if from.datatype()? == minicbor::data::Type::String {
                    return match from.str()? {
                        $(stringify!($bare) => Ok(Self::$bare),)*
                        _ => Err(Malformed),
                    };
                }
                take_map(from, 1)?;
                match from.str()? {
                    $(stringify!($full) => Ok(Self::$full(Item::take(from)?)),)*
                    _ => Err(Malformed),
                }
            }
        }
    };
}

pub(super) use {fields, variants};
