//! KISS framing on a serial line (Chepponis and Karn, *The KISS TNC: A simple Host-to-TNC
//! communications protocol*, 1987).
//!
//! A frame lies between two bytes FEND. Its first byte has the port in the upper half and the
//! command in the lower; command 0 is a frame to or from the air. In what follows, FEND and FESC are
//! escaped.

/// Between frames.
pub const FEND: u8 = 0xC0;
/// Before an escaped byte.
pub const FESC: u8 = 0xDB;
/// FEND, escaped.
pub const TFEND: u8 = 0xDC;
/// FESC, escaped.
pub const TFESC: u8 = 0xDD;

/// The most bytes of a frame that is read; what is longer is dropped.
pub const FRAME_MAX: usize = 1024;

/// What is said to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// A frame to the air, or from there.
    Data = 0,
    /// How long the transmitter runs before the data, in 10 ms.
    Delay = 1,
    /// How likely it is to send in a free slot: one less than parts of 256.
    Persistence = 2,
    /// How long a slot is, in 10 ms.
    Slot = 3,
    /// How long the transmitter runs behind the data, in 10 ms.
    Tail = 4,
    /// Whether it may send while it receives.
    Duplex = 5,
    /// What the device's maker likes.
    Hardware = 6,
    /// To leave KISS. On all ports.
    Return = 15,
}

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// On which port, 0 to 15.
    pub port: u8,
    /// The command's number; 0 is data.
    pub command: u8,
    /// What follows.
    pub data: Vec<u8>,
}

/// A frame as it goes on the line. `port` is 0 to 15.
pub fn encode(port: u8, command: Command, data: &[u8]) -> Vec<u8> {
    let kind = if command == Command::Return { 0xFF } else { port << 4 | command as u8 };
    let mut line = Vec::with_capacity(data.len() + 8);
    line.push(FEND);
    // The byte of port 12 and command 0 is a FEND itself.
    for byte in std::iter::once(&kind).chain(data) {
        match *byte {
            FEND => line.extend([FESC, TFEND]),
            FESC => line.extend([FESC, TFESC]),
            byte => line.push(byte),
        }
    }
    line.push(FEND);
    line
}

/// What reads frames from a line, byte by byte.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    frame: Vec<u8>,
    is_escaped: bool,
    /// The frame is longer than any, or has an escape that there is not: all up to its end is
    /// dropped.
    is_bad: bool,
}

impl Decoder {
    /// Takes the next byte, which may end a frame.
    pub fn push(&mut self, byte: u8) -> Option<Frame> {
        if byte == FEND {
            let is_bad = self.is_bad || self.is_escaped;
            (self.is_bad, self.is_escaped) = (false, false);
            let frame = std::mem::take(&mut self.frame);
            // Two FENDs in a row are a pause.
            let (kind, data) = frame.split_first()?;
            return (!is_bad).then(|| Frame { port: kind >> 4, command: kind & 0x0F, data: data.to_vec() });
        }
        let byte = match (std::mem::take(&mut self.is_escaped), byte) {
            (false, FESC) => {
                self.is_escaped = true;
                return None;
            }
            (false, byte) => byte,
            (true, TFEND) => FEND,
            (true, TFESC) => FESC,
            (true, _) => {
                self.is_bad = true;
                return None;
            }
        };
        self.is_bad |= self.frame.len() > FRAME_MAX;
        if !self.is_bad {
            self.frame.push(byte);
        }
        None
    }
}
