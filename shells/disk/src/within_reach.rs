//! A vault that is used here: by this program alone, or by a mount of it at the same time.

use allod_vault::files::{Access, Files, Ino};
use allod_vault::{Blocks, Compress, VaultError};

use crate::mount::Handle;

/// Whether somebody has a file open.
pub type IsOpen<'a> = dyn Fn(Ino) -> bool + 'a;

/// The files of a vault, of which others may have some open, and remember what they read.
pub trait Use: Access {
    /// Looks at the files, and does not wait for what is being written to become objects. It is
    /// for many small steps; nothing that programs see is to be changed.
    fn look<R>(&mut self, work: impl FnOnce(&mut Files<Self::Blocks, Self::Compress>) -> R) -> R;

    /// Changes the files. When this returns, nobody sees anything of before.
    ///
    /// # Errors
    /// [`VaultError`], where nothing was done.
    fn change<R>(
        &mut self,
        work: impl FnOnce(&mut Files<Self::Blocks, Self::Compress>, &IsOpen<'_>) -> R,
    ) -> Result<R, VaultError>;
}

/// Nobody else has anything open.
impl<B: Blocks, C: Compress + Clone> Use for Files<B, C> {
    fn look<R>(&mut self, work: impl FnOnce(&mut Files<B, C>) -> R) -> R {
        work(self)
    }

    fn change<R>(&mut self, work: impl FnOnce(&mut Files<B, C>, &IsOpen<'_>) -> R) -> Result<R, VaultError> {
        Ok(work(self, &|_| false))
    }
}

impl<U: Use> Use for &mut U {
    fn look<R>(&mut self, work: impl FnOnce(&mut Files<U::Blocks, U::Compress>) -> R) -> R {
        (**self).look(work)
    }

    fn change<R>(
        &mut self,
        work: impl FnOnce(&mut Files<U::Blocks, U::Compress>, &IsOpen<'_>) -> R,
    ) -> Result<R, VaultError> {
        (**self).change(work)
    }
}

/// A vault within reach.
#[derive(Debug)]
pub enum Reach<B: Blocks, C> {
    /// This program alone has it.
    Alone(Box<Files<B, C>>),
    /// It is mounted by this program.
    Mounted(Handle<B, C>),
}

impl<B: Blocks, C: Compress + Clone> Access for Reach<B, C> {
    type Blocks = B;
    type Compress = C;

    fn with<R>(&mut self, work: impl FnOnce(&mut Files<B, C>) -> R) -> R {
        match self {
            Self::Alone(files) => work(files),
            Self::Mounted(handle) => handle.with(work),
        }
    }
}

impl<B: Blocks, C: Compress + Clone> Use for Reach<B, C> {
    fn look<R>(&mut self, work: impl FnOnce(&mut Files<B, C>) -> R) -> R {
        match self {
            Self::Alone(files) => work(files),
            Self::Mounted(handle) => handle.look(work),
        }
    }

    fn change<R>(&mut self, work: impl FnOnce(&mut Files<B, C>, &IsOpen<'_>) -> R) -> Result<R, VaultError> {
        match self {
            Self::Alone(files) => Ok(work(files, &|_| false)),
            Self::Mounted(handle) => handle.change(work),
        }
    }
}
