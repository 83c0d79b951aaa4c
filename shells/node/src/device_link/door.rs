//! Listening for devices.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use allod_crypto::sign::SigningKey;

use super::DeviceLink;

/// The most connections at a time; others are closed at once.
const ALL_MAX: usize = 32;

/// The most connections at a time from one address.
const ADDRESS_MAX: usize = 8;

/// How long nothing is accepted after the system could not, so as not to try all the time.
const PAUSE: Duration = Duration::from_millis(200);

/// An address at which devices are answered.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
}

impl Door {
    /// Listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(address: &str) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address)? })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Hands each connection on, on a thread of its own: with a link, where the device proved its
    /// key in time, or with why it did not. It never ends.
    pub fn answer(
        &self,
        device: &SigningKey,
        each: impl Fn(SocketAddr, io::Result<DeviceLink>) + Send + Sync,
    ) {
        let inside = Inside::default();
        std::thread::scope(|scope| {
            loop {
                let Ok((stream, from)) = self.listener.accept() else {
                    std::thread::sleep(PAUSE);
                    continue;
                };
                let Some(place) = inside.enter(from.ip()) else { continue };
                let each = &each;
                let answer = move || {
                    let _place = place;
                    // Messages are sent whole, so that nothing is gained by waiting for more.
                    let link = stream.set_nodelay(true).and_then(|()| DeviceLink::accept(stream, device));
                    each(from, link);
                };
                // Where the system has no thread to give, the connection is closed.
                let _ = std::thread::Builder::new().spawn_scoped(scope, answer);
            }
        });
    }
}

/// Where the connections that are open come from.
#[derive(Clone, Default)]
struct Inside(Arc<Mutex<Vec<IpAddr>>>);

/// One of them.
struct Entered(Inside, IpAddr);

impl Inside {
    fn enter(&self, from: IpAddr) -> Option<Entered> {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = inside.iter().filter(|address| **address == from).count();
        if inside.len() >= ALL_MAX || same >= ADDRESS_MAX {
            return None;
        }
        inside.push(from);
        Some(Entered(self.clone(), from))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut inside = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = inside.iter().position(|address| *address == self.1) {
            inside.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_come_in_from_one_address_and_in_all_and_others_when_one_left() {
        let inside = Inside::default();
        let address = |number: u8| IpAddr::from([10, 0, 0, number]);
        let mut entered: Vec<_> = (0..ADDRESS_MAX).map(|_| inside.enter(address(0)).unwrap()).collect();
        assert!(inside.enter(address(0)).is_none());
        for number in 1.. {
            match inside.enter(address(number)) {
                Some(one) => entered.push(one),
                None => break,
            }
        }
        assert_eq!(entered.len(), ALL_MAX);
        drop(entered.remove(0));
        assert!(inside.enter(address(0)).is_some());
    }
}
