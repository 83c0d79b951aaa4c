//! Asking a guardian on this machine how it is, as supervisors of processes and
//! containers do, and as its clients would: at its own address, under TLS.
//!
//! Whether it serves people is one thing, and whether its chain does its part is
//! another: a network that stalls is no reason to end a guardian from which people
//! recover.

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
    /// Its chain, where it has a part in one.
    pub chain: Option<ChainHealth>,
}

/// How a guardian's chain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainHealth {
    /// The last height in its ledger.
    pub height: u64,
    /// The epoch that it is in.
    pub epoch: u64,
    /// Whether the guardian votes in this epoch, or observes.
    pub votes: bool,
    /// Guardians that it hears.
    pub peers: u64,
    /// Why it does not do its part at present, if so.
    pub unready: Option<String>,
}

impl ChainHealth {
    fn read(status: &[u8]) -> Option<Self> {
        let status: serde_json::Value = serde_json::from_slice(status).ok()?;
        let number = |name: &str| status.get(name).and_then(serde_json::Value::as_u64);
        Some(Self {
            height: number("height")?,
            epoch: number("epoch")?,
            votes: status.get("votes")?.as_bool()?,
            peers: number("peers")?,
            unready: status.get("unready").and_then(|why| why.as_str()).map(Into::into),
        })
    }
}

/// Bytes of a chain's status.
const STATUS_MAX: usize = 16 * 1024;

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
    let chain = match config.chain {
        None => None,
        Some(_) => {
            let status = link.get("/chain/status", STATUS_MAX).await.map_err(|fault| unwell(&fault))?;
            let read = status.as_deref().and_then(ChainHealth::read);
            Some(read.ok_or_else(|| unwell(&"it says nothing of its chain"))?)
        }
    };
    Ok(Health { address, realm, chain })
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
