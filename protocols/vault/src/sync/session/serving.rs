//! The side of a session that is asked: it gives what it has, one thing after the other.

use alloc::vec::Vec;

use super::Session;
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::Files;
use crate::object::ObjectId;
use crate::sync::batch::BatchId;
use crate::sync::error::SyncError;
use crate::sync::message::Message;

impl Session {
    pub(super) fn serve(&mut self, batches: Vec<BatchId>, objects: Vec<ObjectId>) -> Result<(), SyncError> {
        // The other side asks again only when it has all that it asked for.
        if self.is_answering {
            return Err(SyncError::Message);
        }
        self.batches_out = batches.into();
        self.objects_out = objects.into();
        self.is_answering = true;
        Ok(())
    }

    pub(super) fn answer<B: Blocks, C: Compress>(
        &mut self,
        files: &mut Files<B, C>,
    ) -> Result<Message, SyncError> {
        if let Some(id) = self.batches_out.pop_front() {
            let signed = self.index.get(&id).and_then(|place| self.known.batches().get(*place));
            let Some(signed) = signed else { return Ok(Message::Absent) };
            self.summary.batches_sent += 1;
            return Ok(Message::Batch(signed.bytes().to_vec()));
        }
        if let Some(id) = self.objects_out.pop_front() {
            return match files.sealed(&id) {
                Ok(object) => {
                    self.summary.objects_sent += 1;
                    Ok(Message::object(object))
                }
                Err(VaultError::Missing(_)) => Ok(Message::Absent),
                Err(why) => Err(why.into()),
            };
        }
        self.is_answering = false;
        Ok(Message::End)
    }
}
