//! Another process that this one does a command for: where it is, and what it reads and prints.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;

/// A process that handed over a command.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Its standard input.
    pub(crate) input: File,
    /// Its standard output.
    pub(crate) out: File,
    /// Its standard error.
    pub(crate) err: File,
    /// From where its paths are.
    pub(crate) directory: PathBuf,
    /// Its environment, for programs that are run on its behalf.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Whether its environment lets colours be.
    pub(crate) wants_colour: bool,
    /// Which permissions it gives to nobody.
    pub(crate) umask: u32,
}
