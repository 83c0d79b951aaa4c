//! A guardian's listening ports, and where it finds those of the others.
//!
//! Each guardian's folder has a `peers.json`:
//!
//! ```json
//! { "guardian": 1, "peers": [{ "guardian": 2, "ports": { "service": "127.64.1.2:7802" } }] }
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
pub(in super::super) struct Port {
    /// What it is for.
    pub(in super::super) name: &'static str,
    /// Where it is.
    pub(in super::super) address: SocketAddr,
}

/// The ports that a configuration says. A port that is added to a guardian is
/// added here, and in [`moved`](super::relay::moved).
pub(in super::super) fn ports(config: &Config) -> Vec<Port> {
    vec![Port { name: "service", address: config.listen }]
}

/// Writes a guardian's `peers.json`: where it finds the ports of each other.
pub(in super::super) fn tell_peers(
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
