//! What carries the bytes of a sync: the link to the other device, or another process that has the link
//! and passes on what goes over it.
//!
//! The process that has the link is asked one thing at a time, over a socket:
//!
//! | asked | | answered |
//! |---|---|---|
//! | `r` | how many bytes may come (4 bytes, little endian) | those that came |
//! | `w` | how many bytes go, and the bytes | nothing |
//! | `f` | 0 | nothing, when they went |
//! | `p` | how long the other side may take, in milliseconds | nothing |
//!
//! An answer is the size of what came, or `u32::MAX` for a failure, whose text follows with its size.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use allod_node::device_link::DeviceLink;

/// Bytes that go at once, at most.
const PIECE: usize = 64 << 10;

const FAILED: u32 = u32::MAX;

/// What carries bytes to another device and back.
pub(super) trait Carries {
    fn read(&self, into: &mut [u8]) -> io::Result<usize>;
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    fn flush(&self) -> io::Result<()>;
    /// How long the other side may say nothing, or take nothing, from now on.
    fn set_patience(&self, patience: Duration) -> io::Result<()>;
}

impl Read for &dyn Carries {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (**self).read(into)
    }
}

impl Write for &dyn Carries {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (**self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (**self).flush()
    }
}

impl Carries for DeviceLink {
    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut { self }, into)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut { self }, bytes)
    }

    fn flush(&self) -> io::Result<()> {
        Write::flush(&mut { self })
    }

    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        Self::set_patience(self, patience)
    }
}

/// A link that another process has.
#[derive(Debug)]
pub(super) struct PassedOn(pub(super) UnixStream);

impl PassedOn {
    fn ask(&self, what: u8, number: u32, bytes: &[u8]) -> io::Result<u32> {
        let mut socket = &self.0;
        socket.write_all(&[&[what], &number.to_le_bytes()[..], bytes].concat())?;
        match read_number(socket)? {
            FAILED => {
                let size = read_number(socket)?.min(PIECE as u32);
                let mut text = String::new();
                socket.take(size.into()).read_to_string(&mut text)?;
                Err(io::Error::other(text))
            }
            number => Ok(number),
        }
    }
}

impl Carries for PassedOn {
    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(PIECE);
        let size = self.ask(b'r', most as u32, &[])? as usize;
        let into = into.get_mut(..size).ok_or(ErrorKind::InvalidData)?;
        (&self.0).read_exact(into)?;
        Ok(size)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.ask(b'w', piece.len() as u32, piece)?;
        Ok(piece.len())
    }

    fn flush(&self) -> io::Result<()> {
        self.ask(b'f', 0, &[]).map(|_| ())
    }

    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        let ms = u32::try_from(patience.as_millis()).unwrap_or(FAILED - 1);
        self.ask(b'p', ms, &[]).map(|_| ())
    }
}

/// Passes on what the other process asks for, until it ends.
pub(super) fn pass_on(link: &dyn Carries, mut socket: &UnixStream) -> io::Result<()> {
    let (mut what, mut piece) = ([0], vec![0; PIECE]);
    while socket.read(&mut what)? == 1 {
        let number = read_number(socket)?;
        let done = match what[0] {
            b'r' => link.read(&mut piece[..(number as usize).min(PIECE)]),
            b'w' => {
                let bytes = piece.get_mut(..number as usize).ok_or(ErrorKind::InvalidData)?;
                socket.read_exact(bytes)?;
                let mut link = link;
                link.write_all(bytes).map(|()| 0)
            }
            b'f' => link.flush().map(|()| 0),
            b'p' => link.set_patience(Duration::from_millis(number.into())).map(|()| 0),
            _ => return Err(ErrorKind::InvalidData.into()),
        };
        match done {
            Ok(size) => {
                socket.write_all(&(size as u32).to_le_bytes())?;
                socket.write_all(&piece[..if what == *b"r" { size } else { 0 }])?;
            }
            Err(why) => {
                let text = why.to_string();
                let size = (text.len() as u32).to_le_bytes();
                socket.write_all(&[&FAILED.to_le_bytes()[..], &size, text.as_bytes()].concat())?;
            }
        }
    }
    Ok(())
}

fn read_number(mut socket: &UnixStream) -> io::Result<u32> {
    let mut number = [0; 4];
    socket.read_exact(&mut number)?;
    Ok(u32::from_le_bytes(number))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Says what it is told, until it breaks.
    struct Echo(RefCell<Vec<u8>>);

    impl Carries for Echo {
        fn read(&self, into: &mut [u8]) -> io::Result<usize> {
            let mut said = self.0.borrow_mut();
            let size = said.len().min(into.len());
            into[..size].copy_from_slice(&said[..size]);
            said.drain(..size);
            Ok(size)
        }

        fn write(&self, bytes: &[u8]) -> io::Result<usize> {
            // In pieces, as links do.
            let size = bytes.len().min(1000);
            self.0.borrow_mut().extend(&bytes[..size]);
            Ok(size)
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }

        fn set_patience(&self, patience: Duration) -> io::Result<()> {
            if patience.is_zero() { Err(io::Error::other("no patience")) } else { Ok(()) }
        }
    }

    #[test]
    fn what_is_passed_on_arrives_and_failures_do_too() {
        let (here, there) = UnixStream::pair().unwrap();
        let passes = std::thread::spawn(move || pass_on(&Echo(RefCell::default()), &there));
        let link = PassedOn(here);
        let mut carries: &dyn Carries = &link;
        let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        carries.write_all(&bytes).unwrap();
        carries.flush().unwrap();
        let mut back = vec![0; bytes.len()];
        carries.read_exact(&mut back).unwrap();
        assert!(back == bytes);
        carries.set_patience(Duration::from_secs(5)).unwrap();
        assert_eq!(carries.set_patience(Duration::ZERO).unwrap_err().to_string(), "no patience");
        assert_eq!(carries.read(&mut back).unwrap(), 0);
        drop(link);
        passes.join().unwrap().unwrap();
    }

    #[test]
    fn whoever_asks_for_what_there_is_not_is_left() {
        let (here, there) = UnixStream::pair().unwrap();
        (&here).write_all(b"x\0\0\0\0").unwrap();
        assert_eq!(pass_on(&Echo(RefCell::default()), &there).unwrap_err().kind(), ErrorKind::InvalidData);
        (&here).write_all(b"w\xff\xff\xff\xff").unwrap();
        assert_eq!(pass_on(&Echo(RefCell::default()), &there).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
