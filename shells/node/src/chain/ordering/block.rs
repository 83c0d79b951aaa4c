//! Blocks: what is voted on, and the bytes that its digest covers.
//!
//! A digest covers the header only, and the header covers the operations by
//! their hashes, so that a client can check a [`Certificate`](super::Certificate)
//! against 200 bytes instead of a whole block.

use std::fmt;
use std::sync::Arc;

use allod_crypto::hash::tagged;
use allod_crypto::sign::VerifyingKey;
use allod_wire::{Instant, Wire};
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use super::{OPERATION_OVERHEAD, OPERATION_SIZE_MAX, OPERATIONS_SIZE_MAX, Parameters, hex};

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

digest! {
    /// What names a block: `tagged("allod 2026-10 block", [header])`, where
    /// `header` is the header's canonical CBOR and `tagged` that of
    /// [`allod_crypto::hash`].
    BlockDigest
}

digest! {
    /// What names an operation: `tagged("allod 2026-10 operation", [bytes])`.
    OperationHash
}

/// An operation's bytes: 1 to [`OPERATION_SIZE_MAX`]. Copies share them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(Arc<[u8]>);

impl Operation {
    /// `None` where there are too few bytes or too many.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=OPERATION_SIZE_MAX).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its name.
    pub fn hash(&self) -> OperationHash {
        OperationHash(tagged("allod 2026-10 operation", &[&self.0]))
    }

    /// What it takes of a block's or a pool's room: its bytes and
    /// [`OPERATION_OVERHEAD`].
    pub fn room(&self) -> usize {
        self.0.len() + OPERATION_OVERHEAD
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({} bytes)", self.0.len())
    }
}

impl<C> Encode<C> for Operation {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Operation {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Self::new(d.bytes()?).ok_or_else(|| DecodeError::message("an operation's size is out of range"))
    }
}

/// What a block's digest covers. Encoded as an array of these fields, in this
/// order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// How many blocks are below it.
    #[n(0)]
    pub height: u64,
    /// The block below it; the network's id below height 0.
    #[n(1)]
    pub parent: BlockDigest,
    /// The epoch that it was proposed in.
    #[n(2)]
    pub epoch: u64,
    /// The view of the epoch that it was proposed in.
    #[n(3)]
    pub view: u64,
    /// The view in which its parent was, 0 where the parent is of the epoch
    /// before.
    #[n(4)]
    pub parent_view: u64,
    /// The key of whoever led that view; zeros at height 0.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub leader: [u8; 32],
    /// The leader's time: later than the parent's.
    #[n(6)]
    pub time: Instant,
    /// `tagged("allod 2026-10 operations", hashes)` of the [`OperationHash`]es in
    /// the block's order.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub operations: [u8; 32],
}

impl Header {
    /// The digest of the block that has this header.
    pub fn digest(&self) -> BlockDigest {
        BlockDigest(tagged("allod 2026-10 block", &[&allod_wire::encode(self)]))
    }

    /// Whose turn it was.
    pub fn leader(&self) -> VerifyingKey {
        VerifyingKey(self.leader)
    }
}

impl Wire for Header {
    const SIZE_MAX: usize = 160;
}

/// A block. Encoded as an array of its header and its operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: Header,
    operations: Vec<Operation>,
    hashes: Vec<OperationHash>,
    /// Of its encoding, in bytes.
    size: usize,
}

impl Block {
    /// A block with these operations; `header.operations` is filled in. Who
    /// orders them makes sure that there is room for them.
    pub fn new(mut header: Header, operations: Vec<Operation>) -> Self {
        let hashes: Vec<OperationHash> = operations.iter().map(Operation::hash).collect();
        header.operations = commitment(&hashes);
        let heads = 1 + head(operations.len());
        let bodies: usize =
            operations.iter().map(|operation| operation.0.len() + head(operation.0.len())).sum();
        let size = heads + allod_wire::encode(&header).len() + bodies;
        Self { header, operations, hashes, size }
    }

    /// The block that a network starts from.
    pub fn genesis(parameters: &Parameters) -> Self {
        let header = Header {
            height: 0,
            parent: BlockDigest(parameters.network),
            epoch: 0,
            view: 0,
            parent_view: 0,
            leader: [0; 32],
            time: parameters.genesis,
            operations: [0; 32],
        };
        Self::new(header, Vec::new())
    }

    /// What its digest covers.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its operations, in the order in which they are to be executed. The same
    /// operation is never in a block twice, but can be in several blocks.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Its operations' names, in the same order.
    pub fn hashes(&self) -> &[OperationHash] {
        &self.hashes
    }

    /// Its name.
    pub fn digest(&self) -> BlockDigest {
        self.header.digest()
    }

