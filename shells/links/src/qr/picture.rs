//! Codes as pictures: drawn for a terminal, for a browser, as pixels; and found in pixels.

use std::io::Cursor;

use qrcode::bits::Bits;
use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode, Version};

use super::Size;
use crate::narrow_error::NarrowError;

/// The most pixels of a picture that is read.
pub const PIXELS_MAX: usize = 64 << 20;

/// Modules of the white edge.
const EDGE: usize = 4;

/// What a terminal writes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Light on a dark ground.
    Light,
    /// Dark on a light ground.
    Dark,
}

/// A QR code.
pub struct Code(QrCode);

impl Code {
    /// Of a text of [`Frames`](super::Frames) of this size.
    ///
    /// # Errors
    /// [`NarrowError::TooLong`].
    pub fn new(text: &str, size: Size) -> Result<Self, NarrowError> {
        let mut bits = Bits::new(Version::Normal(size.version()));
        // All of it as one segment. Left to itself, the encoder begins others where there are some
        // digits, as there are of zeros, and what fits does not any more.
        let pushed =
            bits.push_alphanumeric_data(text.as_bytes()).and_then(|()| bits.push_terminator(EcLevel::L));
        let code = pushed.and_then(|()| QrCode::with_bits(bits, EcLevel::L));
        code.map(Self).map_err(|_| NarrowError::TooLong(text.len()))
    }

    /// The largest size that has place in a terminal of so many columns and rows.
    pub fn fits(columns: usize, rows: usize) -> Option<Size> {
        let side = |size: &Size| 17 + 4 * size.version() as usize + 2 * EDGE;
        Size::ALL.into_iter().find(|size| side(size) <= columns && side(size).div_ceil(2) <= rows)
    }

    /// Modules of a side, with the edge.
    pub fn side(&self) -> usize {
        self.0.width() + 2 * EDGE
    }

    /// Whether there is a dark module here, the edge counted.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let place = |at: usize| at.checked_sub(EDGE).filter(|at| *at < self.0.width());
        place(x).zip(place(y)).is_some_and(|place| self.0[place] == Color::Dark)
    }

    /// Lines of half blocks, for a terminal that writes with this.
    pub fn to_text(&self, ink: Ink) -> String {
        let is_inked = |x, y| self.is_dark(x, y) == (ink == Ink::Dark) && y < self.side();
        let mut text = String::new();
        for y in (0..self.side()).step_by(2) {
            text.extend((0..self.side()).map(|x| match (is_inked(x, y), is_inked(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }));
            text.push('\n');
        }
        text
    }

    /// A picture for browsers.
    pub fn to_svg(&self) -> String {
        self.0.render::<svg::Color<'_>>().min_dimensions(400, 400).build()
    }

    /// Pixels: so many for a module.
    pub fn to_gray(&self, scale: usize) -> Gray {
        let side = self.side() * scale;
        let shade = |place| if self.is_dark(place % side / scale, place / side / scale) { 0 } else { 255 };
        Gray { width: side, height: side, pixels: (0..side * side).map(shade).collect() }
    }
}

/// A picture without colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gray {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// From black (0) to white (255), row by row.
    pub pixels: Vec<u8>,
}

impl Gray {
    /// The picture in a PNG file, or in a binary PGM file, as `ffmpeg` makes of a film.
    ///
    /// # Errors
    /// [`NarrowError::Picture`].
    pub fn read(file: &[u8]) -> Result<Self, NarrowError> {
        let read = if file.starts_with(b"P5") { Self::read_pgm(file) } else { Self::read_png(file)? };
        read.ok_or(NarrowError::Picture("a PGM file that is not whole, or too large"))
    }

    fn read_pgm(file: &[u8]) -> Option<Self> {
        let mut rest = file.strip_prefix(b"P5")?;
        let mut numbers = [0_usize; 3];
        for number in &mut numbers {
            rest = rest.trim_ascii_start();
            while rest.first() == Some(&b'#') {
                let end = rest.iter().position(|byte| *byte == b'\n')?;
                rest = rest.get(end..)?.trim_ascii_start();
            }
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            *number = std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()?;
            rest = rest.get(digits..)?;
        }
        let [width, height, white] = numbers;
        let count = width.checked_mul(height).filter(|count| *count <= PIXELS_MAX && white == 255)?;
        // One blank is behind the numbers.
        let pixels = rest.get(1..)?.get(..count)?.to_vec();
        Some(Self { width, height, pixels })
    }

    fn read_png(file: &[u8]) -> Result<Option<Self>, NarrowError> {
        let bad = |_| NarrowError::Picture("no PNG file, or one that is not whole");
        let mut decoder =
            png::Decoder::new_with_limits(Cursor::new(file), png::Limits { bytes: 4 * PIXELS_MAX });
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(bad)?;
        let (width, height) = (reader.info().width as usize, reader.info().height as usize);
        let size = reader.output_buffer_size().filter(|_| width.saturating_mul(height) <= PIXELS_MAX);
        let mut pixels = vec![0; size.ok_or(NarrowError::Picture("a picture that is too large"))?];
        reader.next_frame(&mut pixels).map_err(bad)?;
        let samples = reader.output_color_type().0.samples();
        let shade = |pixel: &[u8]| match pixel {
            // As television has it (ITU-R BT.601).
            [red, green, blue, ..] => {
                ((u32::from(*red) * 299 + u32::from(*green) * 587 + u32::from(*blue) * 114) / 1000) as u8
            }
            [shade, ..] => *shade,
            [] => 0,
        };
        let pixels: Vec<u8> = pixels.chunks_exact(samples.max(1)).map(shade).collect();
        Ok((pixels.len() == width * height).then_some(Self { width, height, pixels }))
    }

    /// A binary PGM file.
    pub fn to_pgm(&self) -> Vec<u8> {
        [format!("P5\n{} {}\n255\n", self.width, self.height).as_bytes(), &self.pixels].concat()
    }

    /// A PNG file.
    ///
    /// # Errors
    /// [`NarrowError::Picture`] where it is too large, or has no pixels.
    pub fn to_png(&self) -> Result<Vec<u8>, NarrowError> {
        let bad = |_| NarrowError::Picture("no size that a PNG file has");
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().map_err(bad)?;
        writer.write_image_data(&self.pixels).map_err(bad)?;
        writer.finish().map_err(bad)?;
        Ok(file)
    }

    /// The texts of all codes in the picture.
    pub fn codes(&self) -> Vec<String> {
        if self.width == 0 || self.width.checked_mul(self.height) != Some(self.pixels.len()) {
            return Vec::new();
        }
        let shade = |x, y| self.pixels.get(y * self.width + x).copied().unwrap_or(255);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(self.width, self.height, shade);
        image.detect_grids().iter().filter_map(|grid| Some(grid.decode().ok()?.1)).collect()
    }
}
