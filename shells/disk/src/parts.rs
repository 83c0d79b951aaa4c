//! A vault in a folder of parts: one file for each so many bytes of the image, so that what
//! copies changed files copies little, and no file is too large for any file system.
//!
//! ```text
//! header       which format it is, and the bytes of a part; never changed, and locked
//! count        how many parts are durable
//! 0000/0000    the first part
//! 0000/0001    the second; 1,024 in each folder
//! ```
//!
//! All parts are of one size. One behind the other in the order of their names they are the
//! image. A part that is not counted yet was being made when the power failed: it may be there in
//! part or not at all, and nothing that is durable is in it.

mod found;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use allod_vault::BlocksError;
use rustix::fs::FallocateFlags;

pub use self::found::PartsError;
use self::found::{folder_of, path_of, sizes};
use crate::blocks::{DiskError, allocate, failed, locked, read_or_nothing};

/// Parts in one folder. File systems for sticks take no more than some ten thousand.
const A_FOLDER: u32 = 1024;

/// The most parts, as many as an image has segments.
const PARTS_MAX: u32 = 1 << 20;

/// Files that are open at once.
const OPEN_MAX: usize = 64;

/// A folder of parts.
#[derive(Debug)]
pub(crate) struct Parts {
    folder: PathBuf,
    /// Locked as long as it is open.
    _header: File,
    top: File,
    part_size: u64,
    /// Parts that are there.
    count: u32,
    /// Parts that are there after a loss of power, too.
    counted: u32,
    /// Folders that have new names.
    grown: BTreeSet<u32>,
    open: Mutex<Open>,
}

/// The files that are open.
#[derive(Debug, Default)]
struct Open {
    files: BTreeMap<u32, Part>,
    /// Counts uses.
    clock: u64,
    /// What failed when a file was closed, for the next sync to say.
    failed: Option<BlocksError>,
}

#[derive(Debug)]
struct Part {
    file: File,
    is_written: bool,
    used: u64,
}