    /// The bytes of its encoding.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

/// The size of a CBOR head with this argument.
fn head(argument: usize) -> usize {
    match argument {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        _ => 5,
    }
}

fn commitment(hashes: &[OperationHash]) -> [u8; 32] {
    let parts: Vec<&[u8]> = hashes.iter().map(|hash| &hash.0[..]).collect();
    tagged("allod 2026-10 operations", &parts)
}

impl<C> Encode<C> for Block {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, c: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(2)?.encode_with(&self.header, c)?.encode_with(&self.operations, c)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Block {
    fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, DecodeError> {
        if d.array()? != Some(2) {
            return Err(DecodeError::message("a block has two parts"));
        }
        let header: Header = d.decode_with(c)?;
        let operations: Vec<Operation> = d.decode_with(c)?;
        if operations.iter().map(Operation::room).sum::<usize>() > OPERATIONS_SIZE_MAX {
            return Err(DecodeError::message("a block's operations are too large"));
        }
        let claimed = header.operations;
        let block = Self::new(header, operations);
        if block.header.operations != claimed {
            return Err(DecodeError::message("a block's operations are not those of its header"));
        }
        Ok(block)
    }
}

impl Wire for Block {
    const SIZE_MAX: usize = OPERATIONS_SIZE_MAX + Header::SIZE_MAX + 8;
}

/// A block that is final. Copies share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalBlock {
    pub(super) digest: BlockDigest,
    pub(super) block: Arc<Block>,
}

impl FinalBlock {
    /// Wraps a block that is known to be final, or is to be treated so in a test
    /// of an application.
    pub fn new(block: Block) -> Self {
        Self { digest: block.digest(), block: Arc::new(block) }
    }

    /// The block's digest.
    pub fn digest(&self) -> BlockDigest {
        self.digest
    }

    /// The block.
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// Its height.
    pub fn height(&self) -> u64 {
        self.block.header.height
    }

    /// Its time.
    pub fn time(&self) -> Instant {
        self.block.header.time
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(height: u64) -> Header {
        Header {
            height,
            parent: BlockDigest([1; 32]),
            epoch: 2,
            view: 3,
            parent_view: 2,
            leader: [4; 32],
            time: Instant(5),
            operations: [0; 32],
        }
    }

    proptest! {
        #[test]
        fn a_block_comes_back_from_its_bytes_and_knows_its_size(
            numbers: (u64, u64, u64, u64),
            sizes in proptest::collection::vec(1..70_usize, 0..40),
        ) {
            let (height, epoch, view, time) = numbers;
            let header = Header { epoch, view, time: Instant(time), ..header(height) };
            let operations = sizes.iter().map(|size| Operation::new(&vec![7; *size]).unwrap()).collect();
            let block = Block::new(header, operations);
            let bytes = allod_wire::encode(&block);
            prop_assert_eq!(bytes.len(), block.size());
            prop_assert_eq!(allod_wire::decode::<Block>(&bytes), Ok(block));
        }
    }

    #[test]
    fn the_largest_block_is_within_its_limit() {
        let header = Header { height: u64::MAX, epoch: u64::MAX, view: u64::MAX, ..header(0) };
        let header = Header { parent_view: u64::MAX, time: Instant(u64::MAX), ..header };
        // Of operations of one byte there are most.
        let count = OPERATIONS_SIZE_MAX / (1 + OPERATION_OVERHEAD);
        let small = Block::new(header.clone(), vec![Operation::new(&[1]).unwrap(); count]);
        let large = vec![Operation::new(&[1; OPERATION_SIZE_MAX]).unwrap(); 15];
        for block in [small, Block::new(header, large)] {
            let bytes = allod_wire::encode(&block);
            assert_eq!(bytes.len(), block.size());
            assert_eq!(allod_wire::decode::<Block>(&bytes), Ok(block));
        }
    }

    #[test]
    fn operations_that_the_header_does_not_name_are_refused() {
        let operation = |byte| Operation::new(&[byte]).unwrap();
        let block = Block::new(header(1), vec![operation(1), operation(2)]);
        let mut other = block.clone();
        other.operations.swap(0, 1);
        assert!(allod_wire::decode::<Block>(&allod_wire::encode(&other)).is_err());
        other.operations.pop();
        assert!(allod_wire::decode::<Block>(&allod_wire::encode(&other)).is_err());
        assert_ne!(Block::new(header(1), other.operations).digest(), block.digest());
    }

    #[test]
    fn operations_have_from_one_byte_to_the_limit() {
        assert_eq!(Operation::new(&[]), None);
        assert!(Operation::new(&[0; OPERATION_SIZE_MAX]).is_some());
        assert_eq!(Operation::new(&[0; OPERATION_SIZE_MAX + 1]), None);
    }

    #[test]
    fn more_operations_than_a_block_may_have_are_refused() {
        let operations = vec![Operation::new(&[1; OPERATION_SIZE_MAX]).unwrap(); 16];
        let bytes = allod_wire::encode(&Block::new(header(1), operations));
        assert!(allod_wire::decode::<Block>(&bytes).is_err());
    }

    #[test]
    fn every_field_of_a_header_is_in_its_digest() {
        let base = header(1);
        let others = [
            Header { height: 2, ..base.clone() },
            Header { parent: BlockDigest([2; 32]), ..base.clone() },
            Header { epoch: 3, ..base.clone() },
            Header { view: 4, ..base.clone() },
            Header { parent_view: 3, ..base.clone() },
            Header { leader: [5; 32], ..base.clone() },
            Header { time: Instant(6), ..base.clone() },
            Header { operations: [1; 32], ..base.clone() },
        ];
        assert!(others.iter().all(|other| other.digest() != base.digest()));
    }
}
