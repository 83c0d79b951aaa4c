//! What guardians answered to this person: signed, and kept to be held against
//! their logs.
//!
//! One file a guardian, named by its key: answers one behind the other, each behind
//! its length in four bytes. What a crash cut short at the end is passed over, and
//! written over by the next.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use allod_threshold::answer::SignedAnswer;
use allod_wire::GuardianId;

use crate::FileError;
use crate::files;

/// The receipts in a home folder.
#[derive(Clone, Debug)]
pub struct Receipts {
    folder: PathBuf,
}

impl Receipts {
    /// Those in the home folder at this path.
    pub fn of(home: &Path) -> Self {
        Self { folder: home.join("receipts") }
    }

    /// Keeps one. Durable when this returns.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, receipt: &SignedAnswer) -> Result<(), FileError> {
        files::private_folder(&self.folder)?;
        let path = self.path(&GuardianId(receipt.answer.guardian.0));
        let file = files::private_file(&path)?;
        file.lock().map_err(files::at(&path))?;
        let (known, end) = split(&files::read_if_there(&path)?.unwrap_or_default());
        if known.contains(receipt) {
            return Ok(());
        }
        let bytes = receipt.encode();
        // An answer is at most SignedAnswer::SIZE_MAX bytes long.
        let entry = [&(bytes.len() as u32).to_be_bytes(), bytes.as_slice()].concat();
        let mut file = &file;
        file.seek(SeekFrom::Start(end))
            .and_then(|_| file.write_all(&entry))
            .and_then(|()| file.set_len(end + entry.len() as u64))
            .and_then(|()| file.sync_all())
            .map_err(files::at(&path))
    }

    /// What a guardian gave, by ascending position.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn from(&self, guardian: &GuardianId) -> Result<Vec<SignedAnswer>, FileError> {
        let (mut receipts, _) = split(&files::read_if_there(&self.path(guardian))?.unwrap_or_default());
        receipts.sort_by_key(|receipt| receipt.answer.position);
        Ok(receipts)
    }

    fn path(&self, guardian: &GuardianId) -> PathBuf {
        self.folder.join(guardian.to_string())
    }
}

/// The receipts in these bytes, and where the last whole one ends.
fn split(bytes: &[u8]) -> (Vec<SignedAnswer>, u64) {
    let mut receipts = Vec::new();
    let mut end = 0;
    let mut rest = bytes;
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = u32::from_be_bytes(*len) as usize;
        let Some((receipt, after)) = after.split_at_checked(len) else { break };
        let Ok(receipt) = SignedAnswer::decode(receipt) else { break };
        receipts.push(receipt);
        end += 4 + len as u64;
        rest = after;
    }
    (receipts, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use allod_crypto::Secret;
    use allod_crypto::sign::SigningKey;
    use allod_threshold::Index;
    use allod_threshold::answer::Answer;

    fn receipt(position: u64) -> SignedAnswer {
        let key = SigningKey::from_seed(&Secret::from([7; 32]));
        let answer = Answer {
            network: [1; 32],
            guardian: key.verifying_key(),
            key: "oprf".into(),
            generation: 1,
            index: Index::new(1).unwrap(),
            position,
            previous: [2; 32],
            at_ms: 5,
            blinded: vec![3; 32],
            partial: vec![4; 96],
        };
        answer.sign(&key)
    }

    #[test]
    fn receipts_come_back_in_order_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let receipts = Receipts::of(folder.path());
        let guardian = GuardianId(receipt(1).answer.guardian.0);
        assert!(receipts.from(&guardian).unwrap().is_empty());
        for position in [2, 1, 2] {
            receipts.keep(&receipt(position)).unwrap();
        }
        assert_eq!(receipts.from(&guardian).unwrap(), [receipt(1), receipt(2)]);
    }

    #[test]
    fn a_receipt_that_a_crash_cut_short_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let receipts = Receipts::of(folder.path());
        let guardian = GuardianId(receipt(1).answer.guardian.0);
        receipts.keep(&receipt(1)).unwrap();
        receipts.keep(&receipt(2)).unwrap();
        let path = receipts.path(&guardian);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..whole.len() / 2 {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(receipts.from(&guardian).unwrap(), [receipt(1)]);
        }
        receipts.keep(&receipt(3)).unwrap();
        assert_eq!(receipts.from(&guardian).unwrap(), [receipt(1), receipt(3)]);
    }
}
