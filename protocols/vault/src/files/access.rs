//! Getting at a vault that others use at the same time.

use super::Files;
use crate::blocks::Blocks;
use crate::compress::Compress;

/// The files of a vault, for whoever need not have them alone.
///
/// Nobody else sees what is done halfway, and everybody else waits meanwhile: nothing slow belongs
/// inside, such as waiting for a network or for whoever reads what is printed. Between two times,
/// others may change anything.
pub trait Access {
    /// What holds the image.
    type Blocks: Blocks;
    /// How contents are compressed.
    type Compress: Compress + Clone;

    /// Does something with the files.
    fn with<R>(&mut self, work: impl FnOnce(&mut Files<Self::Blocks, Self::Compress>) -> R) -> R;
}

/// Who has the files alone waits for nobody.
impl<B: Blocks, C: Compress + Clone> Access for Files<B, C> {
    type Blocks = B;
    type Compress = C;

    fn with<R>(&mut self, work: impl FnOnce(&mut Files<B, C>) -> R) -> R {
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
