//! The serial device, and what moves frames between it and a station.

use std::future::pending;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use allod_courier::bundle::Bundle;
use allod_courier::ratchet::Tag;
use allod_wire::Instant;
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::termios::{ControlModes, OptionalActions, ioctl_tiocexcl, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::kiss::{self, Command, Decoder};
use super::{Output, Station};
use crate::narrow_error::{NarrowError, at};

/// A serial device on which KISS is spoken.
pub struct Port {
    place: PathBuf,
    fd: AsyncFd<OwnedFd>,
    decoder: Decoder,
    frames: std::collections::VecDeque<Vec<u8>>,
}

/// What a station is told while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// To send this bundle; or to give it to whoever asks.
    Offer(Bundle, bool),
    /// Not to send what has this tag any more.
    Withdraw(Tag),
    /// To ask for what has these tags, and for nothing else.
    Expect(Vec<Tag>),
}

impl Port {
    /// Opens a device and sets it to so many bits a second, and to give every byte as it is. Must
    /// be called in a tokio runtime.
    ///
    /// # Errors
    /// [`NarrowError::Io`], also where it is no serial device.
    pub fn open(path: &Path, bits_per_second: u32) -> Result<Self, NarrowError> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(at(path))?;
        let mut modes = tcgetattr(&fd).map_err(at(path))?;
        modes.make_raw();
        modes.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
        modes.set_speed(bits_per_second).map_err(at(path))?;
        tcsetattr(&fd, OptionalActions::Now, &modes).map_err(at(path))?;
        // Nobody else is to speak in between.
        ioctl_tiocexcl(&fd).map_err(at(path))?;
        Self::of(fd, path)
    }

    /// One of something that is open, as the other end of a pseudoterminal.
    ///
    /// # Errors
    /// [`NarrowError::Io`].
    pub fn of(fd: OwnedFd, path: &Path) -> Result<Self, NarrowError> {
        let flags = fcntl_getfl(&fd).map_err(at(path))?;
        fcntl_setfl(&fd, flags | OFlags::NONBLOCK).map_err(at(path))?;
        #[expect(
            deprecated,
            reason = "an `OwnedFd` is always the same one; what came after needs unsafe code"
        )]
        let fd = AsyncFd::new(fd).map_err(at(path))?;
        let (decoder, frames) = (Decoder::default(), std::collections::VecDeque::new());
        Ok(Self { place: path.to_owned(), fd, decoder, frames })
    }

    /// Sends a frame to the air.
    ///
    /// # Errors
    /// [`NarrowError::Io`].
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), NarrowError> {
        let line = kiss::encode(0, Command::Data, frame);
        let mut rest = &line[..];
        while !rest.is_empty() {
            let mut ready = self.fd.writable().await.map_err(at(&self.place))?;
            match rustix::io::write(self.fd.as_fd(), rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or(&[]),
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(why) => return Err(at(&self.place)(why)),
            }
        }
        Ok(())
    }

    /// The next frame from the air. Nothing is lost where this is not waited for to the end.
    ///
    /// # Errors
    /// [`NarrowError::Io`], as when the device was pulled out.
    pub async fn receive(&mut self) -> Result<Vec<u8>, NarrowError> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(frame);
            }
            let mut ready = self.fd.readable().await.map_err(at(&self.place))?;
            let mut bytes = [0; 512];
            match rustix::io::read(self.fd.as_fd(), &mut bytes) {
                Ok(0) => {
                    return Err(at(&self.place)(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)));
                }
                Ok(count) => {
                    let frames = bytes.iter().take(count).filter_map(|byte| self.decoder.push(*byte));
                    self.frames.extend(frames.filter(|frame| frame.command == 0).map(|frame| frame.data));
                }
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(why) => return Err(at(&self.place)(why)),
            }
        }
    }
}

/// Runs a station on a port until there are no more orders, or nobody takes what arrives.
/// `clock` has the time.
///
/// # Errors
/// [`NarrowError::Io`].
pub async fn drive(
    port: &mut Port,
    station: &mut Station,
    orders: &mut mpsc::Receiver<Order>,
    arrived: &mpsc::Sender<Bundle>,
    clock: impl Fn() -> Instant,
) -> Result<(), NarrowError> {
    loop {
        while let Some(output) = station.poll(clock()) {
            match output {
                Output::Send(frame) => port.send(&frame).await?,
                Output::Arrived(bundle) => {
                    if arrived.send(bundle).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
        let wait = station.deadline(clock()).map(|at| Duration::from_millis(at.0.saturating_sub(clock().0)));
        let waiting = async {
            match wait {
                // Within its bounds, whatever the clock says.
                Some(wait) => {
                    tokio::time::sleep(wait.clamp(Duration::from_millis(1), Duration::from_hours(1))).await
                }
                None => pending().await,
            }
        };
        tokio::select! {
            frame = port.receive() => station.receive(&frame?, clock()),
            order = orders.recv() => match order {
                Some(Order::Offer(bundle, on_request)) => {
                    station.offer(bundle, on_request, clock());
                }
                Some(Order::Withdraw(tag)) => station.withdraw(&tag),
                Some(Order::Expect(tags)) => station.expect(&tags),
                None => return Ok(()),
            },
            () = waiting => {}
        }
    }
}
