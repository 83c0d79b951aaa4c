//! Which objects and parts a content has. Lists of parts are read one at a time, since whoever may
//! write can tell of long ones.
//!
//! A list that is none, or is one too many, has the whole content list nothing: whoever made it
//! sees that too.

use alloc::vec::Vec;

use super::operation::{Data, LISTED_MAX, Part, PartBytes, PartList, Parts, check_parts};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::Files;
use crate::object::ObjectId;

/// What is shown an object that holds a part.
type See<'a, B, C> = dyn FnMut(&mut Files<B, C>, ObjectId) -> Result<(), VaultError> + 'a;

/// What lists of parts come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    /// One is not here.
    Absent,
    Senseless,
    Sound,
}

/// The parts of a content's bytes; nothing where a list of them is not here.
pub(super) fn parts<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
) -> Result<Option<Vec<Part>>, VaultError> {
    let (size, lists) = match data {
        Data::File { parts: Parts::Here(parts), .. } => return Ok(Some(parts.clone())),
        Data::File { size, parts: Parts::Listed(lists) } => (*size, lists),
        _ => return Ok(Some(Vec::new())),
    };
    match survey(files, size, lists)? {
        Lists::Absent => return Ok(None),
        Lists::Senseless => return Ok(Some(Vec::new())),
        Lists::Sound => {}
    }
    let mut all = Vec::new();
    for id in lists {
        all.extend(list(files, id)?.unwrap_or_default());
    }
    Ok(Some(all))
}

/// Shows the objects of a content: those that list its parts, and where these are here, those
/// of the parts.
pub(super) fn objects<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
    see: &mut See<'_, B, C>,
) -> Result<(), VaultError> {
    match data {
        Data::File { parts: Parts::Here(parts), .. } => see_all(files, parts, see),
        Data::File { size, parts: Parts::Listed(lists) } => {
            lists.iter().try_for_each(|id| see(files, *id))?;
            if survey(files, *size, lists)? != Lists::Sound {
                return Ok(());
            }
            for id in lists {
                let list = list(files, id)?.unwrap_or_default();
                see_all(files, &list, see)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The parts of a content's bytes, where all objects of it are here.
pub(super) fn whole<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
) -> Result<Option<Vec<Part>>, VaultError> {
    let mut is_here = true;
    objects(files, data, &mut |files, id| {
        is_here = is_here && files.has(&id)?;
        Ok(())
    })?;
    if is_here { parts(files, data) } else { Ok(None) }
}

fn see_all<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    parts: &[Part],
    see: &mut See<'_, B, C>,
) -> Result<(), VaultError> {
    parts.iter().try_for_each(|part| match &part.bytes {
        PartBytes::Object { id, .. } => see(files, *id),
        PartBytes::Here(_) => Ok(()),
    })
}

/// What lists come to, of a file of this size.
fn survey<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    size: u64,
    lists: &[ObjectId],
) -> Result<Lists, VaultError> {
    let (mut end, mut listed) = (0, 0_usize);
    for id in lists {
        if !files.has(id)? {
            return Ok(Lists::Absent);
        }
    }
    for id in lists {
        let Some(list) = list(files, id)? else { return Ok(Lists::Senseless) };
        listed = list.iter().fold(listed, |sum, part| sum.saturating_add(part.room()));
        match check_parts(&list, end, size) {
            Ok(next) if listed <= LISTED_MAX => end = next,
            _ => return Ok(Lists::Senseless),
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
