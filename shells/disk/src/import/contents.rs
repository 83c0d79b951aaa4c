//! Reading files, cutting them, and sealing the chunks that the vault does not have: what many
//! threads do at once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender};

use allod_vault::files::{ContentPart, Files, Ino, Time};
use allod_vault::object::{Kind, Sealed};
use allod_vault::{Blocks, Compress};
use rustix::fs::SeekFrom as Find;

use super::Stop;

/// Files of at most so many bytes are written as they are.
const SMALL: u64 = 2 << 10;

/// Bytes of a file that are read at a time.
const WINDOW: usize = 4 << 20;

/// A file that is to be read.
pub(super) struct Job {
    pub(super) ino: Ino,
    pub(super) path: PathBuf,
    pub(super) modified: Time,
    /// Its size in the vault until now.
    pub(super) size: u64,
    /// Its size outside, as the directory had it.
    pub(super) expected: u64,
    /// Whether parts of it may take no room.
    pub(super) is_sparse: bool,
    /// The directory and name that it got, where the vault had no such file before.
    pub(super) new_at: Option<(Ino, Vec<u8>)>,
    /// Its device and number, where it has several names.
    pub(super) identity: Option<(u64, u64)>,
}

/// What became of a file, or of a piece of it.
pub(super) enum Done {
    /// Objects that the vault did not have.
    Objects(Vec<Sealed>),
    /// The whole file, in objects that were sent before or were there.
    Parts { job: Job, parts: Vec<ContentPart>, size: u64, bytes: u64 },
    /// The whole file, which is small.
    Small { job: Job, content: Vec<u8> },
    /// It cannot be read.
    Failed { job: Job, why: io::Error },
}

/// Reads and seals files until there are no more.
pub(super) fn work<B: Blocks, C: Compress + Clone>(
    jobs: &Mutex<Receiver<Job>>,
    done: &SyncSender<Done>,
    files: &Mutex<&mut Files<B, C>>,
    stop: &Stop<'_>,
) {
    let (keys, chunker, compress) = {
        let files = files.lock().unwrap_or_else(|broken| broken.into_inner());
        (files.ring().newest().clone(), files.chunker().clone(), files.compress().clone())
    };
    loop {
        let job = jobs.lock().unwrap_or_else(|broken| broken.into_inner()).recv();
        let Ok(job) = job else { return };
        let mut parts = Vec::new();
        let (mut size, mut total) = (0, 0);
        let mut whole = Vec::new();
        let mut read = || -> io::Result<Result<(), ()>> {
            let mut file = File::open(&job.path)?;
            while let Some((start, end)) = next_range(&mut file, size, job.is_sparse)? {
                let mut window = Vec::new();
                size = start;
                // Where the next chunk begins.
                let mut place = start;
                loop {
                    if stop.is_wanted() {
                        return Err(io::ErrorKind::Interrupted.into());
                    }
                    let room = (WINDOW - window.len()).min(usize::try_from(end - size).unwrap_or(WINDOW));
                    let got = (&mut file).take(room as u64).read_to_end(&mut window)?;
                    size += got as u64;
                    total += got as u64;
                    let is_end = got < room || size == end;
                    if is_end && !job.is_sparse && total <= SMALL {
                        whole = window;
                        return Ok(Ok(()));
                    }
                    let (mut sealed, mut rest) = (Vec::new(), &window[..]);
                    while !rest.is_empty() && (is_end || rest.len() >= chunker.size_max()) {
                        let (chunk, behind) = rest.split_at(chunker.cut(rest));
                        let id = keys.id(Kind::Data, chunk);
                        let has = files.lock().unwrap_or_else(|broken| broken.into_inner()).has(&id);
                        // What cannot be looked up now fails when it is put.
                        if !has.unwrap_or(false) {
                            sealed.push(keys.seal_as(id, Kind::Data, chunk, &compress));
                        }
                        let chunk_size = chunk.len() as u32;
                        parts.push(ContentPart { start: place, id, from: 0, size: chunk_size });
                        place += u64::from(chunk_size);
                        rest = behind;
                    }
                    if !sealed.is_empty() && done.send(Done::Objects(sealed)).is_err() {
                        return Ok(Err(()));
                    }
                    if is_end {
                        break;
                    }
                    let kept = rest.len();
                    let from = window.len() - kept;
                    window.drain(..from);
                }
            }
            if job.is_sparse {
                size = size.max(file.metadata()?.len());
            }
            Ok(Ok(()))
        };
        let result = match read() {
            Ok(Ok(())) if !job.is_sparse && total <= SMALL => Done::Small { content: whole, job },
            Ok(Ok(())) => Done::Parts { job, parts, size, bytes: total },
            Ok(Err(())) => return,
            Err(why) => Done::Failed { job, why },
        };
        if done.send(result).is_err() {
            return;
        }
    }
}

/// The next part of a file that is to be read, from a place on; the file is there then. Of a
/// file without holes, that is all of it.
fn next_range(file: &mut File, from: u64, is_sparse: bool) -> io::Result<Option<(u64, u64)>> {
    if !is_sparse {
        return Ok((from == 0).then_some((0, u64::MAX)));
    }
    let seek = |place| match rustix::fs::seek(file.as_fd(), place) {
        Ok(place) => Ok(Some(place)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(why) => Err(io::Error::from(why)),
    };
    let Some(start) = seek(Find::Data(from))? else { return Ok(None) };
    let Some(end) = seek(Find::Hole(start))? else { return Ok(None) };
    file.seek(SeekFrom::Start(start))?;
    Ok((start < end).then_some((start, end)))
}
