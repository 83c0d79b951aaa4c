//! Which objects and parts a content has. Lists of parts are read one at a time, since whoever may
//! write can tell of long ones, and files may be of any size.
//!
//! A list that is none, is empty, or does not go on where the one before ended has the whole
//! content list nothing: whoever made it sees that too. So no list counts twice, and what is read is no
//! more than what somebody sent.

use alloc::vec::Vec;

use super::operation::{Data, ListList, Part, PartBytes, PartList, Parts, check_parts};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::Files;
use crate::object::ObjectId;

/// What is shown an object that holds a part.
type See<'a, B, C> = dyn FnMut(&mut Files<B, C>, ObjectId) -> Result<(), VaultError> + 'a;

/// What is shown parts.
type SeeParts<'a, B, C> = dyn FnMut(&mut Files<B, C>, &[Part]) -> Result<(), VaultError> + 'a;

/// What lists of parts come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    /// One is not here.
    Absent,
    Senseless,
    Sound,
}

/// Shows the parts of a content's bytes, some at a time, where all lists of them are here.
pub(super) fn parts<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
    see: &mut SeeParts<'_, B, C>,
) -> Result<(), VaultError> {
    let Data::File { size, parts } = data else { return Ok(()) };
    if let Parts::Here(parts) = parts {
        return see(files, parts);
    }
    // No part of something that does not go on well.
    if survey(files, *size, parts, &mut |_, _| Ok(()))? == Lists::Sound {
        survey(files, *size, parts, see)?;
    }
    Ok(())
}

/// Shows the objects of a content: those that list its parts, as far as they are here, and where all of these
/// are, those of the parts.
pub(super) fn objects<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
    see: &mut See<'_, B, C>,
) -> Result<(), VaultError> {
    lists(files, data, see)?;
    parts(files, data, &mut |files, parts| {
        parts.iter().try_for_each(|part| match &part.bytes {
            PartBytes::Object { id, .. } => see(files, *id),
            PartBytes::Here(_) => Ok(()),
        })
    })
}

/// Shows the objects that list a content's parts, as far as they are here.
pub(super) fn lists<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
    see: &mut See<'_, B, C>,
) -> Result<(), VaultError> {
    let (Data::File { parts: Parts::Listed(ids), .. } | Data::File { parts: Parts::Deep(ids), .. }) = data
    else {
        return Ok(());
    };
    for id in ids {
        see(files, *id)?;
        if matches!(data, Data::File { parts: Parts::Deep(_), .. }) && files.has(id)? {
            let lists = list_list(files, id)?.unwrap_or_default();
            lists.into_iter().try_for_each(|list| see(files, list))?;
        }
    }
    Ok(())
}

/// Whether all objects of a content are here.
pub(super) fn is_whole<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
) -> Result<bool, VaultError> {
    let mut is_here = true;
    objects(files, data, &mut |files, id| {
        is_here = is_here && files.has(&id)?;
        Ok(())
    })?;
    Ok(is_here)
}

/// What lists come to, of a file of this size. Shows the parts up to where they come to nothing.
fn survey<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    size: u64,
    parts: &Parts,
    see: &mut SeeParts<'_, B, C>,
) -> Result<Lists, VaultError> {
    let mut end = 0;
    let mut read = |files: &mut Files<B, C>, id: &ObjectId| -> Result<Lists, VaultError> {
        if !files.has(id)? {
            return Ok(Lists::Absent);
        }
        let list = list(files, id)?.unwrap_or_default();
        match check_parts(&list, end, size) {
            Ok(next) if !list.is_empty() => end = next,
            _ => return Ok(Lists::Senseless),
        }
        see(files, &list)?;
        Ok(Lists::Sound)
    };
    match parts {
        Parts::Here(_) => {}
        Parts::Listed(ids) => {
            for id in ids {
                match read(files, id)? {
                    Lists::Sound => {}
                    other => return Ok(other),
                }
            }
        }
        Parts::Deep(ids) => {
            for id in ids {
                if !files.has(id)? {
                    return Ok(Lists::Absent);
                }
                let lists = list_list(files, id)?.unwrap_or_default();
                if lists.is_empty() {
                    return Ok(Lists::Senseless);
                }
                for id in &lists {
                    match read(files, id)? {
                        Lists::Sound => {}
                        other => return Ok(other),
                    }
                }
            }
        }
    }
    Ok(Lists::Sound)
}

/// A list of parts that is here; nothing where it is none.
fn list<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    id: &ObjectId,
) -> Result<Option<Vec<Part>>, VaultError> {
    let content = files.object_content(id)?;
    Ok(allod_wire::decode(&content).ok().map(|PartList(list)| list))
}

/// A list of lists that is here; nothing where it is none.
fn list_list<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    id: &ObjectId,
) -> Result<Option<Vec<ObjectId>>, VaultError> {
    let content = files.object_content(id)?;
    Ok(allod_wire::decode(&content).ok().map(|ListList(lists)| lists))
}
