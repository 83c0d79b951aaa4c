//! A guardian's address, as people write it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `https://host[:port]`, with `#pin` where the certificate is the guardian's
/// own, or `http://host[:port]` without protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// A name or an IP address (IPv6 without its brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// The pin that the certificate must have; see
    /// [`crate::guardian::pin_of`].
    pub pin: Option<String>,
}

/// Text that is no guardian's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a guardian's address: {why}")]
pub struct BadAddress {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let wrong = |why| BadAddress { text: text.to_owned(), why };
        let (location, pin) = match text.split_once('#') {
            Some((location, pin)) if pin.len() == 22 => (location, Some(pin.to_owned())),
            Some(_) => return Err(wrong("the pin behind # is not complete")),
            None => (text, None),
        };
        let (tls, authority) = match location.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(wrong("it begins with https:// or http://")),
        };
        if pin.is_some() && !tls {
            return Err(wrong("a pin needs https"));
        }
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.is_empty() || authority.contains(['/', '?', '@', ' ']) {
            return Err(wrong("a host and a port are expected, and nothing behind them"));
        }
        let default = if tls { 443 } else { 80 };
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(|| wrong("a bracket is missing"))?;
                (host, rest.strip_prefix(':'))
            }
            None => match authority.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| wrong("the port is not a number"))?,
            None => default,
        };
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        let given = Self { tls, host: host.to_owned(), port, pin };
        if given.is_unspecified() {
            return Err(wrong("nobody can be reached there: it stands for all of a machine's own addresses"));
        }
        Ok(given)
    }
}

impl Address {
    /// Whether shares and tokens may travel there: under TLS, or without leaving
    /// this machine.
    pub fn is_protected(&self) -> bool {
        let loopback = self.host.parse::<IpAddr>().map_or(self.host == "localhost", |ip| ip.is_loopback());
        self.tls || loopback
    }

    /// Whether the host is `0.0.0.0` or `::`: where a guardian can listen, and nobody
    /// can go.
    pub fn is_unspecified(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
    }

    /// Host and port, as HTTP's `host` header has them.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())?;
        self.pin.as_ref().map_or(Ok(()), |pin| write!(f, "#{pin}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_goes_to_all_of_a_machines_addresses() {
        for text in ["https://0.0.0.0:7800", "http://0.0.0.0", "https://[::]:7800", "https://[0:0::0]:1"] {
            let why = text.parse::<Address>().unwrap_err().to_string();
            assert!(why.contains("nobody can be reached there"), "{why}");
        }
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let pin = "AAAAAAAAAAAAAAAAAAAAAA";
        for (text, tls, host, port) in [
            ("https://guardian.example", true, "guardian.example", 443),
            ("http://127.0.0.1:7801/", false, "127.0.0.1", 7801),
            ("https://[::1]:7801", true, "::1", 7801),
            ("https://[::1]", true, "::1", 443),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.tls, address.host.as_str(), address.port), (tls, host, port), "{text}");
            assert_eq!(address.to_string().parse(), Ok(address));
        }
        let pinned: Address = format!("https://h:1#{pin}").parse().unwrap();
        assert_eq!(pinned.pin.as_deref(), Some(pin));
        assert_eq!(pinned.to_string(), format!("https://h:1#{pin}"));
    }

    #[test]
    fn only_loopback_is_trusted_without_tls() {
        for (text, protected) in [
            ("https://guardian.example", true),
            ("http://guardian.example", false),
            ("http://10.0.0.1", false),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://localhost.example", false),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().is_protected(), protected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for text in [
            "",
            "guardian.example",
            "ftp://h",
            "https://",
            "https://h:x",
            "https://h/path",
            "https://h#short",
            "http://h#AAAAAAAAAAAAAAAAAAAAAA",
            "https://u@h",
            "https://[::1",
            "https://:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
