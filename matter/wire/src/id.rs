//! Identifiers: fixed-size byte strings that never mix with each other.

use core::fmt;
use core::str::FromStr;

use data_encoding::HEXLOWER;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

/// Text that does not spell an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdError {
    /// Which identifier was expected.
    pub expected: &'static str,
    /// How many bytes it has.
    pub bytes: usize,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a {}: {} bytes in lower-case hexadecimal are expected", self.expected, self.bytes)
    }
}

impl core::error::Error for IdError {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $size:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $size]);

        impl $name {
            /// The identifier's bytes.
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                HEXLOWER.encode_display(&self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; $size];
                match HEXLOWER.decode_len(text.len()) {
                    Ok($size) => {}
                    _ => return Err(IdError { expected: $what, bytes: $size }),
                }
                HEXLOWER
                    .decode_mut(text.as_bytes(), &mut bytes)
                    .map_err(|_| IdError { expected: $what, bytes: $size })?;
                Ok(Self(bytes))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                let bytes = d.bytes()?;
                <[u8; $size]>::try_from(bytes)
                    .map(Self)
                    .map_err(|_| DecodeError::message(concat!("not a ", $what)))
            }
        }
    };
}

id! {
    /// Names a realm: one guardian's recovery service. 16 random bytes chosen by
    /// the guardian when it was set up (Juicebox `RealmId`).
    RealmId, 16, "realm id"
}

id! {
    /// Names one person's account at the guardians' self-authenticating tenant:
    /// a hash of the two public keys that may speak for it.
    AccountId, 32, "account id"
}

id! {
    /// Says where guardians keep an account's sealed descriptor. Derived from
    /// the recovery card, so that nobody without the card can look it up.
    Locator, 32, "locator"
}

id! {
    /// Tells one registration of a secret from the next (Juicebox
    /// `RegistrationVersion`). 16 random bytes; also salts the PIN's hash.
    RegistrationVersion, 16, "registration version"
}

id! {
    /// Names a network of guardians: the hash of its genesis.
    NetworkId, 32, "network id"
}

id! {
    /// Names a guardian in the ledger: its Ed25519 key, with which it votes and
    /// signs what it answers.
    GuardianId, 32, "guardian id"
}

id! {
    /// Names a block: the hash by which guardians voted for it.
    BlockId, 32, "block id"
}

id! {
    /// Names an operation handed to the ledger: the hash of its bytes.
    OperationId, 32, "operation id"
}

id! {
    /// Names an asset of which there are many equal units.
    AssetId, 32, "asset id"
}

id! {
    /// Names a title: something of which there is one, told by the hash of its
    /// content.
    TitleId, 32, "title id"
}

id! {
    /// Names a lock: something set aside for one recipient.
    LockId, 32, "lock id"
}

id! {
    /// Names an offer to sell.
    OfferId, 32, "offer id"
}

id! {
    /// Names one attempt to create or hand over a shared key.
    SessionId, 32, "session id"
}
