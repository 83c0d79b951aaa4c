//! A guardian's listening ports, and where it finds those of the others.
//!
//! Each guardian's folder has a `peers.json`:
//!
//! ```json
//! { "guardian": 1, "peers": [
//!     { "guardian": 2, "ports": { "service": "127.64.1.2:7802", "chain": "127.64.1.2:17203" } }
//! ] }
//! ```

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;

use super::super::NetworkError;
use crate::files::{self, at};
use crate::guardian::Config;

/// A port that a guardian listens at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// What it is for.
    pub(super) name: &'static str,
    /// Where it is.
    pub(super) address: SocketAddr,
}

/// The ports that a configuration says. A port that is added to a guardian is
/// added here.
pub(super) fn ports_mut(config: &mut Config) -> Vec<(&'static str, &mut SocketAddr)> {
    let mut ports = vec![("service", &mut config.listen)];
    ports.extend(config.chain.as_mut().map(|chain| ("chain", &mut chain.listen)));
    ports
}

/// The same, to be looked at.
pub(super) fn ports(config: &Config) -> Vec<Port> {
    let mut config = config.clone();
    ports_mut(&mut config).into_iter().map(|(name, address)| Port { name, address: *address }).collect()
}

/// A guardian's own configuration among those of all.
pub(super) fn own(number: usize, configs: &[Config]) -> Result<&Config, NetworkError> {
    let own = number.checked_sub(1).and_then(|place| configs.get(place));
    own.ok_or_else(|| NetworkError::Refused(format!("there is no guardian {number}")))
}

/// Writes a guardian's `peers.json`: where it finds the ports of each other.
pub(super) fn tell_peers(
    folder: &Path,
    guardian: usize,
    peers: &[(usize, Vec<Port>)],
) -> Result<(), NetworkError> {
    let listed = peers.iter().map(|(number, ports)| {
        let ports: BTreeMap<_, _> = ports.iter().map(|port| (port.name, port.address.to_string())).collect();
        json!({ "guardian": number, "ports": ports })
    });
    let value = json!({ "guardian": guardian, "peers": listed.collect::<Vec<_>>() });
    let path = folder.join("peers.json");
    let text = serde_json::to_vec_pretty(&value).map_err(|e| at(&path)(e.into()))?;
    Ok(files::replace(&path, &text)?)
}
