//! What goes from hand to hand: as text in a file, or as a code that has the same bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;

use super::refused;
use crate::card::qr_svg;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// What a request begins with as text.
pub(super) const REQUEST: &str = "allod:request/";

/// What an answer begins with as text.
pub(super) const ANSWER: &str = "allod:answer/";

/// The text.
pub(super) fn text(link: &str, bytes: &[u8]) -> String {
    format!("{link}{}", BASE64URL_NOPAD.encode(bytes))
}

/// Writes it to files. The paths, in words; none where it went nowhere.
pub(super) fn write(
    link: &str,
    bytes: &[u8],
    out: Option<&Path>,
    qr: Option<&Path>,
    screen: &Screen,
) -> Result<Option<String>, Failure> {
    if let Some(path) = qr {
        let svg = qr_svg(bytes).ok_or_else(|| {
            Failure::new(Kind::Failed, "it is too long for a code").next("hand over a file: --out FILE")
        })?;
        allod_node::write_public(&screen.path(path), svg.as_bytes())?;
    }
    if let Some(path) = out {
        allod_node::write_public(&screen.path(path), format!("{}\n", text(link, bytes)).as_bytes())?;
    }
    let paths: Vec<String> = [out, qr].into_iter().flatten().map(|path| path.display().to_string()).collect();
    Ok((!paths.is_empty()).then(|| paths.join(" and ")))
}

/// Reads it from a file or standard input, as text or as bytes. It has at most so many bytes.
pub(super) fn read(link: &str, path: &Path, most: usize, screen: &Screen) -> Result<Vec<u8>, Failure> {
    let name = path.display().to_string();
    let limit = 2 * most as u64 + 64;
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => screen.streams().and_then(|(input, _)| input.take(limit).read_to_end(&mut bytes)),
        false => File::open(screen.path(path)).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(|why| refused(&name, &why))?;
    let encoded = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().strip_prefix(link));
    match encoded {
        Some(encoded) => BASE64URL_NOPAD
            .decode(encoded.as_bytes())
            .map_err(|_| refused(&name, &"it was cut or changed").next("ask for it again")),
        // As a code has it.
        None => Ok(bytes),
    }
}
