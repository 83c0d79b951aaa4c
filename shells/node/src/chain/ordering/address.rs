//! Where a node is dialled.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// Where a node is dialled: `ADDRESS:PORT`, or `NAME:PORT` with a name that is
/// looked up each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address.
    Socket(SocketAddr),
    /// A host's name.
    Name {
        /// Letters, digits and hyphens between dots (RFC 1123, section 2.1).
        host: String,
        /// The port.
        port: u16,
    },
}

/// Text that names no place to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a host's address or name, a colon and a port are expected")]
pub struct BadAddress;

impl Address {
    /// Where nobody is. Who is there connects to others by itself, if it can.
    pub const NOWHERE: Self = Self::Socket(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 1));
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            let somewhere = !address.ip().is_unspecified() && address.port() != 0;
            return if somewhere { Ok(address.into()) } else { Err(BadAddress) };
        }
        let (host, port) = text.rsplit_once(':').ok_or(BadAddress)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(BadAddress)?;
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A last label of digits would make it an address, and it is none.
        let number =
            host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if host.len() > 253 || number || !host.split('.').all(label) {
            return Err(BadAddress);
        }
        Ok(Self::Name { host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_told_apart() {
        for text in ["192.0.2.7:7900", "[2001:db8::7]:7900"] {
            assert_eq!(text.parse(), Ok(Address::Socket(text.parse().unwrap())));
        }
        for host in ["guardian-1", "guardian.example", "guardian-0.home.svc.cluster.local", "3com.example"] {
            let name = Address::Name { host: host.into(), port: 7900 };
            assert_eq!(format!("{host}:7900").parse(), Ok(name));
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_refused() {
        let long = format!("{}:1", ["a"; 128].join("."));
        for text in [
            "",
            ":7900",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "0.0.0.0:7900",
            "[::]:7900",
            "192.0.2.7:0",
            "192.0.2:7900",
            "a b:1",
            "a_b:1",
            "-a:1",
            "a-:1",
            "a..b:1",
            "https://host:1",
            "host:1/",
            &long,
        ] {
            assert_eq!(text.parse::<Address>(), Err(BadAddress), "{text:?}");
        }
    }
}
