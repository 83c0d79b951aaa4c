//! Files that others use too, and that are had for a moment at a time.

use super::Files;
use crate::blocks::Blocks;
use crate::compress::Compress;

/// Access to the files of one vault, which stays open as long as there is access: by who has
/// them alone, or by one of several that share them.
///
/// What takes long, such as a backup over a network, is made of many small steps, between
/// which others may do with the files whatever they want.
pub trait Access {
    /// What the vault is stored on.
    type Blocks: Blocks;
    /// What compresses its objects.
    type Compress: Compress + Clone;

    /// Does something with the files. Nobody else sees what is done halfway; everybody else
    /// waits meanwhile, so nothing slow belongs inside.
    fn with<R>(&mut self, work: impl FnOnce(&mut Files<Self::Blocks, Self::Compress>) -> R) -> R;
}

impl<B: Blocks, C: Compress + Clone> Access for Files<B, C> {
    type Blocks = B;
    type Compress = C;

    fn with<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        work(self)
    }
}

impl<A: Access> Access for &mut A {
    type Blocks = A::Blocks;
    type Compress = A::Compress;

    fn with<R>(&mut self, work: impl FnOnce(&mut Files<A::Blocks, A::Compress>) -> R) -> R {
        (**self).with(work)
    }
}
