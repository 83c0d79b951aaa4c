//! What a network's folder says of it, so that its addresses stay the same from
//! one start to the next.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{self, FileError, at};

/// The file in the network's folder.
const FILE: &str = "network.json";

/// A network of guardians.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// How many guardians are needed to recover.
    pub threshold: u8,
    /// The guardians, in order of their numbers, which begin at 1.
    pub guardians: Vec<Member>,
}

/// One guardian of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where clients reach it, pin included.
    pub address: String,
    /// Its realm's id.
    pub realm: String,
}

impl Description {
    /// Reads what a network's folder says; nothing where there is no network.
    ///
    /// # Errors
    /// [`FileError`], also where the file is not a description.
    pub fn read(folder: &Path) -> Result<Option<Self>, FileError> {
        let path = folder.join(FILE);
        match files::read_if_there(&path)? {
            None => Ok(None),
            Some(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| at(&path)(e.into())),
        }
    }

    /// Keeps the description in a network's folder.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        let path = folder.join(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(|e| at(&path)(e.into()))?;
        files::private_folder(folder)?;
        files::replace(&path, &text)
    }

    /// The guardians' addresses.
    pub fn addresses(&self) -> Vec<String> {
        self.guardians.iter().map(|member| member.address.clone()).collect()
    }
}
