//! Asking a guardian on this machine how it is, as supervisors of processes and
//! containers do, and as its clients would: at its own address, under TLS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use allod_wire::RealmId;

use super::{Config, GuardianError, Tls, tls};
use crate::person::{Address, Link};

/// What a guardian that is well says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Where it was asked, with the pin that clients put behind its address.
    pub address: String,
    /// Its realm.
    pub realm: RealmId,
}

/// Asks the guardian that runs on this machine with this configuration: it must
/// show the certificate that stands in its files, and have read its store.
/// Changes nothing and makes no files.
///
/// # Errors
/// [`GuardianError::Unwell`]; [`GuardianError::Tls`] where its certificate
/// cannot be read, as before its first start.
pub async fn health(config: &Config) -> Result<Health, GuardianError> {
    let local = reachable(config.listen);
    let address = Address {
        tls: config.tls != Tls::Off,
        host: local.ip().to_string(),
        port: local.port(),
        pin: tls::pin(&config.tls, &config.state)?,
    };
    let link = Link::new(address);
    let address = link.address().to_string();
    let unwell = |why: &dyn std::fmt::Display| GuardianError::Unwell {
        address: address.clone(),
        why: why.to_string(),
    };
    link.health().await.map_err(|fault| unwell(&fault))?;
    let realm = link.realm().await.map_err(|fault| unwell(&fault))?;
    Ok(Health { address, realm })
}

/// Where one who listens on all addresses is reached from the same machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
