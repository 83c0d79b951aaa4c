//! Who reaches whom, and how slowly: the rules that orders make, and the two
//! ways to put them into force.
//!
//! - [`relay`]: the network's own process stands in front of each port, once for
//!   the outside and once for each other guardian. It needs nothing.
//! - [`namespaces`]: each guardian has a network of its own in the kernel, and
//!   an address of its own. It needs root.

mod namespaces;
mod peers;
mod relay;
mod rules;
#[cfg(test)]
mod tests;
mod wiring;

use super::Order;
pub(super) use namespaces::{GUARDIANS_MAX, Subnet};
use peers::{Port, own, ports, ports_mut, tell_peers};
pub(super) use rules::Rules;
pub(super) use wiring::Wiring;

/// How the guardians of a network are connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// Directly, over loopback. Nothing can be done to their connections.
    #[default]
    Direct,
    /// Over loopback, through a relay.
    Relay,
    /// Over a bridge between network namespaces.
    Namespaces,
}

impl Links {
    /// The name that is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::Namespaces => "namespaces",
        }
    }
}

/// What this machine lacks for connecting guardians this way and carrying out
/// these orders, in words; nothing where it can do all of it.
pub async fn lacks(links: Links, orders: &[Order]) -> Vec<String> {
    let of_links = |order: &&Order| order.addressee().is_none();
    match links {
        Links::Direct => {
            let first = orders.iter().find(of_links);
            first
                .map(|order| format!("`{order}` needs the relay (--relay) or namespaces (--namespaces)"))
                .into_iter()
                .collect()
        }
        Links::Relay => Vec::new(),
        Links::Namespaces => {
            let delays =
                orders.iter().any(|order| matches!(order, Order::Delay { .. } | Order::DelayLink { .. }));
            let mut lacks = namespaces::lacks(delays, &mut crate::entropy()).await;
            if orders.iter().any(|order| matches!(order, Order::Cut { .. })) {
                lacks.push(wiring::NO_CUTS.into());
            }
            lacks
        }
    }
}
