//! A place for blocks in memory: an image that does not change, and what was written since.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use allod_vault::{BLOCK, Blocks, BlocksError};

/// A handle on it.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    image: Arc<Vec<u8>>,
    over: Rc<RefCell<BTreeMap<usize, Vec<u8>>>>,
}

impl Memory {
    pub(crate) fn of(image: Arc<Vec<u8>>) -> Self {
        Self { image, over: Rc::default() }
    }

    /// All its bytes, as an image.
    pub(crate) fn image(&self) -> Arc<Vec<u8>> {
        let blocks = self.image.len() / BLOCK;
        Arc::new((0..blocks).flat_map(|block| self.block(block)).collect())
    }

    /// The bytes of a block.
    pub(crate) fn block(&self, block: usize) -> Vec<u8> {
        let over = self.over.borrow().get(&block).cloned();
        over.unwrap_or_else(|| self.image[block * BLOCK..][..BLOCK].to_vec())
    }

    /// Has other bytes there.
    pub(crate) fn set_block(&self, block: usize, bytes: Vec<u8>) {
        self.over.borrow_mut().insert(block, bytes);
    }

    /// Where in memory a range is, if it is within the image.
    fn range(&self, at: u64, size: usize) -> Result<usize, BlocksError> {
        let start = usize::try_from(at).ok().filter(|at| at.checked_add(size) <= Some(self.image.len()));
        start.ok_or(BlocksError::Failed(22))
    }
}

impl Blocks for Memory {
    fn capacity(&self) -> u64 {
        self.image.len() as u64
    }

    fn read(&self, at: u64, mut into: &mut [u8]) -> Result<(), BlocksError> {
        let mut at = self.range(at, into.len())?;
        let over = self.over.borrow();
        while !into.is_empty() {
            let (block, from) = (at / BLOCK, at % BLOCK);
            let (part, rest) = into.split_at_mut(into.len().min(BLOCK - from));
            let bytes = over.get(&block).map_or(&self.image[block * BLOCK..][..BLOCK], Vec::as_slice);
            part.copy_from_slice(&bytes[from..from + part.len()]);
            (at, into) = (at + part.len(), rest);
        }
        Ok(())
    }

    fn reserve(&mut self, _: u64, _: u64) -> Result<(), BlocksError> {
        Ok(())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), BlocksError> {
        assert!(at.is_multiple_of(BLOCK as u64) && from.len().is_multiple_of(BLOCK), "whole blocks");
        let first = self.range(at, from.len())? / BLOCK;
        for (block, bytes) in (first..).zip(from.chunks(BLOCK)) {
            self.set_block(block, bytes.to_vec());
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), BlocksError> {
        Ok(())
    }

    fn discard(&mut self, _: u64, _: u64) -> Result<(), BlocksError> {
        Ok(())
    }
}
