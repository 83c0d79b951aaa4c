//! What one network address may take of a guardian: connections at a time, and
//! requests.
//!
//! Anybody can make accounts that authenticate themselves, so the rates for
//! tenants and accounts alone would let one stranger use up everybody's. Loopback
//! is let through: it is one's own machine, or a proxy in front that counts for
//! itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use allod_guardian::realm::{Buckets, Rate, TooMany};

/// Connections of one address at a time.
const CONNECTIONS_MAX: usize = 64;

/// An address as it is counted: IPv4 whole, IPv6 by its /64, which one household
/// or machine has to itself.
type Counted = [u8; 8];

/// All addresses that were heard from lately.
#[derive(Debug)]
pub(crate) struct Addresses {
    buckets: Mutex<Buckets<Counted>>,
    open: Mutex<BTreeMap<Counted, usize>>,
}

/// One address's place among the open connections, until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    addresses: Arc<Addresses>,
    counted: Option<Counted>,
}

impl Addresses {
    pub(crate) fn new(rate: Rate) -> Arc<Self> {
        Arc::new(Self { buckets: Mutex::new(Buckets::new(rate)), open: Mutex::default() })
    }

    /// A place for one more connection, if the address has any left.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let counted = counted(address);
        if let Some(counted) = counted {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(counted).or_default();
            if *count >= CONNECTIONS_MAX {
                return None;
            }
            *count += 1;
        }
        Some(Place { addresses: Arc::clone(self), counted })
    }
}

impl Place {
    /// The address as it is counted; nothing where it is not.
    pub(crate) fn counted(&self) -> Option<[u8; 8]> {
        self.counted
    }

    /// Takes one request from the address's allowance.
    pub(crate) fn admit(&self) -> Result<(), TooMany> {
        let Some(counted) = &self.counted else { return Ok(()) };
        let mut buckets = self.addresses.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.admit(crate::now(), counted)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(counted) = &self.counted else { return };
        let mut open = self.addresses.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(counted) {
            *count -= 1;
            if *count == 0 {
                open.remove(counted);
            }
        }
    }
}

fn counted(address: IpAddr) -> Option<Counted> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            Some([0, 0, 0, 0, a, b, c, d])
        }
        IpAddr::V6(v6) => v6.octets().first_chunk().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Arc<Addresses> {
        Addresses::new(Rate { burst: 2, per_second: 1 })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_cannot_take_all_connections() {
        let addresses = addresses();
        let mut held: Vec<_> =
            (0..CONNECTIONS_MAX).filter_map(|_| addresses.enter(ip("192.0.2.1"))).collect();
        assert_eq!(held.len(), CONNECTIONS_MAX);
        assert!(addresses.enter(ip("192.0.2.1")).is_none());
        assert!(addresses.enter(ip("::ffff:192.0.2.1")).is_none(), "the same address in IPv6's clothes");
        assert!(addresses.enter(ip("192.0.2.2")).is_some());
        held.pop();
        assert!(addresses.enter(ip("192.0.2.1")).is_some());
        drop(held);
        assert!(addresses.open.lock().unwrap().is_empty());
    }

    #[test]
    fn a_rate_holds_across_connections_and_within_a_slash_64() {
        let addresses = addresses();
        let (first, second) =
            (addresses.enter(ip("2001:db8::1")).unwrap(), addresses.enter(ip("2001:db8::2")).unwrap());
        assert_eq!((first.admit(), second.admit()), (Ok(()), Ok(())));
        assert!(first.admit().is_err());
        assert_eq!(addresses.enter(ip("2001:db8:0:1::1")).unwrap().admit(), Ok(()));
    }

    #[test]
    fn loopback_is_not_counted() {
        let addresses = addresses();
        let places: Vec<_> = (0..100).filter_map(|_| addresses.enter(ip("127.0.0.1"))).collect();
        assert_eq!(places.len(), 100);
        assert!(places.iter().all(|place| place.admit().is_ok()));
    }
}
