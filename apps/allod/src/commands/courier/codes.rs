//! Parcels as codes: pictures for others to film, the same on a terminal, and what was filmed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use allod_links::qr::{Code, Collector, Frames, Gray, Ink, PIXELS_MAX, Seen, Size, TRANSFER_MAX};
use console::Term;
use tokio::time::{MissedTickBehavior, interval};

use crate::commands::ending::Ending;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// How much is shown where nobody said how much: about a minute.
pub(super) const SHOWN: u64 = 128 << 10;

/// The most that can be shown, with room for what a parcel has besides bundles.
pub(super) const SHOWN_MAX: u64 = (TRANSFER_MAX - (8 << 10)) as u64;

/// The size of codes in pictures, and pixels of a module.
const SIZE: Size = Size::Medium;
const SCALE: usize = 6;

/// Codes that are needed sometimes beyond as many as there are parts.
const SPARE: usize = 4;

/// How long each code is on the screen.
const FRAME: Duration = Duration::from_millis(200);

/// White on black, whatever the terminal's colours are.
const COLOURS: &str = "\x1b[97;40m";
const PLAIN: &str = "\x1b[0m";

/// Refuses, before anything is written, a screen that nobody could film.
pub(super) fn check_screen(screen: &Screen) -> Result<(), Failure> {
    if screen.is_json() || screen.caller().is_some() || !screen.out().is_terminal() {
        return Err(
            Failure::usage("codes can only be shown on a terminal").next("--qr DIR draws them into a folder")
        );
    }
    size_of(&Term::stdout()).map(|_| ())
}

/// Refuses, before anything is written, a folder with something in it, which could be taken for codes
/// of this parcel.
pub(super) fn check_folder(folder: &Path) -> Result<(), Failure> {
    let failed = |why: std::io::Error| Failure::new(Kind::Failed, format!("{}: {why}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    match fs::read_dir(folder).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(Failure::usage(format!("{} has something in it already", folder.display()))
            .next("name a new folder for the pictures")),
    }
}

/// Draws so many codes that a third of them can be lost. How many there are.
pub(super) fn draw(bytes: &[u8], folder: &Path) -> Result<usize, Failure> {
    let frames = Frames::new(bytes, SIZE)?;
    let count = (3 * (frames.needed() + SPARE)).div_ceil(2);
    for (number, text) in (1..=count).zip(frames) {
        let picture = Code::new(&text, SIZE)?.to_gray(SCALE).to_png()?;
        let path = folder.join(format!("{number:05}.png"));
        allod_node::write_public(&path, &picture)?;
    }
    Ok(count)
}

/// Shows codes on the terminal until a signal.
pub(super) async fn show(bytes: &[u8]) -> Result<(), Failure> {
    let mut ending = Ending::new(false)?;
    let term = Term::stdout();
    let mut size = size_of(&term)?;
    let mut frames = Frames::new(bytes, size)?;
    let mut tick = interval(FRAME);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let failed = |why: std::io::Error| Failure::new(Kind::Failed, format!("the terminal: {why}"));
    term.hide_cursor().and_then(|()| term.clear_screen()).map_err(failed)?;
    let mut number = 0_u64;
    let ended = loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = ending.wait() => break Ok(()),
        }
        // Somebody may have made the window smaller.
        match size_of(&term) {
            Ok(now) if now == size => {}
            Ok(now) => {
                (size, frames) = (now, Frames::new(bytes, now)?);
                let _ = term.clear_screen();
            }
            Err(why) => break Err(why),
        }
        number += 1;
        let need = frames.needed();
        let Some(text) = frames.next() else { break Ok(()) };
        let drawn = Code::new(&text, size)?.to_text(Ink::Light);
        let lines: String = drawn.lines().map(|line| format!("{COLOURS}{line}{PLAIN}\n")).collect();
        let state = format!("code {number}; about {need} have to be seen, any of them. End: Ctrl-C");
        let shown = term.move_cursor_to(0, 0).and_then(|()| term.write_str(&format!("{lines}{state}")));
        if let Err(why) = shown {
            break Err(failed(why));
        }
    };
    let _ = term.clear_screen();
    let _ = term.show_cursor();
    ended
}

/// The largest codes that have place, with a line below.
fn size_of(term: &Term) -> Result<Size, Failure> {
    let (rows, columns) = term.size();
    Code::fits(columns.into(), usize::from(rows).saturating_sub(1)).ok_or_else(|| {
        Failure::usage(format!("a code has no place on a terminal of {columns} columns and {rows} rows"))
            .next("make it larger, or its letters smaller: 65 columns and 34 rows will do")
    })
}

/// What pictures of codes give: the PNG and PGM files of a folder, or a single one.
pub(super) fn read(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let (mut collector, mut done, mut progress) = (Collector::new(), Vec::new(), None);
    let (mut unread, mut repeated) = (0_u64, 0_u64);
    let files = pictures(path)?;
    let count = files.len();
    for file in files {
        let Some(picture) = picture(&file) else {
            unread += 1;
            continue;
        };
        for text in picture.codes() {
            match collector.take(&text) {
                Seen::Done(bytes) if done.contains(&bytes) => {}
                Seen::Done(bytes) => done.push(bytes),
                Seen::New { have, need } => progress = Some((have, need)),
                Seen::Repeated => repeated += 1,
                Seen::Foreign | Seen::Damaged | Seen::Wrong => {}
            }
        }
    }
    if !done.is_empty() {
        return Ok(done);
    }
    let message = match progress {
        Some((have, need)) => format!(
            "{have} different codes are not enough: about {need} are needed ({count} pictures, {unread} of which could not \
             be read, {repeated} codes seen twice)"
        ),
        None => format!("there is no code in {count} pictures, {unread} of which could not be read"),
    };
    Err(Failure::new(Kind::Failed, message)
        .next("film on, and put all pictures into one folder: what was seen counts, in any order"))
}

/// A picture, if it is one that is not too large.
fn picture(path: &Path) -> Option<Gray> {
    let size = fs::metadata(path).ok()?.len();
    let bytes = (size <= PIXELS_MAX as u64 + 1024).then(|| fs::read(path).ok())??;
    Gray::read(&bytes).ok()
}

fn pictures(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |why: std::io::Error| Failure::new(Kind::Failed, format!("{}: {why}", path.display()));
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let ending = file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        if matches!(ending.as_deref(), Some("png" | "pgm")) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
