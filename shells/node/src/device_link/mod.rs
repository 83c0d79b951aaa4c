//! A link between two devices: a connection under TLS 1.3, on which each side proves that it has
//! its device's key.
//!
//! There are no certificates: both sides show their Ed25519 keys as they are (raw public keys,
//! RFC 7250), and sign the handshake with them. Whose device a key is of, and whether it may do
//! anything, is for the caller to find out from [`DeviceLink::proven`]; nothing may be said
//! before. An onlooker learns neither key. Who connects learns the key of the device that
//! it connects to, and the other way round.
//!
//! It goes over any [`Socket`]: a connection, or one that stands for a command's standard input
//! and output. [`Door`] answers at an address.

mod door;
mod keys;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allod_crypto::sign::{SigningKey, VerifyingKey};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConnection};
use tokio_rustls::rustls;

pub use door::Door;
use keys::{answers, begins, key_of};

/// How long both sides may take to prove their keys.
pub const HANDSHAKE: Duration = Duration::from_secs(15);

/// What carries bytes both ways, and can be told how long to wait for the other side.
pub trait Socket: Read + Write + Send {
    /// How long the other side may say nothing, or take nothing.
    ///
    /// # Errors
    /// What the system says.
    fn set_patience(&self, patience: Duration) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))?;
        self.set_write_timeout(Some(patience))
    }
}

impl Socket for UnixStream {
    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))?;
        self.set_write_timeout(Some(patience))
    }
}

/// A connection to a device that proved its key. It is read from and written to through `&`, as
/// connections are.
pub struct DeviceLink {
    inside: RefCell<Inside>,
    proven: VerifyingKey,
}

struct Inside {
    connection: Connection,
    socket: Box<dyn Socket>,
}

impl DeviceLink {
    /// Goes on where somebody connected to a device, as the one who did.
    ///
    /// # Errors
    /// What the connection says; [`ErrorKind::InvalidData`], where the other side proves no
    /// key of a device; [`ErrorKind::TimedOut`], where that takes longer than [`HANDSHAKE`].
    pub fn connect(socket: impl Socket + 'static, device: &SigningKey) -> io::Result<Self> {
        // Nobody looks at the name, and it is not sent.
        let name = ServerName::try_from("device").map_err(invalid)?;
        let connection = ClientConnection::new(Arc::new(begins(device)?), name).map_err(invalid)?;
        Self::shake_hands(connection.into(), Box::new(socket), HANDSHAKE)
    }

    /// The same, as the one to whom somebody connected.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn accept(socket: impl Socket + 'static, device: &SigningKey) -> io::Result<Self> {
        Self::accept_within(socket, device, HANDSHAKE)
    }

    fn accept_within(
        socket: impl Socket + 'static,
        device: &SigningKey,
        limit: Duration,
    ) -> io::Result<Self> {
        let connection = ServerConnection::new(Arc::new(answers(device)?)).map_err(invalid)?;
        Self::shake_hands(connection.into(), Box::new(socket), limit)
    }

    /// The key that the other side proved to have.
    pub fn proven(&self) -> VerifyingKey {
        self.proven
    }

    /// How long the other side may say nothing, or take nothing, from now on.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.inside.borrow().socket.set_patience(patience)
    }

    fn shake_hands(
        mut connection: Connection,
        mut socket: Box<dyn Socket>,
        limit: Duration,
    ) -> io::Result<Self> {
        let begun = Instant::now();
        // The client is done before the server is; what is left to send goes out here, too.
        while connection.is_handshaking() || connection.wants_write() {
            let left = limit.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            socket.set_patience(left)?;
            if connection.wants_write() {
                connection.write_tls(&mut socket).map_err(late)?;
                continue;
            }
            if connection.read_tls(&mut socket).map_err(late)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Err(why) = connection.process_new_packets() {
                // So that the other side hears why.
                let _ = connection.write_tls(&mut socket);
                return Err(invalid(why));
            }
        }
        socket.set_patience(limit)?;
        let shown = connection.peer_certificates().and_then(|shown| shown.first());
        let proven = shown.and_then(key_of).ok_or_else(|| invalid("no key of a device was shown"))?;
        Ok(Self { inside: RefCell::new(Inside { connection, socket }), proven })
    }
}

impl Inside {
    fn send(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.socket)?;
        }
        self.socket.flush()
    }

    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(into) {
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            self.send()?;
            // The end is seen above.
            self.connection.read_tls(&mut self.socket)?;
            self.connection.process_new_packets().map_err(invalid)?;
        }
    }
}

impl std::fmt::Debug for DeviceLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceLink").field("proven", &self.proven).finish_non_exhaustive()
    }
}

impl Read for &DeviceLink {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inside.borrow_mut().receive(into).map_err(late)
    }
}

impl Write for &DeviceLink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inside = self.inside.borrow_mut();
        match inside.connection.writer().write(bytes)? {
            // As much as may wait does.
            0 if !bytes.is_empty() => {
                inside.send().map_err(late)?;
                inside.connection.writer().write(bytes)
            }
            taken => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inside.borrow_mut().send().map_err(late)
    }
}

impl Drop for DeviceLink {
    fn drop(&mut self) {
        let inside = self.inside.get_mut();
        // So that the other side can tell the end from a cut. If it is gone, or does not
        // listen, that is no matter.
        let _ = inside.socket.set_patience(Duration::from_secs(1));
        inside.connection.send_close_notify();
        let _ = inside.send();
    }
}

/// What the system calls a wait that was too long.
fn late(why: io::Error) -> io::Error {
    match why.kind() {
        ErrorKind::WouldBlock => io::Error::new(ErrorKind::TimedOut, "the other side does not answer"),
        _ => why,
    }
}

fn invalid(why: impl ToString) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.to_string())
}
