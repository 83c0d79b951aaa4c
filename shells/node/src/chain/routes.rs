//! Where other guardians are reached from here, which is not always where the
//! ledger says: those behind the same router have addresses of their own for each
//! other, and in a network for trying out a relay stands between them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::person::{Address, BadAddress, Link};

/// Addresses on the ledger with those that are dialled in their place. All others
/// are dialled as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes(BTreeMap<SocketAddr, SocketAddr>);

impl Routes {
    /// Routes to these addresses, each by another.
    pub fn new(routes: BTreeMap<SocketAddr, SocketAddr>) -> Self {
        Self(routes)
    }

    /// What is dialled for an address.
    pub fn to(&self, address: SocketAddr) -> SocketAddr {
        self.0.get(&address).copied().unwrap_or(address)
    }

    /// A way to the guardian that serves people at this address. Its pin stays
    /// what it is.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn link(&self, service: &str) -> Result<Link, BadAddress> {
        let mut address: Address = service.parse()?;
        if let Ok(ip) = address.host.parse::<IpAddr>() {
            let route = self.to((ip, address.port).into());
            (address.host, address.port) = (route.ip().to_string(), route.port());
        }
        Ok(Link::new(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_route_is_dialled_there_and_keeps_its_pin() {
        let routes = Routes::new(BTreeMap::from([
            ("127.0.0.1:7801".parse().unwrap(), "127.64.1.2:7801".parse().unwrap()),
            ("[2001:db8::1]:7800".parse().unwrap(), "[fd00::1]:7900".parse().unwrap()),
        ]));
        let dialled = |service: &str| routes.link(service).unwrap().address().to_string();
        let pin = "HfKHTyZxarpw0vy-PwrmKA";
        assert_eq!(
            dialled(&format!("https://127.0.0.1:7801#{pin}")),
            format!("https://127.64.1.2:7801#{pin}")
        );
        assert_eq!(dialled("https://[2001:db8::1]:7800"), "https://[fd00::1]:7900");
        for other in ["https://127.0.0.1:7802", "https://guardian.example:7801", "http://127.0.0.2:7801"] {
            assert_eq!(dialled(other), other);
        }
        assert!(routes.link("what").is_err());
    }
}
