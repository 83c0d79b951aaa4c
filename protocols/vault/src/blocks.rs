//! Where a vault's bytes are: a file, a folder of segments, a raw block device, a
//! faulty memory in a test. The only thing here that is not computed.

use core::fmt;

/// The unit of writing, in bytes. What was synced in one block is never written again
/// while it is needed, so that a torn write of its neighbour cannot harm it.
pub const BLOCK: usize = 4096;

/// Why the place where blocks are kept did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlocksError {
    /// There is no room for what was to be written. What was there before still is.
    Full,
    /// The place failed, with a number of its own that tells a person more, such as
    /// the operating system's.
    Failed(i32),
}

impl fmt::Display for BlocksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("there is no room left"),
            Self::Failed(number) => write!(f, "reading or writing failed (error {number})"),
        }
    }
}

impl core::error::Error for BlocksError {}

/// A place for blocks, of a fixed capacity, that reads zeros or anything else where
/// nothing was written.
///
/// Writes may come about in any order, in part or not at all, until [`Self::sync`]
/// has returned; after that they outlast a loss of power. A vault survives all else.
pub trait Blocks {
    /// Bytes that there may be at most.
    fn capacity(&self) -> u64;

    /// Reads bytes from any place.
    ///
    /// # Errors
    /// [`BlocksError::Failed`].
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), BlocksError>;

    /// Makes sure that this range can be written without running out of room.
    ///
    /// # Errors
    /// [`BlocksError`].
    fn reserve(&mut self, at: u64, size: u64) -> Result<(), BlocksError>;

    /// Writes whole blocks: `at` and the length are multiples of [`BLOCK`].
    ///
    /// # Errors
    /// [`BlocksError`].
    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), BlocksError>;

    /// Makes all that was written before outlast a loss of power.
    ///
    /// # Errors
    /// [`BlocksError`]. Which of the writes are durable is unknown then.
    fn sync(&mut self) -> Result<(), BlocksError>;

    /// The bytes of this range are not needed any more; their room may be given back.
    ///
    /// # Errors
    /// [`BlocksError`].
    fn discard(&mut self, at: u64, size: u64) -> Result<(), BlocksError>;
}