impl Parts {
    /// Makes a folder that only its owner can read, where there is none.
    pub(crate) fn create(folder: &Path, part_size: u64) -> Result<Self, DiskError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| DiskError::File { path, source }
        };
        DirBuilder::new().mode(0o700).create(folder).map_err(at(folder))?;
        let header = folder.join("header");
        let text = format!("allod vault in parts, format 1\npart {part_size}\n");
        private(&header).and_then(|mut file| whole(&mut file, &text)).map_err(at(&header))?;
        let count = folder.join("count");
        private(&count).and_then(|mut file| whole(&mut file, "0\n")).map_err(at(&count))?;
        sync_folder(folder).map_err(at(folder))?;
        Self::open(folder)
    }

    /// Opens a folder, in which all parts have to be there.
    pub(crate) fn open(folder: &Path) -> Result<Self, DiskError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| DiskError::File { path, source }
        };
        let path = folder.join("header");
        let header = locked(&path, OpenOptions::new().read(true), folder)?;
        let unsound = |path: &Path| DiskError::Parts(PartsError::Header(path.to_owned()));
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        let part_size = text.strip_prefix("allod vault in parts, format 1\npart ").and_then(number);
        let part_size = part_size.filter(|size| size.is_power_of_two() && (4096..=1 << 40).contains(size));
        let part_size = part_size.ok_or_else(|| unsound(&path))?;
        let path = folder.join("count");
        let text = match fs::read_to_string(&path) {
            Err(why) if why.kind() == ErrorKind::NotFound => Err(unsound(&path)),
            read => read.map_err(at(&path)),
        }?;
        let counted = number(&text).and_then(|count| u32::try_from(count).ok());
        let counted = counted.filter(|count| *count <= PARTS_MAX).ok_or_else(|| unsound(&path))?;
        let sizes = sizes(folder)?;
        let sound = |number: u32| match sizes.get(&number) {
            None => Err(PartsError::Missing(path_of(folder, number))),
            Some(size) if *size == part_size => Ok(()),
            Some(size) => Err(PartsError::Size { path: path_of(folder, number), size: *size, part_size }),
        };
        (0..counted).try_for_each(sound).map_err(DiskError::Parts)?;
        // Somebody may have copied the count before the parts.
        let count = (counted..PARTS_MAX).find(|number| sound(*number).is_err()).unwrap_or(PARTS_MAX);
        let parts = Self {
            folder: folder.to_owned(),
            _header: header,
            top: File::open(folder).map_err(at(folder))?,
            part_size,
            count,
            counted,
            grown: (counted..count).map(|number| number / A_FOLDER).collect(),
            open: Mutex::default(),
        };
        // What is taken over without being counted is synced before it is.
        let mark = |number| parts.with(number, true, |_| Ok(()));
        let marked = (counted..count).try_for_each(mark);
        marked.map_err(|_| at(folder)(io::Error::last_os_error()))?;
        Ok(parts)
    }

    /// Bytes of all parts.
    pub(crate) fn size(&self) -> u64 {
        u64::from(self.count) * self.part_size
    }

    /// The most bytes that there can be.
    pub(crate) fn capacity(&self) -> u64 {
        u64::from(PARTS_MAX).saturating_mul(self.part_size)
    }

    pub(crate) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), BlocksError> {
        for (number, from, range) in pieces(self.part_size, at, into.len()) {
            let into = &mut into[range];
            if number >= self.count {
                into.fill(0);
                continue;
            }
            self.with(number, false, |file| read_or_nothing(file, from, into))?;
        }
        Ok(())
    }

    pub(crate) fn reserve(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        for (number, from, range) in pieces(self.part_size, at, size as usize) {
            self.grow(number)?;
            let size = range.len() as u64;
            self.with(number, true, |file| allocate(file, FallocateFlags::empty(), from, size))?;
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), BlocksError> {
        for (number, from, range) in pieces(self.part_size, at, bytes.len()) {
            self.grow(number)?;
            let written =
                |file: &File| file.write_all_at(&bytes[range.clone()], from).map_err(|why| failed(&why));
            self.with(number, true, written)?;
        }
        Ok(())
    }

    pub(crate) fn discard(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        let size = size.min(self.size().saturating_sub(at));
        for (number, from, range) in pieces(self.part_size, at, size as usize) {
            let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            self.with(number, true, |file| allocate(file, mode, from, range.len() as u64))?;
        }
        Ok(())
    }

    /// First the parts, then their names, then how many there are.
    pub(crate) fn sync(&mut self) -> Result<(), BlocksError> {
        let mut open = self.lock();
        let mut was_written = false;
        for part in open.files.values_mut().filter(|part| part.is_written) {
            part.file.sync_data().map_err(|why| failed(&why))?;
            part.is_written = false;
            was_written = true;
        }
        if let Some(why) = open.failed {
            return Err(why);
        }
        drop(open);
        let done = |done: io::Result<()>| done.map_err(|why| failed(&why));
        for folder in &self.grown {
            done(sync_folder(&self.folder.join(folder_of(*folder))))?;
        }
        if self.count > self.counted {
            done(self.top.sync_all())?;
            let (new, path) = (self.folder.join("count.new"), self.folder.join("count"));
            let _ = fs::remove_file(&new);
            done(private(&new).and_then(|mut file| whole(&mut file, &format!("{}\n", self.count))))?;
            done(fs::rename(&new, &path))?;
            done(self.top.sync_all())?;
            self.counted = self.count;
        }
        self.grown.clear();
        if was_written {
            // Whoever looks at the folder sees that the vault changed.
            let _ = self.top.set_modified(SystemTime::now());
        }
        Ok(())
    }

    /// Makes all parts up to this one.
    fn grow(&mut self, number: u32) -> Result<(), BlocksError> {
        if number >= PARTS_MAX {
            return Err(BlocksError::Full);
        }
        while self.count <= number {
            self.make().map_err(|why| failed(&why))?;
            self.count += 1;
        }
        Ok(())
    }

    /// Makes the next part. There may be something of it that a loss of power left.
    fn make(&mut self) -> io::Result<()> {
        let (number, folder) = (self.count, self.count / A_FOLDER);
        if number.is_multiple_of(A_FOLDER) {
            match DirBuilder::new().mode(0o700).create(self.folder.join(folder_of(folder))) {
                Err(why) if why.kind() != ErrorKind::AlreadyExists => return Err(why),
                _ => {}
            }
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true).mode(0o600);
        options.open(path_of(&self.folder, number))?.set_len(self.part_size)?;
        self.grown.insert(folder);
        // It is synced even if nothing is written into it.
        self.with(number, true, |_| Ok(())).map_err(|_| io::Error::from(ErrorKind::Other))
    }

    /// Does something with a part, which is opened if it is not.
    fn with<T>(
        &self,
        number: u32,
        writes: bool,
        what: impl FnOnce(&File) -> Result<T, BlocksError>,
    ) -> Result<T, BlocksError> {
        let mut open = self.lock();
        open.clock += 1;
        let clock = open.clock;
        if !open.files.contains_key(&number) {
            while open.files.len() >= OPEN_MAX {
                open.close_one();
            }
            let opened = OpenOptions::new().read(true).write(true).open(path_of(&self.folder, number));
            let file = opened.map_err(|why| failed(&why))?;
            open.files.insert(number, Part { file, is_written: false, used: clock });
        }
        let part = open.files.get_mut(&number).ok_or(BlocksError::Failed(0))?;
        part.used = clock;
        part.is_written |= writes;
        what(&part.file)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Closes what was not used for longest. What was written to it is durable before, since a
    /// failure is told to those that have it open.
    fn close_one(&mut self) {
        let oldest = self.files.iter().min_by_key(|(_, part)| part.used).map(|(number, _)| *number);
        let Some(part) = oldest.and_then(|number| self.files.remove(&number)) else { return };
        if part.is_written
            && let Err(why) = part.file.sync_data()
        {
            self.failed = Some(failed(&why));
        }
    }
}

/// Which bytes of which parts a range of the image is: part, place in it, and where in the range.
fn pieces(part_size: u64, at: u64, size: usize) -> impl Iterator<Item = (u32, u64, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let here = at + done as u64;
        let (number, from) = (here / part_size, here % part_size);
        let count = (part_size - from).min((size - done) as u64) as usize;
        let range = done..done + count;
        done += count;
        // What is behind the last part is refused when it is made.
        (count > 0).then(|| (u32::try_from(number).unwrap_or(u32::MAX), from, range))
    })
}

/// A line that is a number.
fn number(line: &str) -> Option<u64> {
    line.strip_suffix('\n')?.parse().ok()
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn whole(file: &mut File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
