//! What changed since a moment, for whoever has to tell somebody that remembers the files of then.

use alloc::vec::Vec;

use super::inode::Ino;
use super::inode::key::{self, What};
use super::reader::damaged;
use super::{Entry, Files};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::object::ObjectId;
use crate::tree::differences;

/// The files of one moment. It holds nothing: it is good until room is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment(Option<ObjectId>);

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A name in a directory leads elsewhere, or is new, or is gone.
    Name {
        /// The directory.
        directory: Ino,
        /// The name in it.
        name: Vec<u8>,
        /// Where it led.
        was: Option<Entry>,
    },
    /// A file's content or anything else of it but its names.
    File(Ino),
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Remembers the files as they are now.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn moment(&mut self) -> Result<Moment, VaultError> {
        self.flush()?;
        Ok(Moment(self.save_tree()?))
    }

    /// Shows all that is not as it was, in the order of files' numbers. A file is shown once for each
    /// part of it that changed.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn changed_since(
        &mut self,
        moment: &Moment,
        see: &mut dyn FnMut(Difference),
    ) -> Result<(), VaultError> {
        let now = self.moment()?;
        let (mut objects, ..) = self.parts();
        differences(&mut objects, moment.0.as_ref(), now.0.as_ref(), &mut |key, was, _| {
            let (ino, what) = key::parse(key).ok_or(VaultError::Damaged(damaged()))?;
            match what {
                What::Name(name) => {
                    let was = was.map(minicbor::decode).transpose();
                    let was = was.map_err(|_| VaultError::Damaged(damaged()))?;
                    see(Difference::Name { directory: ino, name: name.to_vec(), was });
                }
                What::Orphan(_) => {}
                _ => see(Difference::File(ino)),
            }
            Ok(())
        })
    }
}
