//! An element and its encoding, kept together because each is costly to make
//! from the other.

use core::fmt;

use allod_crypto::group::{DecodeError, Group};

/// An element other than the identity, with its canonical encoding.
///
/// Equality compares encodings and is for public data.
#[derive(Clone, Copy)]
pub struct Point<G: Group> {
    element: G::Element,
    bytes: G::ElementBytes,
}

impl<G: Group> Point<G> {
    /// Encodes `element`.
    ///
    /// # Errors
    /// [`DecodeError::Identity`].
    pub fn new(element: G::Element) -> Result<Self, DecodeError> {
        if G::is_identity(&element) {
            return Err(DecodeError::Identity);
        }
        Ok(Self { element, bytes: G::encode(&element) })
    }

    /// Decodes `bytes`, which must be canonical and not the identity.
    ///
    /// # Errors
    /// [`DecodeError::Length`], [`DecodeError::NotCanonical`] or
    /// [`DecodeError::Identity`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let element = G::decode(bytes)?;
        // A canonical encoding is the only one its element has.
        let bytes = G::ElementBytes::try_from(bytes).map_err(|_| DecodeError::Length)?;
        Ok(Self { element, bytes })
    }

    /// Joins an element, known not to be the identity, with the encoding it is
    /// known to have.
    pub(crate) fn known(element: G::Element, bytes: G::ElementBytes) -> Self {
        Self { element, bytes }
    }

    /// The element.
    pub fn element(&self) -> &G::Element {
        &self.element
    }

    /// The canonical encoding.
    pub fn bytes(&self) -> &G::ElementBytes {
        &self.bytes
    }
}

impl<G: Group> PartialEq for Point<G> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<G: Group> Eq for Point<G> {}

impl<G: Group> fmt::Debug for Point<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Point(")?;
        for byte in self.bytes.as_ref() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// Defines public wrappers of a [`Point`] that differ only in what they mean.
macro_rules! point_type {
    ($(#[$doc:meta])* $name:ident, $part:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<G: Group>(pub(crate) Point<G>);

        impl<G: Group> $name<G> {
            /// Encodes `element`.
            ///
            /// # Errors
            /// [`Error::Malformed`] when it is the identity.
            pub fn new(element: G::Element) -> Result<Self, Error> {
                Point::new(element).map(Self).map_err(|reason| Error::Malformed { part: $part, reason })
            }

            /// Decodes `bytes`.
            ///
            /// # Errors
            /// [`Error::Malformed`] for bytes of another length, bytes that are
            /// not canonical, and the identity.
            pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
                Point::decode(bytes).map(Self).map_err(|reason| Error::Malformed { part: $part, reason })
            }

            /// The canonical encoding.
            pub fn bytes(&self) -> &G::ElementBytes {
                self.0.bytes()
            }

            /// The element and its encoding.
            pub fn point(&self) -> &Point<G> {
                &self.0
            }
        }
    };
}

pub(crate) use point_type;
